//! [`Index`] on SQL: beside the catalog in a file of its own, or in the same
//! PostgreSQL database.

mod captures;
mod query;
mod records;
mod room;
mod text;

use async_trait::async_trait;
use sqlx::{Connection as _, Database, Pool};
use tokio::sync::MutexGuard;

use super::{
    super::CatalogError,
    session::Session,
    transaction::{change, read},
};
use crate::domain::{
    analysis::AnalysisId,
    id::Uid,
    index::{
        FoundCapture, FoundRecord, Index, IndexRecord, IndexedCapture, RecordQuery, Run, Written,
        words::{Text, Words},
    },
};

#[cfg(test)]
pub(in crate::catalog) use query::query as query_records;
pub(crate) use room::Room;
pub(crate) use text::TextEngine;

/// See the module.
#[derive(Debug)]
pub(crate) struct SqlIndex<DB: Database> {
    pub(in crate::catalog) writers: Pool<DB>,
    pub(in crate::catalog) readers: Pool<DB>,
    pub(in crate::catalog) room: Room,
}

impl<DB> SqlIndex<DB>
where
    DB: Database,
    DB::Connection: Session,
{
    /// Room to write some more, until the turn is over.
    ///
    /// # Errors
    /// [`CatalogError::Full`] when what room there is is left to others.
    async fn room(&self) -> Result<Option<MutexGuard<'_, ()>>, CatalogError> {
        let turn = self.room.turn().await;
        let checked = self.room.check(0).await;
        if let (Err(_), Some(asked)) = (&checked, DB::Connection::DIALECT.reusable_bytes) {
            let reusable = read!(self, db => room::reusable(db, asked))?;
            self.room.check(reusable).await?;
        } else {
            checked?;
        }
        Ok(turn)
    }
}

#[async_trait]
impl<DB> Index for SqlIndex<DB>
where
    DB: Database,
    DB::Connection: Session,
{
    async fn begin(&self, capture: Uid) -> Result<Run, CatalogError> {
        let _turn = self.room().await?;
        change!(self, db => captures::begin(db, capture))
    }

    async fn add(&self, run: Run, records: &[IndexRecord]) -> Result<(), CatalogError> {
        let _turn = self.room().await?;
        change!(self, db => records::add(db, run, records))
    }

    async fn publish(
        &self,
        capture: &IndexedCapture,
        written: Written,
        text: &Text,
    ) -> Result<(), CatalogError> {
        let _turn = self.room().await?;
        change!(self, db => captures::publish(db, capture, Some(written), text))
    }

    async fn publish_words(&self, captures: &[(IndexedCapture, Text)]) -> Result<(), CatalogError> {
        let _turn = self.room().await?;
        change!(self, db => captures::publish_words(db, captures))
    }

    async fn indexed(&self, capture: Uid) -> Result<Option<Option<AnalysisId>>, CatalogError> {
        read!(self, db => captures::indexed(db, capture))
    }

    async fn forget(&self, captures: &[Uid]) -> Result<(), CatalogError> {
        change!(self, db => captures::forget(db, captures))
    }

    async fn clean(&self, captures: &[Uid], limit: u32) -> Result<bool, CatalogError> {
        change!(self, db => records::clean(db, captures, limit))
    }

    async fn query(&self, query: &RecordQuery) -> Result<Vec<FoundRecord>, CatalogError> {
        read!(self, db => query::query(db, query))
    }

    async fn search(&self, words: &Words, limit: u32) -> Result<Vec<FoundCapture>, CatalogError> {
        read!(self, db => text::search(db, words, limit))
    }

    async fn is_whole(&self) -> Result<bool, CatalogError> {
        read!(self, db => captures::is_whole(db))
    }

    async fn set_whole(&self) -> Result<(), CatalogError> {
        change!(self, db => captures::set_whole(db))
    }
}
