//! turmoil's sockets as tonic's servers and clients take them.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    pin::Pin,
    task::{Context, Poll},
};

use futures::{Stream, future::BoxFuture, stream};
use http::Uri;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tonic::transport::{
    Channel, Endpoint,
    server::{Connected, TcpConnectInfo},
};
use turmoil::net::{TcpListener, TcpStream};
use weir_shared::serve::Listener;

/// Of every simulated service: each is a host of its own.
pub(crate) const PORT: u16 = 7300;

pub(crate) struct SimListener(TcpListener);

impl SimListener {
    /// On the host that runs now.
    pub(crate) async fn bind() -> io::Result<Self> {
        TcpListener::bind((Ipv4Addr::UNSPECIFIED, PORT))
            .await
            .map(Self)
    }
}

impl Listener for SimListener {
    type Connection = SimStream;

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }

    fn incoming(self) -> impl Stream<Item = io::Result<SimStream>> + Send {
        stream::unfold(self, |listener| async move {
            let accepted = listener.0.accept().await;
            Some((accepted.map(|(stream, _)| SimStream(stream)), listener))
        })
    }
}

#[derive(Debug)]
pub(crate) struct SimStream(TcpStream);

impl Connected for SimStream {
    type ConnectInfo = TcpConnectInfo;

    fn connect_info(&self) -> TcpConnectInfo {
        TcpConnectInfo {
            local_addr: self.0.local_addr().ok(),
            remote_addr: self.0.peer_addr().ok(),
        }
    }
}

impl AsyncRead for SimStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(context, buffer)
    }
}

impl AsyncWrite for SimStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context)
    }
}

/// A channel of these settings over the simulated network.
pub(crate) fn channel(endpoint: &Endpoint) -> Channel {
    endpoint.connect_with_connector_lazy(tower::service_fn(connect))
}

fn connect(uri: Uri) -> BoxFuture<'static, io::Result<TokioIo<TcpStream>>> {
    Box::pin(async move {
        let host = uri.host().expect("a host").to_owned();
        let stream = TcpStream::connect((host, PORT)).await?;
        Ok(TokioIo::new(stream))
    })
}
