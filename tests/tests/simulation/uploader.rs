//! A client that uploads as `weir` does: asks what is missing, sends only that,
//! and comes again when a call fails. Beside it, it watches what is durable.

use std::{
    cell::Cell,
    collections::BTreeSet,
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use futures::{StreamExt as _, stream};
use tokio::time::{Instant, sleep};
use tonic::{Code, Status};
use weir_shared::{
    proto::ingest::v1::{
        Capture, CaptureSpec, CaptureState, CreateCaptureRequest, UploadCaptureResponse,
        WatchCaptureRequest,
    },
    status::reason,
};
use weir_tests::{
    caller::Caller,
    messages::{chunk, finish, open_with, spec},
    random::Random,
};

use super::{trace::Trace, world::caller};

/// Between a failed call and the next.
const RETRY_PAUSE: Duration = Duration::from_secs(1);

/// Small enough that a segment of all is hashed without another thread.
pub(crate) const CAPTURE_BYTES_MAX: usize = 60 << 10;

/// What all clients of a capture are told.
#[derive(Clone, Debug, Default)]
pub(crate) struct Acknowledged(Arc<Mutex<BTreeSet<u32>>>);

impl Acknowledged {
    /// What is acknowledged now: an answer to a question that is asked from
    /// now on has it. One that was held up on the way may be older than what
    /// others were told meanwhile.
    fn so_far(&self) -> BTreeSet<u32> {
        self.0.lock().unwrap().clone()
    }

    /// What was acknowledged before the question is in the answer, and what is
    /// in the answer is acknowledged.
    fn check(&self, before: &BTreeSet<u32>, capture: &Capture, n_chunks: u32) {
        let missing: BTreeSet<_> = missing(capture).into_iter().collect();
        let durable: BTreeSet<_> = (0..n_chunks).filter(|i| !missing.contains(i)).collect();
        let lost: Vec<_> = before.difference(&durable).collect();
        assert!(lost.is_empty(), "lost: {lost:?}");
        self.0.lock().unwrap().extend(durable);
    }
}

/// What an upload took.
#[derive(Debug, Default)]
pub(crate) struct Told {
    /// Chunks that were given to a call.
    pub(crate) sent: u32,
    /// Chunks of calls that ended well which the service had already.
    pub(crate) duplicates: u32,
    /// How long each call that failed had run, and why.
    pub(crate) failures: Vec<(Duration, Code, Option<String>)>,
}

#[derive(Clone, Debug)]
pub(crate) struct Uploader {
    pub(crate) name: String,
    /// The service that it sends to.
    pub(crate) host: String,
    pub(crate) spec: CaptureSpec,
    pub(crate) chunks: Arc<Vec<Bytes>>,
    /// Before each chunk.
    pub(crate) pause: Duration,
    pub(crate) acknowledged: Acknowledged,
    pub(crate) trace: Trace,
}

/// A capture's chunks, and what is declared of them.
pub(crate) fn capture(id: &str, n_chunks: u32, random: &mut Random) -> (CaptureSpec, Vec<Bytes>) {
    let bytes_max = CAPTURE_BYTES_MAX / n_chunks as usize;
    let chunks = (0..n_chunks)
        .map(|_| {
            let length = 1 + random.below(bytes_max);
            Bytes::from(weir_tests::random::noise(length, random.bits()))
        })
        .collect();
    let declared = CaptureSpec {
        chunk_count: Some(n_chunks),
        ..spec(id)
    };
    (declared, chunks)
}

pub(crate) fn missing(capture: &Capture) -> Vec<u32> {
    let runs = capture.missing.iter();
    runs.flat_map(|run| run.first..=run.last).collect()
}

impl Uploader {
    fn n_chunks(&self) -> u32 {
        self.chunks.len().try_into().unwrap()
    }

    /// Comes again until the capture is sealed.
    pub(crate) async fn until_sealed(&self) -> Told {
        let mut told = Told::default();
        let caller = caller(&self.host);
        loop {
            let begun = Instant::now();
            let sent = Cell::new(0);
            let attempt = self.attempt(&caller, &sent).await;
            told.sent += sent.get();
            match attempt {
                Ok(answer) => {
                    told.duplicates += answer.chunks_duplicate;
                    let capture = answer.capture.unwrap();
                    if capture.state() == CaptureState::Sealed {
                        let done = format_args!("sealed, {told:?}");
                        self.trace.tell(&self.name, done);
                        return told;
                    }
                }
                Err(status) => {
                    let (took, code) = (begun.elapsed(), status.code());
                    let why = reason(&status);
                    let failed = format_args!("failed after {took:?}: {code:?} {why:?}");
                    self.trace.tell(&self.name, failed);
                    told.failures.push((took, code, why));
                }
            }
            sleep(RETRY_PAUSE).await;
        }
    }

    /// Asks, and sends what is missing in one call.
    async fn attempt(
        &self,
        caller: &Caller,
        sent: &Cell<u32>,
    ) -> Result<UploadCaptureResponse, Status> {
        let request = CreateCaptureRequest {
            spec: Some(self.spec.clone()),
        };
        let before = self.acknowledged.so_far();
        let created = caller.rpc.clone().create_capture(request).await?;
        let capture = created.into_inner().capture.unwrap();
        self.acknowledged.check(&before, &capture, self.n_chunks());
        let missing = missing(&capture);
        self.trace
            .tell(&self.name, format_args!("missing {missing:?}"));
        let answer = tokio::select! {
            biased;
            answer = self.send(caller, &missing, sent) => answer?,
            never = self.watch(caller) => match never {},
        };
        let capture = answer.capture.as_ref().unwrap();
        self.acknowledged.check(&before, capture, self.n_chunks());
        Ok(answer)
    }

    async fn send(
        &self,
        caller: &Caller,
        missing: &[u32],
        sent: &Cell<u32>,
    ) -> Result<UploadCaptureResponse, Status> {
        let (given, mut taken) = tokio::sync::mpsc::channel(1);
        let giving = async {
            given.send(open_with(self.spec.clone())).await.ok();
            for &index in missing {
                sleep(self.pause).await;
                let message = chunk(index, &self.chunks[index as usize]);
                if given.send(message).await.is_err() {
                    break;
                }
                sent.set(sent.get() + 1);
            }
            given.send(finish(self.n_chunks())).await.ok();
            drop(given);
            std::future::pending::<std::convert::Infallible>().await
        };
        let messages = stream::poll_fn(move |context| taken.poll_recv(context));
        let mut rpc = caller.rpc.clone();
        tokio::select! {
            biased;
            answer = rpc.upload_capture(messages) => Ok(answer?.into_inner()),
            never = giving => match never {},
        }
    }

    /// Learns what is durable, on the same connection.
    async fn watch(&self, caller: &Caller) -> std::convert::Infallible {
        let mut before = self.acknowledged.so_far();
        let request = WatchCaptureRequest {
            capture_id: self.spec.capture_id.clone(),
        };
        if let Ok(states) = caller.rpc.clone().watch_capture(request).await {
            let mut states = states.into_inner();
            while let Some(Ok(state)) = states.next().await {
                let capture = state.capture.unwrap();
                let durable = capture.chunks_durable;
                self.trace
                    .tell(&self.name, format_args!("durable {durable}"));
                self.acknowledged.check(&before, &capture, self.n_chunks());
                // A later state has what an earlier one had.
                let missing = missing(&capture);
                before.extend((0..self.n_chunks()).filter(|index| !missing.contains(index)));
            }
        }
        std::future::pending().await
    }

    /// The capture is whole, and these bytes.
    pub(crate) async fn check_whole(&self) {
        let (id, caller) = (&self.spec.capture_id, caller(&self.host));
        let capture = patiently(async || caller.get(id).await).await;
        assert_eq!(capture.state(), CaptureState::Sealed);
        let read = patiently(async || caller.read(id, 0, 0).await).await;
        assert!(read == self.chunks.concat(), "other bytes");
        self.trace.tell(&self.name, "whole");
    }
}

/// Asks again while the storage or the network fails, as is foreseen here.
async fn patiently<T>(ask: impl AsyncFn() -> Result<T, Status>) -> T {
    loop {
        match ask().await {
            Ok(told) => return told,
            Err(status) => match status.code() {
                Code::Unavailable | Code::Unknown | Code::Cancelled => {
                    sleep(Duration::from_secs(1)).await;
                }
                _ => panic!("{status:?}"),
            },
        }
    }
}
