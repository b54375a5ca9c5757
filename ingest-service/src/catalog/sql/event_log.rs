//! [`EventLog`] on SQL.

use std::time::Duration;

use async_trait::async_trait;
use sqlx::{Connection as _, Database};

use super::{
    super::{
        Backlog, CatalogError, DeadFate, DeadLetter, DeadPlace, EventLog, EventPage, InstanceId,
        Turn, Turned,
    },
    SqlCatalog, dead_letters, deliveries, events, instances, leads,
    session::Session,
    transaction::{change, read},
};
use crate::domain::{
    event::{Event, EventId, Position},
    time::Timestamp,
};

#[async_trait]
impl<DB> EventLog for SqlCatalog<DB>
where
    DB: Database,
    DB::Connection: Session,
{
    async fn events(&self, after: Position, limit: u32) -> Result<EventPage, CatalogError> {
        read!(self, db => events::after(db, after, limit))
    }

    async fn event(&self, id: EventId) -> Result<Option<Event>, CatalogError> {
        read!(self, db => events::by_id(db, id))
    }

    async fn forget_events(
        &self,
        before: Timestamp,
        handlers: &[&str],
        limit: u32,
    ) -> Result<bool, CatalogError> {
        change!(self, db => events::forget(db, before, handlers, limit))
    }

    async fn turn(&self, turn: &Turn) -> Result<Turned, CatalogError> {
        change!(self, db => deliveries::turn(db, turn))
    }

    async fn advance(&self, handler: &str, to: Position) -> Result<Position, CatalogError> {
        change!(self, db => deliveries::advance(db, handler, to))
    }

    async fn lead(
        &self,
        handler: &str,
        instance: InstanceId,
        to: Position,
    ) -> Result<Option<Position>, CatalogError> {
        change!(self, db => leads::lead(db, handler, instance, to))
    }

    async fn cede(&self, handler: &str, instance: InstanceId) -> Result<(), CatalogError> {
        change!(self, db => leads::cede(db, handler, instance))
    }

    async fn dead_letters(
        &self,
        handler: Option<&str>,
        after: Option<&DeadPlace>,
        limit: u32,
    ) -> Result<Vec<DeadLetter>, CatalogError> {
        read!(self, db => dead_letters::list(db, handler, after, limit))
    }

    async fn dead_letter(
        &self,
        handler: &str,
        event: EventId,
    ) -> Result<Option<DeadLetter>, CatalogError> {
        read!(self, db => dead_letters::one(db, handler, event))
    }

    async fn settle_dead_letters(
        &self,
        handler: &str,
        events: &[EventId],
        fate: DeadFate,
        now: Timestamp,
    ) -> Result<u64, CatalogError> {
        change!(self, db => dead_letters::settle(db, handler, events, fate, now))
    }

    async fn forget_dead_letters(
        &self,
        before: Timestamp,
        limit: u32,
    ) -> Result<bool, CatalogError> {
        change!(self, db => dead_letters::forget(db, before, limit))
    }

    async fn backlog(&self) -> Result<Vec<Backlog>, CatalogError> {
        read!(self, db => deliveries::backlog(db))
    }

    async fn beat(&self, instance: InstanceId, alive: Duration) -> Result<(), CatalogError> {
        change!(self, db => instances::beat(db, instance, alive))
    }

    async fn leave(&self, instance: InstanceId) -> Result<(), CatalogError> {
        change!(self, db => instances::leave(db, instance))
    }
}
