//! Streams whose answers are bytes already: many watchers are told the same, which is
//! encoded once for all of them, or not at all where it is stored as it is told.
//!
//! Generated servers take messages only. So one method of a service is taken out of it and
//! answered here; the wire is the same.

use std::{
    convert::Infallible,
    fmt::Debug,
    marker::PhantomData,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::BufMut;
use futures::Stream;
use prost::Message;
use tonic::{
    Request, Response, Status,
    body::Body,
    codec::{BufferSettings, Codec, EncodeBuf, Encoder},
    codegen::{BoxFuture, Service},
    server::{Grpc, NamedService, ServerStreamingService},
};
use tonic_prost::{ProstCodec, ProstDecoder};

/// An answer that writes itself as a message.
pub(crate) trait Answer: Send + 'static {
    /// Bytes of the message.
    fn length(&self) -> usize;

    fn write(self, to: &mut impl BufMut);
}

pub(crate) type Answers<A> = Pin<Box<dyn Stream<Item = Result<A, Status>> + Send>>;

/// A method that is answered by a stream of them.
#[tonic::async_trait]
pub(crate) trait Method: Clone + Debug + Send + Sync + 'static {
    /// `/PACKAGE.SERVICE/METHOD`
    const PATH: &'static str;
    type Request: Message + Default + 'static;
    type Answer: Answer;

    async fn call(
        &self,
        request: Request<Self::Request>,
    ) -> Result<Response<Answers<Self::Answer>>, Status>;
}

/// A service, one method of which is answered by another.
#[derive(Clone, Debug)]
pub(crate) struct Streamed<S, M> {
    service: S,
    method: M,
}

impl<S, M> Streamed<S, M> {
    pub(crate) fn new(service: S, method: M) -> Self {
        Self { service, method }
    }
}

impl<S: NamedService, M> NamedService for Streamed<S, M> {
    const NAME: &'static str = S::NAME;
}

impl<S, M> Service<http::Request<Body>> for Streamed<S, M>
where
    S: Service<http::Request<Body>, Response = http::Response<Body>, Error = Infallible>,
    S::Future: Send + 'static,
    M: Method,
{
    type Response = S::Response;
    type Error = Infallible;
    type Future = BoxFuture<Self::Response, Infallible>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.service.poll_ready(context)
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        if request.uri().path() != M::PATH {
            return Box::pin(self.service.call(request));
        }
        let method = self.method.clone();
        Box::pin(async move {
            let mut grpc = Grpc::new(AnswerCodec::<M>(PhantomData));
            Ok(grpc.server_streaming(Called(method), request).await)
        })
    }
}

/// What the generated trait's method says: [`Streamed`] never asks it.
pub(crate) fn not_here() -> Status {
    Status::unimplemented("this method is answered elsewhere")
}

struct Called<M>(M);

impl<M: Method> ServerStreamingService<M::Request> for Called<M> {
    type Response = M::Answer;
    type ResponseStream = Answers<M::Answer>;
    type Future = BoxFuture<Response<Self::ResponseStream>, Status>;

    fn call(&mut self, request: Request<M::Request>) -> Self::Future {
        let method = self.0.clone();
        Box::pin(async move { method.call(request).await })
    }
}

struct AnswerCodec<M>(PhantomData<M>);

impl<M: Method> Codec for AnswerCodec<M> {
    type Encode = M::Answer;
    type Decode = M::Request;
    type Encoder = AnswerEncoder<M::Answer>;
    type Decoder = ProstDecoder<M::Request>;

    fn encoder(&mut self) -> Self::Encoder {
        AnswerEncoder(PhantomData)
    }

    fn decoder(&mut self) -> Self::Decoder {
        // The first type is what it would encode.
        ProstCodec::<M::Request, M::Request>::raw_decoder(BufferSettings::default())
    }
}

struct AnswerEncoder<A>(PhantomData<A>);

impl<A: Answer> Encoder for AnswerEncoder<A> {
    type Item = A;
    type Error = Status;

    fn encode(&mut self, answer: A, to: &mut EncodeBuf<'_>) -> Result<(), Status> {
        to.reserve(answer.length());
        answer.write(to);
        Ok(())
    }
}
