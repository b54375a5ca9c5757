use std::{
    collections::HashMap,
    future::{pending, ready},
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
};

use futures::FutureExt as _;
use tokio::sync::Notify;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::*;
use crate::{
    catalog::{
        Catalog,
        conformance::{NOW, create, of_count},
    },
    domain::{
        event::kind,
        testing::{FaultyStore, Rig, SETTINGS},
    },
};

/// What a broker does with an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Course {
    /// Keeps it, and says so after so many milliseconds.
    Keep(u64),
    Refuse,
    /// The connection is lost; the event may have come through.
    Lose {
        is_kept: bool,
    },
    /// Says nothing.
    Hang,
}

type Script = Box<dyn Fn(&Event, u32) -> Course + Send + Sync>;

/// A broker in memory that does as it is told.
struct Fake {
    script: Script,
    sent: AtomicU32,
    connections: AtomicU32,
    is_away: AtomicBool,
    is_blocked: AtomicBool,
    /// Sending waits while it is blocked.
    is_held: AtomicBool,
    kept: Mutex<Vec<Event>>,
    rung: Notify,
}

impl fmt::Debug for Fake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a broker in memory")
    }
}

fn fake(script: impl Fn(&Event, u32) -> Course + Send + Sync + 'static) -> Arc<Fake> {
    Arc::new(Fake {
        script: Box::new(script),
        sent: AtomicU32::new(0),
        connections: AtomicU32::new(0),
        is_away: AtomicBool::new(false),
        is_blocked: AtomicBool::new(false),
        is_held: AtomicBool::new(false),
        kept: Mutex::default(),
        rung: Notify::new(),
    })
}

impl Fake {
    fn keep(&self, event: &Event) {
        self.kept.lock().unwrap().push(event.clone());
        self.rung.notify_one();
    }

    async fn until(&self, what: &str, is_it: impl Fn(&[Event]) -> bool) {
        let waiting = async {
            while !is_it(&self.kept.lock().unwrap()) {
                self.rung.notified().await;
            }
        };
        let waited = tokio::time::timeout(Duration::from_secs(60), waiting).await;
        waited.unwrap_or_else(|_| panic!("{what}: {:?}", self.kept.lock().unwrap().len()));
    }
}

/// A connection to [`Fake`].
struct Link {
    fake: Arc<Fake>,
    lost: CancellationToken,
}

#[derive(Debug)]
struct Shared(Arc<Fake>);

#[async_trait]
impl Broker for Shared {
    async fn connect(&self) -> Result<Box<dyn Publisher>, BrokerError> {
        let fake = Arc::clone(&self.0);
        fake.connections.fetch_add(1, Ordering::SeqCst);
        fake.rung.notify_one();
        match fake.is_away.load(Ordering::SeqCst) {
            true => Err(BrokerError::Away("away".into())),
            false => Ok(Box::new(Link {
                fake,
                lost: CancellationToken::new(),
            })),
        }
    }
}

#[async_trait]
impl Publisher for Link {
    async fn publish(&self, event: &Event) -> Result<Confirm, BrokerError> {
        if self.lost.is_cancelled() {
            return Err(BrokerError::Away("lost".into()));
        }
        let n = self.fake.sent.fetch_add(1, Ordering::SeqCst);
        self.fake.rung.notify_one();
        while self.fake.is_held.load(Ordering::SeqCst) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        Ok(match (self.fake.script)(event, n) {
            Course::Keep(millis) => {
                self.fake.keep(event);
                let late = async move {
                    tokio::time::sleep(Duration::from_millis(millis)).await;
                    Ok(())
                };
                late.boxed()
            }
            Course::Refuse => ready(Err(BrokerError::Refused(event.id))).boxed(),
            Course::Lose { is_kept } => {
                if is_kept {
                    self.fake.keep(event);
                }
                self.lost.cancel();
                pending().boxed()
            }
            Course::Hang => {
                self.fake.rung.notify_one();
                pending().boxed()
            }
        })
    }

    fn is_blocked(&self) -> bool {
        self.fake.is_blocked.load(Ordering::SeqCst)
    }

    fn lost(&self) -> BoxFuture<'static, BrokerError> {
        let lost = self.lost.clone();
        async move {
            lost.cancelled().await;
            BrokerError::Away("lost".into())
        }
        .boxed()
    }

    async fn close(&self) {}
}

fn start(ingest: &Arc<Ingest>, fake: &Arc<Fake>) {
    let tasks = &ingest.tasks;
    tasks.spawn(Arc::clone(ingest).keep_alive());
    tasks.spawn(Arc::clone(ingest).follow_events());
    tasks.spawn(Arc::clone(ingest).relay(Arc::new(Shared(Arc::clone(fake)))));
}

