//! The part of a catalog that keeps what has happened, and who has still to
//! see it.

use std::{fmt, time::Duration};

use async_trait::async_trait;
use uuid::Uuid;

use super::CatalogError;
use crate::domain::{
    event::{Event, EventId, Position},
    time::Timestamp,
};

/// Events, the deliveries of them to handlers, and the services that are alive.
///
/// Events are written by the operations of [`super::Catalog`], each in the
/// transaction of its change. As there, every method is one transaction.
#[async_trait]
pub trait EventLog: Send + Sync {
    /// Up to `limit` events after a position, in order, and what is kept.
    async fn events(&self, after: Position, limit: u32) -> Result<EventPage, CatalogError>;

    async fn event(&self, id: EventId) -> Result<Option<Event>, CatalogError>;

    /// Forgets up to `limit` events of before a time that all of these handlers
    /// have been given and that no delivery is left of. False: there are none.
    async fn forget_events(
        &self,
        before: Timestamp,
        handlers: &[&str],
        limit: u32,
    ) -> Result<bool, CatalogError>;

    /// Takes what deliveries came to, gives each handler the events that are new
    /// to it, and hands out those whose turn has come. A handler has at most one
    /// event of a capture at a time, the oldest.
    async fn turn(&self, turn: &Turn) -> Result<Turned, CatalogError>;

    /// Sets how far a handler that is no subscriber of [`EventLog::turn`] has
    /// come: only forward. Its position now; [`Position`] 0 when it is new.
    async fn advance(&self, handler: &str, to: Position) -> Result<Position, CatalogError>;

    /// Takes or keeps the lead where only one instance at a time may do a handler's
    /// work, and sets how far it has come: only forward. Its position now; `None`:
    /// another instance has the lead and is alive, and nothing was changed.
    async fn lead(
        &self,
        handler: &str,
        instance: InstanceId,
        to: Position,
    ) -> Result<Option<Position>, CatalogError>;

    /// Gives the lead back, if this instance has it.
    async fn cede(&self, handler: &str, instance: InstanceId) -> Result<(), CatalogError>;

    /// Deliveries that were given up, ordered by event and handler, after the
    /// one given; only of one handler when there is one.
    async fn dead_letters(
        &self,
        handler: Option<&str>,
        after: Option<&DeadPlace>,
        limit: u32,
    ) -> Result<Vec<DeadLetter>, CatalogError>;

    async fn dead_letter(
        &self,
        handler: &str,
        event: EventId,
    ) -> Result<Option<DeadLetter>, CatalogError>;

    /// Delivers again, as if it were new, or forgets: those of these events, or
    /// all of the handler. How many it were.
    async fn settle_dead_letters(
        &self,
        handler: &str,
        events: &[EventId],
        fate: DeadFate,
        now: Timestamp,
    ) -> Result<u64, CatalogError>;

    /// Forgets up to `limit` dead letters that were given up before a time. False:
    /// there are none.
    async fn forget_dead_letters(
        &self,
        before: Timestamp,
        limit: u32,
    ) -> Result<bool, CatalogError>;

    /// What is still to be done, by handler.
    async fn backlog(&self) -> Result<Vec<Backlog>, CatalogError>;

    /// This service is alive for so long from now on, by the catalog's clock.
    async fn beat(&self, instance: InstanceId, alive: Duration) -> Result<(), CatalogError>;

    /// This service is not alive: others may take over what it did.
    async fn leave(&self, instance: InstanceId) -> Result<(), CatalogError>;
}

/// A part of the log of events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventPage {
    /// In the order of their positions.
    pub events: Vec<Event>,
    /// Of the oldest event that is kept, or is to come.
    pub oldest: Position,
    /// Of the last event that was written.
    pub last: Position,
}

/// One run of a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct InstanceId(Uuid);

impl InstanceId {
    #[must_use]
    pub fn generate() -> Self {
        Self(Uuid::now_v7())
    }

    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 16] {
        self.0.as_bytes()
    }
}

impl fmt::Display for InstanceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// See [`EventLog::turn`].
#[derive(Clone, Debug)]
pub struct Turn {
    pub instance: InstanceId,
    pub now: Timestamp,
    pub finished: Vec<Finished>,
    pub subscribers: Vec<Subscriber>,
}

/// What came of a turn.
#[derive(Clone, Debug, Default)]
pub struct Turned {
    /// Now this instance's.
    pub deliveries: Vec<Delivery>,
    /// There are more events that are new to some handler than one turn gives it.
    pub is_behind: bool,
}

/// A handler that takes events.
#[derive(Clone, Debug)]
pub struct Subscriber {
    pub handler: &'static str,
    /// Types without their version: those of another version are for it as well,
    /// and it is told that it can't read them.
    pub families: Vec<&'static str>,
    /// Deliveries that it was given and has. Of others that are this instance's, it has
    /// lost sight: they are handed out again.
    pub held: Vec<Position>,
    /// Deliveries that it can take now.
    pub room: u32,
}

/// A delivery that this instance has tried.
#[derive(Clone, Debug)]
pub struct Finished {
    pub handler: &'static str,
    pub position: Position,
    pub outcome: Outcome,
}

/// What a delivery came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    Done,
    /// To be tried again at this time.
    Again {
        at: Timestamp,
        history: Vec<Attempt>,
    },
    /// Given up.
    Dead {
        history: Vec<Attempt>,
    },
    /// Not tried: for any instance, from this time on.
    Released {
        at: Timestamp,
    },
}

/// What an attempt failed with.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Attempt {
    /// Microseconds since 1970 UTC.
    pub at_us: i64,
    pub error: String,
}

/// An event that a handler is to see now.
#[derive(Clone, Debug)]
pub struct Delivery {
    pub handler: String,
    pub event: Event,
    /// From 1.
    pub attempt: u32,
    pub history: Vec<Attempt>,
}

/// A delivery that was given up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLetter {
    pub handler: String,
    pub event: Event,
    pub attempts: u32,
    pub at: Timestamp,
    pub history: Vec<Attempt>,
}

/// A dead letter's place in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadPlace {
    pub position: Position,
    pub handler: String,
}

/// What becomes of dead letters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeadFate {
    Redriven,
    Dropped,
}

/// What a handler has still to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Backlog {
    pub handler: String,
    /// Events after its position, of whatever type.
    pub ahead: u64,
    /// When the oldest event happened that it has still to see.
    pub oldest: Option<Timestamp>,
    /// Deliveries that wait or run.
    pub waiting: u64,
    /// Deliveries that were given up.
    pub dead: u64,
}
