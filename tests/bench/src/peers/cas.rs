//! The remote execution API's store of contents: google.bytestream.ByteStream.

use std::net::SocketAddr;

use async_trait::async_trait;
use bytes::Bytes;
use http::uri::PathAndQuery;
use tonic::{Request, client::Grpc, transport::Channel};
use tonic_prost::ProstCodec;

use super::{Connection, Object, Stored};
use weir_tests::caller::channel;

/// Data in one message, bytes: as Weir's chunks here.
const MESSAGE_BYTES: usize = 1 << 20;

/// What the server may put into one message, bytes.
const ANSWER_BYTES_MAX: usize = 16 << 20;

const WRITE: &str = "/google.bytestream.ByteStream/Write";
const READ: &str = "/google.bytestream.ByteStream/Read";

#[derive(Clone, PartialEq, prost::Message)]
struct WriteRequest {
    #[prost(string, tag = "1")]
    resource_name: String,
    #[prost(int64, tag = "2")]
    write_offset: i64,
    #[prost(bool, tag = "3")]
    finish_write: bool,
    #[prost(bytes = "bytes", tag = "10")]
    data: Bytes,
}

#[derive(Clone, PartialEq, prost::Message)]
struct WriteResponse {
    #[prost(int64, tag = "1")]
    committed_size: i64,
}

#[derive(Clone, PartialEq, prost::Message)]
struct ReadRequest {
    #[prost(string, tag = "1")]
    resource_name: String,
}

#[derive(Clone, PartialEq, prost::Message)]
struct ReadResponse {
    #[prost(bytes = "bytes", tag = "10")]
    data: Bytes,
}

pub(super) fn command(program: &str, address: SocketAddr, folder: &str) -> Vec<String> {
    vec![
        program.to_owned(),
        format!("--bind={address}"),
        folder.to_owned(),
    ]
}

pub(super) struct Client {
    grpc: Grpc<Channel>,
}

impl Client {
    pub(super) async fn connect(address: SocketAddr) -> Self {
        let grpc = Grpc::new(channel(address));
        Self {
            grpc: grpc.max_decoding_message_size(ANSWER_BYTES_MAX),
        }
    }
}

#[async_trait]
impl Connection for Client {
    async fn put(&mut self, object: &Object) {
        let (messages, size) = (messages(object), object.data.len());
        self.grpc.ready().await.unwrap();
        let answer = self
            .grpc
            .client_streaming(
                Request::new(tokio_stream::iter(messages)),
                PathAndQuery::from_static(WRITE),
                ProstCodec::<WriteRequest, WriteResponse>::default(),
            )
            .await;
        let committed = answer.unwrap().into_inner().committed_size;
        assert_eq!(usize::try_from(committed), Ok(size));
    }

    async fn get(&mut self, object: &Object) -> Option<Stored> {
        let request = ReadRequest {
            resource_name: blob(object),
        };
        self.grpc.ready().await.unwrap();
        let answer = self
            .grpc
            .server_streaming(
                Request::new(request),
                PathAndQuery::from_static(READ),
                ProstCodec::<ReadRequest, ReadResponse>::default(),
            )
            .await;
        let mut parts = answer.unwrap().into_inner();
        let mut stored = Stored::default();
        while let Some(part) = parts.message().await.unwrap() {
            stored.add(&part.data);
        }
        Some(stored)
    }
}

fn blob(object: &Object) -> String {
    format!("blobs/{}/{}", object.sha256, object.data.len())
}

fn messages(object: &Object) -> Vec<WriteRequest> {
    // Any name that no other upload has: 128 bits of the digest, as a UUID is written.
    let digest = &object.sha256;
    let (a, b, c) = (&digest[..8], &digest[8..12], &digest[12..16]);
    let (d, e) = (&digest[16..20], &digest[20..32]);
    let mut resource_name = format!("uploads/{a}-{b}-{c}-{d}-{e}/{}", blob(object));
    let mut messages = Vec::new();
    let mut data = object.data.clone();
    let mut write_offset = 0;
    while !data.is_empty() {
        let part = data.split_to(data.len().min(MESSAGE_BYTES));
        let bytes = i64::try_from(part.len()).unwrap();
        messages.push(WriteRequest {
            // Only the first message says it.
            resource_name: std::mem::take(&mut resource_name),
            write_offset,
            finish_write: data.is_empty(),
            data: part,
        });
        write_offset += bytes;
    }
    messages
}
