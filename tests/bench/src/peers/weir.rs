//! Weir itself, and a server of its protocol that keeps nothing.

use std::net::SocketAddr;

use async_trait::async_trait;
use weir_shared::proto::ingest::v1::{CaptureState, ReadCaptureRequest};

use super::{Connection, Object, Stored, program};
use weir_tests::caller::{Caller, channel};

use crate::upload::{messages, upload};

/// The most in one chunk, bytes: what the service recommends.
const CHUNK_BYTES_MAX: usize = 1 << 20;

pub(super) fn command(address: SocketAddr, folder: &str) -> Vec<String> {
    vec![
        program::current(),
        format!("--listen={address}"),
        format!("--store=file://{folder}/store"),
        format!("--catalog=sqlite://{folder}/catalog.db"),
    ]
}

pub(super) struct Client(Caller);

impl Client {
    pub(super) async fn connect(address: SocketAddr) -> Self {
        Self(Caller::new(channel(address)))
    }
}

#[async_trait]
impl Connection for Client {
    async fn put(&mut self, object: &Object) {
        let chunk_bytes = object.data.len().min(CHUNK_BYTES_MAX);
        let chunks = object.data.len() / chunk_bytes;
        assert_eq!(chunks * chunk_bytes, object.data.len());
        let chunks = u32::try_from(chunks).unwrap();
        let messages = messages(&object.name, &object.data, chunk_bytes, chunks);
        let answer = upload(&self.0, messages).await.unwrap();
        // The sink's answer is empty.
        if let Some(capture) = answer.capture {
            assert_eq!(capture.state(), CaptureState::Sealed);
        }
    }

    async fn get(&mut self, object: &Object) -> Option<Stored> {
        let request = ReadCaptureRequest {
            capture_id: object.name.clone(),
            ..ReadCaptureRequest::default()
        };
        let mut parts = match self.0.rpc.clone().read_capture(request).await {
            Ok(answer) => answer.into_inner(),
            Err(status) if status.code() == tonic::Code::Unimplemented => return None,
            Err(status) => panic!("{status}"),
        };
        let mut stored = Stored::default();
        while let Some(part) = parts.message().await.unwrap() {
            stored.add(&part.data);
        }
        Some(stored)
    }
}
