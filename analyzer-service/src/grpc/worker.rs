//! One running analysis: the core on a thread of its own, its events on the way
//! to the client. It waits in one way only: `select! { cancelled, send }`.

use std::{
    io::Read,
    ops::ControlFlow,
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Buf as _;
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tonic::Status;
use weir_shared::{
    proto::analyzer::v1::{AnalyzeResponse, Progress, RecordBatch, analyze_response},
    store::SegmentStore,
};

use super::{
    convert, convert_flow, errors,
    request::{AnalysisRequest, Source, extents},
};
use crate::{
    analysis::{Event, Options, Sink, analyze},
    record,
    source::{Extent, ExtentReader, load},
    threads::{Threads as _, wait},
    turns::Turn,
};

type Answer = Result<AnalyzeResponse, Status>;

/// What a running analysis holds.
#[derive(Debug)]
pub(super) struct Worker {
    pub(super) store: Arc<dyn SegmentStore>,
    pub(super) turn: Arc<Turn>,
    pub(super) tasks: TaskTracker,
    pub(super) cancel: CancellationToken,
    pub(super) events: mpsc::Sender<Answer>,
    /// Given back when the work has stopped.
    pub(super) place: OwnedSemaphorePermit,
}

impl Worker {
    /// Runs to the capture's end or the call's, whichever comes first.
    pub(super) async fn run(self, request: AnalysisRequest) {
        let AnalysisRequest {
            source,
            options,
            progress_interval,
        } = request;
        let cancel = self.cancel.clone();
        let input = tokio::select! {
            biased;
            () = cancel.cancelled() => return,
            input = self.input(source) => input,
        };
        let Self {
            cancel,
            events,
            place,
            tasks,
            turn,
            ..
        } = self;
        let input = match input {
            Ok(input) => input,
            Err(None) => return,
            Err(Some(status)) => {
                drop(place);
                return drop(events.send(Err(status)).await);
            }
        };
        let last_word = events.clone();
        let sink = EventSink {
            turn: Arc::clone(&turn),
            cancel,
            events,
            size_bytes: input.size_bytes,
            records_sent: 0,
            progress_interval,
            progress_sent: Instant::now(),
            place: Some(place),
        };
        let span = tracing::Span::current();
        let analysis = turn.run(
            &tasks,
            Box::new(move || {
                let _entered = span.enter();
                sink.analyze(input.bytes, &options);
            }),
        );
        if let Err(error) = analysis.await {
            tracing::error!(%error, "an analysis panicked");
            // Without a word its answer would just end, as if it were whole.
            drop(last_word.send(Err(errors::internal())).await);
        }
    }

    async fn input(&self, source: Source) -> Result<Input, Option<Status>> {
        let extents = match source {
            Source::Inline(bytes) => {
                return Ok(Input {
                    size_bytes: bytes.len() as u64,
                    bytes: Box::new(bytes.reader()),
                });
            }
            Source::Extents(extents) => extents,
            Source::Manifest(manifest) => {
                let stored = load(&*self.store, &manifest)
                    .await
                    .map_err(|error| errors::source_status(&error))?;
                extents(stored).map_err(|error| Some(errors::request_status(&error)))?
            }
        };
        Ok(Input {
            size_bytes: extents.iter().map(|Extent { length, .. }| length).sum(),
            bytes: Box::new(ExtentReader::new(
                Arc::clone(&self.store),
                extents,
                &self.tasks,
                Arc::<Turn>::clone(&self.turn),
                self.cancel.clone(),
            )),
        })
    }
}

struct Input {
    size_bytes: u64,
    bytes: Box<dyn Read + Send>,
}

/// Sends events as answers, from the analysis' thread.
struct EventSink {
    turn: Arc<Turn>,
    cancel: CancellationToken,
    events: mpsc::Sender<Answer>,
    size_bytes: u64,
    records_sent: u64,
    progress_interval: Duration,
    progress_sent: Instant,
    place: Option<OwnedSemaphorePermit>,
}

impl EventSink {
    fn analyze(mut self, input: Box<dyn Read + Send>, options: &Options) {
        self.turn.pass();
        let analyzed = analyze(input, options, &mut self);
        // Free before the answer ends: who comes back at once finds it so.
        drop(self.place.take());
        if let Err(error) = analyzed
            && let Some(status) = errors::analysis_status(&error)
        {
            // Nobody listens when it breaks: then nobody needs to be told.
            let _ended: ControlFlow<()> = self.send(Err(status));
        }
    }

    /// The one way this thread waits. `blocking_send` would not wake on cancel.
    fn send(&self, answer: Answer) -> ControlFlow<()> {
        wait(&*self.turn, async {
            tokio::select! {
                biased;
                () = self.cancel.cancelled() => ControlFlow::Break(()),
                sent = self.events.send(answer) => match sent {
                    Ok(()) => ControlFlow::Continue(()),
                    Err(_receiver_gone) => ControlFlow::Break(()),
                },
            }
        })
    }

    fn answer(&self, event: analyze_response::Event) -> ControlFlow<()> {
        self.send(Ok(AnalyzeResponse { event: Some(event) }))
    }
}

impl Sink for EventSink {
    fn event(&mut self, event: Event) -> ControlFlow<()> {
        let event = match event {
            Event::CaptureInfo(info) => {
                let info = convert::capture_info(info, self.size_bytes);
                analyze_response::Event::CaptureInfo(info)
            }
            Event::Records(records) => {
                let numbered = records.into_iter().map(|record| {
                    self.records_sent += 1;
                    convert::record(record, self.records_sent)
                });
                analyze_response::Event::Records(RecordBatch {
                    records: numbered.collect(),
                })
            }
            Event::Summary(summary) => {
                analyze_response::Event::Summary(convert_flow::summary(*summary))
            }
        };
        self.answer(event)
    }

    fn poll(&mut self, progress: &record::Progress) -> ControlFlow<()> {
        if self.cancel.is_cancelled() {
            return ControlFlow::Break(());
        }
        self.turn.pass();
        if self.progress_sent.elapsed() < self.progress_interval {
            return ControlFlow::Continue(());
        }
        self.progress_sent = Instant::now();
        self.answer(analyze_response::Event::Progress(Progress {
            bytes_read: progress.bytes_read,
            size_bytes: self.size_bytes,
            packets: progress.packets,
            records: self.records_sent,
            capture_time: progress.capture_time.map(convert::timestamp),
        }))
    }
}
