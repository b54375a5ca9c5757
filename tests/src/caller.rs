//! A client with the settings that the documents recommend.

use std::{net::SocketAddr, time::Duration};

use tonic::{
    Request, Status, Streaming,
    transport::{Channel, Endpoint},
};
use weir_shared::proto::{
    analyzer::v1::{AnalysisOptions, analyze_response},
    ingest::v1::{
        AnalyzeCaptureRequest, AnalyzeCaptureResponse, Capture, GetCaptureRequest, IndexRange,
        PutChunkRequest, PutOutcome, ReadCaptureRequest, SealCaptureRequest, UploadCaptureRequest,
        UploadCaptureResponse, analyze_capture_response,
        ingest_service_client::IngestServiceClient,
    },
};

use crate::{
    analysis::{Analysis, Collected},
    messages::{bare_chunk, chunk, finish, open},
};

/// Windows of the recommended client, bytes.
const STREAM_WINDOW: u32 = 4 << 20;
const CONNECTION_WINDOW: u32 = 16 << 20;

/// The smallest window that HTTP/2 starts with, bytes: a client that reads
/// nothing holds up its server soon.
const SMALLEST_WINDOW: u32 = 65_535;

/// A connection to a server with the recommended settings.
#[must_use]
pub fn channel(address: SocketAddr) -> Channel {
    recommended(&address.to_string()).connect_lazy()
}

/// How a client connects to `HOST:PORT` with the recommended settings.
#[must_use]
pub fn recommended(authority: &str) -> Endpoint {
    endpoint(authority)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
}

/// A connection whose unread answers soon hold up their server.
#[must_use]
pub fn narrow_channel(address: SocketAddr) -> Channel {
    narrow(&address.to_string()).connect_lazy()
}

/// The settings of [`narrow_channel`].
#[must_use]
pub fn narrow(authority: &str) -> Endpoint {
    endpoint(authority)
        .initial_stream_window_size(SMALLEST_WINDOW)
        .initial_connection_window_size(SMALLEST_WINDOW)
}

fn endpoint(authority: &str) -> Endpoint {
    Endpoint::from_shared(format!("http://{authority}"))
        .unwrap()
        .connect_timeout(Duration::from_secs(5))
        .tcp_nodelay(true)
        .http2_keep_alive_interval(Duration::from_secs(15))
        .keep_alive_timeout(Duration::from_secs(5))
}

/// Calls ingest-service.
#[derive(Clone, Debug)]
pub struct Caller {
    pub rpc: IngestServiceClient<Channel>,
}

impl Caller {
    #[must_use]
    pub fn new(channel: Channel) -> Self {
        Self {
            rpc: IngestServiceClient::new(channel),
        }
    }

    /// Uploads in one call.
    ///
    /// # Errors
    /// The service's.
    pub async fn upload(
        &self,
        messages: Vec<UploadCaptureRequest>,
    ) -> Result<UploadCaptureResponse, Status> {
        let messages = tokio_stream::iter(messages);
        let answer = self.rpc.clone().upload_capture(messages).await?;
        Ok(answer.into_inner())
    }

    /// Uploads `data` in chunks of this size, in order, and seals it.
    pub async fn store(&self, id: &str, data: &[u8], chunk_bytes: usize) -> Capture {
        let mut messages = vec![open(id)];
        let mut count = 0;
        for part in data.chunks(chunk_bytes) {
            messages.push(chunk(count, part));
            count += 1;
        }
        messages.push(finish(count));
        self.upload(messages).await.unwrap().capture.unwrap()
    }

    /// # Errors
    /// The service's.
    pub async fn put(
        &self,
        id: &str,
        index: u32,
        data: impl AsRef<[u8]>,
    ) -> Result<PutOutcome, Status> {
        let request = PutChunkRequest {
            capture_id: id.to_owned(),
            chunk: Some(bare_chunk(index, data)),
        };
        let answer = self.rpc.clone().put_chunk(request).await?;
        Ok(answer.into_inner().outcome())
    }

    /// # Errors
    /// The service's.
    pub async fn seal(&self, request: SealCaptureRequest) -> Result<Capture, Status> {
        let answer = self.rpc.clone().seal_capture(request).await?;
        Ok(answer.into_inner().capture.unwrap())
    }

    /// # Errors
    /// The service's.
    pub async fn get(&self, id: &str) -> Result<Capture, Status> {
        let request = GetCaptureRequest {
            capture_id: id.to_owned(),
        };
        let answer = self.rpc.clone().get_capture(request).await?;
        Ok(answer.into_inner().capture.unwrap())
    }

    /// What a capture still lacks, both ends inclusive.
    pub async fn missing(&self, id: &str) -> Vec<(u32, u32)> {
        ranges(&self.get(id).await.unwrap().missing)
    }

    /// # Errors
    /// The service's.
    pub async fn read(&self, id: &str, offset: u64, length: u64) -> Result<Vec<u8>, Status> {
        let request = ReadCaptureRequest {
            capture_id: id.to_owned(),
            offset,
            length,
        };
        let mut answer = self.rpc.clone().read_capture(request).await?.into_inner();
        let mut data = Vec::new();
        while let Some(part) = answer.message().await? {
            data.extend_from_slice(&part.data);
        }
        Ok(data)
    }

    /// Begins an analysis.
    ///
    /// # Errors
    /// The service's, when it comes before the answer begins.
    pub async fn begin_analysis(
        &self,
        id: &str,
        deadline: Option<Duration>,
    ) -> Result<Streaming<AnalyzeCaptureResponse>, Status> {
        self.begin_analysis_with(id, deadline, AnalysisOptions::default())
            .await
    }

    /// The same with options.
    ///
    /// # Errors
    /// The service's, when it comes before the answer begins.
    pub async fn begin_analysis_with(
        &self,
        id: &str,
        deadline: Option<Duration>,
        options: AnalysisOptions,
    ) -> Result<Streaming<AnalyzeCaptureResponse>, Status> {
        let mut request = Request::new(AnalyzeCaptureRequest {
            capture_id: id.to_owned(),
            options: Some(options),
        });
        if let Some(deadline) = deadline {
            request.set_timeout(deadline);
        }
        Ok(self
            .rpc
            .clone()
            .analyze_capture(request)
            .await?
            .into_inner())
    }

    /// Analyzes to the end.
    ///
    /// # Errors
    /// The service's.
    pub async fn analyze(&self, id: &str, options: AnalysisOptions) -> Result<Analysis, Status> {
        let request = AnalyzeCaptureRequest {
            capture_id: id.to_owned(),
            options: Some(options),
        };
        let mut answer = self
            .rpc
            .clone()
            .analyze_capture(request)
            .await?
            .into_inner();
        let mut collected = Collected::default();
        while let Some(message) = answer.message().await? {
            collected.take(match message.event.unwrap() {
                analyze_capture_response::Event::CaptureInfo(info) => {
                    analyze_response::Event::CaptureInfo(info)
                }
                analyze_capture_response::Event::Progress(progress) => {
                    analyze_response::Event::Progress(progress)
                }
                analyze_capture_response::Event::Records(records) => {
                    analyze_response::Event::Records(records)
                }
                analyze_capture_response::Event::Summary(summary) => {
                    analyze_response::Event::Summary(summary)
                }
            });
        }
        Ok(collected.end())
    }
}

/// Both ends inclusive.
#[must_use]
pub fn ranges(ranges: &[IndexRange]) -> Vec<(u32, u32)> {
    ranges.iter().map(|r| (r.first, r.last)).collect()
}
