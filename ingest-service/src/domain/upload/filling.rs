//! The segments of one call: one that fills, and those on their way.

use std::sync::Arc;

use futures::{StreamExt as _, stream::FuturesOrdered};
use tokio::{
    sync::watch,
    task::{JoinError, JoinHandle},
    time::{Instant, sleep_until},
};
use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;

use crate::domain::{
    capture::{Capture, DigestOnTheWay, SlotOutcome, State},
    chunk::IncomingChunk,
    connection::Connection,
    digest::RunningDigest,
    error::Error,
    ingest::Ingest,
    live::InUse,
    segment::OpenSegment,
    staging::Reserved,
    turn::NextTurn,
    write::{Segment, Tally},
};

/// Segments of one call that are being written while the next one fills: two
/// hide the sync of one behind the receipt of another.
const SEGMENTS_IN_FLIGHT_MAX: usize = 2;

/// Whose chunks they are.
pub(super) struct Call {
    pub(super) ingest: Arc<Ingest>,
    /// As it was when the call began.
    pub(super) capture: Capture,
    pub(super) used: InUse,
    pub(super) connection: Arc<Connection>,
    /// Cancelled when the call is over.
    pub(super) ended: CancellationToken,
}

/// See the module.
pub(super) struct Filling {
    call: Arc<Call>,
    shortages: watch::Receiver<u64>,
    open: Option<OpenSegment>,
    next_turn: NextTurn,
    in_flight: FuturesOrdered<JoinHandle<Result<Tally, Error>>>,
    stored: u32,
    duplicate: u32,
    failed: Option<Error>,
}

/// What there is to do.
pub(super) enum Wake {
    /// A segment is done.
    Done,
    /// The open segment should go.
    Close,
}

/// What has become of all chunks of a call.
pub(super) struct Filled {
    pub(super) stored: u32,
    pub(super) duplicate: u32,
    pub(super) failed: Option<Error>,
    pub(super) digest: Option<DigestOnTheWay>,
}

impl Filling {
    pub(super) fn begin(call: Arc<Call>) -> Self {
        let capture = &call.capture;
        let wants_digest = capture.state == State::Receiving && capture.declared.sha256.is_some();
        Self {
            shortages: call.ingest.staging.shortages(),
            next_turn: NextTurn::first(wants_digest.then(RunningDigest::default)),
            call,
            open: None,
            in_flight: FuturesOrdered::new(),
            stored: 0,
            duplicate: 0,
            failed: None,
        }
    }

    pub(super) fn has_failed(&self) -> bool {
        self.failed.is_some()
    }

    /// Returns when there is something to do: a segment is done, or the open
    /// one should go because it is old or the budget is short.
    ///
    /// Cancel safety: nothing is lost.
    pub(super) async fn wake(&mut self) -> Wake {
        let close_at = match &self.open {
            Some(open) => open.opened() + self.call.ingest.settings.commit_interval,
            None => Instant::now(),
        };
        let is_open = self.open.is_some();
        tokio::select! {
            biased;
            Some(done) = self.in_flight.next() => {
                self.account(done);
                Wake::Done
            }
            () = sleep_until(close_at), if is_open => Wake::Close,
            Ok(()) = self.shortages.changed(), if is_open => Wake::Close,
            else => std::future::pending().await,
        }
    }

    /// Takes a chunk into the open segment, and sends that on its way when it
    /// is full.
    pub(super) async fn take(
        &mut self,
        chunk: IncomingChunk,
        mut reserved: Reserved,
    ) -> Result<(), Error> {
        let chunk = chunk.check(
            &self.call.capture.declared,
            self.call.ingest.settings.chunks,
        )?;
        match self.open.as_ref().and_then(|open| open.compare(&chunk)) {
            None => {}
            Some(SlotOutcome::Conflict(stored)) => {
                return Err(Error::Conflict {
                    capture: self.call.capture.id.clone(),
                    index: chunk.index,
                    stored,
                });
            }
            Some(_) => {
                self.duplicate += 1;
                return Ok(());
            }
        }
        if self.open.as_ref().is_some_and(|o| !o.has_room_for(&chunk)) {
            self.close().await;
        }
        reserved.shrink_to(chunk.data.len());
        let open = match self.open.take() {
            None => {
                // Shortages of before are no reason to close what comes now.
                self.shortages.mark_unchanged();
                OpenSegment::begin(chunk, reserved)
            }
            Some(mut open) => {
                open.push(chunk, reserved);
                open
            }
        };
        let is_full = open.is_full();
        self.open = Some(open);
        // While others wait for the budget nothing of it is kept open.
        if is_full || self.call.ingest.staging.is_short() {
            self.close().await;
        }
        Ok(())
    }

    /// Sends the open segment on its way, once there is room for it.
    pub(super) async fn close(&mut self) {
        let Some(open) = self.open.take() else { return };
        while self.in_flight.len() >= SEGMENTS_IN_FLIGHT_MAX
            && let Some(done) = self.in_flight.next().await
        {
            self.account(done);
        }
        let segment = Segment {
            capture: self.call.capture.id.clone(),
            uid: self.call.capture.uid,
            chunks: open.chunks,
            reserved: open.reserved,
        };
        let turn = self.next_turn.begin();
        let ingest = Arc::clone(&self.call.ingest);
        let writing = async move {
            let written = ingest.writer.write(segment, turn).await;
            ingest.check_digest_after(written.as_ref().ok());
            written
        };
        let tasks = &self.call.ingest.tasks;
        self.in_flight
            .push_back(tasks.spawn(writing.in_current_span()));
    }

    /// Makes all that came durable.
    pub(super) async fn finish(mut self) -> Filled {
        self.close().await;
        while let Some(done) = self.in_flight.next().await {
            self.account(done);
        }
        Filled {
            stored: self.stored,
            duplicate: self.duplicate,
            failed: self.failed,
            digest: self.next_turn.finish().await,
        }
    }

    fn account(&mut self, done: Result<Result<Tally, Error>, JoinError>) {
        let error = match done {
            Ok(Ok(tally)) => {
                self.stored += tally.stored;
                self.duplicate += tally.duplicate;
                return;
            }
            Ok(Err(error)) => error,
            Err(panicked) => Error::Internal(Arc::new(panicked)),
        };
        self.failed.get_or_insert(error);
    }
}

impl Call {
    pub(super) fn deleted(&self) -> Error {
        Error::Deleted(self.capture.id.clone())
    }
}
