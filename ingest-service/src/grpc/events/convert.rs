//! Between events of the domain and of the wire.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use weir_shared::proto::{event::v1 as proto, ingest::v1::WatchEventsRequest};

use crate::{
    domain::{
        error::Error,
        event::{AnalysisFacts, CaptureFacts, Event, Fact, Position, kind},
        event_watch::{EventFilter, Start},
        id::CaptureId,
        time::Timestamp,
    },
    grpc::convert::{capture_id, invalid, time_to_proto},
};

/// Of CloudEvents.
const SPEC_VERSION: &str = "1.0";

/// Types in one filter: more than there are.
const KINDS_MAX: usize = 32;

/// A cursor that no event has: only what happens from now on.
const NOW: &str = "now";

/// Which Weir events come from: a URI reference.
pub(crate) type Source = Arc<str>;

pub(super) fn cursor(position: Position) -> String {
    position.0.to_string()
}

fn start(cursor: &str) -> Result<Start, Error> {
    match cursor {
        "" => Ok(Start::Oldest),
        NOW => Ok(Start::Now),
        cursor => {
            let is_ours = cursor.bytes().all(|b| b.is_ascii_digit());
            let position = cursor.parse().ok().filter(|_| is_ours);
            let why = "is neither empty, nor \"now\", nor a cursor that this service gave";
            position
                .map(|position| Start::After(Position(position)))
                .ok_or_else(|| invalid("cursor", why))
        }
    }
}

type Labels = fn(HashMap<String, String>) -> Result<BTreeMap<String, String>, Error>;

pub(super) fn watched(
    request: WatchEventsRequest,
    labels: Labels,
) -> Result<(Start, EventFilter), Error> {
    let WatchEventsRequest {
        cursor,
        types,
        capture_id: id,
        labels: wanted,
        once,
    } = request;
    if types.len() > KINDS_MAX {
        return Err(invalid("types", format!("at most {KINDS_MAX}")));
    }
    for wanted in &types {
        let is_known = |known: &&str| *known == wanted || kind::family(known) == wanted;
        if !kind::ALL.iter().any(is_known) {
            let known = kind::ALL.join(", ");
            let why = format!("{wanted:?} is not known; known are {known}");
            return Err(invalid("types", why));
        }
    }
    let capture: Option<CaptureId> = match id.is_empty() {
        true => None,
        false => Some(capture_id(id)?),
    };
    let filter = EventFilter {
        kinds: types,
        capture,
        labels: labels(wanted)?,
        once,
    };
    Ok((start(&cursor)?, filter))
}

/// One that this release can't read has no payload.
pub(crate) fn event(event: &Event, source: &Source) -> proto::Event {
    proto::Event {
        spec_version: SPEC_VERSION.to_owned(),
        id: event.id.to_string(),
        source: source.to_string(),
        r#type: event.kind.clone(),
        subject: event.capture_id.to_string(),
        time: Some(time_to_proto(event.at)),
        traceparent: event.traceparent.clone().unwrap_or_default(),
        sequence: event.position.0,
        data: event.fact().ok().map(data),
    }
}

fn data(fact: Fact) -> proto::event::Data {
    use proto::event::Data;
    let capture = |facts| Some(capture_facts(facts));
    let analysis = |facts| Some(analysis_facts(facts));
    match fact {
        Fact::CaptureCreated(facts) => Data::CaptureCreated(proto::CaptureCreated {
            capture: capture(facts),
        }),
        Fact::CaptureSealed(facts) => Data::CaptureSealed(proto::CaptureSealed {
            capture: capture(facts),
        }),
        Fact::CaptureDeleted(facts) => Data::CaptureDeleted(proto::CaptureDeleted {
            capture: capture(facts),
        }),
        Fact::CaptureExpired(facts) => Data::CaptureExpired(proto::CaptureExpired {
            capture: capture(facts),
        }),
        Fact::AnalysisQueued(facts) => Data::AnalysisQueued(proto::AnalysisQueued {
            analysis: analysis(facts),
        }),
        Fact::AnalysisStarted(facts) => Data::AnalysisStarted(proto::AnalysisStarted {
            analysis: analysis(facts),
        }),
        Fact::AnalysisSucceeded(facts) => Data::AnalysisSucceeded(proto::AnalysisSucceeded {
            analysis: analysis(facts),
        }),
        Fact::AnalysisFailed(mut facts) => {
            let (reason, message) = facts.failure.take().unwrap_or_default();
            Data::AnalysisFailed(proto::AnalysisFailed {
                analysis: analysis(facts),
                reason,
                message,
            })
        }
        Fact::AnalysisCancelled(facts) => Data::AnalysisCancelled(proto::AnalysisCancelled {
            analysis: analysis(facts),
        }),
    }
}

fn capture_facts(facts: CaptureFacts) -> proto::CaptureFacts {
    proto::CaptureFacts {
        capture_id: facts.capture_id,
        uid: facts.uid,
        file_name: facts.file_name,
        labels: facts.labels.into_iter().collect(),
        size_bytes: facts.size_bytes,
        chunk_count: facts.chunk_count,
        // Written by ourselves: of the right form.
        sha256: facts
            .sha256
            .and_then(|digest| hex::decode(digest).ok())
            .unwrap_or_default()
            .into(),
        crc32c: facts.crc32c,
        create_time: Some(time_to_proto(Timestamp(facts.created_us))),
        seal_time: facts.sealed_us.map(|at| time_to_proto(Timestamp(at))),
        analyze_on_seal: facts.analyze_on_seal,
    }
}

fn analysis_facts(facts: AnalysisFacts) -> proto::AnalysisFacts {
    proto::AnalysisFacts {
        analysis_id: facts.analysis_id,
        capture_id: facts.capture_id,
        capture_uid: facts.capture_uid,
        labels: facts.labels.into_iter().collect(),
        request_id: facts.request_id.unwrap_or_default(),
        attempts: facts.attempts,
        records: facts.records,
    }
}

#[cfg(test)]
mod tests;
