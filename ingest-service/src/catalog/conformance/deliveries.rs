//! Deliveries: each event to each handler, in order for each capture.

use std::sync::Mutex;

use super::{
    events::{all_after, last},
    *,
};
use crate::{
    catalog::{
        Attempt, DeadFate, DeadPlace, Delivery, Finished, InstanceId, Outcome, Subscriber, Turn,
    },
    domain::event::{Position, kind},
};

const ALIVE: Duration = Duration::from_secs(3600);

pub(super) async fn suite(catalog: &dyn Catalog) {
    a_handler_gets_its_events_in_order(catalog).await;
    a_failed_delivery_waits_and_holds_only_its_capture(catalog).await;
    what_an_instance_that_is_gone_had_is_handed_out_again(catalog).await;
    what_an_instance_has_lost_sight_of_is_handed_out_again(catalog).await;
    dead_letters_are_listed_redriven_and_dropped(catalog).await;
}

/// One subscriber and what it does, on an instance that is alive.
struct Desk<'a> {
    catalog: &'a dyn Catalog,
    handler: &'static str,
    instance: InstanceId,
    now: Timestamp,
    given: Mutex<Vec<Position>>,
}

impl<'a> Desk<'a> {
    /// It has seen all that has happened so far.
    async fn open(catalog: &'a dyn Catalog, handler: &'static str) -> Self {
        let newest = last(catalog).await;
        catalog.advance(handler, newest).await.unwrap();
        let desk = Self {
            catalog,
            handler,
            instance: InstanceId::generate(),
            now: NOW,
            given: Mutex::default(),
        };
        catalog.beat(desk.instance, ALIVE).await.unwrap();
        desk
    }

    async fn colleague(&self) -> Self {
        let instance = InstanceId::generate();
        self.catalog.beat(instance, ALIVE).await.unwrap();
        Self {
            instance,
            given: Mutex::default(),
            ..*self
        }
    }

    /// Has all that it was given before.
    async fn turn(&self, room: u32, finished: Vec<(&Delivery, Outcome)>) -> Vec<Delivery> {
        let held = self.given.lock().unwrap().clone();
        let turned = self.turn_with(held, room, finished).await;
        let positions = turned.iter().map(|delivery| delivery.event.position);
        self.given.lock().unwrap().extend(positions);
        turned
    }

    async fn turn_with(
        &self,
        held: Vec<Position>,
        room: u32,
        finished: Vec<(&Delivery, Outcome)>,
    ) -> Vec<Delivery> {
        let finished = finished.into_iter().map(|(delivery, outcome)| Finished {
            handler: self.handler,
            position: delivery.event.position,
            outcome,
        });
        let turn = Turn {
            instance: self.instance,
            now: self.now,
            finished: finished.collect(),
            subscribers: vec![Subscriber {
                handler: self.handler,
                families: vec!["weir.capture.created", "weir.capture.deleted"],
                held,
                room,
            }],
        };
        self.catalog.turn(&turn).await.unwrap().deliveries
    }
}

fn seen(deliveries: &[Delivery]) -> Vec<(&str, &str, u32)> {
    let seen = deliveries.iter();
    seen.map(|d| (d.event.capture_id.as_str(), &*d.event.kind, d.attempt))
        .collect()
}

fn failed(error: &str) -> Vec<Attempt> {
    vec![Attempt {
        at_us: NOW.0,
        error: error.to_owned(),
    }]
}

async fn delete(catalog: &dyn Catalog, id: &str) {
    catalog.delete(&id.parse().unwrap(), NOW).await.unwrap();
}

