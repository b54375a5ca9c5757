//! Standard input, sent as it comes.
//!
//! A client-streaming call answers once, at its end, so what one call carries
//! must be kept until then to be sent again. Hence rounds: a call of bounded
//! size and length, then its bytes are durable and forgotten.

mod chunks;

use std::time::Duration;

use bytes::Bytes;
use sha2::{Digest as _, Sha256};
use tokio::{io::AsyncRead, sync::mpsc, time::Instant};
use tokio_stream::wrappers::ReceiverStream;
use tonic::Status;
use weir_shared::proto::ingest::v1::{
    Capture, CaptureSpec, CaptureState, Chunk, CreateCaptureRequest, Finish, GetServerInfoRequest,
    UploadCaptureResponse,
};

use super::{
    About, Uploaded, known,
    plan::{Durable, chunk_bytes_recommended},
    transfer::{Part, TransferError, transfer},
};
use crate::{
    caller::{Caller, Patience},
    failure::Failure,
    output::Bar,
    render::text::escape,
};
use chunks::{Chunks, Cut};

/// Bytes of one round, kept in memory until they are durable: four segments.
const ROUND_BYTES: usize = 32 << 20;

/// Longest round: below any deadline that a service
/// may set for a call, so that a slow capture may go on for days.
const ROUND_TIME: Duration = Duration::from_secs(30);

/// Chunks between the reader and the call.
const QUEUE_CHUNKS: usize = 1;

/// Uploads what comes until its end, and seals it.
///
/// With an id the chunks have equal sizes, so that the same input again sends
/// only what is missing. Without one a chunk is cut after a second at most, so
/// that what a slow source has given is soon durable.
///
/// # Errors
/// As for a file; empty input is [`Failure::File`].
pub(super) async fn upload(
    caller: &Caller,
    input: impl AsyncRead + Unpin,
    about: About,
) -> Result<Uploaded, Failure> {
    let refused = |status| Failure::from_status(&status);
    let server = caller
        .call(GetServerInfoRequest {}, async |mut client, request| {
            client.get_server_info(request).await
        })
        .await
        .map_err(refused)?;
    let known = match &about.id {
        Some(id) => known(caller, id, about.analyze_on_seal).await?,
        None => None,
    };
    let chunk_bytes = known.as_ref().and_then(|capture| capture.chunk_bytes);
    let chunk_bytes = chunk_bytes.unwrap_or_else(|| chunk_bytes_recommended(&server).get());
    let cut = if about.id.is_some() {
        Cut::Full
    } else {
        Cut::FullOrAfter(CUT_AFTER)
    };
    let mut chunks = Chunks::new(input, chunk_bytes, cut);
    let Some(first) = chunks.next().await? else {
        return Err(Failure::File("standard input: is empty".to_owned()));
    };
    let capture = match known {
        Some(capture) => capture,
        None => {
            let spec = CaptureSpec {
                chunk_bytes: about.id.as_ref().map(|_| chunk_bytes),
                capture_id: about.id.unwrap_or_default(),
                labels: about.labels,
                analyze_on_seal: about.analyze_on_seal,
                ..Default::default()
            };
            let request = CreateCaptureRequest { spec: Some(spec) };
            let created = caller
                .call(request, async |mut client, request| {
                    client.create_capture(request).await
                })
                .await
                .map_err(refused)?;
            created.capture.unwrap_or_default()
        }
    };
    let job = Job {
        caller,
        durable: Durable::of(&capture),
        sealed: capture.state() == CaptureState::Sealed,
        capture,
        bar: caller.notes.bar("uploading", None),
        sha256: Sha256::new(),
        crc32c: 0,
        size_bytes: 0,
        n_chunks: 0,
        n_chunks_sent: 0,
    };
    job.run(chunks, first).await
}

/// A partial chunk waits no longer than this: about the service's own commit interval.
const CUT_AFTER: Duration = Duration::from_secs(1);

struct Job<'a> {
    caller: &'a Caller,
    capture: Capture,
    durable: Durable,
    /// Nothing can be added: the input can only turn out to be the same.
    sealed: bool,
    bar: Bar,
    sha256: Sha256,
    crc32c: u32,
    size_bytes: u64,
    n_chunks: u32,
    n_chunks_sent: u64,
}

/// What one round carries, kept until it is durable.
#[derive(Debug, Default)]
struct Round {
    chunks: Vec<Chunk>,
    bytes: usize,
    finish: Option<Finish>,
}

