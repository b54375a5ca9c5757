//! Where events go as well.

use std::{fmt, sync::Arc};

use crate::{
    broker::{RabbitMq, UrlError},
    domain::relay::Broker,
};

/// Events that may wait: an hour of 25 a second. At a kilobyte each they are
/// 100 MB of the catalog.
const BACKLOG_MAX: u64 = 100_000;

/// Flags of a broker. Shown without its URL.
#[derive(Clone, clap::Args)]
#[command(next_help_heading = "Broker")]
pub struct BrokerConfig {
    /// RabbitMQ that events are published to: amqp://USER:PASSWORD@HOST:PORT/VHOST, or amqps
    /// for TLS [default: none].
    // Help would print the variable's value, and the password in it.
    #[arg(long = "broker", env = "WEIR_BROKER", hide_env_values = true)]
    pub url: Option<String>,
    /// Events that may wait for the broker: above it the health service weir.ingest.v1.Broker
    /// says NOT_SERVING. Nothing else changes then.
    #[arg(long = "broker-backlog-max", env = "WEIR_BROKER_BACKLOG_MAX", default_value_t = BACKLOG_MAX)]
    pub backlog_max: u64,
}

impl Default for BrokerConfig {
    fn default() -> Self {
        Self {
            url: None,
            backlog_max: BACKLOG_MAX,
        }
    }
}

impl fmt::Debug for BrokerConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BrokerConfig")
            .field("is_some", &self.is_some())
            .field("backlog_max", &self.backlog_max)
            .finish_non_exhaustive()
    }
}

impl BrokerConfig {
    /// An empty variable is an unset one, as for other programs.
    fn url(&self) -> Option<&str> {
        self.url.as_deref().filter(|url| !url.is_empty())
    }

    pub(crate) fn is_some(&self) -> bool {
        self.url().is_some()
    }

    /// Connects to nobody yet.
    pub(crate) fn open(&self, source: &str) -> Result<Option<Arc<dyn Broker>>, UrlError> {
        let Some(url) = self.url() else {
            return Ok(None);
        };
        let broker = RabbitMq::new(url, source.into())?;
        Ok(Some(Arc::new(broker)))
    }
}
