//! Handlers from outside the service: each event of a committed change comes to
//! each of them, whatever the others do.
#![allow(
    clippy::unwrap_used,
    clippy::large_futures,
    reason = "a panic is how a test fails, and its futures are few"
)]

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use ingest_service::domain::{
    dispatch::handler::{Failure, Handler, Limits, Registry, Unregistered},
    event::{Event, Fact, kind},
};
use tokio::sync::{Semaphore, mpsc};
use weir_shared::proto::ingest::v1::DeleteCaptureRequest;
use weir_tests::{
    caller::Caller,
    pair::{Pair, Setup},
    until::{until, within},
};

/// What a [`Probe`] does about an event.
type Course = Box<dyn Fn(&Event, u32) -> Result<(), Failure> + Send + Sync>;

/// Tells what it is given, and then does as it is told.
struct Probe {
    name: &'static str,
    limits: Limits,
    seen: mpsc::Sender<(String, String)>,
    calls: Arc<AtomicU32>,
    course: Course,
    /// Where each event waits.
    gate: Option<Arc<Semaphore>>,
}

impl std::fmt::Debug for Probe {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

#[async_trait]
impl Handler for Probe {
    fn name(&self) -> &'static str {
        self.name
    }

    fn kinds(&self) -> &'static [&'static str] {
        &[
            kind::CAPTURE_CREATED,
            kind::CAPTURE_SEALED,
            kind::CAPTURE_DELETED,
        ]
    }

    fn limits(&self) -> Limits {
        self.limits
    }

    async fn handle(&self, event: &Event, fact: Fact) -> Result<(), Failure> {
        let call = self.calls.fetch_add(1, Ordering::Relaxed);
        assert_eq!(fact.kind(), event.kind);
        if let Some(gate) = &self.gate {
            gate.acquire().await.unwrap().forget();
        }
        let told = (event.capture_id.to_string(), event.kind.clone());
        (self.course)(event, call)?;
        self.seen.try_send(told).unwrap();
        Ok(())
    }
}

const LIMITS: Limits = Limits {
    concurrency: 2,
    timeout: Duration::from_secs(60),
    attempts: 3,
    pause_min: Duration::from_millis(1),
    pause_max: Duration::from_millis(2),
};

fn probe(name: &'static str, course: Course) -> (Probe, mpsc::Receiver<(String, String)>) {
    let (seen, told) = mpsc::channel(100);
    let probe = Probe {
        name,
        limits: LIMITS,
        seen,
        calls: Arc::default(),
        course,
        gate: None,
    };
    (probe, told)
}

async fn pair_with(probes: impl IntoIterator<Item = Probe>) -> Pair {
    let mut handlers = Registry::default();
    for probe in probes {
        handlers.add(Arc::new(probe)).unwrap();
    }
    Pair::with(Setup {
        handlers,
        ..Setup::default()
    })
    .await
}

async fn next(told: &mut mpsc::Receiver<(String, String)>) -> (String, String) {
    within("the next event", told.recv()).await.unwrap()
}

async fn live_and_die(caller: &Caller, id: &str) {
    caller.store(id, b"abc", 2).await;
    let request = DeleteCaptureRequest {
        capture_id: id.to_owned(),
        allow_missing: false,
    };
    caller.rpc.clone().delete_capture(request).await.unwrap();
}

/// The events of [`live_and_die`] of several captures: in order for each.
async fn check_lives(told: &mut mpsc::Receiver<(String, String)>, ids: &[&str]) {
    let mut seen = Vec::new();
    for _ in 0..ids.len() * 3 {
        seen.push(next(told).await);
    }
    for id in ids {
        let own = seen.iter().filter(|(capture, _)| capture == id);
        let kinds: Vec<_> = own.map(|(_, kind)| &**kind).collect();
        assert_eq!(
            kinds,
            [
                kind::CAPTURE_CREATED,
                kind::CAPTURE_SEALED,
                kind::CAPTURE_DELETED
            ],
            "{id}: {seen:?}"
        );
    }
    told.try_recv().unwrap_err();
}