impl Job<'_> {
    async fn run(
        mut self,
        mut chunks: Chunks<impl AsyncRead + Unpin>,
        first: Bytes,
    ) -> Result<Uploaded, Failure> {
        let mut next = Some(first);
        loop {
            let mut round = Round::default();
            if let Some(data) = next.take() {
                self.take(data, &mut round)?;
            }
            let response = self.round(&mut round, &mut chunks).await?;
            self.n_chunks_sent += round.chunks.len() as u64;
            if round.finish.is_some() {
                let capture = response.and_then(|r| r.capture).unwrap_or(self.capture);
                return Ok(Uploaded {
                    capture,
                    n_chunks_sent: self.n_chunks_sent,
                });
            }
        }
    }

    /// One call; again, with what it carried, while its failure may pass.
    async fn round(
        &mut self,
        round: &mut Round,
        chunks: &mut Chunks<impl AsyncRead + Unpin>,
    ) -> Result<Option<UploadCaptureResponse>, Failure> {
        if self.sealed {
            return self.compare(round, chunks).await;
        }
        // No call waits for a source that is silent: services end idle calls.
        while round.chunks.is_empty() && round.finish.is_none() {
            match chunks.next().await? {
                Some(data) => _ = self.take(data, round)?,
                None => round.finish = Some(self.finish()),
            }
        }
        let mut patience = Patience::new();
        loop {
            let (parts, queue) = mpsc::channel(QUEUE_CHUNKS);
            let (caller, id) = (self.caller, self.capture.capture_id.clone());
            let call = transfer(caller, &id, ReceiverStream::new(queue));
            let status = {
                let feed = self.feed(round, chunks, parts);
                tokio::pin!(call, feed);
                // The call's answer counts; the feed matters only when it fails.
                let answer = tokio::select! {
                    answer = &mut call => answer,
                    fed = &mut feed => { fed?; call.await }
                };
                match answer {
                    Ok(response) => return Ok(Some(response)),
                    Err(TransferError::Source(failure)) => return Err(failure),
                    Err(TransferError::Call(status)) => status,
                }
            };
            let waited: Result<(), Status> = patience.wait(status, &caller.notes).await;
            waited.map_err(|status| Failure::from_status(&status))?;
        }
    }

    /// Sends what the round has, then what comes, until the round is full.
    async fn feed(
        &mut self,
        round: &mut Round,
        chunks: &mut Chunks<impl AsyncRead + Unpin>,
        parts: mpsc::Sender<Result<Part, Failure>>,
    ) -> Result<(), Failure> {
        // A closed queue means that the call has ended; its answer says why.
        for chunk in &round.chunks {
            _ = parts.send(Ok(Part::Chunk(chunk.clone()))).await;
        }
        let until = Instant::now() + ROUND_TIME;
        while round.finish.is_none() && round.bytes < ROUND_BYTES {
            let next = match tokio::time::timeout_at(until, chunks.next()).await {
                Ok(next) => next?,
                Err(_round_is_over) => return Ok(()),
            };
            let Some(data) = next else {
                round.finish = Some(self.finish());
                break;
            };
            if self.take(data, round)?
                && let Some(chunk) = round.chunks.last()
            {
                _ = parts.send(Ok(Part::Chunk(chunk.clone()))).await;
            }
        }
        if let Some(finish) = &round.finish {
            _ = parts.send(Ok(Part::Finish(finish.clone()))).await;
        }
        Ok(())
    }

    /// Counts a chunk in; whether it has to be sent.
    fn take(&mut self, data: Bytes, round: &mut Round) -> Result<bool, Failure> {
        let index = self.n_chunks;
        self.n_chunks = index.checked_add(1).ok_or_else(|| {
            Failure::File("standard input: more chunks than can be counted".to_owned())
        })?;
        let crc = crc32c::crc32c(&data);
        self.crc32c = crc32c::crc32c_combine(self.crc32c, crc, data.len());
        self.sha256.update(&data);
        self.size_bytes += data.len() as u64;
        self.bar.hand().inc(data.len() as u64);
        if self.sealed || self.durable.contains(index) {
            return Ok(false);
        }
        round.bytes += data.len();
        round.chunks.push(Chunk {
            index,
            data,
            crc32c: Some(crc),
        });
        Ok(true)
    }

    fn finish(&self) -> Finish {
        Finish {
            chunk_count: Some(self.n_chunks),
            sha256: Bytes::copy_from_slice(&self.sha256.clone().finalize()),
            size_bytes: Some(self.size_bytes),
        }
    }

    /// Reads on to see whether a sealed capture is this input.
    async fn compare(
        &mut self,
        round: &mut Round,
        chunks: &mut Chunks<impl AsyncRead + Unpin>,
    ) -> Result<Option<UploadCaptureResponse>, Failure> {
        while let Some(data) = chunks.next().await? {
            self.take(data, round)?;
        }
        round.finish = Some(self.finish());
        let same = self.capture.size_bytes == Some(self.size_bytes)
            && self.capture.crc32c.is_none_or(|crc| crc == self.crc32c);
        if same {
            return Ok(None);
        }
        let id = escape(&self.capture.capture_id);
        let text = format!("capture {id} is sealed and holds other bytes than standard input");
        Err(Failure::Service(text))
    }
}
