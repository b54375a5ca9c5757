//! Messages that carry chunks are read only once there is room for them: what
//! has none waits in the windows of its connection.
//!
//! It stands below tonic, which reads ahead of its handler: the body of a
//! request is passed on message by message, each after its room is reserved.

mod body;

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
};

use http::Request;
use tonic::{body::Body, server::NamedService, transport::server::TcpConnectInfo};
use tower::Service;

use crate::domain::{
    connection::{Connection, Connections},
    error::Error,
    ingest::Ingest,
    staging::{Reserved, Staging},
};
use body::MeteredBody;

/// The calls whose messages carry chunks.
const METERED: [&str; 2] = [
    "/weir.ingest.v1.IngestService/PutChunk",
    "/weir.ingest.v1.IngestService/UploadCapture",
];

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
    /// Room of the message that was passed on last.
    room: Arc<Mutex<Option<Reserved>>>,
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

    /// The room of the message that came last.
    ///
    /// # Errors
    /// [`Error::Internal`] when it was taken before.
    pub(super) fn take(&self) -> Result<Reserved, Error> {
        let mut room = self.room.lock().unwrap_or_else(PoisonError::into_inner);
        room.take()
            .ok_or_else(|| Error::Internal(Arc::new(Unmetered)))
    }

    /// Whether a message was passed on and not taken.
    fn is_untaken(&self) -> bool {
        let room = self.room.lock().unwrap_or_else(PoisonError::into_inner);
        room.is_some()
    }

    fn put(&self, mut reserved: Reserved) {
        reserved.is_whole();
        let mut room = self.room.lock().unwrap_or_else(PoisonError::into_inner);
        *room = Some(reserved);
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

    fn meter(&self, request: Request<Body>) -> Request<Body> {
        let (mut head, body) = request.into_parts();
        let receipt = Receipt {
            connection: self.connections.of(client(&head.extensions)),
            room: Arc::default(),
        };
        head.extensions.insert(receipt.clone());
        let body = MeteredBody::new(body, Arc::clone(&self.staging), receipt);
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
        if METERED.contains(&request.uri().path()) {
            let request = self.meter(request);
            return self.inner.call(request);
        }
        self.inner.call(request)
    }
}

impl<S: NamedService> NamedService for Metered<S> {
    const NAME: &'static str = S::NAME;
}
