use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use sqlx::Connection as _;

use super::{
    handler::{Failure, Handler, Limits, Registry},
    *,
};
use crate::domain::{
    capture::Declared,
    event::{Event, Fact, kind},
    ingest::Settings,
    testing::{Rig, SETTINGS, chunk, open, upload},
};

/// Never done with the first event that it is given, and at once with the next.
#[derive(Debug)]
struct Stuck(Arc<AtomicUsize>);

#[async_trait]
impl Handler for Stuck {
    fn name(&self) -> &'static str {
        "stuck"
    }

    fn kinds(&self) -> &'static [&'static str] {
        &[kind::CAPTURE_SEALED]
    }

    async fn handle(&self, _: &Event, _: Fact) -> Result<(), Failure> {
        match self.0.fetch_add(1, Ordering::SeqCst) {
            0 => std::future::pending().await,
            _ => Ok(()),
        }
    }
}

#[tokio::test]
async fn a_lease_that_lapsed_and_came_back_loses_no_delivery() {
    let rig = Rig::with(Settings {
        lease: Duration::from_millis(300),
        ..SETTINGS
    })
    .await;
    let calls = Arc::new(AtomicUsize::new(0));
    let mut handlers = Registry::default();
    handlers.add(Arc::new(Stuck(Arc::clone(&calls)))).unwrap();
    let ingest = &rig.ingest;
    ingest.tasks.spawn(Arc::clone(ingest).keep_alive());
    ingest.tasks.spawn(Arc::clone(ingest).dispatch(handlers));
    let declared = Declared {
        chunk_count: Some(1),
        ..Declared::default()
    };
    let items = vec![open("cap", declared), chunk(0, "a")];
    upload(&rig, items).await.unwrap();
    let came = |n: usize| {
        let calls = Arc::clone(&calls);
        tokio::time::timeout(Duration::from_secs(60), async move {
            while calls.load(Ordering::SeqCst) < n {
                tokio::task::yield_now().await;
            }
        })
    };
    came(1).await.unwrap();
    // Nobody can say that this instance is alive.
    let lease = ingest.instance.lease().await;
    let busy = rig.lock_catalog().await;
    lease.cancelled().await;
    busy.close().await.unwrap();
    came(2).await.unwrap();
    let backlog = || rig.catalog.backlog();
    while backlog().await.unwrap().iter().any(|one| one.waiting > 0) {
        tokio::task::yield_now().await;
    }
    assert_eq!(backlog().await.unwrap()[0].dead, 0);
}

/// One that has been given these deliveries.
fn dispatcher(rig: &Rig, handlers: Registry, held: impl Iterator<Item = u64>) -> Dispatcher {
    Dispatcher {
        subscribers: subscribers(&handlers),
        ingest: Arc::clone(&rig.ingest),
        handlers,
        running: JoinSet::new(),
        held: held.map(|n| ("stuck", Position(n))).collect(),
        finished: Vec::new(),
        rests: HashMap::new(),
    }
}

fn finished(position: u64, outcome: Outcome) -> Finished {
    Finished {
        handler: "stuck",
        position: Position(position),
        outcome,
    }
}

#[tokio::test]
async fn what_is_done_when_the_lease_lapses_is_still_told_and_not_done_again() {
    let rig = Rig::new().await;
    let done = |n| finished(n, Outcome::Done);
    let mut dispatcher = dispatcher(&rig, Registry::default(), 1..=3);
    dispatcher.running.spawn(async move { done(2) });
    dispatcher.running.spawn(std::future::pending());
    dispatcher.finished.push(done(1));
    // The second comes to its end, and nobody has looked.
    tokio::task::yield_now().await;
    dispatcher.lapsed().await;
    let told: HashSet<_> = dispatcher.finished.iter().map(|f| f.position.0).collect();
    assert_eq!(told, HashSet::from([1, 2]));
    let held = HashSet::from([1, 2].map(|n| ("stuck", Position(n))));
    assert_eq!(dispatcher.held, held);
}

#[tokio::test]
async fn a_handler_that_can_do_nothing_for_now_is_given_nothing_for_now() {
    let rig = Rig::new().await;
    let concurrency = Limits::default().concurrency;
    let (now, second) = (Timestamp::now(), Duration::from_secs(1));
    let released = |at| Outcome::Released { at };
    let (past, future) = (now.minus(second), now.plus(3600 * second));
    for (outcomes, room) in [
        (vec![Outcome::Done], concurrency),
        (vec![released(future)], 0),
        (vec![Outcome::Done, released(future)], 0),
        // Then one shows whether it can.
        (vec![released(past)], 1),
        (vec![released(past), released(future)], 0),
        (vec![released(past), Outcome::Done], concurrency),
    ] {
        let mut handlers = Registry::default();
        handlers.add(Arc::new(Stuck(Arc::default()))).unwrap();
        let mut dispatcher = dispatcher(&rig, handlers, 1..=2);
        for (position, outcome) in (1..).zip(outcomes.clone()) {
            dispatcher.take(Ok(finished(position, outcome)));
        }
        dispatcher
            .held
            .retain(|(_, p)| p.0 <= outcomes.len() as u64);
        dispatcher.turn().await;
        assert_eq!(dispatcher.subscribers[0].room, room, "{outcomes:?}");
    }
}
