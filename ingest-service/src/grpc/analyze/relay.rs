//! The relaying task of one analysis.

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tonic::Status;
use weir_shared::proto::{
    analyzer::v1::analyze_response,
    ingest::v1::{AnalyzeCaptureResponse, analyze_capture_response::Event},
};

use super::{
    super::error::status,
    call::{AnalyzerCall, Cut, Hearer},
};
use crate::domain::{error::Error, live::InUse};

pub(super) struct Relay {
    pub(super) call: AnalyzerCall,
    pub(super) used: InUse,
    pub(super) ended: CancellationToken,
    pub(super) sink: mpsc::Sender<Result<AnalyzeCaptureResponse, Status>>,
}

impl Relay {
    /// Relays until the summary, or what ends the call before it. Dropping the
    /// analyzer's stream cancels the analysis.
    pub(super) async fn run(self) {
        let relayed = tokio::select! {
            biased;
            // The held stream says why.
            () = self.ended.cancelled() => return,
            () = self.used.deleted() => {
                Err(status(Error::Deleted(self.call.capture.id.clone())))
            }
            relayed = self.call.run(&self.sink) => relayed,
        };
        match relayed {
            Ok(Ok(()) | Err(Cut)) => {}
            Err(status) => self.tell(status).await,
        }
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
}

impl Hearer for mpsc::Sender<Result<AnalyzeCaptureResponse, Status>> {
    async fn hear(&self, event: analyze_response::Event) -> Result<(), Cut> {
        let event = Some(relayed(event));
        let sent = self.send(Ok(AnalyzeCaptureResponse { event })).await;
        sent.map_err(|_gone| Cut)
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
