//! The relaying task of one analysis.

use std::sync::Arc;

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tonic::{Code, Request, Status, Streaming};
use weir_shared::{
    call::{Deadline, EndCause, end_status},
    chain::Chain,
    proto::{
        analyzer::v1::{AnalysisOptions, AnalyzeRequest, AnalyzeResponse, analyze_response},
        ingest::v1::{AnalyzeCaptureResponse, analyze_capture_response::Event},
    },
    status::{metadata, reason},
    store::ObjectKey,
};

use super::{
    super::error::{analyzer_unavailable, status},
    AnalyzerClient, source,
};
use crate::domain::{capture::Capture, error::Error, ingest::Ingest, live::InUse};

pub(super) struct Relay {
    pub(super) ingest: Arc<Ingest>,
    pub(super) client: AnalyzerClient,
    pub(super) namings: Arc<source::Namings>,
    pub(super) capture: Arc<Capture>,
    pub(super) used: InUse,
    pub(super) options: Option<AnalysisOptions>,
    pub(super) deadline: Option<Deadline>,
    pub(super) ended: CancellationToken,
    pub(super) sink: mpsc::Sender<Result<AnalyzeCaptureResponse, Status>>,
}

/// Nobody is to be told anything more: the held stream says why.
struct Cut;

impl Relay {
    /// Relays until the summary, or what ends the call before it. Dropping the
    /// analyzer's stream cancels the analysis.
    pub(super) async fn run(self) {
        let named = tokio::select! {
            biased;
            () = self.ended.cancelled() => return,
            named = source::name(&self.ingest, &self.namings, &self.capture) => named,
        };
        let named = match named {
            Ok(named) => named,
            Err(error) => return self.tell(status(error)).await,
        };
        let relayed = tokio::select! {
            biased;
            () = self.ended.cancelled() => Ok(Err(Cut)),
            () = self.used.deleted() => Err(self.deleted()),
            relayed = self.relay(named.source) => relayed,
        };
        if let Some(manifest) = named.manifest {
            self.forget(manifest);
        }
        match relayed {
            Ok(Ok(()) | Err(Cut)) => {}
            Err(status) => self.tell(status).await,
        }
    }

    /// In a task of its own: the call's end does not wait for the store.
    fn forget(&self, manifest: ObjectKey) {
        let store = Arc::clone(&self.ingest.store);
        self.ingest.tasks.spawn(async move {
            if let Err(error) = store.delete(&manifest).await {
                tracing::warn!(error = %Chain(&error), %manifest, "left to the sweeper");
            }
        });
    }

    /// The last word. The work has stopped; only the caller may be slow.
    async fn tell(&self, status: Status) {
        tokio::select! {
            biased;
            () = self.ended.cancelled() => {}
            // Nobody listens any more: as well.
            _ = self.sink.send(Err(status)) => {}
        }
    }

    async fn relay(
        &self,
        source: weir_shared::proto::analyzer::v1::analyze_request::Source,
    ) -> Result<Result<(), Cut>, Status> {
        let mut request = Request::new(AnalyzeRequest {
            source: Some(source),
            options: self.options.clone(),
        });
        if let Some(deadline) = self.deadline {
            request.set_timeout(deadline.remaining());
        }
        let answer = self.client.clone().analyze(request).await;
        let mut events = match answer {
            Ok(answer) => answer.into_inner(),
            Err(error) => return Err(self.explain(error).await),
        };
        self.relay_events(&mut events).await
    }

    async fn relay_events(
        &self,
        events: &mut Streaming<AnalyzeResponse>,
    ) -> Result<Result<(), Cut>, Status> {
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
            is_over = matches!(event, analyze_response::Event::Summary(_));
            let event = Some(relayed(event));
            let sent = self.sink.send(Ok(AnalyzeCaptureResponse { event })).await;
            if sent.is_err() {
                return Ok(Err(Cut));
            }
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

    fn deleted(&self) -> Status {
        status(Error::Deleted(self.capture.id.clone()))
    }
}

fn relayed(event: analyze_response::Event) -> Event {
    match event {
        analyze_response::Event::CaptureInfo(info) => Event::CaptureInfo(info),
        analyze_response::Event::Progress(progress) => Event::Progress(progress),
        analyze_response::Event::Records(records) => Event::Records(records),
        analyze_response::Event::Summary(summary) => Event::Summary(summary),
    }
}
