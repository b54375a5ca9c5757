//! The session's loop: receive, fill segments, write them, settle.

use std::{pin::pin, sync::Arc};

use futures::{Stream, StreamExt as _, stream::FuturesOrdered};
use tokio::{sync::watch, task::JoinHandle, time::sleep_until};
use tokio_util::sync::CancellationToken;

use super::{UploadItem, Uploaded};
use crate::domain::{
    capture::{Capture, SealParams, SlotOutcome, State},
    chunk::{Chunk, IncomingChunk},
    digest::RunningDigest,
    error::Error,
    ingest::Ingest,
    live::InUse,
    segment::OpenSegment,
    staging::Reserved,
    write::{NextTurn, Segment, Tally},
};

/// Segments of one call that are being written while the next one fills: two
/// hide the sync of one behind the receipt of another.
const SEGMENTS_IN_FLIGHT_MAX: usize = 2;

/// How the stream ended.
enum End {
    /// Half-closed, which a cancelled call looks like too.
    Closed,
    Finished(SealParams),
    Refused(Error),
    /// A segment failed: its error is told when all are settled.
    SegmentFailed,
}

struct Session {
    ingest: Arc<Ingest>,
    capture: Capture,
    used: InUse,
    ended: CancellationToken,
    shortages: watch::Receiver<u64>,
    open: Option<OpenSegment>,
    next_turn: Option<NextTurn>,
    in_flight: FuturesOrdered<JoinHandle<Result<Tally, Error>>>,
    stored: u32,
    duplicate: u32,
    failed: Option<Error>,
}

impl Ingest {
    /// Runs one upload. To be run in a task of its own: it ends soon after
    /// `ended` is cancelled, with what arrived whole durable.
    ///
    /// # Errors
    /// What refused a message, or [`Error::Ended`].
    pub async fn upload(
        self: Arc<Self>,
        items: impl Stream<Item = UploadItem> + Send,
        ended: CancellationToken,
    ) -> Result<Uploaded, Error> {
        let mut items = pin!(items);
        let first = tokio::select! {
            biased;
            () = ended.cancelled() => return Err(Error::Ended),
            first = items.next() => first,
        };
        let spec = match first {
            Some(UploadItem::Open(spec)) => spec,
            Some(UploadItem::Refused(error)) => return Err(error),
            Some(UploadItem::Broken) => return Err(Error::Ended),
            Some(UploadItem::Chunk(_) | UploadItem::Finish(_)) | None => {
                return Err(Error::Order("the first message must be open"));
            }
        };
        let capture = self.create(&spec).await?;
        let used = self.use_capture(&capture).await?;
        let mut session = Session::begin(self, capture, used, ended);
        let end = session.receive(&mut items).await;
        session.settle(end).await
    }
}

impl Session {
    fn begin(ingest: Arc<Ingest>, capture: Capture, used: InUse, ended: CancellationToken) -> Self {
        let wants_digest = capture.state == State::Receiving && capture.declared.sha256.is_some();
        Self {
            shortages: ingest.staging.shortages(),
            next_turn: Some(NextTurn::first(wants_digest.then(RunningDigest::default))),
            ingest,
            capture,
            used,
            ended,
            open: None,
            in_flight: FuturesOrdered::new(),
            stored: 0,
            duplicate: 0,
            failed: None,
        }
    }

    async fn receive<S>(&mut self, items: &mut std::pin::Pin<&mut S>) -> End
    where
        S: Stream<Item = UploadItem>,
    {
        let interval = self.ingest.settings.commit_interval;
        loop {
            let close_at = self.open.as_ref().map(|open| open.opened() + interval);
            let close_at = close_at.unwrap_or_else(tokio::time::Instant::now);
            let is_open = self.open.is_some();
            tokio::select! {
                biased;
                () = self.ended.cancelled() => return End::Refused(Error::Ended),
                () = self.used.deleted() => return End::Refused(self.deleted()),
                Some(done) = self.in_flight.next() => {
                    self.account(done);
                    if self.failed.is_some() {
                        return End::SegmentFailed;
                    }
                }
                () = sleep_until(close_at), if is_open => self.close_segment().await,
                _ = self.shortages.changed(), if is_open => self.close_segment().await,
                item = items.next() => match self.take(item).await {
                    Ok(None) => {}
                    Ok(Some(Finish(params))) => return self.expect_end(items, params).await,
                    Err(end) => return end,
                },
            }
        }
    }

    async fn take(&mut self, item: Option<UploadItem>) -> Result<Option<Finish>, End> {
        match item {
            Some(UploadItem::Chunk(chunk)) => {
                self.take_chunk(chunk).await.map_err(End::Refused)?;
                Ok(None)
            }
            Some(UploadItem::Finish(params)) => Ok(Some(Finish(params))),
            Some(UploadItem::Open(_)) => {
                Err(End::Refused(Error::Order("open comes once, and first")))
            }
            Some(UploadItem::Refused(error)) => Err(End::Refused(error)),
            Some(UploadItem::Broken) => Err(End::Refused(Error::Ended)),
            None => Err(End::Closed),
        }
    }

