use async_trait::async_trait;

use super::*;
use crate::domain::{
    event::{CaptureFacts, Event, EventId, Fact, Position},
    id::Uid,
};

/// Fails, the way it is told.
#[derive(Debug)]
struct Failing {
    is_permanent: bool,
}

#[async_trait]
impl Handler for Failing {
    fn name(&self) -> &'static str {
        "failing"
    }

    fn kinds(&self) -> &'static [&'static str] {
        &[kind::CAPTURE_SEALED]
    }

    async fn handle(&self, _: &Event, _: Fact) -> Result<(), Failure> {
        match self.is_permanent {
            true => Err(Failure::permanent("as told")),
            false => Err(Failure::transient("as told")),
        }
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

#[tokio::test]
async fn what_the_end_of_the_service_cuts_was_not_tried() {
    let last = Limits::default().attempts;
    for (attempt, is_permanent, ends, wanted) in [
        (1, false, false, "again"),
        (last, false, false, "dead"),
        (1, false, true, "released"),
        (last, false, true, "released"),
        (1, true, true, "dead"),
    ] {
        let shutdown = CancellationToken::new();
        if ends {
            shutdown.cancel();
        }
        let handler = Arc::new(Failing { is_permanent });
        let outcome = super::attempt(handler, delivery(attempt), TaskTracker::new(), &shutdown);
        let came_to = match outcome.await {
            Outcome::Done => "done",
            Outcome::Again { .. } => "again",
            Outcome::Dead { .. } => "dead",
            Outcome::Released => "released",
        };
        assert_eq!(came_to, wanted, "{attempt} {is_permanent} {ends}");
    }
}
