//! Some captures, from their first byte to all that follows their seal, on a bad day.

use std::{
    collections::BTreeSet,
    path::Path,
    sync::{Mutex, OnceLock},
};

use bytes::Bytes;
use futures::future::join_all;
use tokio_util::sync::CancellationToken;
use weir_shared::proto::event::v1::Event;
use weir_tests::{
    caller::channel,
    ledger::{self, What},
    rabbit::{self, Queue},
    random::Random,
    synth,
};

use super::{
    checks::{check_asked, check_no_dead_letters, check_results, settled},
    clients::{Asker, capture_id, live},
    delivered::{check_broker, check_ledger},
    log::{self, check_lives, courses},
    plan::{Plan, SIZES},
    services::{Addresses, Services},
};

/// What a round was like.
#[derive(Debug, Default)]
pub(crate) struct Told {
    pub(crate) blows: u64,
    pub(crate) succeeded: u64,
    events: u64,
    /// Analyses that needed more than one attempt.
    resumed: u64,
    /// Events that were handled again, and sent again.
    handled_again: u64,
    sent_again: u64,
}

impl Told {
    pub(crate) fn and(self, other: Self) -> Self {
        Self {
            blows: self.blows + other.blows,
            succeeded: self.succeeded + other.succeeded,
            events: self.events + other.events,
            resumed: self.resumed + other.resumed,
            handled_again: self.handled_again + other.handled_again,
            sent_again: self.sent_again + other.sent_again,
        }
    }
}

pub(crate) async fn run(seed: u64, plan: Plan) -> Told {
    let directory = tempfile::tempdir().unwrap();
    let directory = directory.path();
    let mut queue = match std::env::var(rabbit::URL) {
        Ok(_) => Some(Queue::bound(&format!("round-{seed}"), &["weir.#"]).await),
        Err(_) => None,
    };
    let mut services = Services::start(seed, directory, &plan).await;
    let addresses: Addresses = Mutex::new(services.addresses());
    let asker = |of: u64| Asker {
        addresses: &addresses,
        random: Mutex::new(Random::seeded(seed ^ of << 32)),
    };

    let stop = CancellationToken::new();
    let following = log::follow(asker(1_000), &stop);
    let day = async {
        let lives = plan.captures.iter().enumerate();
        let lives = lives.map(|(n, life)| live(asker(n as u64), n, life, content(life.size)));
        let (got, ()) = tokio::join!(join_all(lives), services.strike(&plan, &addresses));
        services.calm(&addresses).await;
        let [one, other] = services.addresses().map(channel);
        let log = settled("all is handled", async || {
            let log = log::whole(one.clone()).await;
            all_is_handled(&log, &plan, directory)?;
            Ok(log)
        })
        .await;
        let courses = courses(&log);
        check_asked(&plan, &got, &courses);
        let succeeded = check_results(other, &plan, &got, &courses).await;
        check_no_dead_letters(one).await;
        stop.cancel();
        (log, succeeded)
    };
    let ((log, succeeded), followed) = tokio::join!(day, following);
    check_lives(&log);
    assert!(followed == log, "one who follows saw other events");
    let handled_again = check_ledger(&log, directory, &services.ends);
    let sent_again = match &mut queue {
        Some(queue) => check_broker(&log, queue, seed).await,
        None => 0,
    };
    let attempts = log.iter().filter_map(log::analysis_facts);
    let resumed: BTreeSet<&str> = attempts
        .filter(|facts| facts.attempts > 1)
        .map(|facts| &*facts.analysis_id)
        .collect();
    Told {
        blows: services.blows,
        succeeded,
        events: log.len() as u64,
        resumed: resumed.len() as u64,
        handled_again,
        sent_again,
    }
}

/// Every analysis is there and over, and every event is in the ledger.
fn all_is_handled(log: &[Event], plan: &Plan, directory: &Path) -> Result<(), String> {
    let courses = courses(log);
    for (id, course) in &courses {
        if !["succeeded", "failed", "cancelled"].contains(&course.end()) {
            return Err(format!("{id}: {course:?}"));
        }
        course.check();
    }
    for (number, life) in plan.captures.iter().enumerate() {
        let id = capture_id(number);
        let is_there = courses.values().any(|c| c.is_of_seal(&id));
        if life.is_analyzed_on_seal() && life.deleted_after.is_none() && !is_there {
            return Err(format!("{id} is not analyzed"));
        }
    }
    let entries = ledger::entries(&Services::ledger(directory));
    let done = entries.iter().filter(|entry| entry.what == What::Done);
    let done: BTreeSet<u64> = done.map(|entry| entry.position).collect();
    match log.iter().find(|event| !done.contains(&event.sequence)) {
        Some(event) => Err(format!("not handled: {event:?}")),
        None => Ok(()),
    }
}

fn content(size: usize) -> &'static Bytes {
    static CONTENTS: [OnceLock<Bytes>; SIZES.len()] = [const { OnceLock::new() }; SIZES.len()];
    CONTENTS[size].get_or_init(|| synth::varied(SIZES[size]).into())
}
