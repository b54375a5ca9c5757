//! One call of the analyzer about a stored capture.

use std::sync::Arc;

use tonic::{Code, Request, Status, Streaming};
use weir_shared::{
    call::{Deadline, EndCause, end_status},
    chain::Chain,
    proto::analyzer::v1::{
        AnalysisOptions, AnalyzeRequest, AnalyzeResponse, analyze_request::Source,
        analyze_response::Event,
    },
    status::{metadata, reason},
    store::ObjectKey,
};

use super::{
    super::error::{analyzer_unavailable, status},
    AnalyzerClient,
    source::{self, Namings},
};
use crate::domain::{capture::Capture, ingest::Ingest};

/// What is needed for it.
#[derive(Debug)]
pub(in crate::grpc) struct AnalyzerCall {
    pub(in crate::grpc) ingest: Arc<Ingest>,
    pub(in crate::grpc) client: AnalyzerClient,
    pub(in crate::grpc) namings: Arc<Namings>,
    pub(in crate::grpc) capture: Arc<Capture>,
    pub(in crate::grpc) options: Option<AnalysisOptions>,
    pub(in crate::grpc) deadline: Option<Deadline>,
}

/// Nobody is to be told anything more.
#[derive(Debug)]
pub(in crate::grpc) struct Cut;

/// Who is told what is found.
pub(in crate::grpc) trait Hearer: Sync {
    fn hear(&self, event: Event) -> impl Future<Output = Result<(), Cut>> + Send;
}

impl AnalyzerCall {
    /// Tells what the analyzer finds, until the summary, or what ends it before.
    ///
    /// Cancel safety: dropping it cancels the analysis.
    ///
    /// # Errors
    /// What the caller of an analysis is told.
    pub(in crate::grpc) async fn run(
        &self,
        hearer: &impl Hearer,
    ) -> Result<Result<(), Cut>, Status> {
        let named = source::name(&self.ingest, &self.namings, &self.capture).await;
        let named = named.map_err(status)?;
        let _manifest = named.manifest.map(|key| Manifest {
            ingest: Arc::clone(&self.ingest),
            key,
        });
        let mut events = self.begin(named.source).await?;
        let mut is_over = false;
        loop {
            let event = match events.message().await {
                Ok(Some(AnalyzeResponse { event: Some(event) })) => event,
                // A kind of event that only a newer analyzer knows.
                Ok(Some(AnalyzeResponse { event: None })) => continue,
                Ok(None) if is_over => return Ok(Ok(())),
                // It always ends with a summary or a status.
                Ok(None) => return Err(analyzer_unavailable()),
                Err(error) => return Err(self.explain(error).await),
            };
            is_over = matches!(event, Event::Summary(_));
            if let Err(cut) = hearer.hear(event).await {
                return Ok(Err(cut));
            }
        }
    }

    async fn begin(&self, source: Source) -> Result<Streaming<AnalyzeResponse>, Status> {
        let mut request = Request::new(AnalyzeRequest {
            source: Some(source),
            options: self.options.clone(),
        });
        if let Some(deadline) = self.deadline {
            request.set_timeout(deadline.remaining());
        }
        match self.client.clone().analyze(request).await {
            Ok(answer) => Ok(answer.into_inner()),
            Err(error) => Err(self.explain(error).await),
        }
    }

    /// What the caller is told when the analyzer says this.
    async fn explain(&self, error: Status) -> Status {
        match reason(&error).as_deref() {
            Some("STORED_OBJECT_MISSING" | "EXTENT_INVALID") => {
                status(self.ingest.contents.why_missing(&self.capture).await)
            }
            Some("STORED_CHUNK_CORRUPT") => {
                let offset = metadata(&error, "capture_offset").and_then(|o| o.parse().ok());
                status(self.ingest.why_bad(&self.capture, offset).await)
            }
            // Its own restart is none of the caller's.
            Some("SHUTTING_DOWN") => analyzer_unavailable(),
            Some(_) => {
                let details = error.details().to_vec().into();
                Status::with_details(error.code(), error.message(), details)
            }
            None => self.explain_transport(&error),
        }
    }

    fn explain_transport(&self, error: &Status) -> Status {
        let is_late = self.deadline.is_some_and(|d| d.remaining().is_zero());
        // tonic's own timer says CANCELLED.
        if is_late || error.code() == Code::DeadlineExceeded {
            return end_status(EndCause::Deadline);
        }
        tracing::warn!(code = ?error.code(), message = error.message(), "the analyzer is away");
        analyzer_unavailable()
    }
}

/// The list of extents that was written for one call, and goes with it.
#[derive(Debug)]
struct Manifest {
    ingest: Arc<Ingest>,
    key: ObjectKey,
}

impl Drop for Manifest {
    /// In a task of its own: the call's end does not wait for the store.
    fn drop(&mut self) {
        let (store, key) = (Arc::clone(&self.ingest.store), self.key.clone());
        self.ingest.tasks.spawn(async move {
            if let Err(error) = store.delete(&key).await {
                tracing::warn!(error = %Chain(&error), manifest = %key, "left to the sweeper");
            }
        });
    }
}
