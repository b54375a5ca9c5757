//! The catalog: who has what. The seam between the domain and a database.

mod analysis_log;
#[cfg(test)]
pub(crate) mod conformance;
mod event_log;
mod open;
mod postgres;
mod sql;
mod sqlite;
mod types;

use std::{error::Error, fmt::Debug};

use async_trait::async_trait;
use weir_shared::store::Durability;

pub use analysis_log::{
    Active, AnalysisLog, AnalysisQuery, Claim, Lease, PreviewRecorded, QueueLimits, Queued,
    Recorded, Step,
};
pub use event_log::{
    Attempt, Backlog, DeadFate, DeadLetter, DeadPlace, Delivery, EventLog, EventPage, Finished,
    InstanceId, Outcome, Subscriber, Turn, Turned,
};
pub use open::{OpenError, open, open_with_index, without_password};
pub use postgres::PostgresCatalog;
pub use sqlite::SqliteCatalog;
pub use types::{
    CommitRules, Committed, Content, Fold, Folding, ListPlace, ListQuery, SegmentCommit, Slots,
    StoredChunk, StoredSegment, Times,
};

use crate::domain::{
    capture::{Capture, DigestOnTheWay, Refusal, SealParams, SealStep, Spec},
    id::{CaptureId, ChunkIndex, SegmentId, Sha256, Uid},
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
pub trait Catalog: AnalysisLog + EventLog + Debug + Send + Sync + 'static {
    /// Starts a capture, or declares more of the one that has the id. Seals it
    /// when every declared chunk is there and nothing stands against it. A new
    /// one of which a folded capture [may be shared](Capture::may_be_shared_as)
    /// is sealed from the beginning.
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

    /// What the slots of these chunks hold; free ones are left out. Nobody's
    /// capture has none.
    async fn slots(&self, uid: Uid, indexes: &[ChunkIndex]) -> Result<Slots, CatalogError>;

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

    /// Up to `limit` durable chunks in index order, from this index on. A folded
    /// capture has no rows of chunks, or is losing them.
    async fn chunks(
        &self,
        uid: Uid,
        from: ChunkIndex,
        limit: u32,
    ) -> Result<Vec<StoredChunk>, CatalogError>;

    /// Segments that hold chunks of this capture by rows, ordered, after the one
    /// given. A folded capture has none.
    async fn segments(
        &self,
        uid: Uid,
        after: Option<SegmentId>,
        limit: u32,
    ) -> Result<Vec<StoredSegment>, CatalogError>;

    /// Sealed captures that are not folded yet, ordered by uid, after the one
    /// given; only those of this digest when there is one.
    async fn unfolded(
        &self,
        sha256: Option<Sha256>,
        after: Option<Uid>,
        limit: u32,
    ) -> Result<Vec<Capture>, CatalogError>;

    /// Folds sealed captures: each has its manifest from now on, and its segments
    /// no rows. The rows of its chunks go by [`Catalog::drop_folded_rows`]. One
    /// answer for each; what stops one does not stop the others.
    ///
    /// The object of a manifest is entered like a segment first, so that one
    /// that was condemned before is never named.
    async fn fold(&self, folds: &[Fold]) -> Result<Vec<Folding>, CatalogError>;

    /// This sealed capture is never to be folded.
    async fn keep_rows(&self, uid: Uid) -> Result<(), CatalogError>;

    /// Removes up to `limit` rows of chunks of one capture that is folded. False:
    /// there are none.
    async fn drop_folded_rows(&self, limit: u32) -> Result<bool, CatalogError>;

    /// How the contents that these captures wrote stand. Unknown ones are left out.
    async fn contents(&self, owners: &[Uid]) -> Result<Vec<(Uid, Content)>, CatalogError>;

    /// Removes a capture and condemns its segments. Contents that no capture has
    /// any more are [`Content::Gone`]. `None`: there was none.
    async fn delete(&self, id: &CaptureId, now: Timestamp) -> Result<Option<Uid>, CatalogError>;

    /// The same for one capture whose [`Capture::expire_time`] is before `now`,
    /// unless its digest is being checked. Only one: it may have so many chunks that two would keep commits waiting for too long.
    async fn expire(&self, now: Timestamp) -> Result<Option<Uid>, CatalogError>;

    /// Condemns those of these segments that no commit has entered: a commit
    /// that comes later fails. Those of folded contents are passed by: their
    /// manifest says which are needed.
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

    /// Forgets swept segments that were condemned before this time, and contents
    /// that are gone since before it.
    async fn forget_swept(&self, before: Timestamp) -> Result<(), CatalogError>;

    /// What a change survives once its call returned.
    fn durability(&self) -> Durability;
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