async fn a_handler_gets_its_events_in_order(catalog: &dyn Catalog) {
    let desk = Desk::open(catalog, "in-order").await;
    assert!(desk.turn(10, vec![]).await.is_empty());
    for id in ["deliver-a", "deliver-b"] {
        create(catalog, id, of_count(0)).await;
    }
    delete(catalog, "deliver-a").await;
    // Sealed is not what it wants, and the second of one capture waits for the first.
    let first = desk.turn(10, vec![]).await;
    assert_eq!(
        seen(&first),
        [
            ("deliver-a", kind::CAPTURE_CREATED, 1),
            ("deliver-b", kind::CAPTURE_CREATED, 1)
        ]
    );
    assert!(desk.turn(10, vec![]).await.is_empty());
    let second = desk.turn(10, vec![(&first[0], Outcome::Done)]).await;
    assert_eq!(seen(&second), [("deliver-a", kind::CAPTURE_DELETED, 1)]);
    let all = vec![(&first[1], Outcome::Done), (&second[0], Outcome::Done)];
    assert!(desk.turn(10, all).await.is_empty());
    delete(catalog, "deliver-b").await;
    // Without room it is only given them.
    assert!(desk.turn(0, vec![]).await.is_empty());
    let last = desk.turn(1, vec![]).await;
    assert_eq!(seen(&last), [("deliver-b", kind::CAPTURE_DELETED, 1)]);
    desk.turn(0, vec![(&last[0], Outcome::Done)]).await;
    let backlog = catalog.backlog().await.unwrap();
    let own = backlog.iter().find(|b| b.handler == "in-order").unwrap();
    assert_eq!((own.ahead, own.waiting, own.dead), (0, 0, 0));
}

async fn a_failed_delivery_waits_and_holds_only_its_capture(catalog: &dyn Catalog) {
    let mut desk = Desk::open(catalog, "waits").await;
    for id in ["wait-a", "wait-b"] {
        create(catalog, id, of_count(1)).await;
        delete(catalog, id).await;
    }
    let first = desk.turn(1, vec![]).await;
    let at = NOW.plus(Duration::from_secs(10));
    let again = Outcome::Again {
        at,
        history: failed("once"),
    };
    let second = desk.turn(10, vec![(&first[0], again)]).await;
    assert_eq!(seen(&second), [("wait-b", kind::CAPTURE_CREATED, 1)]);
    desk.now = at;
    let third = desk.turn(10, vec![(&second[0], Outcome::Done)]).await;
    assert_eq!(
        seen(&third),
        [
            ("wait-a", kind::CAPTURE_CREATED, 2),
            ("wait-b", kind::CAPTURE_DELETED, 1)
        ]
    );
    assert_eq!(third[0].history, failed("once"));
    let later = at.plus(Duration::from_secs(10));
    let released = |at| (&third[0], Outcome::Released { at });
    let both = vec![released(later), (&third[1], Outcome::Done)];
    assert!(desk.turn(10, both).await.is_empty());
    desk.now = later;
    let fourth = desk.turn(10, vec![]).await;
    assert_eq!(seen(&fourth), [("wait-a", kind::CAPTURE_CREATED, 2)]);
    let dead = Outcome::Dead {
        history: failed("twice"),
    };
    let fifth = desk.turn(10, vec![(&fourth[0], dead)]).await;
    // A dead letter holds nothing up.
    assert_eq!(seen(&fifth), [("wait-a", kind::CAPTURE_DELETED, 1)]);
    desk.turn(0, vec![(&fifth[0], Outcome::Done)]).await;
}

/// It stood still for longer than its lease, or never heard what a turn gave it.
async fn what_an_instance_has_lost_sight_of_is_handed_out_again(catalog: &dyn Catalog) {
    let desk = Desk::open(catalog, "out-of-sight").await;
    for id in ["sight-a", "sight-b"] {
        create(catalog, id, of_count(1)).await;
    }
    let given = desk.turn(10, vec![]).await;
    let kept = vec![given[0].event.position];
    let again = desk.turn_with(kept.clone(), 10, vec![]).await;
    assert_eq!(seen(&again), [("sight-b", kind::CAPTURE_CREATED, 2)]);
    // A colleague does not take what is ours.
    assert!(desk.colleague().await.turn(10, vec![]).await.is_empty());
    let all = desk.turn_with(vec![], 10, vec![]).await;
    assert_eq!(
        seen(&all),
        [
            ("sight-a", kind::CAPTURE_CREATED, 2),
            ("sight-b", kind::CAPTURE_CREATED, 3)
        ]
    );
    let done = all
        .iter()
        .map(|delivery| (delivery, Outcome::Done))
        .collect();
    assert!(desk.turn_with(kept, 10, done).await.is_empty());
}

