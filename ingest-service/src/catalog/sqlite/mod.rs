//! The catalog in one SQLite file: the embedded default.
//!
//! One connection writes, begun as `BEGIN IMMEDIATE`: that takes the database's
//! only write lock, so a row that a transaction read can't change under it, also
//! not by another process on the same file. A few connections read beside it (WAL).

mod captures;
mod commit;
mod read;
mod row;
mod seal;
mod segments;

use std::{path::Path, str::FromStr as _, time::Duration};

use async_trait::async_trait;
use sqlx::{
    Sqlite, SqlitePool, Transaction,
    migrate::Migrator,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};

use weir_shared::store::create_synced;

use super::{
    Catalog, CatalogError, CommitRules, Committed, ListQuery, SegmentCommit, StoredChunk, Times,
};
use crate::domain::{
    capture::{Capture, DigestOnTheWay, SealParams, SealStep, Spec, StoredSlot},
    id::{CaptureId, ChunkIndex, SegmentId, Uid},
    range::Missing,
    time::Timestamp,
};

/// How long a transaction waits for another process's: far above any commit,
/// below what a caller waits for.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

/// Connections that read. SQLite reads are short and from the page cache: more
/// would only wait for the two or four cores of a small machine.
const READERS: u32 = 4;

static MIGRATIONS: Migrator = sqlx::migrate!("migrations/sqlite");

/// See the module.
#[derive(Debug)]
pub struct SqliteCatalog {
    writer: SqlitePool,
    readers: SqlitePool,
}

/// Why a catalog can't be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("cannot create the catalog's directory")]
    Directory(#[source] std::io::Error),
    #[error("not supported: use sqlite:///PATH")]
    Scheme,
    #[error("not a SQLite URL")]
    Url(#[source] sqlx::Error),
    #[error("cannot open the catalog")]
    Open(#[source] sqlx::Error),
    #[error("cannot bring the catalog to this version's schema")]
    Migrate(#[source] sqlx::migrate::MigrateError),
}

impl SqliteCatalog {
    /// Opens the file that `sqlite:///PATH` names, and makes it when there is none.
    ///
    /// # Errors
    /// [`OpenError`] says what is wrong with the URL, the file or its schema.
    pub async fn open(url: &str) -> Result<Self, OpenError> {
        // sqlx takes any other URL for the name of a file. Parameters could
        // make it one in memory.
        if !url.starts_with("sqlite:///") || url.contains('?') {
            return Err(OpenError::Scheme);
        }
        let options = SqliteConnectOptions::from_str(url)
            .map_err(OpenError::Url)?
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            // In WAL mode only FULL syncs each commit.
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(BUSY_TIMEOUT);
        let directory = options.get_filename().parent();
        if let Some(directory) = directory.filter(|d| *d != Path::new("")) {
            create_synced(directory).map_err(OpenError::Directory)?;
        }
        let writer = pool()
            .max_connections(1)
            .max_lifetime(None)
            .idle_timeout(None)
            .connect_with(options.clone())
            .await
            .map_err(OpenError::Open)?;
        MIGRATIONS.run(&writer).await.map_err(OpenError::Migrate)?;
        let readers = pool()
            .max_connections(READERS)
            .max_lifetime(None)
            .connect_with(options.read_only(true))
            .await
            .map_err(OpenError::Open)?;
        Ok(Self { writer, readers })
    }

    async fn begin(&self) -> Result<Transaction<'static, Sqlite>, CatalogError> {
        Ok(self.writer.begin_with("BEGIN IMMEDIATE").await?)
    }
}

/// SQLite ends a transaction by itself when the disk is full or fails. sqlx
/// doesn't notice, and would begin nothing but nested ones on that connection
/// from then on: it is replaced by a new one.
fn pool() -> SqlitePoolOptions {
    SqlitePoolOptions::new().before_acquire(|connection, _| {
        Box::pin(async move { Ok(!sqlx::Connection::is_in_transaction(connection)) })
    })
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

    async fn expire(&self, now: Timestamp, limit: u32) -> Result<Vec<Uid>, CatalogError> {
        let mut tx = self.begin().await?;
        let expired = captures::expire(&mut tx, now, limit).await?;
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
