//! One capture, from its first chunk to its last read, through a bad day.

use std::{
    collections::BTreeSet,
    path::Path,
    sync::{Arc, Mutex, atomic::Ordering},
};

use bytes::Bytes;
use futures::{TryStreamExt as _, future::join_all};
use ingest_service::{catalog, domain::contents::Contents};
use tokio::{sync::watch, time::sleep};
use tokio_util::sync::CancellationToken;
use weir_shared::{
    proto::ingest::v1::{CaptureState, PutOutcome, SealCaptureRequest},
    store::{self, directory_url},
};
use weir_tests::{
    caller::Caller,
    faults::VARIABLE,
    messages::{open_with, sha256, spec},
    process::Process,
    random::{Random, noise},
    until::until,
};

use super::{
    plan::Plan,
    writer::{Shared, check_acknowledged, missing, write},
};

const ID: &str = "c";

/// What a round was like.
#[derive(Debug, Default)]
pub(crate) struct Told {
    pub(crate) kills: u64,
    pub(crate) failed_calls: u64,
    pub(crate) acknowledged: u64,
}

impl Told {
    pub(crate) fn and(self, other: Self) -> Self {
        Self {
            kills: self.kills + other.kills,
            failed_calls: self.failed_calls + other.failed_calls,
            acknowledged: self.acknowledged + other.acknowledged,
        }
    }
}

pub(crate) async fn run(seed: u64, plan: Plan) -> Told {
    let directory = tempfile::tempdir().unwrap();
    let mut day = Day {
        seed,
        directory: directory.path(),
        kills: 0,
        plan,
    };
    let service = day.start(Weather::Bad).await;
    let shared = day.shared(&service);
    let open = async |caller: Caller| caller.upload(vec![open_with(shared.spec.clone())]).await;
    shared.ask(open).await;
    let writers = (0..day.plan.writers)
        .map(|writer| write(&shared, Random::seeded(seed ^ (writer as u64 + 1) << 32)));
    let (service, _) = tokio::join!(day.chaos(service, &shared), join_all(writers));
    day.kill(service).await;

    let service = day.start(Weather::Good).await;
    shared.address.send_replace(service.address);
    check_missing(&shared).await;
    let service = day.seal(service, &shared).await;
    check_whole(&shared.caller(), &shared.chunks).await;
    day.kill(service).await;

    let service = day.start(Weather::Swept).await;
    shared.address.send_replace(service.address);
    check_whole(&shared.caller(), &shared.chunks).await;
    day.check_store(&shared.caller()).await;
    day.kill(service).await;
    Told {
        kills: day.kills,
        failed_calls: shared.failed_calls.load(Ordering::Relaxed),
        acknowledged: shared.acknowledged.lock().unwrap().len() as u64,
    }
}

/// What the service meets.
#[derive(Clone, Copy, Debug)]
enum Weather {
    /// Faults, and a sweeper that hardly waits.
    Bad,
    Good,
    /// No faults, and no writers that the sweeper could overtake.
    Swept,
}

struct Day<'a> {
    seed: u64,
    directory: &'a Path,
    plan: Plan,
    kills: u64,
}

