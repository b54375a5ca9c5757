//! What an error of a request means.

use std::{error::Error, time::Duration};

use ::http::StatusCode;
use object_store::client::HttpError;

use super::{super::StoreError, http::Refused};

type Cause = Box<dyn Error + Send + Sync>;

/// Codes of servers that have no room left, beside status 507.
const FULL: &[&str] = &[
    "XMinioStorageFull",
    "XMinioAdminBucketQuotaExceeded",
    "QuotaExceeded",
    "InsufficientStorage",
];

/// Codes of refusals that another attempt may not meet: the body was cut or
/// altered on its way, or came too slowly.
const PASSING: &[&str] = &[
    "RequestTimeout",
    "IncompleteBody",
    "BadDigest",
    "InvalidDigest",
    "XAmzContentSHA256Mismatch",
    "XAmzContentChecksumMismatch",
];

/// Why an attempt failed.
#[derive(Debug)]
pub(super) enum Failure {
    /// No such object: the server says so of the key, not of the bucket.
    Missing,
    /// An answer without a body, as HEAD's: object or bucket is missing.
    MissingSomething,
    /// An object is there already.
    Taken,
    /// The range begins or ends behind the object's end.
    OutsideObject,
    /// The server does not know such a request.
    NotImplemented(Cause),
    Full(Cause),
    /// Another attempt may succeed.
    Passing(Cause),
    /// It would not.
    Lasting(Cause),
}

impl From<object_store::Error> for Failure {
    fn from(error: object_store::Error) -> Self {
        let refused = sources(&error).find_map(|cause| cause.downcast_ref::<Refused>());
        if let Some(refused) = refused {
            return refused.clone().into();
        }
        // Everything else that came of a connection; what remains is an answer
        // that makes no sense.
        let of_connection = sources(&error).any(|cause| cause.is::<HttpError>());
        match of_connection {
            true => Self::Passing(Box::new(error)),
            false => Self::Lasting(Box::new(error)),
        }
    }
}

impl From<Refused> for Failure {
    fn from(refused: Refused) -> Self {
        let (status, code) = (refused.status, refused.code.as_str());
        let cause = |refused| Box::new(refused) as Cause;
        match status {
            StatusCode::NOT_FOUND if code == "NoSuchKey" => Self::Missing,
            StatusCode::NOT_FOUND if code.is_empty() => Self::MissingSomething,
            StatusCode::PRECONDITION_FAILED => Self::Taken,
            StatusCode::RANGE_NOT_SATISFIABLE => Self::OutsideObject,
            StatusCode::NOT_IMPLEMENTED => Self::NotImplemented(cause(refused)),
            StatusCode::INSUFFICIENT_STORAGE => Self::Full(cause(refused)),
            _ if FULL.contains(&code) => Self::Full(cause(refused)),
            _ if PASSING.contains(&code) || status.is_server_error() => {
                Self::Passing(cause(refused))
            }
            // Two writers at once, of which none may have been first.
            StatusCode::CONFLICT | StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS => {
                Self::Passing(cause(refused))
            }
            _ => Self::Lasting(cause(refused)),
        }
    }
}

impl From<Failure> for StoreError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Missing => Self::Missing,
            Failure::Taken => Self::Exists,
            Failure::OutsideObject => Self::OutsideObject,
            Failure::Full(cause) => Self::Full(cause),
            Failure::MissingSomething => Self::Unavailable(Box::new(NotS3)),
            Failure::NotImplemented(cause) | Failure::Passing(cause) | Failure::Lasting(cause) => {
                Self::Unavailable(cause)
            }
        }
    }
}

fn sources<'a>(
    error: &'a (dyn Error + 'static),
) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |error| (**error).source())
}

/// A server that has neither the object nor S3's words for it.
#[derive(Debug, thiserror::Error)]
#[error("the server answered 404 and does not say what is missing: is it an S3 server?")]
struct NotS3;

/// An attempt took too long.
#[derive(Debug, thiserror::Error)]
#[error("no answer within {0:?}")]
pub(super) struct TimedOut(pub(super) Duration);

/// A body of another length than its headers said.
#[derive(Debug, thiserror::Error)]
#[error("the server sent {got} bytes of {wanted}")]
pub(super) struct WrongLength {
    pub(super) got: u64,
    pub(super) wanted: u64,
}

/// All attempts failed; this is why the last did.
#[derive(Debug, thiserror::Error)]
#[error("gave up after {attempts} attempts")]
pub(super) struct GaveUp {
    pub(super) attempts: usize,
    pub(super) source: Cause,
}
