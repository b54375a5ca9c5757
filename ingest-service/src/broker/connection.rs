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
    connect_within(CONNECT_TIME_MAX, uri).await
}

async fn connect_within(time_max: Duration, uri: &AMQPUri) -> Result<Link, BrokerError> {
    match tokio::time::timeout(time_max, open(time_max, uri)).await {
        Ok(opened) => opened.map_err(away),
        Err(_) => Err(BrokerError::Silent(time_max)),
    }
}

async fn open(time_max: Duration, uri: &AMQPUri) -> lapin::Result<Link> {
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
            let dialled = tokio::time::timeout(time_max, dialled).await;
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

#[cfg(test)]
mod tests {
    use tokio::{io::AsyncReadExt as _, net::TcpListener};

    use super::*;

    /// Whatever a server is silent in, nothing of the client is left.
    async fn check_silent(scheme: &str) {
        let server = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = server.local_addr().unwrap();
        let uri = super::super::url::parse(&format!("{scheme}://{address}")).unwrap();
        // Time enough to say something on a busy machine: of TLS, after reading all its roots.
        let time_max = Duration::from_secs(12);
        let connecting = connect_within(time_max, &uri);
        let accepting = async { server.accept().await.unwrap().0 };
        let (connected, mut accepted) = tokio::join!(connecting, accepting);
        match connected.err() {
            Some(BrokerError::Silent(_) | BrokerError::Away(_)) => {}
            other => panic!("{scheme}: {other:?}"),
        }
        // What it said, and then its end.
        let mut said = Vec::new();
        let ended = accepted.read_to_end(&mut said);
        let ended = tokio::time::timeout(Duration::from_secs(30), ended).await;
        ended.expect("the client's end").unwrap();
        assert!(!said.is_empty(), "{scheme}");
    }

    #[tokio::test]
    async fn a_server_that_says_nothing_is_left() {
        tokio::join!(check_silent("amqp"), check_silent("amqps"));
    }

    #[tokio::test]
    async fn nobody_at_the_port_is_told() {
        let port = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = port.local_addr().unwrap();
        drop(port);
        let uri = super::super::url::parse(&format!("amqp://{address}")).unwrap();
        let refused = connect(&uri).await.err();
        assert!(matches!(refused, Some(BrokerError::Away(_))), "{refused:?}");
    }
}
