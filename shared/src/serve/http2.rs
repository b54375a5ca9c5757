//! The server's side of HTTP/2 (RFC 9113), on h2 itself and not on tonic's server: that one
//! gives every call of every connection one fixed window, so that either one call is slow over
//! a long link or hundreds of them fill their connection with parts of messages that wait for
//! each other. Here a connection's calls share what they may send ahead ([`windows`]).

mod body;
mod connection;
mod exchange;
mod reads;
mod windows;

use std::{convert::Infallible, io, time::Duration};

use bytes::Bytes;
use futures::{Stream, StreamExt as _};
use http::{Request, Response};
use http_body::Body as HttpBody;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tonic::body::Body;
use tower::Service;

use super::{ServeConfig, listener::Connection};

/// After the system refused a connection, for want of file descriptors most
/// likely: time for some to be closed.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// What answers calls.
pub(super) trait Answers: Clone + Send + 'static {
    /// Of an answer.
    type Body: HttpBody<Data = Bytes, Error: std::fmt::Display + Send> + Send + 'static;

    /// Answers one call. Dropped when its client resets it.
    fn answer(self, request: Request<Body>) -> impl Future<Output = Response<Self::Body>> + Send;
}

impl<S, B> Answers for S
where
    S: Service<Request<Body>, Response = Response<B>, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send,
    B: HttpBody<Data = Bytes, Error: std::fmt::Display + Send> + Send + 'static,
{
    type Body = B;

    async fn answer(self, request: Request<Body>) -> Response<B> {
        let Ok(answer) = tower::ServiceExt::oneshot(self, request).await;
        answer
    }
}

/// Serves connections until `shutdown`, then lets their calls end. Returns when
/// the last connection is closed.
pub(super) async fn serve<C: Connection>(
    config: &ServeConfig,
    incoming: impl Stream<Item = io::Result<C>>,
    service: impl Answers,
    shutdown: &CancellationToken,
) {
    let tasks = TaskTracker::new();
    {
        // Dropped with the socket before the wait: who comes later is told at once.
        let incoming = incoming.take_until(shutdown.cancelled());
        tokio::pin!(incoming);
        while let Some(accepted) = incoming.next().await {
            match accepted {
                Ok(io) => {
                    let serving = connection::serve(
                        config.clone(),
                        io,
                        service.clone(),
                        tasks.clone(),
                        shutdown.clone(),
                    );
                    tasks.spawn(serving);
                }
                Err(error) => refused(&error).await,
            }
        }
    }
    tasks.close();
    tasks.wait().await;
}

/// accept(2) also tells what became of a single connection.
async fn refused(error: &io::Error) {
    use io::ErrorKind::{
        ConnectionAborted, ConnectionRefused, ConnectionReset, HostUnreachable, NetworkUnreachable,
    };
    let is_of_one = matches!(
        error.kind(),
        ConnectionAborted
            | ConnectionRefused
            | ConnectionReset
            | HostUnreachable
            | NetworkUnreachable
    );
    if is_of_one {
        return tracing::debug!(%error, "a connection was gone before it was taken");
    }
    tracing::warn!(%error, "a connection could not be taken");
    tokio::time::sleep(ACCEPT_PAUSE).await;
}

#[cfg(test)]
mod tests;
