//! Between messages and background analyses.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use prost::Message;
use weir_filter::Filter;
use weir_shared::proto::ingest::v1 as proto;

use super::super::{
    convert::{self, invalid, time_to_proto},
    duration_to_proto,
};
use crate::domain::{
    analysis::{Analysis, AnalysisId, AnalysisState, Failure, NewAnalysis},
    error::Error,
};

/// Longest request id, bytes.
const REQUEST_ID_BYTES_MAX: usize = 128;

/// Encoded options, a column of the analysis' row: eight times the longest filter.
const OPTIONS_BYTES_MAX: usize = 64 << 10;

/// Longest time that can be asked for: as for flags.
const DURATION_MAX: Duration = Duration::from_secs(10 * 365 * 24 * 3600);

pub(super) fn analysis_id(text: &str) -> Result<AnalysisId, Error> {
    text.parse().map_err(|e| invalid("analysis_id", e))
}

pub(super) fn new_analysis(request: proto::StartAnalysisRequest) -> Result<NewAnalysis, Error> {
    let proto::StartAnalysisRequest {
        capture_id,
        request_id,
        options,
        max_duration,
    } = request;
    let options = options.unwrap_or_default();
    if options.encoded_len() > OPTIONS_BYTES_MAX {
        return Err(invalid("options", "are longer than 65,536 bytes"));
    }
    // The analyzer would say the same, when nobody waits for it any more.
    Filter::parse(&options.filter)?;
    Ok(NewAnalysis {
        capture_id: convert::capture_id(capture_id)?,
        capture: None,
        request_id: self::request_id(request_id)?,
        options: options.encode_to_vec().into(),
        max_duration: max_duration.map(self::max_duration).transpose()?,
    })
}

fn request_id(text: String) -> Result<Option<String>, Error> {
    let is_plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b':' | b'-');
    if text.len() > REQUEST_ID_BYTES_MAX || !text.bytes().all(is_plain) {
        return Err(invalid("request_id", "must be [A-Za-z0-9._:-]{1,128}"));
    }
    Ok((!text.is_empty()).then_some(text))
}

fn max_duration(asked: pbjson_types::Duration) -> Result<Duration, Error> {
    let pbjson_types::Duration { seconds, nanos } = asked;
    let asked = match (u64::try_from(seconds), u32::try_from(nanos)) {
        (Ok(seconds), Ok(nanos)) if nanos < 1_000_000_000 => Duration::new(seconds, nanos),
        _ => return Err(invalid("max_duration", "must not be negative")),
    };
    // Kept to the microsecond.
    match Duration::from_micros(asked.as_micros().try_into().unwrap_or(u64::MAX)) {
        asked if asked.is_zero() => Err(invalid("max_duration", "must be a microsecond or more")),
        asked if asked > DURATION_MAX => Err(invalid("max_duration", "is longer than ten years")),
        asked => Ok(asked),
    }
}

/// `None`: analyses in every state.
pub(super) fn state(state: i32) -> Result<Option<AnalysisState>, Error> {
    match proto::AnalysisState::try_from(state) {
        Ok(proto::AnalysisState::Unspecified) => Ok(None),
        Ok(proto::AnalysisState::Queued) => Ok(Some(AnalysisState::Queued)),
        Ok(proto::AnalysisState::Running) => Ok(Some(AnalysisState::Running)),
        Ok(proto::AnalysisState::Succeeded) => Ok(Some(AnalysisState::Succeeded)),
        Ok(proto::AnalysisState::Failed) => Ok(Some(AnalysisState::Failed)),
        Ok(proto::AnalysisState::Cancelled) => Ok(Some(AnalysisState::Cancelled)),
        Err(_) => Err(invalid("state", "is not a state")),
    }
}

fn state_to_proto(state: AnalysisState) -> proto::AnalysisState {
    match state {
        AnalysisState::Queued => proto::AnalysisState::Queued,
        AnalysisState::Running => proto::AnalysisState::Running,
        AnalysisState::Succeeded => proto::AnalysisState::Succeeded,
        AnalysisState::Failed => proto::AnalysisState::Failed,
        AnalysisState::Cancelled => proto::AnalysisState::Cancelled,
    }
}

/// # Errors
/// When what is stored is no message, which no release writes.
pub(super) fn analysis_to_proto(analysis: Analysis) -> Result<proto::Analysis, Error> {
    let failure = analysis.failure.unwrap_or_else(|| Failure::new("", ""));
    let found = analysis.found;
    Ok(proto::Analysis {
        analysis_id: analysis.id.to_string(),
        capture_id: analysis.capture_id.to_string(),
        capture_uid: analysis.capture.to_string(),
        state: state_to_proto(analysis.state).into(),
        options: Some(decoded(analysis.options)?),
        max_duration: analysis.max_duration.map(duration_to_proto),
        request_id: analysis.request_id.unwrap_or_default(),
        attempts: analysis.attempts,
        progress: found.progress.map(decoded).transpose()?,
        records: analysis.records,
        summary: found.summary.map(decoded).transpose()?,
        failure_reason: failure.reason,
        failure_message: failure.message,
        create_time: Some(time_to_proto(analysis.created)),
        start_time: analysis.started.map(time_to_proto),
        end_time: analysis.ended.map(time_to_proto),
        capture_info: found.capture_info.map(decoded).transpose()?,
    })
}

pub(super) fn decoded<M: Message + Default>(bytes: Bytes) -> Result<M, Error> {
    M::decode(bytes).map_err(|error| Error::Internal(Arc::new(error)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(request: proto::StartAnalysisRequest, wanted: Result<(), &str>) {
        let parsed = match new_analysis(request) {
            Ok(_) => Ok(()),
            Err(Error::Field { field, .. }) => Err(field),
            Err(other) => panic!("{other}"),
        };
        assert_eq!(parsed, wanted);
    }

    fn request() -> proto::StartAnalysisRequest {
        proto::StartAnalysisRequest {
            capture_id: "c".to_owned(),
            ..Default::default()
        }
    }

    #[test]
    fn what_can_not_be_meant_is_refused() {
        check(request(), Ok(()));
        check(Default::default(), Err("capture_id"));
        for (request_id, wanted) in [
            ("event-0-A_.:", Ok(())),
            ("a b", Err("request_id")),
            ("ä", Err("request_id")),
            ("\0", Err("request_id")),
            (&"a".repeat(128), Ok(())),
            (&"a".repeat(129), Err("request_id")),
        ] {
            let request_id = request_id.to_owned();
            check(
                proto::StartAnalysisRequest {
                    request_id,
                    ..request()
                },
                wanted,
            );
        }
        for (seconds, nanos, is_one) in [
            (0, 0, false),
            (0, 999, false),
            (0, 1_000, true),
            (-1, 0, false),
            (0, -1, false),
            (0, 1_000_000_000, false),
            (i64::MAX, 0, false),
            (3600, 0, true),
        ] {
            let max_duration = Some(pbjson_types::Duration { seconds, nanos });
            let wanted = if is_one { Ok(()) } else { Err("max_duration") };
            check(
                proto::StartAnalysisRequest {
                    max_duration,
                    ..request()
                },
                wanted,
            );
        }
        let options = weir_shared::proto::analyzer::v1::AnalysisOptions {
            filter: "x".repeat(OPTIONS_BYTES_MAX),
            ..Default::default()
        };
        let options = Some(options);
        check(
            proto::StartAnalysisRequest {
                options,
                ..request()
            },
            Err("options"),
        );
    }
}