impl Day<'_> {
    async fn start(&self, weather: Weather) -> Process {
        let (faults_per_mille, sweep_grace) = match weather {
            Weather::Bad => (self.plan.faults_per_mille, "0.1"),
            // Nothing is condemned before it can be committed, however slow the machine.
            Weather::Good => (0, "3600"),
            Weather::Swept => (0, "0.1"),
        };
        let nobody = (std::net::Ipv4Addr::LOCALHOST, 9).into();
        let faults = format!("{},{faults_per_mille}", self.seed.wrapping_add(self.kills));
        let commit_interval = self.plan.commit_interval.as_secs_f64().to_string();
        let environment = [
            (VARIABLE, &*faults),
            ("WEIR_COMMIT_INTERVAL", &commit_interval),
            // So that the sweeper is in the way of late commits.
            ("WEIR_SWEEP_INTERVAL", "0.02"),
            ("WEIR_SWEEP_GRACE", sweep_grace),
        ];
        let program = env!("CARGO_BIN_EXE_faulty-ingest-service");
        Process::ingest(program, self.directory, nobody, &environment).await
    }

    async fn kill(&mut self, service: Process) {
        service.kill().await;
        self.kills += 1;
    }

    fn shared(&self, service: &Process) -> Shared {
        let mut random = Random::seeded(self.seed);
        let chunks: Vec<_> = (0..self.plan.chunks)
            .map(|_| {
                let length = 1 + random.below(self.plan.chunk_bytes_max);
                Bytes::from(noise(length, random.bits()))
            })
            .collect();
        let mut declared = spec(ID);
        if self.plan.is_declared {
            declared.chunk_count = Some(count(&chunks));
            if self.plan.has_digest {
                declared.sha256 = sha256(&chunks.concat());
            }
        }
        Shared {
            spec: declared,
            chunks,
            address: watch::Sender::new(service.address),
            acknowledged: Mutex::default(),
            failed_calls: 0.into(),
            stop: CancellationToken::new(),
        }
    }

    /// Kills and starts the service until the day is over.
    async fn chaos(&mut self, mut service: Process, shared: &Shared) -> Process {
        for life in self.plan.lives.clone() {
            sleep(life).await;
            self.kill(service).await;
            service = self.start(Weather::Bad).await;
            shared.address.send_replace(service.address);
            check_acknowledged(shared).await;
        }
        shared.stop.cancel();
        service
    }

    /// Seals what is whole now, and may be killed while it does.
    async fn seal(&mut self, service: Process, shared: &Shared) -> Process {
        let mut request = SealCaptureRequest {
            capture_id: ID.to_owned(),
            chunk_count: Some(count(&shared.chunks)),
            ..SealCaptureRequest::default()
        };
        if self.plan.has_digest {
            request.sha256 = sha256(&shared.chunks.concat());
        }
        let mut service = service;
        if let Some(soon) = self.plan.killed_in_seal {
            let caller = shared.caller();
            tokio::select! {
                sealed = caller.seal(request.clone()) => { sealed.unwrap(); }
                () = sleep(soon) => {}
            }
            self.kill(service).await;
            service = self.start(Weather::Good).await;
            shared.address.send_replace(service.address);
        }
        let sealed = shared.caller().seal(request).await.unwrap();
        assert_eq!(sealed.state(), CaptureState::Sealed);
        service
    }

    /// In the end the store has what the catalog refers to, and nothing else.
    async fn check_store(&self, caller: &Caller) {
        let store = store::open(&directory_url(&self.directory.join("store")).unwrap()).unwrap();
        let url = weir_tests::catalog::url(self.directory).await;
        let catalog = catalog::open(&url).await.unwrap();
        let contents = &Contents::new(Arc::clone(&catalog), Arc::clone(&store));
        let (catalog, store) = (&catalog, &store);
        until("a swept store", || async move {
            // It folds in its own time: what is needed changes once.
            let id = ID.parse().unwrap();
            let capture = catalog.by_id(&id).await.unwrap().unwrap();
            let needed = contents.objects(&capture).await.unwrap();
            let needed = needed.iter().map(|object| object.segment.object_key());
            let needed: BTreeSet<_> = needed.collect();
            let objects: Vec<_> = store.list(None).try_collect().await.ok()?;
            let kept: BTreeSet<_> = objects.into_iter().map(|object| object.key).collect();
            assert!(kept.is_superset(&needed), "a needed object was swept");
            let is_folded = capture.manifest.is_some();
            (is_folded && kept == needed).then_some(())
        })
        .await;
        caller.read(ID, 0, 0).await.unwrap();
    }
}

fn count(chunks: &[Bytes]) -> u32 {
    chunks.len().try_into().unwrap()
}

/// What is told to be missing is, and nothing else is. Ends with all chunks there.
async fn check_missing(shared: &Shared) {
    check_acknowledged(shared).await;
    let caller = shared.caller();
    let now = caller.get(ID).await.unwrap();
    let missing = missing(&now, &shared.chunks);
    for (index, data) in (0..).zip(&shared.chunks) {
        let outcome = caller.put(ID, index, data).await.unwrap();
        let expected = match missing.contains(&index) {
            true => PutOutcome::Stored,
            false => PutOutcome::Duplicate,
        };
        assert_eq!(outcome, expected, "chunk {index}, missing: {missing:?}");
    }
}

async fn check_whole(caller: &Caller, chunks: &[Bytes]) {
    let whole = chunks.concat();
    let capture = caller.get(ID).await.unwrap();
    assert_eq!(capture.state(), CaptureState::Sealed);
    assert_eq!(capture.chunks_durable, count(chunks));
    assert_eq!(capture.crc32c, Some(crc32c::crc32c(&whole)));
    assert_eq!(capture.missing, []);
    assert!(caller.read(ID, 0, 0).await.unwrap() == whole, "other bytes");
    let conflict = caller.put(ID, 0, b"other bytes").await.unwrap_err();
    assert_eq!(
        weir_shared::status::reason(&conflict).as_deref(),
        Some("CHUNK_CONFLICT")
    );
}
