//! Gives the statuses of tonic itself the `ErrorInfo` that ours have: messages
//! over the transport's limit, messages that are no protobuf, unknown methods.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use http::{Request, Response};
use tonic::{Code, Status};

use super::trace::code_text;
use crate::{limits::GRPC_MESSAGE_BYTES_MAX, status};

/// What a method calls a message over [`GRPC_MESSAGE_BYTES_MAX`]: full path, reason.
pub type Oversized = &'static [(&'static str, &'static str)];

/// Adds details to responses of headers alone that have none.
#[derive(Clone, Copy, Debug)]
pub struct TypedLayer {
    pub oversized: Oversized,
}

impl<S> tower::Layer<S> for TypedLayer {
    type Service = TypedService<S>;

    fn layer(&self, inner: S) -> TypedService<S> {
        let oversized = self.oversized;
        TypedService { inner, oversized }
    }
}

/// See [`TypedLayer`].
#[derive(Clone, Debug)]
pub struct TypedService<S> {
    inner: S,
    oversized: Oversized,
}

impl<S, Req, Res> tower::Service<Request<Req>> for TypedService<S>
where
    S: tower::Service<Request<Req>, Response = Response<Res>>,
    S::Future: Send + 'static,
    Res: Default + Send + 'static,
{
    type Response = Response<Res>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Res>, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<Req>) -> Self::Future {
        let path = request.uri().path();
        let oversized = self.oversized.iter().find(|(method, _)| *method == path);
        let oversized = oversized.map_or("MESSAGE_TOO_LARGE", |(_, reason)| reason);
        let answer = self.inner.call(request);
        Box::pin(async move {
            let response = answer.await?;
            Ok(match Status::from_header_map(response.headers()) {
                Some(bare) if bare.code() != Code::Ok && bare.details().is_empty() => {
                    typed(&bare, oversized).into_http()
                }
                _ => response,
            })
        })
    }
}

/// tonic tells what went wrong by its texts only: the tests over sockets would
/// see another wording.
fn typed(bare: &Status, oversized: &'static str) -> Status {
    let text = bare.message();
    match bare.code() {
        Code::OutOfRange | Code::ResourceExhausted
            if text.contains("too large") || text.contains("limit") =>
        {
            let text = format!("a message may have {GRPC_MESSAGE_BYTES_MAX} bytes");
            status::error(Code::InvalidArgument, oversized, text)
                .metadata("limit", GRPC_MESSAGE_BYTES_MAX)
                .build()
        }
        Code::Internal if text.contains("decode") || text.contains("decompress") => {
            status::error(Code::InvalidArgument, "MALFORMED_MESSAGE", text).build()
        }
        Code::Unimplemented => {
            let text = if text.is_empty() {
                "no such method"
            } else {
                text
            };
            status::error(Code::Unimplemented, "NOT_IMPLEMENTED", text).build()
        }
        other => status::error(other, code_text(other), text).build(),
    }
}
