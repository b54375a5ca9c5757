//! An ingest-service that drops what it gets: what the transport alone costs.

use std::pin::Pin;

use futures::stream::Empty;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status, Streaming};
use weir_shared::{
    limits::GRPC_MESSAGE_BYTES_MAX,
    proto::ingest::v1::{self as proto, ingest_service_server as server},
    serve::{Lifecycle, ServeConfig, Served, serve},
};

use weir_tests::pair::Service;

/// Starts one, with the settings of ours.
pub async fn start() -> Service {
    Service::start(run).await
}

/// Runs one until it is stopped.
///
/// # Errors
/// When it can't serve.
pub async fn run(listener: TcpListener, stop: CancellationToken) -> anyhow::Result<()> {
    let service =
        server::IngestServiceServer::new(Sink).max_decoding_message_size(GRPC_MESSAGE_BYTES_MAX);
    let served = Served {
        service: std::future::ready(Ok(service)),
        names: &[],
        oversized: &[],
    };
    let lifecycle = Lifecycle::default();
    serve(&ServeConfig::default(), listener, served, &lifecycle, stop).await
}

#[derive(Debug)]
struct Sink;

type Nothing<T> = Pin<Box<Empty<Result<T, Status>>>>;

macro_rules! unimplemented_calls {
    ($($name:ident: $request:ident => $response:ty),* $(,)?) => {
        $(fn $name<'a, 'b>(
            &'a self,
            _: Request<proto::$request>,
        ) -> Pin<Box<dyn Future<Output = Result<Response<$response>, Status>> + Send + 'b>>
        where
            'a: 'b,
            Self: 'b,
        {
            Box::pin(async { Err(Status::unimplemented("a sink")) })
        })*
    };
}

impl server::IngestService for Sink {
    type ReadCaptureStream = Nothing<proto::ReadCaptureResponse>;
    type VerifyCaptureStream = Nothing<proto::VerifyCaptureResponse>;
    type WatchCaptureStream = Nothing<proto::WatchCaptureResponse>;
    type AnalyzeCaptureStream = Nothing<proto::AnalyzeCaptureResponse>;

    fn upload_capture<'a, 'b>(
        &'a self,
        request: Request<Streaming<proto::UploadCaptureRequest>>,
    ) -> Pin<
        Box<
            dyn Future<Output = Result<Response<proto::UploadCaptureResponse>, Status>> + Send + 'b,
        >,
    >
    where
        'a: 'b,
        Self: 'b,
    {
        Box::pin(async {
            let mut messages = request.into_inner();
            while messages.message().await?.is_some() {}
            Ok(Response::new(proto::UploadCaptureResponse::default()))
        })
    }

    unimplemented_calls! {
        get_server_info: GetServerInfoRequest => proto::GetServerInfoResponse,
        create_capture: CreateCaptureRequest => proto::CreateCaptureResponse,
        put_chunk: PutChunkRequest => proto::PutChunkResponse,
        seal_capture: SealCaptureRequest => proto::SealCaptureResponse,
        get_capture: GetCaptureRequest => proto::GetCaptureResponse,
        list_captures: ListCapturesRequest => proto::ListCapturesResponse,
        delete_capture: DeleteCaptureRequest => proto::DeleteCaptureResponse,
        verify_capture: VerifyCaptureRequest => Self::VerifyCaptureStream,
        watch_capture: WatchCaptureRequest => Self::WatchCaptureStream,
        read_capture: ReadCaptureRequest => Self::ReadCaptureStream,
        analyze_capture: AnalyzeCaptureRequest => Self::AnalyzeCaptureStream,
    }
}
