//! An ingest service of one capture, in memory, that fails when told to.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard},
};

use bytes::Bytes;
use tokio_stream::wrappers::TcpListenerStream;
use tokio_util::{sync::CancellationToken, sync::DropGuard, task::TaskTracker};
use tonic::{Code, Request, Response, Status, Streaming};
use weir_shared::{
    proto::ingest::v1::{
        ingest_service_server::{IngestService, IngestServiceServer},
        upload_capture_request::Message,
        *,
    },
    status,
};

use crate::{caller::Caller, connect, output::Notes};

pub(super) const CHUNK_BYTES: u32 = 4;

#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) spec: Option<CaptureSpec>,
    pub(super) chunks: BTreeMap<u32, Bytes>,
    pub(super) sealed: bool,
    /// Indexes that came, per UploadCapture call.
    pub(super) calls: Vec<Vec<u32>>,
    /// Break the call after so many chunks, once each.
    pub(super) breaks: Vec<usize>,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Fake(Arc<Mutex<State>>);

impl Fake {
    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    /// Serves on a port of its own until the guard is dropped.
    pub(super) async fn serve(&self) -> (Caller, DropGuard) {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let uri = format!("http://{}", listener.local_addr().unwrap());
        let shutdown = CancellationToken::new();
        let server = tonic::transport::Server::builder()
            .add_service(IngestServiceServer::new(self.clone()))
            .serve_with_incoming_shutdown(
                TcpListenerStream::new(listener),
                shutdown.clone().cancelled_owned(),
            );
        TaskTracker::new().spawn(server);
        let channel = connect::channel(uri.parse().unwrap());
        (
            Caller::new(channel, None, Notes::hidden()),
            shutdown.drop_guard(),
        )
    }

    pub(super) fn content(&self) -> Vec<u8> {
        self.state().chunks.values().flatten().copied().collect()
    }
}

impl State {
    fn capture(&self) -> Option<Capture> {
        let spec = self.spec.clone()?;
        let end = self.chunks.keys().last().map_or(0, |last| last + 1);
        let missing = (0..spec.chunk_count.unwrap_or(end))
            .filter(|index| !self.chunks.contains_key(index))
            .map(|index| IndexRange {
                first: index,
                last: index,
            })
            .collect();
        let whole: Vec<u8> = self.chunks.values().flatten().copied().collect();
        let state = if self.sealed {
            CaptureState::Sealed
        } else {
            CaptureState::Receiving
        };
        Some(Capture {
            capture_id: spec.capture_id,
            state: state.into(),
            chunk_count: spec.chunk_count,
            chunk_bytes: spec.chunk_bytes,
            analyze_on_seal: spec.analyze_on_seal,
            chunks_durable: self.chunks.len().try_into().unwrap(),
            bytes_durable: whole.len() as u64,
            missing,
            size_bytes: if self.sealed {
                Some(whole.len() as u64)
            } else {
                spec.size_bytes
            },
            crc32c: self.sealed.then(|| crc32c::crc32c(&whole)),
            ..Default::default()
        })
    }

    fn found(&self) -> Result<Capture, Status> {
        let unknown = || status::error(Code::NotFound, "CAPTURE_UNKNOWN", "no such capture");
        self.capture().ok_or_else(|| unknown().build())
    }

    fn seal(&mut self, n_chunks: Option<u32>) {
        let n = self.chunks.len() as u64;
        let whole = self
            .chunks
            .keys()
            .zip(0..)
            .all(|(index, want)| *index == want);
        self.sealed = whole && n_chunks.is_some_and(|count| u64::from(count) == n);
    }
}

#[tonic::async_trait]
impl IngestService for Fake {
    async fn get_server_info(
        &self,
        _: Request<GetServerInfoRequest>,
    ) -> Result<Response<GetServerInfoResponse>, Status> {
        Ok(Response::new(GetServerInfoResponse {
            chunk_bytes_max: CHUNK_BYTES,
            chunk_bytes_recommended: CHUNK_BYTES,
            ..Default::default()
        }))
    }

