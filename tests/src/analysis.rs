//! Analyses from end to end, and a caller of analyzer-service itself.

use std::time::Duration;

use bytes::Bytes;
use tonic::{Request, Status, Streaming, transport::Channel};
use weir_shared::proto::analyzer::v1::{
    AnalysisRecord, AnalyzeRequest, AnalyzeResponse, CaptureInfo, Progress, Summary,
    analyze_request::Source, analyze_response, analyzer_service_client::AnalyzerServiceClient,
};

/// Everything that an analysis said, in order.
#[derive(Clone, Debug, Default)]
pub struct Analysis {
    pub info: CaptureInfo,
    pub progress: Vec<Progress>,
    pub records: Vec<AnalysisRecord>,
    pub summary: Summary,
}

/// Calls analyzer-service directly.
#[derive(Clone, Debug)]
pub struct AnalyzerCaller {
    pub rpc: AnalyzerServiceClient<Channel>,
}

impl AnalyzerCaller {
    #[must_use]
    pub fn new(channel: Channel) -> Self {
        Self {
            rpc: AnalyzerServiceClient::new(channel),
        }
    }

    /// # Errors
    /// The service's, when it comes before the answer begins.
    pub async fn begin(
        &self,
        request: AnalyzeRequest,
        deadline: Option<Duration>,
    ) -> Result<Streaming<AnalyzeResponse>, Status> {
        let mut request = Request::new(request);
        if let Some(deadline) = deadline {
            request.set_timeout(deadline);
        }
        Ok(self.rpc.clone().analyze(request).await?.into_inner())
    }

    /// Analyzes to the end.
    ///
    /// # Errors
    /// The service's.
    pub async fn analyze(&self, request: AnalyzeRequest) -> Result<Analysis, Status> {
        let mut answer = self.begin(request, None).await?;
        let mut collected = Collected::default();
        while let Some(message) = answer.message().await? {
            collected.take(message.event.unwrap());
        }
        Ok(collected.end())
    }
}

/// A capture sent inline.
#[must_use]
pub fn inline(data: impl Into<Bytes>) -> AnalyzeRequest {
    AnalyzeRequest {
        source: Some(Source::Inline(data.into())),
        options: None,
    }
}

/// Holds the contract's order: info first, summary last, sequences without gaps.
#[derive(Debug, Default)]
pub(crate) struct Collected {
    analysis: Analysis,
    began: bool,
    ended: bool,
}

impl Collected {
    pub(crate) fn take(&mut self, event: analyze_response::Event) {
        use analyze_response::Event;
        assert!(!self.ended, "nothing comes after the summary");
        match event {
            Event::CaptureInfo(info) => {
                assert!(!self.began, "the capture info comes once");
                self.analysis.info = info;
                self.began = true;
            }
            Event::Progress(progress) => self.analysis.progress.push(progress),
            Event::Records(batch) => {
                assert!(self.began, "the capture info comes first");
                for record in batch.records {
                    self.analysis.records.push(record);
                    let position = u64::try_from(self.analysis.records.len()).unwrap();
                    let sequence = self.analysis.records.last().map(|r| r.sequence);
                    assert_eq!(sequence, Some(position));
                }
            }
            Event::Summary(summary) => {
                assert!(self.began, "the capture info comes first");
                self.analysis.summary = summary;
                self.ended = true;
            }
        }
    }

    pub(crate) fn end(self) -> Analysis {
        assert!(self.ended, "the summary comes last, always");
        self.analysis
    }
}