async fn what_an_instance_that_is_gone_had_is_handed_out_again(catalog: &dyn Catalog) {
    let desk = Desk::open(catalog, "taken-over").await;
    let other = desk.colleague().await;
    create(catalog, "gone-a", of_count(1)).await;
    let held = desk.turn(10, vec![]).await;
    assert_eq!(held.len(), 1);
    assert!(other.turn(10, vec![]).await.is_empty());
    catalog.leave(desk.instance).await.unwrap();
    let taken = other.turn(10, vec![]).await;
    assert_eq!(seen(&taken), [("gone-a", kind::CAPTURE_CREATED, 2)]);
    // What the one that was gone says now is not heard.
    catalog.beat(desk.instance, ALIVE).await.unwrap();
    desk.turn(10, vec![(&held[0], Outcome::Done)]).await;
    // Not alive any more is as good as gone.
    catalog.beat(other.instance, Duration::ZERO).await.unwrap();
    let again = desk.turn(10, vec![]).await;
    assert_eq!(seen(&again), [("gone-a", kind::CAPTURE_CREATED, 3)]);
    desk.turn(0, vec![(&again[0], Outcome::Done)]).await;
    delete(catalog, "gone-a").await;
}

async fn dead_letters_are_listed_redriven_and_dropped(catalog: &dyn Catalog) {
    let before = last(catalog).await;
    let desk = Desk::open(catalog, "dead").await;
    for id in ["dead-a", "dead-b", "dead-c"] {
        create(catalog, id, of_count(1)).await;
    }
    let all = desk.turn(10, vec![]).await;
    let dead = all.iter().map(|delivery| {
        let history = failed(delivery.event.capture_id.as_str());
        (delivery, Outcome::Dead { history })
    });
    desk.turn(0, dead.collect()).await;
    let ids: Vec<_> = all_after(catalog, before)
        .await
        .iter()
        .map(|e| e.id)
        .collect();

    let first = catalog.dead_letters(Some("dead"), None, 2).await.unwrap();
    let place = DeadPlace {
        position: first[1].event.position,
        handler: "dead".to_owned(),
    };
    let rest = catalog.dead_letters(None, Some(&place), 2).await.unwrap();
    let listed: Vec<_> = first.iter().chain(&rest).map(|l| l.event.id).collect();
    assert_eq!(listed, ids);
    let one = catalog.dead_letter("dead", ids[1]).await.unwrap().unwrap();
    assert_eq!((one.attempts, one.history), (1, failed("dead-b")));
    assert_eq!(catalog.dead_letter("alive", ids[1]).await.unwrap(), None);

    let settle = async |events, fate| {
        let settled = catalog.settle_dead_letters("dead", events, fate, NOW);
        settled.await.unwrap()
    };
    assert_eq!(settle(&ids[..1], DeadFate::Redriven).await, 1);
    let again = desk.turn(10, vec![]).await;
    assert_eq!(seen(&again), [("dead-a", kind::CAPTURE_CREATED, 1)]);
    assert_eq!(again[0].history, []);
    assert_eq!(settle(&ids[..1], DeadFate::Dropped).await, 0);
    desk.turn(0, vec![(&again[0], Outcome::Done)]).await;
    assert_eq!(settle(&ids[1..2], DeadFate::Dropped).await, 1);
    assert!(!catalog.forget_dead_letters(NOW, 10).await.unwrap());
    assert!(
        catalog
            .forget_dead_letters(NOW.plus(KEPT), 10)
            .await
            .unwrap()
    );
    assert_eq!(settle(&[], DeadFate::Redriven).await, 0);
    for id in ["dead-a", "dead-b", "dead-c"] {
        delete(catalog, id).await;
    }
}
