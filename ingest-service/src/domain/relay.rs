//! Events go to a broker: at least once, in order for each capture.
//!
//! One instance on a catalog does it, the one that has the lead. It publishes
//! what comes after its position, and moves the position once the broker has
//! confirmed all before it. Whatever fails in between, it or another instance
//! publishes from the position again; receivers tell repeated events by their id.

mod metrics;
mod readiness;
mod session;
mod window;

use std::{error, fmt, sync::Arc, time::Duration};

use async_trait::async_trait;
use backon::{BackoffBuilder as _, ExponentialBuilder};
use futures::future::BoxFuture;
use weir_shared::chain::Chain;

use super::{
    dispatch::handler::Registry,
    event::{Event, EventId, Position},
    ingest::Ingest,
};
use crate::catalog::CatalogError;
pub use metrics::RelayMetrics;
use session::Session;

/// Between two tries to reach the broker. It is back within seconds of a restart.
const PAUSE_MIN: Duration = Duration::from_millis(200);
const PAUSE_MAX: Duration = Duration::from_secs(10);

/// Between two looks of an instance that does not lead.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);

/// How long it takes to take leave.
const CLOSE_TIME_MAX: Duration = Duration::from_secs(1);

/// Takes events for others.
#[async_trait]
pub trait Broker: fmt::Debug + Send + Sync + 'static {
    /// Connects, and makes what messages need there. Bounded in time.
    ///
    /// Cancel safety: nothing is left behind.
    ///
    /// # Errors
    /// [`BrokerError`]
    async fn connect(&self) -> Result<Box<dyn Publisher>, BrokerError>;
}

/// A connection to a broker. Dropped, it is closed.
#[async_trait]
pub trait Publisher: Send + Sync {
    /// Sends one event: after those that were sent before it.
    ///
    /// Cancel safety: a dropped call may have sent it.
    ///
    /// # Errors
    /// [`BrokerError`]
    async fn publish(&self, event: &Event) -> Result<Confirm, BrokerError>;

    /// The broker is there and takes nothing for a while, which it has said.
    fn is_blocked(&self) -> bool;

    /// Ends when the connection is lost.
    fn lost(&self) -> BoxFuture<'static, BrokerError>;

    /// Takes leave of the broker.
    async fn close(&self);
}

/// Ends when the broker has an event for good, or will not.
pub type Confirm = BoxFuture<'static, Result<(), BrokerError>>;

type Cause = Box<dyn error::Error + Send + Sync>;

/// Why a broker does not have an event. All of it may pass.
#[derive(Debug, thiserror::Error)]
pub enum BrokerError {
    #[error("the broker can't be used")]
    Away(#[source] Cause),
    #[error("the broker says nothing for {0:?}")]
    Silent(Duration),
    #[error("the broker refuses event {0}")]
    Refused(EventId),
}

/// Why a session is over.
#[derive(Debug, thiserror::Error)]
enum Ended {
    #[error(transparent)]
    Broker(#[from] BrokerError),
    #[error("the catalog does not say who leads")]
    Catalog(#[from] CatalogError),
    #[error("another instance leads")]
    Displaced,
    #[error("the service ends")]
    Shutdown,
}

impl Ingest {
    /// Publishes events to this broker while this instance leads, until shutdown.
    pub async fn relay(self: Arc<Self>, broker: Arc<dyn Broker>) {
        let mut pauses = pauses();
        loop {
            let lease = tokio::select! {
                biased;
                () = self.shutdown.cancelled() => return,
                lease = self.instance.lease() => lease,
            };
            // At the end others wait until we have said how far we came.
            let _working = self.instance.working();
            let mut confirmed = 0;
            let ended = tokio::select! {
                biased;
                () = lease.cancelled() => continue,
                ended = self.relay_once(&*broker, &mut confirmed) => ended,
            };
            self.cede().await;
            if let Ended::Shutdown = ended {
                return;
            }
            if confirmed > 0 {
                pauses = self::pauses();
            }
            let pause = pauses.next().unwrap_or(PAUSE_MAX);
            tracing::warn!(error = %Chain(&ended), ?pause, "events wait for the broker");
            tokio::select! {
                biased;
                () = self.shutdown.cancelled() => return,
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    /// Counts what was confirmed.
    async fn relay_once(&self, broker: &dyn Broker, confirmed: &mut u64) -> Ended {
        // Once it is known, no event is forgotten before it is published.
        if let Err(error) = self.catalog.advance(Registry::BROKER, Position(0)).await {
            return error.into();
        }
        let publisher = tokio::select! {
            biased;
            () = self.shutdown.cancelled() => return Ended::Shutdown,
            connected = broker.connect() => match connected {
                Ok(publisher) => publisher,
                Err(error) => {
                    self.metrics.relay.connected(false);
                    return error.into();
                }
            },
        };
        self.metrics.relay.connected(true);
        let ended = self.publish_from_lead(&*publisher, confirmed).await;
        // A broker that says nothing any more has no part in it.
        if let Ended::Shutdown | Ended::Displaced | Ended::Catalog(_) = ended {
            tokio::time::timeout(CLOSE_TIME_MAX, publisher.close())
                .await
                .ok();
        }
        ended
    }

    /// Waits for the lead, and publishes while it has it.
    async fn publish_from_lead(&self, publisher: &dyn Publisher, confirmed: &mut u64) -> Ended {
        let mut lost = publisher.lost();
        loop {
            match self.lead(Position(0)).await {
                Err(error) => return error.into(),
                Ok(Some(position)) => {
                    tracing::info!(position = position.0, "events go to the broker from here");
                    let session = Session::new(self, publisher, position, confirmed);
                    return session.run(&mut lost).await;
                }
                Ok(None) => {}
            }
            tokio::select! {
                biased;
                () = self.shutdown.cancelled() => return Ended::Shutdown,
                error = &mut lost => return error.into(),
                () = tokio::time::sleep(LOOK_INTERVAL) => {}
            }
        }
    }

    async fn lead(&self, to: Position) -> Result<Option<Position>, CatalogError> {
        let lead = self.catalog.lead(Registry::BROKER, self.instance.id, to);
        lead.await
    }

    /// Perhaps another instance reaches the broker.
    async fn cede(&self) {
        let ceded = self.catalog.cede(Registry::BROKER, self.instance.id);
        if let Err(error) = ceded.await {
            tracing::warn!(error = %Chain(&error), "others learn late that this instance does not lead");
        }
    }
}

/// Twice as long each time, and up to as much again by chance.
fn pauses() -> impl Iterator<Item = Duration> + Send {
    ExponentialBuilder::default()
        .with_min_delay(PAUSE_MIN)
        .with_max_delay(PAUSE_MAX)
        .without_max_times()
        .with_jitter()
        .build()
}

#[cfg(test)]
mod tests;
