//! Why a command failed, and the exit status that tells.

use std::{io, process::ExitCode};

use tonic::{Code, Status};
use weir_shared::status;

use crate::render::text::escape;

/// How a command ends when it does not end well.
///
/// Texts that came over the wire are escaped here, once: they go to a terminal.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error("{0}")]
    Usage(String),
    /// A file of ours: unreadable, empty, changed, not writable; or not a capture.
    #[error("{0}")]
    File(String),
    /// The service refused or is away.
    #[error("{0}")]
    Service(String),
    /// What the service has of a capture is not whole.
    #[error("{0}")]
    Damaged(String),
    #[error("the deadline passed")]
    Deadline,
    #[error("interrupted")]
    Interrupted,
    /// Nobody reads standard output any more: nothing to say, and nobody to say it to.
    #[error("standard output is closed")]
    OutputClosed,
}

impl Failure {
    /// The exit statuses that `--help` lists.
    pub(crate) fn exit_code(&self) -> ExitCode {
        ExitCode::from(match self {
            Self::OutputClosed => 0,
            Self::Usage(_) => 2,
            Self::File(_) => 3,
            Self::Service(_) => 4,
            Self::Damaged(_) => 5,
            Self::Deadline => 124,
            Self::Interrupted => 130,
        })
    }

    /// What a refused or broken call means for the command.
    pub(crate) fn from_status(status: &Status) -> Self {
        let reason = status::reason(status);
        // tonic's client calls its own end of `grpc-timeout` CANCELLED.
        let spent = status.code() == Code::DeadlineExceeded
            || status.code() == Code::Cancelled && status.message() == "Timeout expired";
        if spent {
            return Self::Deadline;
        }
        match reason {
            None => Self::Service(transport_text(status)),
            Some(reason) => Self::from_reason(&reason, status.message()),
        }
    }

    /// The same by the reason that a service gave.
    pub(crate) fn from_reason(reason: &str, message: &str) -> Self {
        let message = escape(message);
        match reason {
            "NOT_A_CAPTURE" => Self::File(message),
            // The one part of a request that is the user's own text.
            "FILTER_SYNTAX" => Self::Usage(message),
            _ => Self::Service(format!("{message} ({})", escape(reason))),
        }
    }

    /// A file operation that failed, said as a person would.
    pub(crate) fn file(doing: &str, path: &std::path::Path, error: &io::Error) -> Self {
        let reason = match error.kind() {
            io::ErrorKind::NotFound => "no such file".to_owned(),
            io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
            io::ErrorKind::IsADirectory => "is a directory".to_owned(),
            _ => error.to_string(),
        };
        let path = escape(&path.to_string_lossy());
        Self::File(format!("{path}: cannot {doing}: {reason}"))
    }
}

/// A status that no Weir service made: mostly a connection that failed, whose
/// reason is in the causes.
fn transport_text(status: &Status) -> String {
    match std::error::Error::source(status) {
        Some(source) => format!("the service cannot be reached: {}", with_causes(source)),
        None => format!("{} ({:?})", escape(status.message()), status.code()),
    }
}

/// An error and what caused it, without saying anything twice.
pub(crate) fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = escape(&error.to_string());
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = escape(&error.to_string());
        if !text.contains(&more) {
            text.push_str(": ");
            text.push_str(&more);
        }
        cause = error.source();
    }
    text
}

/// Whether the same call may work a little later.
pub(crate) fn is_passing(status: &Status) -> bool {
    match status.code() {
        Code::Unavailable => true,
        // A connection that breaks in mid-call: h2 and hyper errors without a
        // reason of Weir's.
        Code::Unknown | Code::Internal | Code::Cancelled => {
            status::reason(status).is_none() && std::error::Error::source(status).is_some()
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(status: &Status, want: &str, passing: bool) {
        let failure = Failure::from_status(status);
        assert_eq!(format!("{failure} {:?}", failure.exit_code()), want);
        assert_eq!(is_passing(status), passing);
    }

    fn exit(code: u8) -> String {
        format!("{:?}", ExitCode::from(code))
    }

    #[test]
    fn a_file_that_is_no_capture_is_the_files_fault() {
        let refused = status::error(Code::InvalidArgument, "NOT_A_CAPTURE", "no known magic");
        check(
            &refused.build(),
            &format!("no known magic {}", exit(3)),
            false,
        );
    }

    #[test]
    fn a_filter_without_sense_is_wrong_usage() {
        let refused = status::error(Code::InvalidArgument, "FILTER_SYNTAX", "at byte 3");
        check(&refused.build(), &format!("at byte 3 {}", exit(2)), false);
    }

    #[test]
    fn both_forms_of_a_spent_deadline_are_one() {
        let want = format!("the deadline passed {}", exit(124));
        check(&Status::deadline_exceeded("x"), &want, false);
        check(&Status::cancelled("Timeout expired"), &want, false);
    }

    #[test]
    fn refusals_name_their_reason_and_cannot_steer_the_terminal() {
        let away = status::error(Code::Unavailable, "OVERLOADED", "busy\x1b[2J").build();
        check(
            &away,
            &format!(r"busy\x1b[2J (OVERLOADED) {}", exit(4)),
            true,
        );
    }
}
