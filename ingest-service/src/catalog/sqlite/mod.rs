//! The catalog in one SQLite file: the embedded default.
//!
//! One connection writes, begun as `BEGIN IMMEDIATE`: that takes the database's
//! only write lock, so a row that a transaction read can't change under it, also
//! not by another process on the same file. A few connections read beside it (WAL).

mod captures;
mod commit;
mod open;
mod read;
mod row;
mod seal;
mod segments;

use async_trait::async_trait;
use sqlx::{Sqlite, SqlitePool, Transaction};

pub use open::OpenError;

use super::{
    Catalog, CatalogError, CommitRules, Committed, ListQuery, SegmentCommit, StoredChunk, Times,
};
use crate::domain::{
    capture::{Capture, DigestOnTheWay, SealParams, SealStep, Spec, StoredSlot},
    id::{CaptureId, ChunkIndex, SegmentId, Uid},
    range::Missing,
    time::Timestamp,
};

/// See the module.
#[derive(Debug)]
pub struct SqliteCatalog {
    writer: SqlitePool,
    readers: SqlitePool,
}

impl SqliteCatalog {
    async fn begin(&self) -> Result<Transaction<'static, Sqlite>, CatalogError> {
        Ok(self.writer.begin_with("BEGIN IMMEDIATE").await?)
    }
}

#[async_trait]
impl Catalog for SqliteCatalog {
    async fn create(&self, spec: &Spec, at: Times) -> Result<Capture, CatalogError> {
        let mut tx = self.begin().await?;
        let capture = captures::create(&mut tx, spec, at).await?;
        tx.commit().await?;
        Ok(capture)
    }

    async fn by_id(&self, id: &CaptureId) -> Result<Option<Capture>, CatalogError> {
        row::by_id(&mut *self.readers.acquire().await?, id).await
    }

    async fn by_uid(&self, uid: Uid) -> Result<Option<Capture>, CatalogError> {
        row::by_uid(&mut *self.readers.acquire().await?, uid).await
    }

    async fn list(&self, query: &ListQuery) -> Result<Vec<Capture>, CatalogError> {
        read::list(&mut *self.readers.acquire().await?, query).await
    }

    async fn slots(
        &self,
        uid: Uid,
        indexes: &[ChunkIndex],
    ) -> Result<Vec<(ChunkIndex, StoredSlot)>, CatalogError> {
        read::slots(&mut *self.readers.acquire().await?, uid, indexes).await
    }

    async fn commit(
        &self,
        segments: &[SegmentCommit],
        rules: CommitRules,
    ) -> Result<Vec<Committed>, CatalogError> {
        let mut tx = self.begin().await?;
        let committed = commit::apply(&mut tx, segments, rules).await?;
        let Err(error) = tx.commit().await else {
            return Ok(committed);
        };
        // All of them came in with one transaction: one tells of all.
        let entered = segments.iter().zip(&committed);
        let mut entered = entered.filter(|(_, c)| matches!(c, Committed::Slots { .. }));
        match entered.next() {
            Some((first, _)) if self.knows_segment(first.segment).await? => {
                tracing::warn!(%error, "a commit was reported as failed, and is there");
                Ok(committed)
            }
            _ => Err(error.into()),
        }
    }

    async fn seal(
        &self,
        uid: Uid,
        params: &SealParams,
        known: Option<DigestOnTheWay>,
        now: Timestamp,
    ) -> Result<Option<(Capture, SealStep)>, CatalogError> {
        let mut tx = self.begin().await?;
        let sealed = seal::seal(&mut tx, uid, params, known, now).await?;
        tx.commit().await?;
        Ok(sealed)
    }

    async fn settle_digest(
        &self,
        uid: Uid,
        computed: DigestOnTheWay,
        at: Times,
    ) -> Result<Option<Capture>, CatalogError> {
        let mut tx = self.begin().await?;
        let settled = seal::settle_digest(&mut tx, uid, computed, at).await?;
        tx.commit().await?;
        settled.map_err(CatalogError::Refused)
    }

    async fn abandon_seal(&self, uid: Uid, expires: Timestamp) -> Result<(), CatalogError> {
        let mut tx = self.begin().await?;
        seal::abandon(&mut tx, uid, expires).await?;
        Ok(tx.commit().await?)
    }

    async fn sealing(&self) -> Result<Vec<Uid>, CatalogError> {
        read::sealing(&mut *self.readers.acquire().await?).await
    }

    async fn missing(
        &self,
        uid: Uid,
        count: Option<u32>,
        ranges_max: usize,
    ) -> Result<Option<(Capture, Missing)>, CatalogError> {
        let mut tx = self.readers.begin().await?;
        read::missing(&mut tx, uid, count, ranges_max).await
    }

    async fn chunks(
        &self,
        uid: Uid,
        from: ChunkIndex,
        limit: u32,
    ) -> Result<Vec<StoredChunk>, CatalogError> {
        read::chunks(&mut *self.readers.acquire().await?, uid, from, limit).await
    }

    async fn delete(&self, id: &CaptureId, now: Timestamp) -> Result<Option<Uid>, CatalogError> {
        let mut tx = self.begin().await?;
        let deleted = captures::delete(&mut tx, id, now).await?;
        tx.commit().await?;
        Ok(deleted)
    }

    async fn expire(&self, now: Timestamp) -> Result<Option<Uid>, CatalogError> {
        let mut tx = self.begin().await?;
        let expired = captures::expire(&mut tx, now).await?;
        tx.commit().await?;
        Ok(expired)
    }

    async fn condemn_orphans(
        &self,
        segments: &[SegmentId],
        now: Timestamp,
    ) -> Result<(), CatalogError> {
        let mut tx = self.begin().await?;
        segments::condemn_orphans(&mut tx, segments, now).await?;
        Ok(tx.commit().await?)
    }

    async fn condemned(
        &self,
        after: Option<SegmentId>,
        limit: u32,
    ) -> Result<Vec<SegmentId>, CatalogError> {
        segments::condemned(&mut *self.readers.acquire().await?, after, limit).await
    }

    async fn swept(&self, segments: &[SegmentId]) -> Result<(), CatalogError> {
        let mut tx = self.begin().await?;
        segments::swept(&mut tx, segments).await?;
        Ok(tx.commit().await?)
    }

    async fn forget_swept(&self, before: Timestamp) -> Result<(), CatalogError> {
        let mut tx = self.begin().await?;
        segments::forget_swept(&mut tx, before).await?;
        Ok(tx.commit().await?)
    }
}

impl SqliteCatalog {
    async fn knows_segment(&self, segment: SegmentId) -> Result<bool, CatalogError> {
        segments::is_known(&mut *self.readers.acquire().await?, segment).await
    }
}

/// SQLITE_FULL, primary result code.
const FULL: i32 = 13;

impl From<sqlx::Error> for CatalogError {
    fn from(error: sqlx::Error) -> Self {
        let code = error.as_database_error().and_then(|e| e.code());
        // The low byte of an extended result code is the primary one.
        match code.and_then(|code| code.parse::<i32>().ok()) {
            Some(code) if code & 0xff == FULL => Self::Full(error.into()),
            _ => Self::Unavailable(error.into()),
        }
    }
}

#[cfg(test)]
mod tests;
