use super::*;
use crate::domain::{
    capture::{Capture, Declared},
    event::{CaptureFacts, EventId, Position},
    id::Sha256,
    testing::{Rig, chunk, open, upload},
    time::Timestamp,
};

/// Sealed without a digest.
async fn sealed(rig: &Rig) -> Capture {
    let declared = Declared {
        chunk_count: Some(2),
        ..Declared::default()
    };
    let items = vec![open("cap", declared), chunk(1, "b"), chunk(0, "a")];
    let capture = upload(rig, items).await.unwrap().capture;
    assert_eq!((capture.state, capture.sha256), (State::Sealed, None));
    capture
}

async fn handle(rig: &Rig, capture: &Capture) -> Result<(), Failure> {
    let fact = Fact::CaptureSealed(CaptureFacts::of(capture));
    let event = Event {
        position: Position(1),
        id: EventId::generate(),
        kind: fact.kind().to_owned(),
        capture: capture.uid,
        capture_id: capture.id.clone(),
        at: Timestamp::now(),
        traceparent: None,
        data: fact.encode(),
    };
    let handler = DigestOnSeal::new(Arc::clone(&rig.ingest));
    handler.handle(&event, fact).await
}

#[tokio::test]
async fn a_sealed_capture_gets_its_digest_once() {
    let rig = Rig::new().await;
    let capture = sealed(&rig).await;
    handle(&rig, &capture).await.unwrap();
    let with = rig.ingest.get(&capture.id).await.unwrap();
    let expected = Capture {
        sha256: Some(Sha256::of(b"ab")),
        ..capture.clone()
    };
    assert_eq!(with, expected);
    // Again it reads nothing: what it would read is damaged.
    rig.store.corrupt_all(0);
    handle(&rig, &capture).await.unwrap();
    assert_eq!(rig.ingest.get(&capture.id).await.unwrap(), expected);
}

#[tokio::test]
async fn what_can_not_be_read_is_told_and_what_is_gone_is_not() {
    let damage = |rig: &Rig| rig.store.corrupt_all(0);
    type Harm<'a> = &'a dyn Fn(&Rig);
    let cases: [(Harm<'_>, &str); 3] = [
        (&damage, "permanent"),
        (&|rig| rig.store.lose_all(), "permanent"),
        (&|rig| rig.store.refuse_reads(true), "transient"),
    ];
    for (harm, wanted) in cases {
        let rig = Rig::new().await;
        let capture = sealed(&rig).await;
        harm(&rig);
        let told = match handle(&rig, &capture).await {
            Ok(()) => "done",
            Err(Failure::Permanent(_)) => "permanent",
            Err(Failure::Transient(_)) => "transient",
            Err(Failure::Later { .. }) => "later",
        };
        assert_eq!(told, wanted);
        let now = rig.ingest.get(&capture.id).await.unwrap();
        assert_eq!(now, capture, "{wanted}");
        rig.store.refuse_reads(false);
        if wanted == "transient" {
            handle(&rig, &capture).await.unwrap();
            assert!(rig.ingest.get(&capture.id).await.unwrap().sha256.is_some());
        }
    }
    let rig = Rig::new().await;
    let capture = sealed(&rig).await;
    rig.ingest.delete(&capture.id).await.unwrap();
    handle(&rig, &capture).await.unwrap();
}
