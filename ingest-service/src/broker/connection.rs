//! A connection to RabbitMQ, which is bounded in time and never outlived.

use std::{
    net::{Shutdown, TcpStream},
    os::fd::AsFd as _,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use lapin::{
    AsyncTcpStream, Channel, Connection, ConnectionProperties, ExchangeKind,
    options::{ConfirmSelectOptions, ExchangeDeclareOptions},
    runtime::default_runtime,
    tcp::TLSConfig,
    types::FieldTable,
    uri::{AMQPScheme, AMQPUri},
};

use super::{EXCHANGE, away};
use crate::domain::relay::BrokerError;

/// From the first packet to an exchange that is there. A broker that starts takes
/// connections before it answers.
const CONNECT_TIME_MAX: Duration = Duration::from_secs(10);

/// A channel that is ready to publish.
pub(super) struct Link {
    pub(super) channel: Channel,
    pub(super) connection: Connection,
    _socket: Socket,
}

/// The client's thread reads and writes until the socket is closed: dropped, this
/// closes it, whatever the server does.
struct Socket(Opened);

#[derive(Clone, Default)]
struct Opened(Arc<Mutex<Option<TcpStream>>>);

impl Opened {
    fn set(&self, socket: TcpStream) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(socket);
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        let Opened(socket) = &self.0;
        let socket = socket.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(socket) = socket {
            // It may be closed already.
            socket.shutdown(Shutdown::Both).ok();
        }
    }
}

pub(super) async fn connect(uri: &AMQPUri) -> Result<Link, BrokerError> {
    match tokio::time::timeout(CONNECT_TIME_MAX, open(uri)).await {
        Ok(opened) => opened.map_err(away),
        Err(_) => Err(BrokerError::Silent(CONNECT_TIME_MAX)),
    }
}

async fn open(uri: &AMQPUri) -> lapin::Result<Link> {
    let opened = Opened::default();
    let socket = Socket(opened.clone());
    let properties = ConnectionProperties::default().with_connection_name("weir".into());
    let runtime = default_runtime()?;
    // The closure runs on the client's thread, which nobody would end.
    let connecting = Connection::connector(
        uri.clone(),
        runtime,
        async move |uri, runtime| {
            let dialled = async {
                let host = &*uri.authority.host;
                let found = tokio::net::lookup_host((host, uri.authority.port)).await?;
                let addresses: Vec<_> = found.collect();
                let stream = AsyncTcpStream::connect(&runtime, addresses).await?;
                if let AsyncTcpStream::Plain(stream) = &stream {
                    let stream = stream.get_ref();
                    stream.set_nodelay(true)?;
                    opened.set(stream.as_fd().try_clone_to_owned()?.into());
                }
                match uri.scheme {
                    AMQPScheme::AMQP => Ok(stream),
                    AMQPScheme::AMQPS => stream.into_tls(host, TLSConfig::default()).await,
                }
            };
            let dialled = tokio::time::timeout(CONNECT_TIME_MAX, dialled).await;
            Ok(dialled.map_err(std::io::Error::from)??)
        },
        properties,
    );
    let connection = connecting.await?;
    let channel = connection.create_channel().await?;
    let durable = ExchangeDeclareOptions {
        durable: true,
        ..ExchangeDeclareOptions::default()
    };
    let none = FieldTable::default();
    channel
        .exchange_declare(EXCHANGE.into(), ExchangeKind::Topic, durable, none)
        .await?;
    channel
        .confirm_select(ConfirmSelectOptions::default())
        .await?;
    Ok(Link {
        channel,
        connection,
        _socket: socket,
    })
}
