//! What has happened: one fact for each committed change.
//!
//! A fact is written in the transaction of its change and told after it. Its
//! type carries the version of its payload, so that a reader of an older or a
//! newer release knows what it can't read.

mod facts;

use std::fmt;

use uuid::Uuid;

pub use facts::{AnalysisFacts, CaptureFacts};

use super::{
    id::{CaptureId, Uid},
    time::Timestamp,
};

/// A fact that is to be written with its change.
#[derive(Clone, Debug)]
pub struct NewEvent {
    pub fact: Fact,
    /// The capture that it is about: events of one keep their order.
    pub capture: Uid,
    pub capture_id: CaptureId,
    /// W3C trace context of the call that does it.
    pub traceparent: Option<String>,
}

/// A fact that is committed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Among all events of the catalog, from 1. A later one is never committed
    /// before an earlier one.
    pub position: Position,
    pub id: EventId,
    /// As it is stored; a newer release may have written it.
    pub kind: String,
    pub capture: Uid,
    pub capture_id: CaptureId,
    pub at: Timestamp,
    pub traceparent: Option<String>,
    /// The payload, as [`Fact::decode`] reads it.
    pub data: String,
}

/// A place in the log of events.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position(pub u64);

impl Position {
    /// Behind every event: a catalog counts in 63 bits.
    pub const END: Self = Self(i64::MAX.unsigned_abs());
}

/// Names one event for ever (UUID version 7, RFC 9562).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventId(Uuid);

impl EventId {
    #[must_use]
    pub fn generate() -> Self {
        Self(Uuid::now_v7())
    }

    #[must_use]
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(Uuid::from_bytes(bytes))
    }

    /// `None`: it is none.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Uuid::try_parse(text).ok().map(Self)
    }

    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 16] {
        self.0.as_bytes()
    }
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What has happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fact {
    CaptureCreated(CaptureFacts),
    CaptureSealed(CaptureFacts),
    CaptureDeleted(CaptureFacts),
    CaptureExpired(CaptureFacts),
    AnalysisQueued(AnalysisFacts),
    AnalysisStarted(AnalysisFacts),
    AnalysisSucceeded(AnalysisFacts),
    AnalysisFailed(AnalysisFacts),
    AnalysisCancelled(AnalysisFacts),
}

/// Types of this release, with the version of their payload.
pub mod kind {
    pub const CAPTURE_CREATED: &str = "weir.capture.created.v1";
    pub const CAPTURE_SEALED: &str = "weir.capture.sealed.v1";
    pub const CAPTURE_DELETED: &str = "weir.capture.deleted.v1";
    pub const CAPTURE_EXPIRED: &str = "weir.capture.expired.v1";
    pub const ANALYSIS_QUEUED: &str = "weir.analysis.queued.v1";
    pub const ANALYSIS_STARTED: &str = "weir.analysis.started.v1";
    pub const ANALYSIS_SUCCEEDED: &str = "weir.analysis.succeeded.v1";
    pub const ANALYSIS_FAILED: &str = "weir.analysis.failed.v1";
    pub const ANALYSIS_CANCELLED: &str = "weir.analysis.cancelled.v1";

    /// All of them.
    pub const ALL: [&str; 9] = [
        CAPTURE_CREATED,
        CAPTURE_SEALED,
        CAPTURE_DELETED,
        CAPTURE_EXPIRED,
        ANALYSIS_QUEUED,
        ANALYSIS_STARTED,
        ANALYSIS_SUCCEEDED,
        ANALYSIS_FAILED,
        ANALYSIS_CANCELLED,
    ];

    /// The type without its version: "weir.capture.sealed". The whole of what
    /// has none.
    #[must_use]
    pub fn family(kind: &str) -> &str {
        match kind.rsplit_once(".v") {
            Some((family, version)) if is_number(version) => family,
            _ => kind,
        }
    }

    fn is_number(text: &str) -> bool {
        !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
    }
}

/// Why an event can't be read.
#[derive(Debug, thiserror::Error)]
pub enum Unreadable {
    #[error("events of type {kind} are not known; known are {}", kind::ALL.join(", "))]
    Kind { kind: String },
    #[error("the payload of an event of type {kind} makes no sense: {why}")]
    Data {
        kind: String,
        why: serde_json::Error,
    },
}

