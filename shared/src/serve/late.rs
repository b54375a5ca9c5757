//! A service that is served before it is there.

use std::{
    convert::Infallible,
    future::{Ready, ready},
    sync::{Arc, OnceLock},
    task::{Context, Poll},
    time::Duration,
};

use futures::future::Either;
use http::{Request, Response};
use tonic::{Code, Status, body::Body};
use tower::{Service, ServiceExt as _, util::Oneshot};

use crate::status;

/// What a caller should wait before it tries again: about the pause between
/// two tries to open what the service stands on.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// Answers UNAVAILABLE until the service is there.
#[derive(Debug)]
pub(super) struct Late<S>(Arc<OnceLock<S>>);

impl<S> Late<S> {
    /// From now on this one answers. A second one is not taken.
    pub(super) fn set(&self, service: S) {
        self.0.get_or_init(|| service);
    }
}

impl<S> Default for Late<S> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

impl<S> Clone for Late<S> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<S> Service<Request<Body>> for Late<S>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible> + Clone,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Either<Ready<Result<Response<Body>, Infallible>>, Oneshot<S, Request<Body>>>;

    fn poll_ready(&mut self, _context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        match self.0.get() {
            Some(service) => Either::Right(service.clone().oneshot(request)),
            None => Either::Left(ready(Ok(not_there_yet().into_http()))),
        }
    }
}

fn not_there_yet() -> Status {
    let text = "the service has started, and waits for its storage";
    status::error(Code::Unavailable, "STORAGE_UNAVAILABLE", text)
        .retry_after(RETRY_AFTER)
        .build()
}
