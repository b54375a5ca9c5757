//! What takes events, and how it may be registered: from anywhere.

use std::{collections::BTreeMap, error::Error as StdError, fmt, sync::Arc, time::Duration};

use async_trait::async_trait;

use crate::domain::{
    error::Error,
    event::{Event, Fact, kind},
};

/// Takes events of some types and does something about each.
///
/// A delivery is at least once: a service that dies between an effect and its
/// record delivers again. So an effect must be the same when it is repeated;
/// [`Event::id`] tells a repeated event.
///
/// Events of one capture come in order, one at a time. Those of different
/// captures come side by side.
#[async_trait]
pub trait Handler: fmt::Debug + Send + Sync + 'static {
    /// `[a-z0-9][a-z0-9-]{0,63}`, the same for ever: what it has still to see is
    /// kept by this name.
    fn name(&self) -> &'static str;

    /// Types that it can read, with their versions ([`kind`]). An event of one of
    /// these in another version is refused in its name, as a dead letter.
    fn kinds(&self) -> &'static [&'static str];

    fn limits(&self) -> Limits {
        Limits::default()
    }

    /// Does what is to be done about one event.
    ///
    /// Cancel safety: it may be dropped at any point, when it takes too long or
    /// the service ends, and the event comes again.
    ///
    /// # Errors
    /// [`Failure`] says whether to try again.
    async fn handle(&self, event: &Event, fact: Fact) -> Result<(), Failure>;
}

/// What bounds a handler.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Events at once, in each instance.
    pub concurrency: u32,
    /// Longest time for one attempt.
    pub timeout: Duration,
    /// After so many it is given up.
    pub attempts: u32,
    /// Before the second attempt; twice as long before each further one, and up to
    /// as much again by chance.
    pub pause_min: Duration,
    pub pause_max: Duration,
}

/// Some 20 minutes: a store or a database that was restarted is back by then.
impl Default for Limits {
    fn default() -> Self {
        Self {
            concurrency: 4,
            timeout: Duration::from_secs(60),
            attempts: 12,
            pause_min: Duration::from_secs(1),
            pause_max: Duration::from_secs(300),
        }
    }
}

/// Until a handler looks again whether there is room.
const REST_WHEN_FULL: Duration = Duration::from_secs(15);

type Cause = Box<dyn StdError + Send + Sync>;

/// Why a handler could not do it.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// It may pass.
    #[error(transparent)]
    Transient(Cause),
    /// No further attempt would do better.
    #[error(transparent)]
    Permanent(Cause),
    /// Nothing can be done for now, whatever the event: the handler is given none for so
    /// long. That it was given this one is no attempt, however often it happens.
    #[error("not now")]
    Later {
        #[source]
        cause: Cause,
        pause: Duration,
    },
}

impl Failure {
    pub fn transient(cause: impl Into<Cause>) -> Self {
        Self::Transient(cause.into())
    }

    pub fn permanent(cause: impl Into<Cause>) -> Self {
        Self::Permanent(cause.into())
    }

    pub fn later(cause: impl Into<Cause>, pause: Duration) -> Self {
        let cause = cause.into();
        Self::Later { cause, pause }
    }
}

/// What an error means for a delivery: damage stays, and whoever waits for room waits as long
/// as it takes.
impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match error {
            Error::ResultsDamaged(_) => Self::permanent(error),
            Error::StorageFull(_) => Self::later(error, REST_WHEN_FULL),
            _ => Self::transient(error),
        }
    }
}

/// The handlers of a service.
#[derive(Clone, Debug, Default)]
pub struct Registry(BTreeMap<&'static str, Arc<dyn Handler>>);

/// Longest name, bytes.
const NAME_BYTES_MAX: usize = 64;

/// Why a handler is not registered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unregistered {
    #[error("handler {0:?}: a name is [a-z0-9][a-z0-9-]{{0,63}}")]
    Name(&'static str),
    #[error("a handler {0:?} is registered already")]
    Taken(&'static str),
    #[error("handler {0:?} takes {1:?}, which is no type of this release")]
    Kind(&'static str, &'static str),
}

impl Registry {
    /// The name by which a broker's relay keeps its place in the log.
    pub const BROKER: &str = "broker";

    /// Registers one.
    ///
    /// # Errors
    /// [`Unregistered`]
    pub fn add(&mut self, handler: Arc<dyn Handler>) -> Result<(), Unregistered> {
        let name = handler.name();
        let is_plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
        let is_name = name.bytes().next().is_some_and(is_plain)
            && name.bytes().all(|b| is_plain(b) || b == b'-')
            && name.len() <= NAME_BYTES_MAX;
        if !is_name {
            return Err(Unregistered::Name(name));
        }
        if name == Self::BROKER || self.0.contains_key(name) {
            return Err(Unregistered::Taken(name));
        }
        let mut kinds = handler.kinds().iter();
        if let Some(unknown) = kinds.find(|known| !kind::ALL.contains(known)) {
            return Err(Unregistered::Kind(name, unknown));
        }
        self.0.insert(name, handler);
        Ok(())
    }

    /// All of them, ordered by name.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<dyn Handler>> {
        self.0.values()
    }

    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Arc<dyn Handler>> {
        self.0.get(name)
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