impl Fact {
    /// The type, with its version.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::CaptureCreated(_) => kind::CAPTURE_CREATED,
            Self::CaptureSealed(_) => kind::CAPTURE_SEALED,
            Self::CaptureDeleted(_) => kind::CAPTURE_DELETED,
            Self::CaptureExpired(_) => kind::CAPTURE_EXPIRED,
            Self::AnalysisQueued(_) => kind::ANALYSIS_QUEUED,
            Self::AnalysisStarted(_) => kind::ANALYSIS_STARTED,
            Self::AnalysisSucceeded(_) => kind::ANALYSIS_SUCCEEDED,
            Self::AnalysisFailed(_) => kind::ANALYSIS_FAILED,
            Self::AnalysisCancelled(_) => kind::ANALYSIS_CANCELLED,
        }
    }

    /// The payload as it is stored: JSON, so that an operator can read it.
    #[must_use]
    pub fn encode(&self) -> String {
        let encoded = match self {
            Self::CaptureCreated(facts)
            | Self::CaptureSealed(facts)
            | Self::CaptureDeleted(facts)
            | Self::CaptureExpired(facts) => serde_json::to_string(facts),
            Self::AnalysisQueued(facts)
            | Self::AnalysisStarted(facts)
            | Self::AnalysisSucceeded(facts)
            | Self::AnalysisFailed(facts)
            | Self::AnalysisCancelled(facts) => serde_json::to_string(facts),
        };
        // Text, numbers and maps with keys of text: nothing that can fail.
        encoded.unwrap_or_default()
    }

    /// # Errors
    /// [`Unreadable`], when it is of another release, or damaged.
    pub fn decode(kind: &str, data: &str) -> Result<Self, Unreadable> {
        let capture = || parse::<CaptureFacts>(kind, data);
        let analysis = || parse::<AnalysisFacts>(kind, data);
        Ok(match kind {
            kind::CAPTURE_CREATED => Self::CaptureCreated(capture()?),
            kind::CAPTURE_SEALED => Self::CaptureSealed(capture()?),
            kind::CAPTURE_DELETED => Self::CaptureDeleted(capture()?),
            kind::CAPTURE_EXPIRED => Self::CaptureExpired(capture()?),
            kind::ANALYSIS_QUEUED => Self::AnalysisQueued(analysis()?),
            kind::ANALYSIS_STARTED => Self::AnalysisStarted(analysis()?),
            kind::ANALYSIS_SUCCEEDED => Self::AnalysisSucceeded(analysis()?),
            kind::ANALYSIS_FAILED => Self::AnalysisFailed(analysis()?),
            kind::ANALYSIS_CANCELLED => Self::AnalysisCancelled(analysis()?),
            unknown => {
                return Err(Unreadable::Kind {
                    kind: unknown.to_owned(),
                });
            }
        })
    }

    /// Of the capture that it is about.
    #[must_use]
    pub fn labels(&self) -> &std::collections::BTreeMap<String, String> {
        match self {
            Self::CaptureCreated(facts)
            | Self::CaptureSealed(facts)
            | Self::CaptureDeleted(facts)
            | Self::CaptureExpired(facts) => &facts.labels,
            Self::AnalysisQueued(facts)
            | Self::AnalysisStarted(facts)
            | Self::AnalysisSucceeded(facts)
            | Self::AnalysisFailed(facts)
            | Self::AnalysisCancelled(facts) => &facts.labels,
        }
    }
}

impl Event {
    /// # Errors
    /// [`Unreadable`]
    pub fn fact(&self) -> Result<Fact, Unreadable> {
        Fact::decode(&self.kind, &self.data)
    }
}

fn parse<T: serde::de::DeserializeOwned>(kind: &str, data: &str) -> Result<T, Unreadable> {
    serde_json::from_str(data).map_err(|why| Unreadable::Data {
        kind: kind.to_owned(),
        why,
    })
}

#[cfg(test)]
mod tests;
