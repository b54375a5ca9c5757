//! Calls whose answers are not decoded: a client that costs next to nothing, beside the
//! service that is measured.

use bytes::{Buf as _, Bytes};
use http::uri::PathAndQuery;
use prost::{
    Message,
    encoding::{DecodeContext, WireType, decode_key, decode_varint, skip_field},
};
use tonic::{
    Request, Status, Streaming,
    client::Grpc,
    codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder},
    transport::Channel,
};

/// Calls a method with one request and a stream of answers.
///
/// # Errors
/// The service's.
///
/// # Panics
/// When there is no connection.
pub async fn stream(
    channel: &Channel,
    path: &'static str,
    request: &impl Message,
) -> Result<Streaming<Bytes>, Status> {
    let mut grpc = Grpc::new(channel.clone());
    grpc.ready().await.unwrap();
    let request = Request::new(Bytes::from(request.encode_to_vec()));
    let path = PathAndQuery::from_static(path);
    let answer = grpc.server_streaming(request, path, Raw).await?;
    Ok(answer.into_inner())
}

/// How many fields of this number a message has, and the last of them, when it has a length.
///
/// # Panics
/// When it is no message.
#[must_use]
pub fn fields(mut message: Bytes, number: u32) -> (usize, Bytes) {
    let (mut count, mut last) = (0, Bytes::new());
    while message.has_remaining() {
        let (found, wire_type) = decode_key(&mut message).unwrap();
        if found == number && wire_type == WireType::LengthDelimited {
            let length = decode_varint(&mut message).unwrap();
            last = message.split_to(usize::try_from(length).unwrap());
            count += 1;
        } else {
            skip_field(wire_type, found, &mut message, DecodeContext::default()).unwrap();
        }
    }
    (count, last)
}

#[derive(Clone, Copy, Debug)]
struct Raw;

impl Codec for Raw {
    type Encode = Bytes;
    type Decode = Bytes;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for Raw {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, item: Bytes, to: &mut EncodeBuf<'_>) -> Result<(), Status> {
        bytes::BufMut::put(to, item);
        Ok(())
    }
}

impl Decoder for Raw {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, from: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        Ok(Some(from.copy_to_bytes(from.remaining())))
    }
}
