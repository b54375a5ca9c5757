//! Messages that carry chunks are read only once there is room for them: what
//! has none waits in the windows of its connection.
//!
//! It stands below tonic, which reads ahead of its handler: the body of a
//! request is passed on message by message, each after its room is reserved.
//! The messages of an upload do not go through tonic's buffer, which is kept
//! for the next message and so would cost one message for each open call: each
//! is put together here, and tonic is shown an empty one in its place.

mod body;

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
};

use bytes::Bytes;
use http::Request;
use tonic::{body::Body, transport::server::TcpConnectInfo};
use tower::Service;

use crate::domain::{
    connection::{Connection, Connections},
    error::Error,
    ingest::Ingest,
    staging::{Reserved, Staging},
};
use body::{Handing, MeteredBody};

/// The calls whose messages carry chunks.
const PUT_CHUNK: &str = "/weir.ingest.v1.IngestService/PutChunk";
const UPLOAD_CAPTURE: &str = "/weir.ingest.v1.IngestService/UploadCapture";

/// The service behind the meter.
#[derive(Clone, Debug)]
pub(crate) struct Metered<S> {
    inner: S,
    staging: Arc<Staging>,
    connections: Arc<Connections>,
}

/// Of a metered call, in its request's extensions.
#[derive(Clone, Debug)]
pub(super) struct Receipt {
    pub(super) connection: Arc<Connection>,
    /// The message that was passed on last.
    arrived: Arc<Mutex<Option<Arrived>>>,
}

/// A message that came whole.
#[derive(Debug)]
pub(super) struct Arrived {
    pub(super) room: Reserved,
    /// Its bytes, in a buffer of their own, where tonic was shown an empty
    /// message in its place; `None` where tonic has it.
    pub(super) bytes: Option<Bytes>,
}

impl Receipt {
    /// Of this request.
    ///
    /// # Errors
    /// [`Error::Internal`] when it did not come through the meter.
    pub(super) fn of(extensions: &http::Extensions) -> Result<Self, Error> {
        let receipt = extensions.get::<Self>().cloned();
        receipt.ok_or_else(|| Error::Internal(Arc::new(Unmetered)))
    }

    /// The message that came last.
    ///
    /// # Errors
    /// [`Error::Internal`] when it was taken before.
    pub(super) fn take(&self) -> Result<Arrived, Error> {
        let arrived = self.lock().take();
        arrived.ok_or_else(|| Error::Internal(Arc::new(Unmetered)))
    }

    /// Whether a message was passed on and not taken.
    fn is_untaken(&self) -> bool {
        self.lock().is_some()
    }

    fn put(&self, mut room: Reserved, bytes: Option<Bytes>) {
        room.is_whole();
        *self.lock() = Some(Arrived { room, bytes });
    }

    fn lock(&self) -> MutexGuard<'_, Option<Arrived>> {
        // No code that can panic runs under the lock.
        self.arrived.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Debug, thiserror::Error)]
#[error("a chunk without room of the staging budget")]
struct Unmetered;

impl<S> Metered<S> {
    pub(crate) fn new(inner: S, ingest: &Ingest) -> Self {
        Self {
            inner,
            staging: Arc::clone(&ingest.staging),
            connections: Arc::default(),
        }
    }

    fn meter(&self, request: Request<Body>, handing: Handing) -> Request<Body> {
        let (mut head, body) = request.into_parts();
        let receipt = Receipt {
            connection: self.connections.of(client(&head.extensions)),
            arrived: Arc::default(),
        };
        head.extensions.insert(receipt.clone());
        let body = MeteredBody::new(body, Arc::clone(&self.staging), receipt, handing);
        Request::from_parts(head, Body::new(body))
    }
}

fn client(extensions: &http::Extensions) -> Option<SocketAddr> {
    extensions.get::<TcpConnectInfo>()?.remote_addr()
}

impl<S> Service<Request<Body>> for Metered<S>
where
    S: Service<Request<Body>>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let handing = match request.uri().path() {
            UPLOAD_CAPTURE => Handing::Beside,
            PUT_CHUNK => Handing::Through,
            _ => return self.inner.call(request),
        };
        let request = self.meter(request, handing);
        self.inner.call(request)
    }
}
