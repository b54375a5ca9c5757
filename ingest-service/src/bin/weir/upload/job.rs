//! The upload of one file, over as many calls as it takes.

use std::sync::Arc;

use futures::{StreamExt as _, stream};
use tonic::Status;
use weir_shared::proto::ingest::v1::{
    Capture, CaptureSpec, CaptureState, CreateCaptureRequest, Finish, SealCaptureRequest,
};

use super::{
    file::{Ledger, SourceFile},
    plan::Split,
    transfer::{Part, TransferError, transfer},
};
use crate::{
    caller::{Caller, Patience},
    failure::Failure,
    output::Bar,
    render::text::escape,
};

/// Chunks read ahead of the network, so that disk and network work at once.
const READ_AHEAD_CHUNKS: usize = 2;

/// The upload of one file.
pub(super) struct Job<'a> {
    caller: &'a Caller,
    source: Arc<SourceFile>,
    split: Split,
    ledger: Arc<Ledger>,
    spec: CaptureSpec,
    bar: Bar,
    n_chunks_sent: u64,
}

impl<'a> Job<'a> {
    pub(super) fn new(
        caller: &'a Caller,
        source: Arc<SourceFile>,
        split: Split,
        spec: CaptureSpec,
    ) -> Self {
        let bar = caller.notes.bar("uploading", Some(source.size_bytes()));
        let ledger = Arc::new(Ledger::new(split.n_chunks()));
        Self {
            caller,
            source,
            split,
            ledger,
            spec,
            bar,
            n_chunks_sent: 0,
        }
    }

    /// Chunks that calls which ended well carried.
    pub(super) fn n_chunks_sent(&self) -> u64 {
        self.n_chunks_sent
    }

    /// Asks what is missing, sends it, seals; again while that gets further.
    pub(super) async fn until_sealed(&mut self) -> Result<Capture, Failure> {
        let mut patience = Patience::new();
        let mut furthest = None;
        loop {
            let request = CreateCaptureRequest {
                spec: Some(self.spec.clone()),
            };
            let capture = self
                .caller
                .call(request, async |mut client, request| {
                    client.create_capture(request).await
                })
                .await
                .map_err(|status| Failure::from_status(&status))?
                .capture
                .unwrap_or_default();
            if capture.state() == CaptureState::Sealed {
                return Ok(capture);
            }
            if furthest.is_some_and(|furthest| capture.chunks_durable > furthest) {
                patience.restore();
            }
            furthest = furthest.max(Some(capture.chunks_durable));
            let status = match self.send(&capture).await {
                Ok(capture) if capture.state() == CaptureState::Sealed => return Ok(capture),
                Ok(_) => Status::unavailable("the capture is not whole yet"),
                Err(TransferError::Source(failure)) => return Err(failure),
                Err(TransferError::Call(status)) => status,
            };
            let waited = patience.wait(status, &self.caller.notes).await;
            waited.map_err(|status| Failure::from_status(&status))?;
        }
    }

    /// Sends what is missing, or seals when nothing is.
    async fn send(&mut self, capture: &Capture) -> Result<Capture, TransferError> {
        let outstanding = self.split.outstanding(capture);
        let n_outstanding = outstanding.len() as u64;
        if outstanding.is_empty() {
            return self.seal().await;
        }
        let hand = self.bar.hand();
        hand.set_position(capture.bytes_durable);
        hand.reset_eta();
        let (source, split, ledger) = (self.source.clone(), self.split, self.ledger.clone());
        let chunks = stream::iter(outstanding)
            .map(move |index| source.clone().chunk(split, index, ledger.clone()))
            .buffered(READ_AHEAD_CHUNKS)
            .map(move |chunk| {
                let chunk = chunk?;
                hand.inc(chunk.data.len() as u64);
                Ok(Part::Chunk(chunk))
            });
        // A cut list says less than is missing: the next round sends the rest.
        let finish = (!capture.missing_truncated).then(|| {
            Ok(Part::Finish(Finish {
                chunk_count: self.spec.chunk_count,
                sha256: Default::default(),
                size_bytes: self.spec.size_bytes,
            }))
        });
        let parts = chunks.chain(stream::iter(finish));
        let response = transfer(self.caller, &self.spec.capture_id, parts).await?;
        self.n_chunks_sent += n_outstanding;
        Ok(response.capture.unwrap_or_default())
    }

    /// Every chunk is there: a seal that failed, or that another call is busy with.
    async fn seal(&self) -> Result<Capture, TransferError> {
        let request = SealCaptureRequest {
            capture_id: self.spec.capture_id.clone(),
            chunk_count: self.spec.chunk_count,
            sha256: Default::default(),
            size_bytes: self.spec.size_bytes,
        };
        let sealed = self
            .caller
            .call(request, async |mut client, request| {
                client.seal_capture(request).await
            })
            .await
            .map_err(TransferError::Call)?;
        Ok(sealed.capture.unwrap_or_default())
    }

    /// Whether the sealed capture is this file. A name that the user chose may
    /// be another file's: then what was not sent is read and compared too.
    pub(super) async fn verify(
        &self,
        capture: &Capture,
        id_is_chosen: bool,
    ) -> Result<(), Failure> {
        let other = || {
            let id = escape(&capture.capture_id);
            Failure::Service(format!("capture {id} holds other bytes than this file"))
        };
        if capture
            .size_bytes
            .is_some_and(|size| size != self.source.size_bytes())
        {
            return Err(other());
        }
        if id_is_chosen {
            for index in self.ledger.unread() {
                self.source
                    .clone()
                    .chunk(self.split, index, self.ledger.clone())
                    .await?;
            }
        }
        match (self.ledger.whole(self.split), capture.crc32c) {
            (Some(ours), Some(theirs)) if ours != theirs => Err(other()),
            _ => Ok(()),
        }
    }
}