    async fn create_capture(
        &self,
        request: Request<CreateCaptureRequest>,
    ) -> Result<Response<CreateCaptureResponse>, Status> {
        let mut state = self.state();
        let spec = request.into_inner().spec.unwrap();
        let spec = state.spec.get_or_insert(spec);
        if spec.capture_id.is_empty() {
            spec.capture_id = "chosen".to_owned();
        }
        Ok(Response::new(CreateCaptureResponse {
            capture: state.capture(),
        }))
    }

    async fn upload_capture(
        &self,
        request: Request<Streaming<UploadCaptureRequest>>,
    ) -> Result<Response<UploadCaptureResponse>, Status> {
        let mut messages = request.into_inner();
        let break_after = {
            let mut state = self.state();
            state.calls.push(Vec::new());
            state.breaks.pop()
        };
        while let Some(UploadCaptureRequest { message }) = messages.message().await? {
            let mut state = self.state();
            match message.unwrap() {
                Message::Open(open) => assert_eq!(open.capture_id, state.found()?.capture_id),
                Message::Chunk(chunk) => {
                    assert_eq!(chunk.crc32c, Some(crc32c::crc32c(&chunk.data)));
                    let call = state.calls.last_mut().unwrap();
                    call.push(chunk.index);
                    let came = call.len();
                    state.chunks.insert(chunk.index, chunk.data);
                    if break_after == Some(came) {
                        let away = status::error(Code::Unavailable, "STORAGE_UNAVAILABLE", "away");
                        return Err(away.build());
                    }
                }
                Message::Finish(finish) => state.seal(finish.chunk_count),
            }
        }
        let capture = self.state().capture();
        Ok(Response::new(UploadCaptureResponse {
            capture,
            ..Default::default()
        }))
    }

    async fn seal_capture(
        &self,
        request: Request<SealCaptureRequest>,
    ) -> Result<Response<SealCaptureResponse>, Status> {
        let mut state = self.state();
        state.seal(request.into_inner().chunk_count);
        Ok(Response::new(SealCaptureResponse {
            capture: state.capture(),
        }))
    }

    async fn get_capture(
        &self,
        _: Request<GetCaptureRequest>,
    ) -> Result<Response<GetCaptureResponse>, Status> {
        let capture = Some(self.state().found()?);
        Ok(Response::new(GetCaptureResponse { capture }))
    }

    async fn put_chunk(
        &self,
        _: Request<PutChunkRequest>,
    ) -> Result<Response<PutChunkResponse>, Status> {
        Err(Status::unimplemented("not called by uploads"))
    }

    async fn list_captures(
        &self,
        _: Request<ListCapturesRequest>,
    ) -> Result<Response<ListCapturesResponse>, Status> {
        Err(Status::unimplemented("not called by uploads"))
    }

    async fn delete_capture(
        &self,
        _: Request<DeleteCaptureRequest>,
    ) -> Result<Response<DeleteCaptureResponse>, Status> {
        Err(Status::unimplemented("not called by uploads"))
    }

    type WatchCaptureStream = tokio_stream::Empty<Result<WatchCaptureResponse, Status>>;

    async fn watch_capture(
        &self,
        _request: Request<WatchCaptureRequest>,
    ) -> Result<Response<Self::WatchCaptureStream>, Status> {
        Err(Status::unimplemented("not called by uploads"))
    }

    type VerifyCaptureStream = tokio_stream::Empty<Result<VerifyCaptureResponse, Status>>;

    async fn verify_capture(
        &self,
        _request: Request<VerifyCaptureRequest>,
    ) -> Result<Response<Self::VerifyCaptureStream>, Status> {
        Err(Status::unimplemented("not called by uploads"))
    }

    type ReadCaptureStream = tokio_stream::Empty<Result<ReadCaptureResponse, Status>>;

    async fn read_capture(
        &self,
        _: Request<ReadCaptureRequest>,
    ) -> Result<Response<Self::ReadCaptureStream>, Status> {
        Err(Status::unimplemented("not called by uploads"))
    }

    type AnalyzeCaptureStream = tokio_stream::Empty<Result<AnalyzeCaptureResponse, Status>>;

    async fn analyze_capture(
        &self,
        _: Request<AnalyzeCaptureRequest>,
    ) -> Result<Response<Self::AnalyzeCaptureStream>, Status> {
        Err(Status::unimplemented("not called by uploads"))
    }
}