/// Another service on the same catalog.
fn colleague(rig: &Rig) -> (Arc<Ingest>, CancellationToken) {
    let shutdown = CancellationToken::new();
    let store = Arc::new(FaultyStore::default());
    let catalog = Arc::clone(&rig.catalog);
    let tasks = TaskTracker::new();
    let ingest = Ingest::start(catalog, store, SETTINGS, tasks, shutdown.clone());
    (ingest, shutdown)
}

async fn stop(ingest: &Ingest, shutdown: &CancellationToken) {
    shutdown.cancel();
    ingest.tasks.close();
    ingest.tasks.wait().await;
}

/// Three events: created, sealed, deleted.
async fn live_and_die(catalog: &dyn Catalog, id: &str) {
    let capture = create(catalog, id, of_count(0)).await;
    catalog.delete(&capture.id, NOW).await.unwrap();
}

async fn position(catalog: &dyn Catalog) -> Position {
    catalog
        .advance(Registry::BROKER, Position(0))
        .await
        .unwrap()
}

async fn all(catalog: &dyn Catalog) -> Vec<Event> {
    catalog.events(Position(0), 10_000).await.unwrap().events
}

/// Each event came, and those of each capture came in order, repeated ones apart.
fn check_all_in_order(events: &[Event], kept: &[Event]) {
    let mut first: HashMap<EventId, usize> = HashMap::new();
    for (at, event) in kept.iter().enumerate() {
        first.entry(event.id).or_insert(at);
    }
    let mut last_of = HashMap::new();
    for event in events {
        let at = first.get(&event.id).copied();
        let at = at.unwrap_or_else(|| panic!("it was never kept: {event:?}"));
        if let Some(before) = last_of.insert(event.capture, at) {
            assert!(before < at, "too early: {event:?}");
        }
    }
}

