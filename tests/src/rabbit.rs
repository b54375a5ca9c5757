//! RabbitMQ as a consumer sees it.

use futures::StreamExt as _;
use lapin::{
    BasicProperties, Channel, Connection, ConnectionProperties, Consumer,
    options::{
        BasicAckOptions, BasicConsumeOptions, BasicQosOptions, ExchangeDeclareOptions,
        QueueBindOptions, QueueDeclareOptions,
    },
    types::{AMQPValue, FieldTable},
};
use tokio::process::Command;

use crate::until::{until, within};

/// Names the server. `tests/foreign/rabbitmq.py` sets these.
pub const URL: &str = "WEIR_TEST_AMQP";
/// The same over TLS.
pub const TLS_URL: &str = "WEIR_TEST_AMQPS";
/// The certificate of who signed the server's.
pub const CA: &str = "WEIR_TEST_AMQP_CA";
const START: &str = "WEIR_TEST_AMQP_START";
const STOP: &str = "WEIR_TEST_AMQP_STOP";
const CTL: &str = "WEIR_TEST_AMQP_CTL";

/// Unacknowledged messages that a consumer is given.
const PREFETCH: u16 = 500;

#[must_use]
pub fn variable(name: &str) -> String {
    std::env::var(name).expect(name)
}

/// Stops the server in order.
pub async fn stop() {
    run(STOP, "").await;
}

/// Has the server take nothing for want of memory, or go on.
pub async fn block(is_blocked: bool) {
    let share = if is_blocked { "0" } else { "0.8" };
    run(CTL, &format!(" set_vm_memory_high_watermark {share}")).await;
}

/// Starts it, and waits until it takes connections.
pub async fn start() {
    run(START, "").await;
}

async fn run(name: &str, arguments: &str) {
    let command = variable(name) + arguments;
    let status = Command::new("sh").args(["-c", &command]).status().await;
    assert!(status.unwrap().success(), "{command}");
}

/// A durable queue, and one who reads it.
#[derive(Debug)]
pub struct Queue {
    consumer: Consumer,
    channel: Channel,
    _connection: Connection,
}

/// One that was read and acknowledged.
#[derive(Debug)]
pub struct Message {
    pub routing_key: String,
    pub properties: BasicProperties,
    pub body: Vec<u8>,
    pub is_redelivered: bool,
}

impl Message {
    /// A header that is text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<String> {
        let headers = self.properties.headers().as_ref()?;
        match headers.inner().get(name)? {
            AMQPValue::LongString(text) => Some(text.to_string()),
            other => panic!("{name}: {other:?}"),
        }
    }

    /// An attribute of CloudEvents.
    #[must_use]
    pub fn attribute(&self, name: &str) -> String {
        let header = self.header(&format!("cloudEvents:{name}"));
        header.unwrap_or_else(|| panic!("{name}: {self:?}"))
    }

    /// Capture and type.
    #[must_use]
    pub fn what(&self) -> (String, String) {
        (self.attribute("subject"), self.attribute("type"))
    }
}

impl Queue {
    /// Binds a queue of this name to the exchange of events, as often as there are
    /// keys, and reads it.
    pub async fn bound(name: &str, keys: &[&str]) -> Self {
        let queue = Self::open(name, keys);
        within("a queue", queue).await.unwrap()
    }

    /// The same once the server is there.
    pub async fn again(name: &str) -> Self {
        until("the broker", || async { Self::open(name, &[]).await.ok() }).await
    }

    async fn open(name: &str, keys: &[&str]) -> lapin::Result<Self> {
        let properties = ConnectionProperties::default();
        let connection = Connection::connect(&variable(URL), properties).await?;
        let channel = connection.create_channel().await?;
        channel
            .basic_qos(PREFETCH, BasicQosOptions::default())
            .await?;
        let durable = QueueDeclareOptions {
            durable: true,
            ..QueueDeclareOptions::default()
        };
        channel
            .queue_declare(name.into(), durable, FieldTable::default())
            .await?;
        let exchange = ExchangeDeclareOptions {
            durable: true,
            ..ExchangeDeclareOptions::default()
        };
        let (events, topic) = (ingest_service::EXCHANGE, lapin::ExchangeKind::Topic);
        channel
            .exchange_declare(events.into(), topic, exchange, FieldTable::default())
            .await?;
        for key in keys {
            channel
                .queue_bind(
                    name.into(),
                    events.into(),
                    (*key).into(),
                    QueueBindOptions::default(),
                    FieldTable::default(),
                )
                .await?;
        }
        let consumer = channel
            .basic_consume(
                name.into(),
                "".into(),
                BasicConsumeOptions::default(),
                FieldTable::default(),
            )
            .await?;
        Ok(Self {
            consumer,
            channel,
            _connection: connection,
        })
    }

    /// The next message, acknowledged.
    pub async fn next(&mut self) -> Message {
        within("the next message", self.try_next()).await.unwrap()
    }

    /// An error when the connection is lost.
    ///
    /// # Errors
    /// The client's.
    pub async fn try_next(&mut self) -> lapin::Result<Message> {
        let closed = || lapin::ErrorKind::InvalidConnectionState(lapin::ConnectionState::Closed);
        let Some(delivery) = self.consumer.next().await else {
            return Err(closed().into());
        };
        let delivery = delivery?;
        self.channel
            .basic_ack(delivery.delivery_tag, BasicAckOptions::default())
            .await?;
        Ok(Message {
            routing_key: delivery.routing_key.to_string(),
            properties: delivery.properties,
            body: delivery.data,
            is_redelivered: delivery.redelivered,
        })
    }
}
