//! A capture as the catalog keeps it, and the rules by which it changes.
//!
//! The rules are pure functions on [`Capture`], in the submodules. A catalog
//! locks the row, applies one of them and writes the row back, so that every
//! backend follows the same rules.

mod admit;
mod declare;
mod seal;
mod share;

use std::collections::BTreeMap;

pub use admit::{ChunkRecord, SlotOutcome, StoredSlot};
pub use declare::SizeFacts;
pub use seal::{DigestOnTheWay, SealStep};
pub use share::{ManifestObject, StoredManifest};

use super::{
    id::{CaptureId, ChunkIndex, Sha256, Uid},
    time::Timestamp,
};

/// One creation of a capture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Capture {
    pub id: CaptureId,
    pub uid: Uid,
    /// The capture that wrote the objects its chunks lie in: itself, or the one
    /// whose contents it shares.
    pub content: Uid,
    /// Where its chunks are, once they are folded; until then they have rows.
    pub manifest: Option<StoredManifest>,
    pub state: State,
    pub declared: Declared,
    pub file_name: String,
    pub labels: BTreeMap<String, String>,
    /// What its spec says: see [`Spec::analyze_on_seal`].
    pub analyze_on_seal: Option<bool>,
    pub progress: Progress,
    /// What the running check is to prove; unset unless [`State::Sealing`].
    pub sealing: SealParams,
    /// Of the whole, computed by this service. Set once sealed.
    pub crc32c: Option<u32>,
    /// Of the whole, computed by this service. Set once known.
    pub sha256: Option<Sha256>,
    pub created: Timestamp,
    pub sealed: Option<Timestamp>,
    /// When it is removed if it gets no further chunk and stays unsealed.
    pub expires: Timestamp,
    /// Until when it is kept once sealed. `None`: for ever. Set when it is
    /// sealed, and the same from then on.
    pub retained_until: Option<Timestamp>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Takes chunks.
    Receiving,
    /// Every chunk is there and the digest is being checked by reading.
    Sealing,
    /// Complete; never changes again.
    Sealed,
}

/// What the caller said of the whole. Each is said at most once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Declared {
    pub chunk_count: Option<u32>,
    pub size_bytes: Option<u64>,
    pub sha256: Option<Sha256>,
    /// Size of every chunk but the last.
    pub chunk_bytes: Option<u32>,
}

/// What is durable.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    pub chunks: u32,
    pub bytes: u64,
    pub highest: Option<ChunkIndex>,
    /// The chunk that is shorter than the declared `chunk_bytes`, hence the last.
    pub short: Option<ChunkIndex>,
}

/// What opens a capture.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Spec {
    /// `None`: the service chooses.
    pub id: Option<CaptureId>,
    pub declared: Declared,
    pub file_name: String,
    pub labels: BTreeMap<String, String>,
    /// Whether a background analysis begins once it is sealed. `None`: as the
    /// service does by default.
    pub analyze_on_seal: Option<bool>,
}

/// What a finish or a seal says of the whole. Unset agrees with everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SealParams {
    pub chunk_count: Option<u32>,
    pub sha256: Option<Sha256>,
    pub size_bytes: Option<u64>,
}

/// Why a capture does not change as asked. Nothing has changed then.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("{field} differs from what was declared")]
    ParamsDiffer { field: &'static str },
    #[error("{field} differs from what was declared")]
    SealParamsDiffer { field: &'static str },
    #[error("chunk {} is durable, beyond the count of {count}", .highest.0)]
    BeyondCount { count: u32, highest: ChunkIndex },
    /// Chunks are missing below this count.
    #[error("of {count} chunks some are missing")]
    Incomplete { count: u32 },
    #[error("the capture has {actual} bytes, not {wanted}")]
    SizeDiffers { wanted: u64, actual: u64 },
    #[error("the capture's SHA-256 is another one")]
    DigestDiffers,
    #[error("{open_max} captures are unsealed already")]
    TooManyOpen { open_max: u32 },
}

impl Capture {
    /// A new capture without a chunk.
    #[must_use]
    pub fn begin(uid: Uid, spec: Spec, now: Timestamp, expires: Timestamp) -> Self {
        Self {
            id: spec.id.unwrap_or_else(CaptureId::generate),
            uid,
            content: uid,
            manifest: None,
            state: State::Receiving,
            declared: spec.declared,
            file_name: spec.file_name,
            labels: spec.labels,
            analyze_on_seal: spec.analyze_on_seal,
            progress: Progress::default(),
            sealing: SealParams::default(),
            crc32c: None,
            sha256: None,
            created: now,
            sealed: None,
            expires,
            retained_until: None,
        }
    }

    /// When it will be removed, as things stand. `None`: never.
    #[must_use]
    pub fn expire_time(&self) -> Option<Timestamp> {
        match self.state {
            State::Receiving | State::Sealing => Some(self.expires),
            State::Sealed => self.retained_until,
        }
    }

    /// How many chunks there are to be, as far as is known now: what was
    /// declared, or up to the highest durable one.
    #[must_use]
    pub fn expected_chunks(&self) -> u32 {
        self.declared
            .chunk_count
            .unwrap_or_else(|| self.progress.highest.map_or(0, |h| h.0 + 1))
    }

    /// Whether the declared number of chunks is there.
    #[must_use]
    pub fn has_every_declared_chunk(&self) -> bool {
        self.declared.chunk_count == Some(self.progress.chunks)
    }
}
