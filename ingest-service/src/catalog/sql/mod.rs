//! The catalog in a database that speaks SQL: one set of statements for all.
//!
//! A transaction that changes a capture first locks its row, so what it read
//! can't change under it. The order of locks is in [`commit`].

mod analyses;
mod analysis_log;
mod captures;
mod commit;
mod contents;
mod dead_letters;
mod deliveries;
mod error;
mod event_log;
mod events;
mod fold;
mod index;
mod instances;
mod leads;
mod read;
mod row;
mod seal;
mod segments;
mod session;
mod transaction;
mod value;

use async_trait::async_trait;
use sqlx::{Connection as _, Database, Pool};
use weir_shared::store::Durability;

pub(super) use error::is_away;
#[cfg(test)]
pub(super) use error::is_conflict;
#[cfg(test)]
pub(super) use index::query_records;
pub(super) use index::{Room, SqlIndex, TextEngine};
pub(super) use session::{Dialect, Session};

use super::{
    Catalog, CatalogError, CommitRules, Committed, Content, Fold, Folding, ListQuery,
    SegmentCommit, Slots, StoredChunk, StoredSegment, Times,
};
use crate::domain::{
    capture::{Capture, DigestOnTheWay, SealParams, SealStep, Spec},
    id::{CaptureId, ChunkIndex, SegmentId, Sha256, Uid},
    range::Missing,
    time::Timestamp,
};
use transaction::{change, read};

/// A catalog in a database. Who opens it sets up its connections.
#[derive(Debug)]
pub struct SqlCatalog<DB: Database> {
    pub(super) writers: Pool<DB>,
    pub(super) readers: Pool<DB>,
}

#[async_trait]
impl<DB> Catalog for SqlCatalog<DB>
where
    DB: Database,
    DB::Connection: Session,
{
    async fn create(&self, spec: &Spec, at: Times, open_max: u32) -> Result<Capture, CatalogError> {
        change!(self, db => captures::create(db, spec, at, open_max))
    }

    async fn by_id(&self, id: &CaptureId) -> Result<Option<Capture>, CatalogError> {
        read!(self, db => row::by_id(db, id))
    }

    async fn by_uid(&self, uid: Uid) -> Result<Option<Capture>, CatalogError> {
        read!(self, db => row::by_uid(db, uid))
    }

    async fn list(&self, query: &ListQuery) -> Result<Vec<Capture>, CatalogError> {
        read!(self, db => read::list(db, query))
    }

    async fn slots(&self, uid: Uid, indexes: &[ChunkIndex]) -> Result<Slots, CatalogError> {
        read!(self, db => read::slots_or_folded(db, uid, indexes))
    }

    async fn commit(
        &self,
        segments: &[SegmentCommit],
        rules: CommitRules,
    ) -> Result<Vec<Committed>, CatalogError> {
        change!(self, db => commit::apply(db, segments, rules), settled by |committed| {
            // All of them came in with one transaction: one tells of all.
            let mut entered = segments.iter().zip(&*committed);
            match entered.find(|(_, one)| matches!(one, Committed::Slots { .. })) {
                Some((first, _)) => knows_segment(self, first.segment).await?,
                None => false,
            }
        })
    }

    async fn seal(
        &self,
        uid: Uid,
        params: &SealParams,
        known: Option<DigestOnTheWay>,
        at: Times,
    ) -> Result<Option<(Capture, SealStep)>, CatalogError> {
        change!(self, db => seal::seal(db, uid, params, known, at))
    }

    async fn settle_digest(
        &self,
        uid: Uid,
        computed: DigestOnTheWay,
        at: Times,
    ) -> Result<Option<Capture>, CatalogError> {
        let settled = change!(self, db => seal::settle_digest(db, uid, computed, at));
        settled?.map_err(CatalogError::Refused)
    }

    async fn abandon_seal(&self, uid: Uid, expires: Timestamp) -> Result<(), CatalogError> {
        change!(self, db => seal::abandon(db, uid, expires))
    }

    async fn sealing(&self) -> Result<Vec<Uid>, CatalogError> {
        read!(self, db => read::sealing(db))
    }

    async fn missing(
        &self,
        uid: Uid,
        count: Option<u32>,
        ranges_max: usize,
    ) -> Result<Option<(Capture, Missing)>, CatalogError> {
        read!(self, db => async {
            let begin = DB::Connection::DIALECT.begin_snapshot;
            let mut tx = db.begin_with(begin).await?;
            let missing = read::missing(&mut *tx, uid, count, ranges_max).await;
            tx.rollback().await?;
            missing
        })
    }

    async fn chunks(
        &self,
        uid: Uid,
        from: ChunkIndex,
        limit: u32,
    ) -> Result<Vec<StoredChunk>, CatalogError> {
        read!(self, db => read::chunks(db, uid, from, limit))
    }

    async fn segments(
        &self,
        uid: Uid,
        after: Option<SegmentId>,
        limit: u32,
    ) -> Result<Vec<StoredSegment>, CatalogError> {
        read!(self, db => segments::of_capture(db, uid, after, limit))
    }

    async fn unfolded(
        &self,
        sha256: Option<Sha256>,
        after: Option<Uid>,
        limit: u32,
    ) -> Result<Vec<Capture>, CatalogError> {
        read!(self, db => fold::unfolded(db, sha256, after, limit))
    }

    async fn fold(&self, folds: &[Fold]) -> Result<Vec<Folding>, CatalogError> {
        change!(self, db => fold::fold(db, folds))
    }

    async fn keep_rows(&self, uid: Uid) -> Result<(), CatalogError> {
        change!(self, db => fold::keep_rows(db, uid))
    }

    async fn drop_folded_rows(&self, limit: u32) -> Result<bool, CatalogError> {
        change!(self, db => fold::drop_rows(db, limit))
    }

    async fn contents(&self, owners: &[Uid]) -> Result<Vec<(Uid, Content)>, CatalogError> {
        read!(self, db => contents::of(db, owners))
    }

    async fn delete(&self, id: &CaptureId, now: Timestamp) -> Result<Option<Uid>, CatalogError> {
        change!(self, db => captures::delete(db, id, now))
    }

    async fn expire(&self, now: Timestamp) -> Result<Option<Uid>, CatalogError> {
        change!(self, db => captures::expire(db, now))
    }

    async fn condemn_orphans(
        &self,
        segments: &[SegmentId],
        now: Timestamp,
    ) -> Result<(), CatalogError> {
        change!(self, db => segments::condemn_orphans(db, segments, now))
    }

    async fn condemned(
        &self,
        after: Option<SegmentId>,
        limit: u32,
    ) -> Result<Vec<SegmentId>, CatalogError> {
        read!(self, db => segments::condemned(db, after, limit))
    }

    async fn swept(&self, segments: &[SegmentId]) -> Result<(), CatalogError> {
        change!(self, db => segments::swept(db, segments))
    }

    async fn forget_swept(&self, before: Timestamp) -> Result<(), CatalogError> {
        change!(self, db => segments::forget_swept(db, before))
    }

    fn durability(&self) -> Durability {
        DB::Connection::DIALECT.durability
    }
}

/// Whether a commit or a sweeper has entered it.
pub(super) async fn knows_segment<DB>(
    catalog: &SqlCatalog<DB>,
    segment: SegmentId,
) -> Result<bool, CatalogError>
where
    DB: Database,
    DB::Connection: Session,
{
    read!(catalog, db => segments::is_known(db, segment))
}
