//! When something came of a connection last: a client that sends is alive,
//! however long its answer to a ping stands behind what it sends.

use std::{
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll, ready},
    time::Duration,
};

use h2::{Ping, PingPong};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Instant, sleep_until, timeout},
};

/// Ping after so much silence, and close when no answer comes: a silent
/// partition is noticed within 20 s.
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(15);
const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(5);

/// The time of the last read.
#[derive(Clone, Debug)]
pub(super) struct LastRead {
    begun: Instant,
    millis: Arc<AtomicU64>,
}

impl LastRead {
    pub(super) fn now() -> Self {
        Self {
            begun: Instant::now(),
            millis: Arc::default(),
        }
    }

    fn time(&self) -> Instant {
        self.begun + Duration::from_millis(self.millis.load(Ordering::Relaxed))
    }

    fn set(&self) {
        let millis = u64::try_from(self.begun.elapsed().as_millis());
        self.millis
            .store(millis.unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// Returns when the client is silent and does not answer a ping either.
    pub(super) async fn until_lost(self, mut pings: PingPong) {
        loop {
            let due = self.time() + KEEPALIVE_INTERVAL;
            if due > Instant::now() {
                sleep_until(due).await;
                continue;
            }
            if pings.send_ping(Ping::opaque()).is_err() {
                // The connection is over: who serves it sees that.
                return std::future::pending().await;
            }
            let mut answer =
                std::pin::pin!(std::future::poll_fn(|context| pings.poll_pong(context)));
            while timeout(KEEPALIVE_TIMEOUT, &mut answer).await.is_err() {
                if self.time() + KEEPALIVE_TIMEOUT <= Instant::now() {
                    return;
                }
            }
        }
    }
}

/// A connection that notes when it was read from.
#[derive(Debug)]
pub(super) struct Noted<C> {
    inner: C,
    last: LastRead,
}

impl<C> Noted<C> {
    pub(super) fn new(inner: C, last: LastRead) -> Self {
        Self { inner, last }
    }
}

impl<C: AsyncRead + Unpin> AsyncRead for Noted<C> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut self.inner).poll_read(context, buffer))?;
        self.last.set();
        Poll::Ready(Ok(()))
    }
}

impl<C: AsyncWrite + Unpin> AsyncWrite for Noted<C> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(context)
    }
}
