//! The analyzer as background analyses use it: the same calls that
//! AnalyzeCapture relays.

use std::sync::Arc;

use bytes::Bytes;
use prost::Message as _;
use tokio::sync::mpsc;
use tonic::{Code, Status};
use weir_shared::{
    call::Deadline,
    proto::analyzer::v1::{AnalysisOptions, RecordBatch, analyze_response::Event},
    status::reason,
};

use super::{
    super::analyze::{AnalyzerCall, AnalyzerClient, Cut, Hearer, Namings},
    frames,
};
use crate::domain::{
    analyses::{Analyzer, Job, Told, Unanalyzed},
    analysis::Failure,
    ingest::Ingest,
};

/// See the module.
#[derive(Debug)]
pub(crate) struct RemoteAnalyzer {
    ingest: Arc<Ingest>,
    client: AnalyzerClient,
    namings: Arc<Namings>,
}

impl RemoteAnalyzer {
    pub(crate) fn new(ingest: Arc<Ingest>, client: AnalyzerClient, namings: Arc<Namings>) -> Self {
        Self {
            ingest,
            client,
            namings,
        }
    }
}

#[tonic::async_trait]
impl Analyzer for RemoteAnalyzer {
    async fn analyze(&self, job: Job, told: mpsc::Sender<Told>) -> Result<(), Unanalyzed> {
        let Job {
            capture,
            options,
            after,
            deadline,
        } = job;
        let options = AnalysisOptions::decode(options);
        let options = options.map_err(|error| Unanalyzed {
            failure: Failure::new("INTERNAL", &format!("stored options: {error}")),
            may_pass: false,
        })?;
        let call = AnalyzerCall {
            ingest: Arc::clone(&self.ingest),
            client: self.client.clone(),
            namings: Arc::clone(&self.namings),
            capture,
            options: Some(options),
            deadline: Some(Deadline::at(deadline)),
        };
        match call.run(&Telling { told, after }).await {
            Ok(Ok(()) | Err(Cut)) => Ok(()),
            Err(status) => Err(unanalyzed(&status)),
        }
    }
}

/// What an attached call is told to try again may pass here as well.
fn unanalyzed(status: &Status) -> Unanalyzed {
    let reason = reason(status).unwrap_or_else(|| "INTERNAL".to_owned());
    Unanalyzed {
        may_pass: status.code() == Code::Unavailable || reason == "STORAGE_FULL",
        failure: Failure::new(&reason, status.message()),
    }
}

struct Telling {
    told: mpsc::Sender<Told>,
    after: u64,
}

impl Hearer for Telling {
    async fn hear(&self, event: Event) -> Result<(), Cut> {
        let told = match event {
            Event::CaptureInfo(info) => Some(Told::CaptureInfo(encoded(&info))),
            Event::Progress(progress) => Some(Told::Progress(encoded(&progress))),
            Event::Records(RecordBatch { records }) => {
                let stored = records.partition_point(|record| record.sequence <= self.after);
                frames::frame(&records[stored..]).map(Told::Records)
            }
            Event::Summary(summary) => Some(Told::Summary(encoded(&summary))),
        };
        match told {
            Some(told) => self.told.send(told).await.map_err(|_gone| Cut),
            None => Ok(()),
        }
    }
}

fn encoded(message: &impl prost::Message) -> Bytes {
    message.encode_to_vec().into()
}
