//! RabbitMQ, as the broker that events go to: AMQP 0-9-1.
//!
//! Messages go to the durable topic exchange [`EXCHANGE`], each with its event's
//! type as the routing key. Queues are others' business: what no queue wants is
//! confirmed and gone.

mod connection;
mod message;
mod url;

use std::{collections::HashSet, fmt, sync::Mutex, sync::PoisonError};

use async_trait::async_trait;
use futures::{FutureExt as _, StreamExt as _, future::BoxFuture};
use lapin::{Confirmation, options::BasicPublishOptions, uri::AMQPUri};
use weir_shared::{chain::Chain, traceparent};

use crate::{
    domain::{
        event::Event,
        relay::{Broker, BrokerError, Confirm, Publisher},
    },
    grpc::Source,
};
use connection::Link;
use message::Message;
pub(crate) use url::UrlError;

/// Where all events go.
pub const EXCHANGE: &str = "weir.events";

/// Types that this release can't read, of which each is logged once a connection.
const UNREADABLE_TYPES_MAX: usize = 100;

/// A broker that a URL names. Shown without its user and password.
pub(crate) struct RabbitMq {
    uri: AMQPUri,
    source: Source,
}

impl RabbitMq {
    /// Reads a URL, and connects to nobody. Events name `source` as where they
    /// come from.
    ///
    /// # Errors
    /// [`UrlError`], which tells nothing of the URL but the name of a parameter.
    pub(crate) fn new(url: &str, source: Source) -> Result<Self, UrlError> {
        let uri = url::parse(url)?;
        Ok(Self { uri, source })
    }
}

impl fmt::Debug for RabbitMq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let AMQPUri {
            scheme,
            authority,
            vhost,
            ..
        } = &self.uri;
        let (host, port) = (&authority.host, authority.port);
        write!(f, "{scheme}://{host}:{port}, virtual host {vhost}")
    }
}

#[async_trait]
impl Broker for RabbitMq {
    async fn connect(&self) -> Result<Box<dyn Publisher>, BrokerError> {
        let link = connection::connect(&self.uri).await?;
        tracing::info!(broker = ?self, "connected");
        Ok(Box::new(RabbitPublisher {
            link,
            source: self.source.clone(),
            unreadable: Mutex::default(),
        }))
    }
}

struct RabbitPublisher {
    link: Link,
    source: Source,
    /// Types that were logged.
    unreadable: Mutex<HashSet<String>>,
}

#[async_trait]
impl Publisher for RabbitPublisher {
    async fn publish(&self, event: &Event) -> Result<Confirm, BrokerError> {
        let message = Message::of(event, &self.source, traceparent::current());
        if let Some(why) = &message.unreadable {
            self.tell_unreadable(event, why);
        }
        let options = BasicPublishOptions::default();
        let Message {
            routing_key,
            properties,
            body,
            ..
        } = message;
        let sent = self.link.channel.basic_publish(
            EXCHANGE.into(),
            routing_key,
            options,
            &body,
            properties,
        );
        let confirm = sent.await.map_err(away)?;
        let id = event.id;
        let confirm = async move {
            match confirm.await.map_err(away)? {
                Confirmation::Ack(_) => Ok(()),
                Confirmation::Nack(_) => Err(BrokerError::Refused(id)),
                Confirmation::NotRequested => Err(away("it was not asked for confirms")),
            }
        };
        Ok(confirm.boxed())
    }

    fn is_blocked(&self) -> bool {
        self.link.connection.status().blocked()
    }

    fn lost(&self) -> BoxFuture<'static, BrokerError> {
        let errors = self.link.connection.events_listener();
        let errors = errors.filter_map(async |event| match event {
            lapin::Event::Error(error) => Some(error),
            lapin::Event::ConnectionBlocked(reason) => {
                tracing::warn!(reason, "the broker takes nothing for now");
                None
            }
            lapin::Event::ConnectionUnblocked => {
                tracing::info!("the broker takes events again");
                None
            }
            _ => None,
        });
        let lost = async move {
            tokio::pin!(errors);
            match errors.next().await {
                Some(error) => away(error),
                None => away("the connection is closed"),
            }
        };
        lost.boxed()
    }

    async fn close(&self) {
        // What is left open is cut when it is dropped.
        let closed = self.link.connection.close(200, "OK".into());
        if let Err(error) = closed.await {
            tracing::debug!(%error, "the connection to the broker was not closed in form");
        }
    }
}

impl RabbitPublisher {
    fn tell_unreadable(&self, event: &Event, why: &(dyn std::error::Error + 'static)) {
        let mut told = self
            .unreadable
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if told.len() < UNREADABLE_TYPES_MAX && told.insert(event.kind.clone()) {
            tracing::warn!(
                error = %Chain(why),
                event.kind,
                "events that this release can't read go to the broker as JSON"
            );
        }
    }
}

fn away(cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> BrokerError {
    BrokerError::Away(cause.into())
}
