//! A caller of background analyses.

use tonic::{Status, Streaming, transport::Channel};
use weir_shared::proto::{
    analyzer::v1::{AnalysisOptions, AnalysisRecord, Progress},
    ingest::v1::{
        Analysis, AnalysisState, CancelAnalysisRequest, GetAnalysisRequest, ListAnalysesRequest,
        ListAnalysesResponse, StartAnalysisRequest, WatchAnalysisRequest, WatchAnalysisResponse,
        analyses_service_client::AnalysesServiceClient, watch_analysis_response::Event,
    },
};

use crate::until::within;

/// See the module.
#[derive(Clone, Debug)]
pub struct Background {
    pub rpc: AnalysesServiceClient<Channel>,
}

/// A watcher's answer, and what it has told so far.
#[derive(Debug)]
pub struct Watched {
    answer: Streaming<WatchAnalysisResponse>,
    /// The state as it was told, whenever it was.
    pub analyses: Vec<Analysis>,
    /// Sequences follow one another.
    pub records: Vec<AnalysisRecord>,
    pub progress: Vec<Progress>,
    after: u64,
}

/// Asks for an analysis of a capture.
#[must_use]
pub fn wanted(capture_id: &str) -> StartAnalysisRequest {
    StartAnalysisRequest {
        capture_id: capture_id.to_owned(),
        options: Some(AnalysisOptions::default()),
        ..StartAnalysisRequest::default()
    }
}

impl Background {
    #[must_use]
    pub fn new(channel: Channel) -> Self {
        Self {
            rpc: AnalysesServiceClient::new(channel),
        }
    }

    /// # Errors
    /// The service's.
    pub async fn start(&self, request: StartAnalysisRequest) -> Result<Analysis, Status> {
        let answer = self.rpc.clone().start_analysis(request).await?;
        Ok(answer.into_inner().analysis.unwrap())
    }

    /// # Errors
    /// The service's.
    pub async fn get(&self, id: &str) -> Result<Analysis, Status> {
        let analysis_id = id.to_owned();
        let request = GetAnalysisRequest { analysis_id };
        let answer = self.rpc.clone().get_analysis(request).await?;
        Ok(answer.into_inner().analysis.unwrap())
    }

    /// # Errors
    /// The service's.
    pub async fn list(&self, request: ListAnalysesRequest) -> Result<ListAnalysesResponse, Status> {
        Ok(self.rpc.clone().list_analyses(request).await?.into_inner())
    }

    /// # Errors
    /// The service's.
    pub async fn cancel(&self, id: &str) -> Result<Analysis, Status> {
        let analysis_id = id.to_owned();
        let request = CancelAnalysisRequest { analysis_id };
        let answer = self.rpc.clone().cancel_analysis(request).await?;
        Ok(answer.into_inner().analysis.unwrap())
    }

    /// # Errors
    /// The service's, when it comes before the answer begins.
    pub async fn watch(&self, id: &str, after_sequence: u64) -> Result<Watched, Status> {
        let request = WatchAnalysisRequest {
            analysis_id: id.to_owned(),
            after_sequence,
        };
        let answer = self.rpc.clone().watch_analysis(request).await?;
        Ok(Watched {
            answer: answer.into_inner(),
            analyses: Vec::new(),
            records: Vec::new(),
            progress: Vec::new(),
            after: after_sequence,
        })
    }

    /// Watches it to its end.
    pub async fn watched(&self, id: &str) -> Watched {
        let mut watched = self.watch(id, 0).await.unwrap();
        while watched.next().await.unwrap() {}
        watched
    }
}

impl Watched {
    /// Takes what comes next. False: nothing does.
    ///
    /// # Errors
    /// The service's.
    pub async fn next(&mut self) -> Result<bool, Status> {
        let told = within("what is watched", self.answer.message()).await?;
        let Some(told) = told else {
            return Ok(false);
        };
        match told.event.unwrap() {
            Event::Analysis(analysis) => self.analyses.push(analysis),
            Event::Progress(progress) => self.progress.push(progress),
            Event::Records(batch) => {
                assert!(!batch.records.is_empty());
                for record in batch.records {
                    assert_eq!(record.sequence, self.after + 1);
                    self.after = record.sequence;
                    self.records.push(record);
                }
            }
        }
        Ok(true)
    }

    /// Takes until there are so many records.
    pub async fn until(&mut self, records: usize) {
        while self.records.len() < records {
            assert!(self.next().await.unwrap(), "it ended: {:?}", self.analyses);
        }
    }

    /// What was told last of its state.
    #[must_use]
    pub fn last(&self) -> &Analysis {
        self.analyses.last().unwrap()
    }

    /// How it went.
    #[must_use]
    pub fn states(&self) -> Vec<AnalysisState> {
        self.analyses.iter().map(Analysis::state).collect()
    }
}
