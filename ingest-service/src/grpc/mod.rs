//! The service on the wire: parses requests into domain types, once, and tells
//! the domain's answers and errors.

mod analyses;
mod analyze;
mod convert;
mod error;
mod events;
mod page;
mod read;
mod receive;
mod search;
mod streamed;
mod upload;
mod verify;
mod watch;

use std::{sync::Arc, time::Duration};

use tokio_util::task::TaskTracker;
use tonic::{Request, Response, Status, Streaming};
use weir_shared::{
    limits::{CHUNK_BYTES_RECOMMENDED, GRPC_MESSAGE_BYTES_MAX},
    proto::ingest::v1::{
        AnalyzeCaptureRequest, CreateCaptureRequest, CreateCaptureResponse, DeleteCaptureRequest,
        DeleteCaptureResponse, GetCaptureRequest, GetCaptureResponse, GetServerInfoRequest,
        GetServerInfoResponse, ListCapturesRequest, ListCapturesResponse, PutChunkRequest,
        PutChunkResponse, PutOutcome, ReadCaptureRequest, SealCaptureRequest, SealCaptureResponse,
        UploadCaptureRequest, UploadCaptureResponse, VerifyCaptureRequest, WatchCaptureRequest,
        ingest_service_server::IngestService,
    },
};

pub(crate) use analyses::{AnalysesApi, RemoteAnalyzer, SummaryReader};
pub(crate) use analyze::Namings;
pub(crate) use analyze::connect;
pub use analyze::{AnalyzerClient, analyzer_client, analyzer_endpoint};
pub(crate) use events::{EventsApi, Source, event as event_to_proto};
pub(crate) use receive::Metered;
use receive::{Arrived, Receipt};
pub(crate) use search::{RecordReader, SearchApi};

use crate::domain::{
    capture::Capture,
    error::Error,
    ingest::{Ingest, Put},
};

/// Ranges in an answer: 1,000 of at most 12 bytes.
const MISSING_RANGES_MAX: usize = 1_000;

/// The gRPC service.
#[derive(Clone, Debug)]
pub(crate) struct Service {
    ingest: Arc<Ingest>,
    analyzer: AnalyzerClient,
    namings: Arc<Namings>,
}

impl Service {
    pub(crate) fn new(
        ingest: Arc<Ingest>,
        analyzer: AnalyzerClient,
        namings: Arc<Namings>,
    ) -> Self {
        Self {
            ingest,
            analyzer,
            namings,
        }
    }

    fn tasks(&self) -> &TaskTracker {
        &self.ingest.tasks
    }

    /// A capture as answers tell it, with what it lacks.
    async fn told(
        &self,
        capture: Capture,
    ) -> Result<Option<weir_shared::proto::ingest::v1::Capture>, Error> {
        let told = self.ingest.missing(capture, MISSING_RANGES_MAX);
        let (capture, missing) = told.await?;
        Ok(Some(convert::capture_to_proto(&capture, missing)))
    }
}

#[tonic::async_trait]
impl IngestService for Service {
    async fn get_server_info(
        &self,
        request: Request<GetServerInfoRequest>,
    ) -> Result<Response<GetServerInfoResponse>, Status> {
        let GetServerInfoRequest {} = request.into_inner();
        let settings = &self.ingest.settings;
        let recommended = u32::try_from(CHUNK_BYTES_RECOMMENDED).unwrap_or(u32::MAX);
        let recommended = recommended.min(settings.chunks.chunk_bytes_max);
        Ok(Response::new(GetServerInfoResponse {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            chunk_bytes_max: settings.chunks.chunk_bytes_max,
            chunk_bytes_recommended: recommended,
            capture_bytes_max: settings.capture_bytes_max,
            chunks_max: settings.chunks.chunks_max,
            commit_interval: Some(duration_to_proto(settings.commit_interval)),
            durability: convert::durability_to_proto(self.ingest.durability()).into(),
            staging_bytes: settings.staging_bytes as u64,
            calls_per_connection_max: settings.calls_per_connection_max,
            upload_idle_timeout: Some(duration_to_proto(settings.pace.idle)),
            upload_rate_min: settings.pace.rate_min.into(),
            open_captures_max: settings.open_captures_max,
            unsealed_ttl: Some(duration_to_proto(settings.keeping.unsealed_ttl)),
            sealed_ttl: settings.keeping.sealed_ttl.map(duration_to_proto),
        }))
    }

    async fn create_capture(
        &self,
        request: Request<CreateCaptureRequest>,
    ) -> Result<Response<CreateCaptureResponse>, Status> {
        let CreateCaptureRequest { spec } = request.into_inner();
        let spec = convert::required("spec", spec)
            .and_then(|spec| convert::spec(spec, self.ingest.settings.chunks))
            .map_err(error::status)?;
        let capture = self.ingest.create(&spec).await.map_err(error::status)?;
        let capture = self.told(capture).await.map_err(error::status)?;
        Ok(Response::new(CreateCaptureResponse { capture }))
    }