#[tokio::test]
async fn each_event_goes_out_once_and_the_position_follows() {
    let rig = Rig::new().await;
    let fake = fake(|_, _| Course::Keep(0));
    live_and_die(&*rig.catalog, "before").await;
    start(&rig.ingest, &fake);
    fake.until("what was there before", |kept| kept.len() == 3)
        .await;
    for id in ["a", "b", "c"] {
        live_and_die(&*rig.catalog, id).await;
    }
    fake.until("what came then", |kept| kept.len() == 12).await;
    stop(&rig.ingest, &rig.shutdown).await;
    let events = all(&*rig.catalog).await;
    check_all_in_order(&events, &fake.kept.lock().unwrap());
    assert_eq!(fake.kept.lock().unwrap().len(), events.len());
    assert_eq!(position(&*rig.catalog).await, events[11].position);
    assert_eq!(fake.connections.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn what_is_refused_goes_out_again_before_what_follows_it() {
    let rig = Rig::new().await;
    // The sealing is refused once: the deletion must not pass it by.
    let is_refused = AtomicBool::new(false);
    let fake = fake(move |event, _| {
        let is_sealed = event.kind == kind::CAPTURE_SEALED;
        match is_sealed && !is_refused.swap(true, Ordering::SeqCst) {
            true => Course::Refuse,
            false => Course::Keep(1),
        }
    });
    live_and_die(&*rig.catalog, "a").await;
    start(&rig.ingest, &fake);
    let is_over = |kept: &[Event]| kept.iter().any(|e| e.kind == kind::CAPTURE_DELETED);
    fake.until("the last", is_over).await;
    check_all_in_order(&all(&*rig.catalog).await, &fake.kept.lock().unwrap());
    assert!(fake.connections.load(Ordering::SeqCst) > 1);
    stop(&rig.ingest, &rig.shutdown).await;
}

#[tokio::test]
async fn a_broker_that_is_away_at_first_gets_all_of_it_later() {
    let rig = Rig::new().await;
    let fake = fake(|_, _| Course::Keep(0));
    fake.is_away.store(true, Ordering::SeqCst);
    start(&rig.ingest, &fake);
    live_and_die(&*rig.catalog, "a").await;
    while fake.connections.load(Ordering::SeqCst) < 3 {
        fake.rung.notified().await;
    }
    assert_eq!(position(&*rig.catalog).await, Position(0));
    fake.is_away.store(false, Ordering::SeqCst);
    fake.until("all", |kept| kept.len() == 3).await;
    stop(&rig.ingest, &rig.shutdown).await;
}

#[tokio::test]
async fn one_of_two_instances_publishes_and_the_other_goes_on() {
    let rig = Rig::new().await;
    let fake = fake(|_, _| Course::Keep(0));
    start(&rig.ingest, &fake);
    live_and_die(&*rig.catalog, "a").await;
    fake.until("the first", |kept| kept.len() == 3).await;
    let (other, shutdown) = colleague(&rig);
    start(&other, &fake);
    live_and_die(&*rig.catalog, "b").await;
    fake.until("the second", |kept| kept.len() == 6).await;
    stop(&rig.ingest, &rig.shutdown).await;
    live_and_die(&*rig.catalog, "c").await;
    fake.until("the third", |kept| kept.len() == 9).await;
    stop(&other, &shutdown).await;
    let events = all(&*rig.catalog).await;
    let kept = fake.kept.lock().unwrap();
    check_all_in_order(&events, &kept);
    assert_eq!(kept.len(), events.len(), "the end tells how far it came");
}

/// Runs one session until the broker was sent something, then for long by a clock
/// that does not wait, and gives it to `then`.
async fn check_silence(fake: Arc<Fake>, then: impl AsyncFnOnce(&Rig, BoxFuture<'_, Ended>)) {
    let rig = Rig::new().await;
    fake.is_blocked.store(true, Ordering::SeqCst);
    live_and_die(&*rig.catalog, "a").await;
    let (broker, mut confirmed) = (Shared(Arc::clone(&fake)), 0);
    let mut session = rig.ingest.relay_once(&broker, &mut confirmed).boxed();
    while fake.sent.load(Ordering::SeqCst) == 0 {
        tokio::select! {
            ended = &mut session => panic!("{ended:?}"),
            () = fake.rung.notified() => {}
        }
    }
    tokio::time::pause();
    // It has said that it takes nothing, and is waited for.
    let waited = tokio::time::timeout(20 * session::SILENCE_MAX, &mut session).await;
    waited.unwrap_err();
    fake.is_blocked.store(false, Ordering::SeqCst);
    then(&rig, session).await;
    assert_eq!(fake.connections.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_broker_that_says_nothing_is_left() {
    let fake = fake(|_, _| Course::Hang);
    check_silence(fake, async |_, session| {
        let ended = tokio::time::timeout(2 * session::SILENCE_MAX, session).await;
        let Ok(Ended::Broker(BrokerError::Silent(_))) = ended else {
            panic!("{ended:?}");
        };
    })
    .await;
}

#[tokio::test]
async fn what_is_held_back_for_long_goes_out_once() {
    let fake = fake(|_, _| Course::Keep(5));
    fake.is_held.store(true, Ordering::SeqCst);
    check_silence(Arc::clone(&fake), async |rig, mut session| {
        fake.is_held.store(false, Ordering::SeqCst);
        tokio::time::resume();
        tokio::select! {
            ended = &mut session => panic!("{ended:?}"),
            () = fake.until("all", |kept| kept.len() == 3) => {}
        }
        rig.shutdown.cancel();
        let Ended::Shutdown = session.await else {
            panic!("it ended before");
        };
        check_all_in_order(&all(&*rig.catalog).await, &fake.kept.lock().unwrap());
    })
    .await;
}

/// Brokers that refuse, lose their connections and answer late.
#[tokio::test]
#[allow(clippy::print_stdout, reason = "what a failed test printed is shown")]
async fn on_any_bad_day_all_of_it_comes_and_in_order() {
    let seed = u64::from_le_bytes(*EventId::generate().as_bytes().last_chunk().unwrap());
    println!("seed {seed}");
    let rig = Rig::new().await;
    let fake = fake(move |event, n| {
        let drawn = blake3::hash(format!("{seed} {n} {}", event.kind).as_bytes());
        let [drawn, millis, ..] = *drawn.as_bytes();
        match drawn {
            0..4 => Course::Refuse,
            4..6 => Course::Lose { is_kept: false },
            6..8 => Course::Lose { is_kept: true },
            _ => Course::Keep(u64::from(millis % 8)),
        }
    });
    let (other, shutdown) = colleague(&rig);
    start(&rig.ingest, &fake);
    start(&other, &fake);
    for n in 0..40 {
        live_and_die(&*rig.catalog, &format!("c-{n}")).await;
    }
    let events = all(&*rig.catalog).await;
    assert_eq!(events.len(), 120);
    let has_all = |kept: &[Event]| events.iter().all(|e| kept.iter().any(|k| k.id == e.id));
    fake.until("all", has_all).await;
    check_all_in_order(&events, &fake.kept.lock().unwrap());
    stop(&rig.ingest, &rig.shutdown).await;
    stop(&other, &shutdown).await;
}
