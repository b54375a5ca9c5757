//! Ends every call at its deadline, with DEADLINE_EXCEEDED.
//!
//! tonic would enforce `grpc-timeout` only until the response headers, and
//! answer CANCELLED. This layer watches the response body too.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use http::{HeaderMap, Request, Response};
use http_body::{Body, Frame};
use tokio::time::{Instant, Sleep, sleep_until};
use tonic::Status;

use crate::{
    call::{Deadline, EndCause, end_status},
    status,
};

/// gRPC over HTTP/2: "Timeout".
const GRPC_TIMEOUT: &str = "grpc-timeout";

/// How much earlier than the client's own timer ours fires while no headers were
/// sent: the first to fire chooses what the client is told.
const HEAD_START: Duration = Duration::from_millis(5);

/// How long a body may take after the deadline to stop its work before the
/// call ends all the same.
const STOP_GRACE: Duration = Duration::from_millis(100);

/// Adds a [`Deadline`] to the request's extensions and holds the call to it.
#[derive(Clone, Copy, Debug)]
pub struct DeadlineLayer {
    /// Longest call; one that asks for more, or for nothing, gets this.
    pub call_time_max: Duration,
}

impl<S> tower::Layer<S> for DeadlineLayer {
    type Service = DeadlineService<S>;

    fn layer(&self, inner: S) -> DeadlineService<S> {
        DeadlineService {
            inner,
            call_time_max: self.call_time_max,
        }
    }
}

/// See [`DeadlineLayer`].
#[derive(Clone, Debug)]
pub struct DeadlineService<S> {
    inner: S,
    call_time_max: Duration,
}

impl<S, Req, Res> tower::Service<Request<Req>> for DeadlineService<S>
where
    S: tower::Service<Request<Req>, Response = Response<Res>>,
    S::Future: Send + 'static,
    Res: Body<Data = bytes::Bytes> + Default + Send + 'static,
{
    type Response = Response<DeadlineBody<Res>>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<Req>) -> Self::Future {
        let timeout = match requested(request.headers()) {
            Ok(asked) => asked.map_or(self.call_time_max, |t| t.min(self.call_time_max)),
            Err(status) => return Box::pin(async { Ok(refused(status)) }),
        };
        let deadline = Deadline::after(timeout);
        request.extensions_mut().insert(deadline);
        let head_start = HEAD_START.min(timeout / 10);
        let answer = self.inner.call(request);
        Box::pin(async move {
            tokio::select! {
                biased;
                answer = answer => Ok(answer?.map(|body| DeadlineBody::new(body, deadline))),
                () = sleep_until(deadline.instant() - head_start) => {
                    Ok(refused(end_status(EndCause::Deadline)))
                }
            }
        })
    }
}

/// A response of headers alone that says `status`.
fn refused<Res: Default>(status: Status) -> Response<DeadlineBody<Res>> {
    status.into_http::<Res>().map(|inner| DeadlineBody {
        inner: Box::pin(inner),
        phase: Phase::Passing,
    })
}

/// The timeout that the request asks for: at most 8 digits and a unit.
fn requested(headers: &HeaderMap) -> Result<Option<Duration>, Status> {
    let Some(value) = headers.get(GRPC_TIMEOUT) else {
        return Ok(None);
    };
    let wrong = || status::invalid_field(GRPC_TIMEOUT, "not 1 to 8 digits and one of H M S m u n");
    let text = value.to_str().map_err(|_| wrong())?;
    let (digits, unit) = text
        .split_at_checked(text.len().saturating_sub(1))
        .ok_or_else(wrong)?;
    let plain = (1..=8).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
    let number: u64 = digits.parse().ok().filter(|_| plain).ok_or_else(wrong)?;
    Ok(Some(match unit {
        "H" => Duration::from_secs(number * 3600),
        "M" => Duration::from_secs(number * 60),
        "S" => Duration::from_secs(number),
        "m" => Duration::from_millis(number),
        "u" => Duration::from_micros(number),
        "n" => Duration::from_nanos(number),
        _ => return Err(wrong()),
    }))
}

/// A response body that ends at the deadline.
#[derive(Debug)]
pub struct DeadlineBody<B> {
    inner: Pin<Box<B>>,
    phase: Phase,
}

#[derive(Debug)]
enum Phase {
    /// The deadline is polled before the inner body, which may always have more.
    Open(Pin<Box<Sleep>>),
    /// The deadline passed: until then the inner body may stop its work.
    Stopping(Pin<Box<Sleep>>),
    /// The inner body ended in time.
    Passing,
    Ended,
}

impl<B> DeadlineBody<B> {
    fn new(inner: B, deadline: Deadline) -> Self {
        Self {
            inner: Box::pin(inner),
            phase: Phase::Open(Box::pin(sleep_until(deadline.instant()))),
        }
    }
}

impl<B: Body> Body for DeadlineBody<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let this = &mut *self;
        if let Phase::Open(deadline) = &mut this.phase
            && deadline.as_mut().poll(context).is_ready()
        {
            let grace = Instant::now() + STOP_GRACE;
            this.phase = Phase::Stopping(Box::pin(sleep_until(grace)));
        }
        match &mut this.phase {
            Phase::Open(_) | Phase::Passing => {
                let frame = this.inner.as_mut().poll_frame(context);
                if let Poll::Ready(Some(Ok(frame))) = &frame
                    && frame.is_trailers()
                {
                    this.phase = Phase::Passing;
                }
                frame
            }
            Phase::Stopping(grace) => {
                if grace.as_mut().poll(context).is_pending() {
                    match this.inner.as_mut().poll_frame(context) {
                        Poll::Pending => return Poll::Pending,
                        // Too late for the caller: dropped.
                        Poll::Ready(Some(Ok(frame))) if !frame.is_trailers() => {
                            context.waker().wake_by_ref();
                            return Poll::Pending;
                        }
                        Poll::Ready(_stopped) => {}
                    }
                }
                this.phase = Phase::Ended;
                Poll::Ready(Some(Ok(Frame::trailers(trailers()))))
            }
            Phase::Ended => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self.phase {
            Phase::Open(_) | Phase::Passing => self.inner.is_end_stream(),
            Phase::Stopping(_) => false,
            Phase::Ended => true,
        }
    }
}

fn trailers() -> HeaderMap {
    let mut trailers = HeaderMap::new();
    // Adding a status of our own making to an empty map can't fail.
    if end_status(EndCause::Deadline)
        .add_header(&mut trailers)
        .is_err()
    {
        trailers.insert("grpc-status", http::HeaderValue::from_static("4"));
    }
    trailers
}

#[cfg(test)]
mod tests;