    /// Nothing may come after finish.
    async fn expect_end<S>(&mut self, items: &mut std::pin::Pin<&mut S>, params: SealParams) -> End
    where
        S: Stream<Item = UploadItem>,
    {
        let next = tokio::select! {
            biased;
            () = self.ended.cancelled() => return End::Refused(Error::Ended),
            () = self.used.deleted() => return End::Refused(self.deleted()),
            next = items.next() => next,
        };
        match next {
            None => End::Finished(params),
            Some(UploadItem::Broken) => End::Refused(Error::Ended),
            Some(
                UploadItem::Open(_)
                | UploadItem::Chunk(_)
                | UploadItem::Finish(_)
                | UploadItem::Refused(_),
            ) => End::Refused(Error::Order("nothing may come after finish")),
        }
    }

    async fn take_chunk(&mut self, chunk: IncomingChunk) -> Result<(), Error> {
        let chunk = chunk.check(&self.capture.declared, self.ingest.settings.chunks)?;
        match self.open.as_ref().and_then(|open| open.compare(&chunk)) {
            None => {}
            Some(SlotOutcome::Conflict(stored)) => {
                return Err(Error::Conflict {
                    capture: self.capture.id.clone(),
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
            self.close_segment().await;
        }
        let reserved = self.reserve(&chunk).await?;
        let open = match self.open.take() {
            None => OpenSegment::begin(chunk, reserved),
            Some(mut open) => {
                open.push(chunk, reserved);
                open
            }
        };
        let full = open.is_full();
        self.open = Some(open);
        if full {
            self.close_segment().await;
        }
        Ok(())
    }

    /// When the budget is short the own open segment goes first: who waits for
    /// the budget must not hold a part of it that only waiting can free.
    async fn reserve(&mut self, chunk: &Chunk) -> Result<Reserved, Error> {
        if self.open.is_none() {
            // Shortages of before are no reason to close what comes now.
            self.shortages.mark_unchanged();
        }
        if let Some(reserved) = self.ingest.staging.try_reserve(chunk.bytes) {
            return Ok(reserved);
        }
        self.close_segment().await;
        tokio::select! {
            biased;
            () = self.ended.cancelled() => Err(Error::Ended),
            () = self.used.deleted() => Err(self.deleted()),
            reserved = self.ingest.staging.reserve(chunk.bytes) => Ok(reserved),
        }
    }

    /// Sends the open segment on its way, once there is room for it.
    async fn close_segment(&mut self) {
        let Some(open) = self.open.take() else { return };
        while self.in_flight.len() >= SEGMENTS_IN_FLIGHT_MAX {
            match self.in_flight.next().await {
                Some(done) => self.account(done),
                None => break,
            }
        }
        let Some(turn) = self.next_turn.take() else {
            return;
        };
        let (turn, next) = turn.take();
        self.next_turn = Some(next);
        let segment = Segment {
            capture: self.capture.id.clone(),
            uid: self.capture.uid,
            chunks: open.chunks,
            reserved: open.reserved,
        };
        let ingest = Arc::clone(&self.ingest);
        self.in_flight
            .push_back(self.ingest.tasks.spawn(async move {
                let written = ingest.writer.write(segment, turn).await;
                ingest.check_digest_after(written.as_ref().ok());
                written
            }));
    }

    fn account(&mut self, done: Result<Result<Tally, Error>, tokio::task::JoinError>) {
        match done {
            Ok(Ok(tally)) => {
                self.stored += tally.stored;
                self.duplicate += tally.duplicate;
            }
            Ok(Err(error)) => {
                self.failed.get_or_insert(error);
            }
            Err(panicked) => {
                let error = Error::Internal(Arc::new(panicked));
                self.failed.get_or_insert(error);
            }
        }
    }

    fn deleted(&self) -> Error {
        Error::Deleted(self.capture.id.clone())
    }

    /// Makes all that came durable, then answers.
    async fn settle(mut self, end: End) -> Result<Uploaded, Error> {
        self.close_segment().await;
        while let Some(done) = self.in_flight.next().await {
            self.account(done);
        }
        if self.used.is_deleted() {
            return Err(self.deleted());
        }
        // What failed came before what was refused.
        if let Some(error) = self.failed.take() {
            return Err(error);
        }
        let params = match end {
            End::Refused(error) => return Err(error),
            End::Finished(params) => Some(params),
            End::Closed | End::SegmentFailed => None,
        };
        let known = match self.next_turn.take() {
            Some(turn) => turn.finish().await,
            None => None,
        };
        let now = self.ingest.catalog.by_uid(self.capture.uid).await?;
        let now = now.ok_or_else(|| self.deleted())?;
        let complete = now.state == State::Sealing || now.has_every_declared_chunk();
        let capture = match params {
            None if !complete => now,
            params => {
                let params = params.unwrap_or_default();
                tokio::select! {
                    biased;
                    () = self.ended.cancelled() => return Err(Error::Ended),
                    () = self.used.deleted() => return Err(self.deleted()),
                    sealed = self.ingest.seal(&now, &params, known) => sealed?,
                }
            }
        };
        Ok(Uploaded {
            capture,
            stored: self.stored,
            duplicate: self.duplicate,
        })
    }
}

struct Finish(SealParams);
