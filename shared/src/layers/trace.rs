//! One span per call, on both sides, that lasts as long as the call's streams.
//!
//! Names and attributes follow OpenTelemetry's semantic conventions for RPC
//! (release candidate): span name = full method, `rpc.system.name`,
//! `rpc.method`, `rpc.response.status_code` as text.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use http::{HeaderMap, Request, Response};
use http_body::{Body, Frame};
use opentelemetry::{
    global,
    propagation::{Extractor, Injector},
    trace::TraceContextExt as _,
};
use tonic::Code;
use tracing::{Instrument as _, Span};
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

/// Which side of the call the span describes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    Client,
    Server,
}

/// Server side: a span for each request, child of the caller's `traceparent`.
#[derive(Clone, Copy, Debug, Default)]
pub struct TraceLayer;

/// Client side: a span for each call, sent along as `traceparent`.
#[derive(Clone, Copy, Debug, Default)]
pub struct PropagateLayer;

impl<S> tower::Layer<S> for TraceLayer {
    type Service = TraceService<S>;

    fn layer(&self, inner: S) -> TraceService<S> {
        let side = Side::Server;
        TraceService { inner, side }
    }
}

impl<S> tower::Layer<S> for PropagateLayer {
    type Service = TraceService<S>;

    fn layer(&self, inner: S) -> TraceService<S> {
        let side = Side::Client;
        TraceService { inner, side }
    }
}

/// See [`TraceLayer`] and [`PropagateLayer`].
#[derive(Clone, Debug)]
pub struct TraceService<S> {
    inner: S,
    side: Side,
}

impl<S, Req, Res> tower::Service<Request<Req>> for TraceService<S>
where
    S: tower::Service<Request<Req>, Response = Response<Res>>,
    S::Future: Send + 'static,
    S::Error: Send + 'static,
    Res: Body + Send + 'static,
{
    type Response = Response<TraceBody<Res>>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<Req>) -> Self::Future {
        let method = request.uri().path().trim_start_matches('/');
        let span = match self.side {
            Side::Server => server_span(method, request.headers()),
            Side::Client => client_span(method),
        };
        if self.side == Side::Client {
            let context = span.context();
            global::get_text_map_propagator(|propagator| {
                propagator.inject_context(&context, &mut Headers(request.headers_mut()));
            });
        }
        let mut call = CallSpan {
            span: span.clone(),
            side: self.side,
            code: None,
        };
        let answer = span.in_scope(|| self.inner.call(request));
        Box::pin(
            async move {
                match answer.await {
                    Ok(response) => {
                        call.see(response.headers());
                        Ok(response.map(|inner| TraceBody {
                            inner: Box::pin(inner),
                            call,
                        }))
                    }
                    Err(error) => {
                        call.fail(Code::Unavailable);
                        Err(error)
                    }
                }
            }
            .instrument(span),
        )
    }
}

fn server_span(method: &str, headers: &HeaderMap) -> Span {
    let span = tracing::info_span!(
        "call",
        otel.name = method,
        otel.kind = "server",
        otel.status_code = tracing::field::Empty,
        rpc.system.name = "grpc",
        rpc.method = method,
        rpc.response.status_code = tracing::field::Empty,
        trace_id = tracing::field::Empty,
    );
    let parent = global::get_text_map_propagator(|p| p.extract(&Carrier(headers)));
    // Fails only where no OpenTelemetry layer is installed: then there is no trace.
    if span.set_parent(parent).is_ok() {
        let context = span.context();
        let trace_id = context.span().span_context().trace_id();
        span.record("trace_id", tracing::field::display(trace_id));
    }
    span
}

fn client_span(method: &str) -> Span {
    tracing::info_span!(
        "outgoing",
        otel.name = method,
        otel.kind = "client",
        otel.status_code = tracing::field::Empty,
        rpc.system.name = "grpc",
        rpc.method = method,
        rpc.response.status_code = tracing::field::Empty,
    )
}

/// Closes the span when the call is over, however it ends.
#[derive(Debug)]
struct CallSpan {
    span: Span,
    side: Side,
    code: Option<Code>,
}

impl CallSpan {
    /// Ends here, without a response.
    fn fail(mut self, code: Code) {
        self.code = Some(code);
    }

    fn see(&mut self, headers: &HeaderMap) {
        if let Some(code) = headers.get("grpc-status") {
            self.code = Some(Code::from_bytes(code.as_bytes()));
        }
    }
}

impl Drop for CallSpan {
    fn drop(&mut self) {
        // Without a status the caller went away, or we did.
        let code = self.code.unwrap_or(Code::Cancelled);
        self.span
            .record("rpc.response.status_code", code_text(code));
        if is_error(self.side, code) {
            self.span.record("otel.status_code", "ERROR");
        }
        // The exporter takes the last exit for the end: this is it.
        self.span.in_scope(|| match self.side {
            Side::Server => tracing::info!(code = code_text(code), "call ended"),
            Side::Client => tracing::debug!(code = code_text(code), "outgoing call ended"),
        });
    }
}

/// A server's span is an error only where the server is to blame.
fn is_error(side: Side, code: Code) -> bool {
    match side {
        Side::Client => code != Code::Ok,
        Side::Server => matches!(
            code,
            Code::Unknown
                | Code::DeadlineExceeded
                | Code::Unimplemented
                | Code::Internal
                | Code::Unavailable
                | Code::DataLoss
        ),
    }
}

/// The code's name in the gRPC specification.
#[must_use]
pub fn code_text(code: Code) -> &'static str {
    match code {
        Code::Ok => "OK",
        Code::Cancelled => "CANCELLED",
        Code::Unknown => "UNKNOWN",
        Code::InvalidArgument => "INVALID_ARGUMENT",
        Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
        Code::NotFound => "NOT_FOUND",
        Code::AlreadyExists => "ALREADY_EXISTS",
        Code::PermissionDenied => "PERMISSION_DENIED",
        Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
        Code::FailedPrecondition => "FAILED_PRECONDITION",
        Code::Aborted => "ABORTED",
        Code::OutOfRange => "OUT_OF_RANGE",
        Code::Unimplemented => "UNIMPLEMENTED",
        Code::Internal => "INTERNAL",
        Code::Unavailable => "UNAVAILABLE",
        Code::DataLoss => "DATA_LOSS",
        Code::Unauthenticated => "UNAUTHENTICATED",
    }
}

/// A response body whose end is the span's end.
#[derive(Debug)]
pub struct TraceBody<B> {
    inner: Pin<Box<B>>,
    call: CallSpan,
}

impl<B: Body> Body for TraceBody<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let frame = self.inner.as_mut().poll_frame(context);
        if let Poll::Ready(Some(Ok(frame))) = &frame
            && let Some(trailers) = frame.trailers_ref()
        {
            self.call.see(trailers);
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> http_body::SizeHint {
        self.inner.size_hint()
    }
}

struct Carrier<'a>(&'a HeaderMap);

impl Extractor for Carrier<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key)?.to_str().ok()
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(http::HeaderName::as_str).collect()
    }
}

struct Headers<'a>(&'a mut HeaderMap);

impl Injector for Headers<'_> {
    fn set(&mut self, key: &str, value: String) {
        if let (Ok(name), Ok(value)) = (key.parse::<http::HeaderName>(), value.parse()) {
            self.0.insert(name, value);
        }
    }
}
