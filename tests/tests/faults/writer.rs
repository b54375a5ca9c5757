//! Clients that send the chunks of one capture, each in an order and in calls of
//! its own, and drop calls and connections as they like.

use std::{
    collections::BTreeSet,
    net::SocketAddr,
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use tokio::{sync::watch, time::timeout};
use tokio_util::sync::CancellationToken;
use tonic::Status;
use weir_shared::{
    proto::ingest::v1::{Capture, CaptureSpec},
    status::reason,
};
use weir_tests::{
    caller::{Caller, channel},
    messages::{chunk, open_with},
    random::Random,
    until::within,
};

/// The longest that a client waits before it drops its call.
const PATIENCE_MAX: Duration = Duration::from_millis(100);

/// A call to a service that was killed ends by itself; this ends the round if not.
const CALL_MAX: Duration = Duration::from_secs(30);

/// What all writers of a round share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) spec: CaptureSpec,
    pub(crate) chunks: Vec<Bytes>,
    /// Where the service is now.
    pub(crate) address: watch::Sender<SocketAddr>,
    /// Indexes that some client was told to be durable.
    pub(crate) acknowledged: Mutex<BTreeSet<u32>>,
    pub(crate) failed_calls: AtomicU64,
    pub(crate) stop: CancellationToken,
}

impl Shared {
    pub(crate) fn caller(&self) -> Caller {
        Caller::new(channel(*self.address.borrow()))
    }

    /// A service of a bad day may say that its storage is away, or just vanish.
    pub(crate) fn check_failure(&self, status: &Status) {
        self.failed_calls.fetch_add(1, Ordering::Relaxed);
        match reason(status).as_deref() {
            None | Some("STORAGE_UNAVAILABLE") => {}
            Some(other) => panic!("{other}: {status:?}"),
        }
    }

    /// Asks a service that fails at random until it answers.
    pub(crate) async fn ask<T>(&self, mut call: impl AsyncFnMut(Caller) -> Result<T, Status>) -> T {
        let asking = async {
            loop {
                match call(self.caller()).await {
                    Ok(answer) => return answer,
                    Err(status) => self.check_failure(&status),
                }
            }
        };
        within("an answer", asking).await
    }

    fn acknowledge(&self, indexes: &[u32]) {
        self.acknowledged.lock().unwrap().extend(indexes);
    }
}

pub(crate) async fn write(shared: &Shared, mut random: Random) {
    while !shared.stop.is_cancelled() {
        if random.below(4) == 0 {
            check_acknowledged(shared).await;
        }
        let caller = shared.caller();
        for _ in 0..=random.below(4) {
            if random.below(3) == 0 {
                put_some(shared, &caller, &mut random).await;
            } else {
                upload_some(shared, &caller, &mut random).await;
            }
        }
    }
}

/// What was acknowledged is there, at any time.
pub(crate) async fn check_acknowledged(shared: &Shared) {
    let acknowledged = shared.acknowledged.lock().unwrap().clone();
    let id = &shared.spec.capture_id;
    let capture = shared.ask(async |caller| caller.get(id).await).await;
    let missing = missing(&capture, &shared.chunks);
    let lost: Vec<_> = missing.intersection(&acknowledged).collect();
    assert!(lost.is_empty(), "lost: {lost:?}");
}

/// Without a declared count only the gaps below the highest chunk are told.
pub(crate) fn missing(capture: &Capture, chunks: &[Bytes]) -> BTreeSet<u32> {
    let told = capture.missing.iter().flat_map(|run| run.first..=run.last);
    let mut missing: BTreeSet<_> = told.collect();
    let seen = capture.chunks_durable + u32::try_from(missing.len()).unwrap();
    missing.extend(seen..u32::try_from(chunks.len()).unwrap());
    missing
}

async fn put_some(shared: &Shared, caller: &Caller, random: &mut Random) {
    for index in some_indexes(shared, random, 4) {
        let data = &shared.chunks[index as usize];
        match impatient(random, caller.put(&shared.spec.capture_id, index, data)).await {
            Some(Ok(_outcome)) => shared.acknowledge(&[index]),
            Some(Err(status)) => shared.check_failure(&status),
            None => {}
        }
    }
}

async fn upload_some(shared: &Shared, caller: &Caller, random: &mut Random) {
    let indexes = some_indexes(shared, random, shared.chunks.len());
    let mut messages = vec![open_with(shared.spec.clone())];
    messages.extend(
        indexes
            .iter()
            .map(|&index| chunk(index, &shared.chunks[index as usize])),
    );
    match impatient(random, caller.upload(messages)).await {
        Some(Ok(_answer)) => shared.acknowledge(&indexes),
        Some(Err(status)) => shared.check_failure(&status),
        None => {}
    }
}

/// In any order, some of them twice. Mostly those that were not acknowledged:
/// to send the others again would mend what the service has lost.
fn some_indexes(shared: &Shared, random: &mut Random, max: usize) -> Vec<u32> {
    let count = 1 + random.below(max);
    let index = |_| u32::try_from(random.below(shared.chunks.len())).unwrap();
    let mut indexes: Vec<_> = (0..count).map(index).collect();
    if random.below(8) > 0 {
        let acknowledged = shared.acknowledged.lock().unwrap();
        indexes.retain(|index| !acknowledged.contains(index));
    }
    indexes
}

/// `None`: the client dropped its call.
async fn impatient<T>(random: &mut Random, call: impl Future<Output = T>) -> Option<T> {
    if random.below(3) > 0 {
        let ended = timeout(CALL_MAX, call).await;
        return Some(ended.expect("a call that ends"));
    }
    let patience = PATIENCE_MAX.mul_f64(random.below(100) as f64 / 100.0);
    timeout(patience, call).await.ok()
}
