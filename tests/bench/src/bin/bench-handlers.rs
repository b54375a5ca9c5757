//! What handlers of events cost those who upload: no answer waits for one.
//!
//! Several pairs in one process take uploads in turns: without a handler (twice, which shows
//! what is noise), with one and with five that take 50 ms for each event, with those of the
//! service itself, and with both.
//!
//!     cargo run --release -p weir-bench --bin bench-handlers
//!     WEIR_BENCH_ROUNDS=3 cargo run …
#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a benchmark")]

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use async_trait::async_trait;
use bytes::Bytes;
use futures::{StreamExt as _, stream};
use ingest_service::domain::{
    dispatch::handler::{Failure, Handler, Limits, Registry},
    event::{Event, Fact, kind},
};
use mimalloc::MiMalloc;
use nix::sys::resource::{UsageWho, getrusage};
use weir_bench::{
    Series, latencies, rounds, table,
    upload::{messages, seconds, upload},
};
use weir_tests::{
    caller::Caller,
    pair::{Pair, Setup},
    random::noise,
    until::until,
};

/// As ingest-service has it, which is what is measured.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

const ROUNDS: usize = 20;

/// An ordinary capture, and how many follow one another in one turn: the handlers of the
/// first ones are at work while the next ones come.
const CHUNK_BYTES: usize = 1 << 20;
const CHUNKS: u32 = 8;
const UPLOADS_PER_TURN: usize = 5;

/// Many small ones: so many, of these bytes, so many at a time.
const SMALL_ROUNDS: usize = 5;
const SMALL_CAPTURES: u32 = 2_000;
const SMALL_BYTES: usize = 64 << 10;
const SMALL_AT_ONCE: usize = 16;

/// What a handler here does about an event.
const HANDLING: Duration = Duration::from_millis(50);

const NAMES: [&str; 5] = ["bench-1", "bench-2", "bench-3", "bench-4", "bench-5"];

/// Which of the service's own there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Own {
    None,
    /// The one that reads each capture once more is off.
    WithoutDigest,
    All,
}

/// How many handlers beside those of the service, and which of those.
const WITH: [(&str, usize, Own); 7] = [
    ("no handler", 0, Own::None),
    ("no handler, again", 0, Own::None),
    ("one handler", 1, Own::None),
    ("five handlers", 5, Own::None),
    ("the service's own but digests", 0, Own::WithoutDigest),
    ("the service's own", 0, Own::All),
    ("the service's own and five", 5, Own::All),
];

/// Waits, and counts.
#[derive(Debug)]
struct Busy {
    name: &'static str,
    handled: Arc<AtomicUsize>,
}

#[async_trait]
impl Handler for Busy {
    fn name(&self) -> &'static str {
        self.name
    }

    fn kinds(&self) -> &'static [&'static str] {
        &[kind::CAPTURE_SEALED]
    }

    fn limits(&self) -> Limits {
        Limits {
            concurrency: 16,
            ..Limits::default()
        }
    }

    async fn handle(&self, _: &Event, _: Fact) -> Result<(), Failure> {
        tokio::time::sleep(HANDLING).await;
        self.handled.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }
}

struct Subject {
    pair: Pair,
    handlers: usize,
    handled: Arc<AtomicUsize>,
    sealed: usize,
}

impl Subject {
    async fn start(handlers: usize, own: Own) -> Self {
        let handled = Arc::<AtomicUsize>::default();
        let mut registry = Registry::default();
        for name in &NAMES[..handlers] {
            let handled = Arc::clone(&handled);
            registry.add(Arc::new(Busy { name, handled })).unwrap();
        }
        let setup = Setup {
            handlers: registry,
            without_own_handlers: own == Own::None,
            ingest: (own == Own::WithoutDigest)
                .then_some(|config| config.handlers.digest_on_seal = false),
            ..Setup::default()
        };
        Self {
            pair: Pair::with(setup).await,
            handlers,
            handled,
            sealed: 0,
        }
    }

    /// Waits until all handlers have had all.
    async fn until_idle(&self) {
        until("all are handled", || async {
            let handled = self.handled.load(Ordering::Relaxed);
            (handled == self.sealed * self.handlers).then_some(())
        })
        .await;
        // Its own are not counted, and are done as soon.
        tokio::time::sleep(4 * HANDLING).await;
    }
}

#[tokio::main]
async fn main() {
    ordinary(rounds(ROUNDS)).await;
    small(rounds(SMALL_ROUNDS)).await;
}

async fn ordinary(rounds: usize) {
    let data = Bytes::from(noise(CHUNK_BYTES, 1));
    println!("uploads of {CHUNKS} MiB, {rounds} turns of {UPLOADS_PER_TURN} with each");
    let mut subjects = Vec::new();
    let mut all = Vec::new();
    for (name, handlers, own) in WITH {
        subjects.push(Subject::start(handlers, own).await);
        all.push(Series::new(name));
    }
    // The first of each opens connections.
    for round in 0..=rounds {
        for turn in 0..subjects.len() {
            // Each comes behind each other.
            let at = (turn + round) % subjects.len();
            let (subject, series) = (&mut subjects[at], &mut all[at]);
            let caller = subject.pair.caller();
            for n in 0..UPLOADS_PER_TURN {
                let messages = messages(&format!("c{round}-{n}"), &data, CHUNK_BYTES, CHUNKS);
                let begun = Instant::now();
                upload(&caller, messages).await.unwrap();
                subject.sealed += 1;
                if round > 0 {
                    series.add_millis(begun.elapsed());
                }
            }
            subject.until_idle().await;
        }
    }
    print!("{}", latencies("ms", &all));
}

async fn small(rounds: usize) {
    let data = Bytes::from(noise(SMALL_BYTES, 1));
    println!(
        "\n{SMALL_CAPTURES} uploads of {} KiB, {SMALL_AT_ONCE} at a time, {rounds} rounds with each",
        SMALL_BYTES >> 10
    );
    let mut rates: Vec<_> = WITH.iter().map(|with| Series::new(with.0)).collect();
    let mut costs = rates.clone();
    for round in 0..rounds {
        for turn in 0..WITH.len() {
            let at = (turn + round) % WITH.len();
            let (_, handlers, own) = WITH[at];
            let subject = Subject::start(handlers, own).await;
            let before = cpu();
            let ((), took) = seconds(upload_small(&subject.pair.caller(), &data)).await;
            costs[at].add((cpu() - before) * 1e6 / f64::from(SMALL_CAPTURES));
            rates[at].add(f64::from(SMALL_CAPTURES) / took);
            // What was not handled ends with it.
            subject.pair.ingest.stop().await;
        }
    }
    print!("{}", table("captures/s", &rates));
    println!("\nCPU time of service and client meanwhile, for each capture");
    print!("{}", table("µs", &costs));
}

async fn upload_small(caller: &Caller, data: &Bytes) {
    let calls = stream::iter(0..SMALL_CAPTURES).for_each_concurrent(SMALL_AT_ONCE, async |n| {
        let messages = messages(&format!("c{n}"), data, SMALL_BYTES, 1);
        upload(caller, messages).await.unwrap();
    });
    calls.await;
}

/// Of this process so far, seconds.
#[allow(clippy::cast_precision_loss, reason = "days at most")]
fn cpu() -> f64 {
    let usage = getrusage(UsageWho::RUSAGE_SELF).unwrap();
    let times = [usage.user_time(), usage.system_time()];
    let seconds = times.map(|time| time.tv_sec() as f64 + time.tv_usec() as f64 / 1e6);
    seconds.iter().sum()
}
