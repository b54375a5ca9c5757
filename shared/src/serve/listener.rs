//! Where a server's connections come from.

use std::{io, net::SocketAddr};

use futures::Stream;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
};
use tonic::transport::server::{Connected, TcpConnectInfo, TcpIncoming};

/// A connection of a [`Listener`]. Its address tells it from the others.
pub trait Connection:
    AsyncRead + AsyncWrite + Connected<ConnectInfo = TcpConnectInfo> + Unpin + Send + 'static
{
}

impl<C> Connection for C where
    C: AsyncRead + AsyncWrite + Connected<ConnectInfo = TcpConnectInfo> + Unpin + Send + 'static
{
}

/// A bound socket: of this machine, or of the network that a test simulates.
pub trait Listener: Send + 'static {
    type Connection: Connection;

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
        TcpIncoming::from(self).with_nodelay(Some(true))
    }
}
