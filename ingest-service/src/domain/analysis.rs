//! Analyses that go on without their caller: what one is, and what it may become.

mod end;

use std::{collections::BTreeMap, fmt, str::FromStr, time::Duration};

use bytes::Bytes;
use uuid::Uuid;

use super::{
    event::{AnalysisFacts, Fact},
    id::{CaptureId, SegmentId, Uid},
    time::Timestamp,
};

pub use end::End;

/// Names one analysis for ever. Ordered by creation time (UUID version 7, RFC 9562).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AnalysisId(Uuid);

/// Not the id of an analysis.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be a UUID")]
pub struct InvalidAnalysisId;

impl AnalysisId {
    #[must_use]
    pub fn generate() -> Self {
        Self(Uuid::now_v7())
    }

    #[must_use]
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(Uuid::from_bytes(bytes))
    }

    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 16] {
        self.0.as_bytes()
    }

    /// As the writer of objects: a sweeper tells by it whose they are.
    #[must_use]
    pub fn as_owner(self) -> Uid {
        Uid::from_bytes(*self.as_bytes())
    }
}

impl FromStr for AnalysisId {
    type Err = InvalidAnalysisId;

    fn from_str(text: &str) -> Result<Self, InvalidAnalysisId> {
        Uuid::try_parse(text)
            .map(Self)
            .map_err(|_| InvalidAnalysisId)
    }
}

impl fmt::Display for AnalysisId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Where an analysis is on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AnalysisState {
    /// Waits for its turn, the first time or after an attempt that came to nothing.
    Queued,
    Running,
    Succeeded,
    Failed,
    Cancelled,
}

impl AnalysisState {
    /// It will never run again.
    #[must_use]
    pub fn is_over(self) -> bool {
        match self {
            Self::Queued | Self::Running => false,
            Self::Succeeded | Self::Failed | Self::Cancelled => true,
        }
    }
}

/// Why an analysis or an attempt of it failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// In UPPER_SNAKE, as statuses have it.
    pub reason: String,
    /// For people.
    pub message: String,
}

/// Longest texts of a failure, bytes: they are kept and told in answers.
const REASON_BYTES_MAX: usize = 64;
const MESSAGE_BYTES_MAX: usize = 1024;

impl Failure {
    /// Cut to what may be kept.
    #[must_use]
    pub fn new(reason: &str, message: &str) -> Self {
        Self {
            reason: bounded(reason, REASON_BYTES_MAX),
            message: bounded(message, MESSAGE_BYTES_MAX),
        }
    }
}

/// Without the one character that PostgreSQL can't keep in a text.
fn bounded(text: &str, bytes_max: usize) -> String {
    let text = text.replace('\0', " ");
    text[..text.floor_char_boundary(bytes_max)].to_owned()
}

/// What is asked for.
#[derive(Clone, Debug)]
pub struct NewAnalysis {
    pub capture_id: CaptureId,
    /// Which creation of it; `None`: the one that is there.
    pub capture: Option<Uid>,
    /// Makes a repeated request the same one.
    pub request_id: Option<String>,
    /// An encoded message, which is the edge's business.
    pub options: Bytes,
    /// Longest time of one attempt; `None`: what the service allows.
    pub max_duration: Option<Duration>,
}

/// An analysis as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Analysis {
    pub id: AnalysisId,
    pub capture: Uid,
    pub capture_id: CaptureId,
    /// The capture's.
    pub labels: BTreeMap<String, String>,
    pub request_id: Option<String>,
    pub options: Bytes,
    pub max_duration: Option<Duration>,
    pub state: AnalysisState,
    /// How often it was started.
    pub attempts: u32,
    /// Attempts that came to nothing since the last results.
    pub failures: u32,
    /// Records that are stored: their sequences are 1 to this.
    pub records: u64,
    pub parts: u32,
    pub failure: Option<Failure>,
    pub created: Timestamp,
    /// Of the last attempt.
    pub started: Option<Timestamp>,
    pub ended: Option<Timestamp>,
    /// W3C trace context of who asked for it.
    pub traceparent: Option<String>,
    pub found: Found,
}