    async fn upload_capture(
        &self,
        request: Request<Streaming<UploadCaptureRequest>>,
    ) -> Result<Response<UploadCaptureResponse>, Status> {
        let done = upload::upload(self, request).await?;
        Ok(Response::new(UploadCaptureResponse {
            capture: self.told(done.capture).await.map_err(error::status)?,
            chunks_stored: done.stored,
            chunks_duplicate: done.duplicate,
        }))
    }

    async fn put_chunk(
        &self,
        request: Request<PutChunkRequest>,
    ) -> Result<Response<PutChunkResponse>, Status> {
        let receipt = Receipt::of(request.extensions()).map_err(error::status)?;
        let PutChunkRequest { capture_id, chunk } = request.into_inner();
        let id = convert::capture_id(capture_id).map_err(error::status)?;
        let chunk = convert::required("chunk", chunk).map_err(error::status)?;
        let Arrived { room, .. } = receipt.take().map_err(error::status)?;
        let put = self
            .ingest
            .put_chunk(&id, convert::chunk(chunk, GRPC_MESSAGE_BYTES_MAX), room)
            .await;
        let outcome = match put.map_err(error::status)? {
            Put::Stored => PutOutcome::Stored,
            Put::Duplicate => PutOutcome::Duplicate,
        };
        let outcome = outcome.into();
        Ok(Response::new(PutChunkResponse { outcome }))
    }

    async fn seal_capture(
        &self,
        request: Request<SealCaptureRequest>,
    ) -> Result<Response<SealCaptureResponse>, Status> {
        let SealCaptureRequest {
            capture_id,
            chunk_count,
            sha256,
            size_bytes,
        } = request.into_inner();
        let id = convert::capture_id(capture_id).map_err(error::status)?;
        let params = convert::seal_params(
            chunk_count,
            &sha256,
            size_bytes,
            self.ingest.settings.chunks,
        )
        .map_err(error::status)?;
        let sealed = async {
            let capture = self.ingest.get(&id).await?;
            let used = self.ingest.use_capture(&capture).await?;
            tokio::select! {
                biased;
                () = used.deleted() => Err(Error::Deleted(id)),
                sealed = self.ingest.seal(&capture, &params, None) => sealed,
            }
        };
        let capture = sealed.await.map_err(error::status)?;
        let capture = self.told(capture).await.map_err(error::status)?;
        Ok(Response::new(SealCaptureResponse { capture }))
    }

    async fn get_capture(
        &self,
        request: Request<GetCaptureRequest>,
    ) -> Result<Response<GetCaptureResponse>, Status> {
        let GetCaptureRequest { capture_id } = request.into_inner();
        let id = convert::capture_id(capture_id).map_err(error::status)?;
        let told = match self.ingest.get(&id).await {
            Ok(capture) => self.told(capture).await,
            Err(error) => Err(error),
        };
        let capture = told.map_err(|error| match error {
            // Between the two looks.
            Error::Deleted(id) => error::status(Error::Unknown(id)),
            error => error::status(error),
        })?;
        Ok(Response::new(GetCaptureResponse { capture }))
    }

    async fn list_captures(
        &self,
        request: Request<ListCapturesRequest>,
    ) -> Result<Response<ListCapturesResponse>, Status> {
        let page = page::PageRequest::parse(request.into_inner()).map_err(error::status)?;
        let page = page.fill(&self.ingest).await.map_err(error::status)?;
        Ok(Response::new(page))
    }

    async fn delete_capture(
        &self,
        request: Request<DeleteCaptureRequest>,
    ) -> Result<Response<DeleteCaptureResponse>, Status> {
        let DeleteCaptureRequest {
            capture_id,
            allow_missing,
        } = request.into_inner();
        let id = convert::capture_id(capture_id).map_err(error::status)?;
        let deleted = self.ingest.delete(&id).await.map_err(error::status)?;
        if !deleted && !allow_missing {
            return Err(error::status(Error::Unknown(id)));
        }
        Ok(Response::new(DeleteCaptureResponse {}))
    }

    type WatchCaptureStream = watch::WatchStream;

    async fn watch_capture(
        &self,
        request: Request<WatchCaptureRequest>,
    ) -> Result<Response<Self::WatchCaptureStream>, Status> {
        watch::watch(self, request).await
    }

    type VerifyCaptureStream = verify::VerifyStream;

    async fn verify_capture(
        &self,
        request: Request<VerifyCaptureRequest>,
    ) -> Result<Response<Self::VerifyCaptureStream>, Status> {
        verify::verify(self, request).await
    }

    type ReadCaptureStream = read::ReadStream;

    async fn read_capture(
        &self,
        request: Request<ReadCaptureRequest>,
    ) -> Result<Response<Self::ReadCaptureStream>, Status> {
        read::read(self, request).await
    }

    type AnalyzeCaptureStream = analyze::AnalyzeStream;

    async fn analyze_capture(
        &self,
        request: Request<AnalyzeCaptureRequest>,
    ) -> Result<Response<Self::AnalyzeCaptureStream>, Status> {
        analyze::analyze(self, request).await
    }
}

fn duration_to_proto(duration: Duration) -> pbjson_types::Duration {
    pbjson_types::Duration {
        seconds: i64::try_from(duration.as_secs()).unwrap_or(i64::MAX),
        nanos: i32::try_from(duration.subsec_nanos()).unwrap_or(0),
    }
}
