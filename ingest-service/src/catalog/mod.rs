//! The catalog: who has what. The seam between the domain and a database.

#[cfg(test)]
pub(crate) mod conformance;
mod open;
mod postgres;
mod sql;
mod sqlite;

use std::{collections::BTreeMap, error::Error, fmt::Debug};

use async_trait::async_trait;
use weir_shared::store::Durability;

pub use open::{OpenError, open, without_password};
pub use postgres::PostgresCatalog;
pub use sqlite::SqliteCatalog;

use crate::domain::{
    capture::{
        Capture, ChunkRecord, DigestOnTheWay, Refusal, SealParams, SealStep, SlotOutcome, Spec,
        State, StoredSlot,
    },
    id::{CaptureId, ChunkIndex, SegmentId, Uid},
    range::Missing,
    time::Timestamp,
};

/// Captures, the chunks they have, and the segments that hold those.
///
/// Every method is one transaction: it has happened whole and is durable when
/// it returns `Ok`, and has not happened when it returns [`CatalogError::Refused`].
/// A capture changes only by the rules of [`Capture`], under a lock on its row.
///
/// Cancel safety: a dropped call has happened whole or not at all. Who must
/// know which runs it in a task of its own.
///
/// Implementations pass `conformance::suite`.
#[async_trait]
pub trait Catalog: Debug + Send + Sync + 'static {
    /// Starts a capture, or declares more of the one that has the id. Seals it
    /// when every declared chunk is there and nothing stands against it.
    ///
    /// # Errors
    /// Refused as [`Capture::declare`] says, and a new one with
    /// [`Refusal::TooManyOpen`] when so many are unsealed already. Those that
    /// other services start at the same moment may not be counted.
    async fn create(&self, spec: &Spec, at: Times, open_max: u32) -> Result<Capture, CatalogError>;

    async fn by_id(&self, id: &CaptureId) -> Result<Option<Capture>, CatalogError>;

    async fn by_uid(&self, uid: Uid) -> Result<Option<Capture>, CatalogError>;

    /// Newest first, after the place given: stable while captures come and go.
    async fn list(&self, query: &ListQuery) -> Result<Vec<Capture>, CatalogError>;

    /// What the slots of these chunks hold; free ones are left out.
    async fn slots(
        &self,
        uid: Uid,
        indexes: &[ChunkIndex],
    ) -> Result<Vec<(ChunkIndex, StoredSlot)>, CatalogError>;

    /// Gives the chunks of durable segments their slots, all in one transaction
    /// and in order, and seals what is complete by its declared count, or begins
    /// to. One answer for each segment; what fails one never fails another.
    ///
    /// Fills the segment's id into the table of segments, so that a segment that
    /// was condemned before can't be committed after. A commit whose outcome
    /// the database does not tell is settled by looking that id up.
    async fn commit(
        &self,
        segments: &[SegmentCommit],
        rules: CommitRules,
    ) -> Result<Vec<Committed>, CatalogError>;

    /// Seals, or begins to: see [`Capture::seal`]. `None`: there is no such capture.
    ///
    /// # Errors
    /// Refused as [`Capture::seal`] says.
    async fn seal(
        &self,
        uid: Uid,
        params: &SealParams,
        known: Option<DigestOnTheWay>,
        at: Times,
    ) -> Result<Option<(Capture, SealStep)>, CatalogError>;

    /// Takes the digest of the whole: see [`Capture::settle_digest`].
    ///
    /// # Errors
    /// Refused when it is another one; a capture that was sealing is receiving
    /// again, to be expired like any other.
    async fn settle_digest(
        &self,
        uid: Uid,
        computed: DigestOnTheWay,
        at: Times,
    ) -> Result<Option<Capture>, CatalogError>;

    /// A capture that was sealing is receiving again, to be expired like any other.
    async fn abandon_seal(&self, uid: Uid, expires: Timestamp) -> Result<(), CatalogError>;

    /// Captures whose digest is being checked, as after a restart.
    async fn sealing(&self) -> Result<Vec<Uid>, CatalogError>;

    /// A capture, and what it lacks below `count`, or [`Capture::expected_chunks`],
    /// exactly. `None`: there is no such capture.
    async fn missing(
        &self,
        uid: Uid,
        count: Option<u32>,
        ranges_max: usize,
    ) -> Result<Option<(Capture, Missing)>, CatalogError>;

    /// Up to `limit` durable chunks in index order, from this index on.
    async fn chunks(
        &self,
        uid: Uid,
        from: ChunkIndex,
        limit: u32,
    ) -> Result<Vec<StoredChunk>, CatalogError>;

    /// Removes a capture and condemns its segments. `None`: there was none.
    async fn delete(&self, id: &CaptureId, now: Timestamp) -> Result<Option<Uid>, CatalogError>;

    /// The same for one capture whose [`Capture::expire_time`] is before `now`,
    /// unless its digest is being checked. Only one: it may have so many chunks that two would keep commits waiting for too long.
    async fn expire(&self, now: Timestamp) -> Result<Option<Uid>, CatalogError>;

    /// Condemns those of these segments that no commit has entered: a commit
    /// that comes later fails.
    async fn condemn_orphans(
        &self,
        segments: &[SegmentId],
        now: Timestamp,
    ) -> Result<(), CatalogError>;

    /// Condemned segments whose objects may still be there, in order, after
    /// the one given.
    async fn condemned(
        &self,
        after: Option<SegmentId>,
        limit: u32,
    ) -> Result<Vec<SegmentId>, CatalogError>;

    /// The objects of these condemned segments are gone. Their ids stay, and
    /// keep defeating late commits, until [`Catalog::forget_swept`].
    async fn swept(&self, segments: &[SegmentId]) -> Result<(), CatalogError>;

    /// Forgets swept segments that were condemned before this time.
    async fn forget_swept(&self, before: Timestamp) -> Result<(), CatalogError>;

    /// What a change survives once its call returned.
    fn durability(&self) -> Durability;
}

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

/// Why a catalog could not do it.
#[derive(Debug, thiserror::Error)]
pub enum CatalogError {
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// Whether it happened is unknown; nothing may be acknowledged.
    #[error("catalog unavailable")]
    Unavailable(#[source] Box<dyn Error + Send + Sync>),
    #[error("no space left for the catalog")]
    Full(#[source] Box<dyn Error + Send + Sync>),
    /// What is stored breaks a rule that every commit keeps.
    #[error("the catalog is inconsistent: {0}")]
    Inconsistent(&'static str),
}
