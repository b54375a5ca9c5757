//! What a catalog is given, and what it gives.

use std::collections::BTreeMap;

use crate::domain::{
    capture::{
        Capture, ChunkRecord, DigestOnTheWay, SlotOutcome, State, StoredManifest, StoredSlot,
    },
    id::{ChunkIndex, SegmentId, Uid},
    shape::Shape,
    time::Timestamp,
};

/// Times of a change.
#[derive(Clone, Copy, Debug)]
pub struct Times {
    pub now: Timestamp,
    /// Until when a capture is kept that is unsealed and has made progress now.
    pub expires: Timestamp,
    /// Until when a capture is kept that is sealed now. `None`: for ever.
    pub retained_until: Option<Timestamp>,
}

/// What holds for all segments of a commit.
#[derive(Clone, Copy, Debug)]
pub struct CommitRules {
    pub at: Times,
    pub capture_bytes_max: u64,
}

/// A durable segment that is to be committed.
#[derive(Clone, Debug)]
pub struct SegmentCommit {
    pub capture: Uid,
    pub segment: SegmentId,
    /// Length of the object.
    pub bytes: u64,
    pub chunks: Vec<ChunkRecord>,
    /// Of all chunks up to the last of these, when the call sent them in order
    /// and all before these lie in their slots. Unused when one of these does not.
    pub digest: Option<DigestOnTheWay>,
    /// W3C trace context of the call that sent it.
    pub traceparent: Option<String>,
}

/// What became of one segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Committed {
    /// One outcome for each chunk, and the capture as it is now.
    Slots {
        outcomes: Vec<SlotOutcome>,
        capture: Box<Capture>,
    },
    /// The capture was deleted. The segment has no row: the sweeper finds it.
    CaptureGone,
    /// The segment was condemned: write its chunks again under a new id.
    Condemned,
    /// The capture is folded: its chunks are to be compared with what is stored.
    Folded,
}

/// What the slots of a capture hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Slots {
    /// Those that are taken.
    Taken(Vec<(ChunkIndex, StoredSlot)>),
    /// All are taken; the stored bytes tell by what.
    Folded,
}

/// A live segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoredSegment {
    pub segment: SegmentId,
    /// Length of its object.
    pub bytes: u64,
}

/// A capture that is to be folded.
#[derive(Clone, Debug)]
pub struct Fold {
    pub uid: Uid,
    pub manifest: StoredManifest,
    pub shape: Shape,
    /// Segments that the manifest lists.
    pub segments: u32,
    pub now: Timestamp,
}

/// What became of a fold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Folding {
    Folded,
    /// The manifest's object was condemned: write it again under a new id.
    Condemned,
    /// It is gone, or another service was faster. The manifest is not needed.
    NotNeeded,
}

/// How what a capture has written stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// Rows name its segments.
    Rows,
    /// It is what a manifest lists, which some capture has, and the manifest's
    /// own object.
    Folded {
        capture: Box<Capture>,
        /// How many objects that is.
        objects: u32,
    },
    /// No capture has it, and none can have it again.
    Gone,
}

/// A durable chunk and where it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoredChunk {
    pub index: ChunkIndex,
    pub bytes: u32,
    pub crc32c: u32,
    pub segment: SegmentId,
    pub offset: u32,
}

/// Which captures to list.
#[derive(Clone, Debug, Default)]
pub struct ListQuery {
    /// Only those that come after this place.
    pub after: Option<ListPlace>,
    /// Only those created at this time or later.
    pub created_from: Option<Timestamp>,
    /// Only those created before this time.
    pub created_before: Option<Timestamp>,
    pub labels: BTreeMap<String, String>,
    pub state: Option<State>,
    pub limit: u32,
}

/// A capture's place in a list: newer ones are before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListPlace {
    pub created: Timestamp,
    /// Among those of one time.
    pub uid: Uid,
}

impl ListPlace {
    #[must_use]
    pub fn of(capture: &Capture) -> Self {
        Self {
            created: capture.created,
            uid: capture.uid,
        }
    }
}
