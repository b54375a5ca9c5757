//! Where a server's connections come from.

use std::{io, net::SocketAddr};

use futures::Stream;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
};
use tonic::transport::server::{Connected, TcpConnectInfo, TcpIncoming};

/// A bound socket: of this machine, or of the network that a test simulates.
pub trait Listener: Send + 'static {
    /// One connection. Its address tells it from the others.
    type Connection: AsyncRead
        + AsyncWrite
        + Connected<ConnectInfo = TcpConnectInfo>
        + Unpin
        + Send
        + 'static;

    /// # Errors
    /// When the socket is gone.
    fn local_addr(&self) -> io::Result<SocketAddr>;

    /// Connections as they are made. What is written goes out at once: no
    /// connection waits for more to send (Nagle's algorithm, RFC 896).
    fn incoming(self) -> impl Stream<Item = io::Result<Self::Connection>> + Send;
}

impl Listener for TcpListener {
    type Connection = TcpStream;

    fn local_addr(&self) -> io::Result<SocketAddr> {
        Self::local_addr(self)
    }

    fn incoming(self) -> impl Stream<Item = io::Result<TcpStream>> + Send {
        // `serve_with_incoming` ignores what the builder says of it.
        TcpIncoming::from(self).with_nodelay(Some(true))
    }
}