#[tokio::test]
async fn a_handler_from_outside_is_told_each_event_once_and_in_order() {
    let (probe, mut told) = probe("outside", Box::new(|_, _| Ok(())));
    let pair = pair_with([probe]).await;
    let ids = ["a", "b", "c"];
    for id in ids {
        live_and_die(&pair.caller(), id).await;
    }
    check_lives(&mut told, &ids).await;
}

#[tokio::test]
async fn what_fails_is_tried_again_and_holds_up_no_other_handler() {
    let (failing, mut failed) = probe(
        "failing",
        Box::new(|_, call| match call {
            0 => Err(Failure::transient("not yet")),
            1 => panic!("a handler that breaks"),
            _ => Ok(()),
        }),
    );
    let (mut hanging, mut hung) = probe("hanging", Box::new(|_, _| Ok(())));
    let gate = Arc::new(Semaphore::new(0));
    hanging.gate = Some(Arc::clone(&gate));
    let (good, mut told) = probe("good", Box::new(|_, _| Ok(())));
    let pair = pair_with([failing, hanging, good]).await;
    live_and_die(&pair.caller(), "a").await;
    check_lives(&mut told, &["a"]).await;
    check_lives(&mut failed, &["a"]).await;
    hung.try_recv().unwrap_err();
    gate.add_permits(10);
    check_lives(&mut hung, &["a"]).await;
}

#[tokio::test]
async fn what_is_given_up_is_passed_by() {
    let (permanent, mut told) = probe(
        "permanent",
        Box::new(|event, _| match &*event.kind {
            kind::CAPTURE_SEALED => Err(Failure::permanent("never")),
            _ => Ok(()),
        }),
    );
    let (transient, mut also_told) = probe(
        "transient",
        Box::new(|event, _| match &*event.kind {
            kind::CAPTURE_SEALED => Err(Failure::transient("not today")),
            _ => Ok(()),
        }),
    );
    let (mut late, mut never) = probe("late", Box::new(|_, _| Ok(())));
    late.limits = Limits {
        timeout: Duration::from_millis(1),
        ..LIMITS
    };
    late.gate = Some(Arc::new(Semaphore::new(0)));
    let pair = pair_with([permanent, transient, late]).await;
    live_and_die(&pair.caller(), "a").await;
    for told in [&mut told, &mut also_told] {
        assert_eq!(next(told).await.1, kind::CAPTURE_CREATED);
        assert_eq!(next(told).await.1, kind::CAPTURE_DELETED);
    }
    never.try_recv().unwrap_err();
}

#[tokio::test]
async fn what_was_not_handled_comes_after_the_next_start() {
    let (mut slow, mut told) = probe("slow", Box::new(|_, _| Ok(())));
    let gate = Arc::new(Semaphore::new(1));
    slow.gate = Some(Arc::clone(&gate));
    let calls = Arc::clone(&slow.calls);
    let pair = pair_with([slow]).await;
    live_and_die(&pair.caller(), "a").await;
    assert_eq!(next(&mut told).await.1, kind::CAPTURE_CREATED);
    until("the second event is being handled", || async {
        (calls.load(Ordering::Relaxed) == 2).then_some(())
    })
    .await;
    // The end waits for what runs for a while, and releases it then.
    let pair = within("the restart", pair.restart()).await;
    gate.add_permits(10);
    assert_eq!(next(&mut told).await.1, kind::CAPTURE_SEALED);
    assert_eq!(next(&mut told).await.1, kind::CAPTURE_DELETED);
    drop(pair);
}

#[test]
fn a_handler_without_a_name_of_its_own_is_refused() {
    let mut registry = Registry::default();
    let mut add = |name| registry.add(Arc::new(probe(name, Box::new(|_, _| Ok(()))).0));
    for (name, wanted) in [
        ("one", Ok(())),
        ("one", Err(Unregistered::Taken("one"))),
        (Registry::BROKER, Err(Unregistered::Taken("broker"))),
        ("", Err(Unregistered::Name(""))),
        ("-a", Err(Unregistered::Name("-a"))),
        ("Two", Err(Unregistered::Name("Two"))),
    ] {
        assert_eq!(add(name), wanted);
    }
}
