use async_trait::async_trait;

use super::*;
use crate::domain::{
    analysis::AnalysisId,
    error::Error,
    event::{CaptureFacts, Event, EventId, Fact, Position},
    id::Uid,
};

/// Fails, the way it is told.
#[derive(Debug)]
struct Failing(How);

#[derive(Clone, Copy, Debug)]
enum How {
    Permanent,
    Transient,
    Later,
}
use How::{Later, Permanent, Transient};

#[async_trait]
impl Handler for Failing {
    fn name(&self) -> &'static str {
        "failing"
    }

    fn kinds(&self) -> &'static [&'static str] {
        &[kind::CAPTURE_SEALED]
    }

    async fn handle(&self, _: &Event, _: Fact) -> Result<(), Failure> {
        Err(match self.0 {
            Permanent => Failure::permanent("as told"),
            Transient => Failure::transient("as told"),
            Later => Failure::later("as told", Duration::from_secs(9)),
        })
    }
}

fn delivery(attempt: u32) -> Delivery {
    let fact = Fact::CaptureSealed(CaptureFacts::default());
    Delivery {
        handler: "failing".to_owned(),
        event: Event {
            position: Position(1),
            id: EventId::generate(),
            kind: fact.kind().to_owned(),
            capture: Uid::generate(),
            capture_id: "cap".parse().unwrap(),
            at: Timestamp::now(),
            traceparent: None,
            data: fact.encode(),
        },
        attempt,
        history: Vec::new(),
    }
}

#[test]
fn a_full_disk_is_waited_for_and_damage_is_not() {
    let cause = || Arc::new(std::io::Error::other("as told"));
    let kind = |error: Error| match Failure::from(error) {
        Failure::Permanent(_) => "permanent",
        Failure::Transient(_) => "transient",
        Failure::Later { .. } => "later",
    };
    let damaged = Error::ResultsDamaged(AnalysisId::generate());
    assert_eq!(kind(damaged), "permanent");
    assert_eq!(kind(Error::StorageUnavailable(cause())), "transient");
    assert_eq!(kind(Error::StorageFull(cause())), "later");
}

#[tokio::test]
async fn what_is_cut_or_is_for_later_was_not_tried() {
    let last = Limits::default().attempts;
    for (attempt, how, ends, wanted) in [
        (1, Transient, false, "again"),
        (last, Transient, false, "dead"),
        (1, Transient, true, "released"),
        (last, Transient, true, "released"),
        (1, Permanent, true, "dead"),
        (1, Later, false, "released for later"),
        (last, Later, false, "released for later"),
    ] {
        let shutdown = CancellationToken::new();
        if ends {
            shutdown.cancel();
        }
        let handler = Arc::new(Failing(how));
        let begun = Timestamp::now();
        let outcome = super::attempt(handler, delivery(attempt), TaskTracker::new(), &shutdown);
        let came_to = match outcome.await {
            Outcome::Done => "done",
            Outcome::Again { .. } => "again",
            Outcome::Dead { .. } => "dead",
            Outcome::Released { at } if at < begun.plus(Duration::from_secs(9)) => "released",
            Outcome::Released { .. } => "released for later",
        };
        assert_eq!(came_to, wanted, "{attempt} {how:?} {ends}");
    }
}