/// What an analysis has told, but for its records: encoded messages, the latest of each.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    pub capture_info: Option<Bytes>,
    pub progress: Option<Bytes>,
    /// Left out where many are listed.
    pub summary: Option<Bytes>,
}

/// Results that go into one object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    /// Sequences of its records, without gaps.
    pub first: u64,
    pub last: u64,
    pub segment: SegmentId,
    /// Length of the object.
    pub bytes: u64,
    /// Length of what it unpacks to.
    pub raw_bytes: u64,
}

/// What was asked for differs from what the request started before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Differs {
    pub field: &'static str,
}

/// Attempts in a row that end with the death of who runs them and leave no results: more
/// than bad luck explains, and each costs a service.
const DEATHS_MAX: u32 = 10;

impl Analysis {
    /// Whether a request asks for this one.
    ///
    /// # Errors
    /// [`Differs`], when something else was asked for.
    pub fn is_asked_for(&self, capture: Uid, new: &NewAnalysis) -> Result<(), Differs> {
        let field = if self.capture != capture {
            "capture_id"
        } else if self.options != new.options {
            "options"
        } else if self.max_duration != new.max_duration {
            "max_duration"
        } else {
            return Ok(());
        };
        Err(Differs { field })
    }

    /// Somebody begins the next attempt, of one that waits or that its runner died with.
    pub fn claim(&mut self, now: Timestamp) {
        if self.state == AnalysisState::Running {
            self.failures = self.failures.saturating_add(1);
            if self.failures >= DEATHS_MAX {
                let message = "whoever ran it died, again and again";
                self.end(End::Failed(Failure::new("ABANDONED", message)), now);
                return;
            }
        }
        self.state = AnalysisState::Running;
        self.attempts = self.attempts.saturating_add(1);
        self.started = Some(now);
    }

    /// Its records up to this sequence are stored.
    pub fn stored(&mut self, part: &Part) {
        self.records = part.last;
        self.parts = self.parts.saturating_add(1);
        self.failures = 0;
    }

    /// An attempt ends.
    pub fn end(&mut self, end: End, now: Timestamp) {
        self.state = match end {
            End::Succeeded => AnalysisState::Succeeded,
            End::Failed(failure) => {
                self.failure = Some(failure);
                AnalysisState::Failed
            }
            End::Again { failure, .. } => {
                tracing::info!(analysis.id = %self.id, ?failure, "an attempt came to nothing");
                self.failures = self.failures.saturating_add(1);
                AnalysisState::Queued
            }
            End::Full { failure, .. } => {
                tracing::info!(analysis.id = %self.id, ?failure, "an attempt waits for room");
                AnalysisState::Queued
            }
            End::Released => AnalysisState::Queued,
        };
        if self.state.is_over() {
            self.ended = Some(now);
        }
    }

    /// It is not to run any more. False: it was over.
    pub fn cancel(&mut self, now: Timestamp) -> bool {
        if self.state.is_over() {
            return false;
        }
        self.state = AnalysisState::Cancelled;
        self.ended = Some(now);
        true
    }

    /// What is told of the state that it has come to.
    #[must_use]
    pub fn fact(&self) -> Fact {
        let facts = AnalysisFacts {
            analysis_id: self.id.to_string(),
            capture_id: self.capture_id.to_string(),
            capture_uid: self.capture.to_string(),
            labels: self.labels.clone(),
            request_id: self.request_id.clone(),
            attempts: self.attempts,
            records: self.records,
            failure: (self.failure.clone()).map(|failure| (failure.reason, failure.message)),
        };
        match self.state {
            AnalysisState::Queued => Fact::AnalysisQueued(facts),
            AnalysisState::Running => Fact::AnalysisStarted(facts),
            AnalysisState::Succeeded => Fact::AnalysisSucceeded(facts),
            AnalysisState::Failed => Fact::AnalysisFailed(facts),
            AnalysisState::Cancelled => Fact::AnalysisCancelled(facts),
        }
    }
}

#[cfg(test)]
mod tests;
