//! Instant upload: what is stored already is not sent again.

use std::time::Duration;

use tokio::sync::mpsc;
use tokio_stream::{StreamExt as _, wrappers::ReceiverStream};
use weir_shared::proto::ingest::v1::{
    Capture, CaptureSpec, CaptureState, CreateCaptureRequest, DeleteCaptureRequest,
};
use weir_tests::{
    caller::Caller,
    messages::{chunk, finish, open_with, sha256, spec},
    pair::{Pair, Setup},
    until::until,
};

use super::sealing::seal_count;

const BODY: &[u8] = b"the bytes of a capture that somebody has";

fn declared(id: &str, data: &[u8]) -> CaptureSpec {
    CaptureSpec {
        sha256: sha256(data),
        ..spec(id)
    }
}

async fn create(caller: &Caller, spec: CaptureSpec) -> Capture {
    let request = CreateCaptureRequest { spec: Some(spec) };
    let answer = caller.rpc.clone().create_capture(request).await.unwrap();
    answer.into_inner().capture.unwrap()
}

/// Sealed, and its digest computed by the service.
async fn store(caller: &Caller, id: &str) {
    let mut messages = vec![open_with(declared(id, BODY))];
    let parts = BODY.chunks(7);
    let count = u32::try_from(parts.len()).unwrap();
    messages.extend((0..).zip(parts).map(|(index, part)| chunk(index, part)));
    messages.push(finish(count));
    let stored = caller.upload(messages).await.unwrap().capture.unwrap();
    assert_eq!(
        (stored.state(), stored.sha256),
        (CaptureState::Sealed, sha256(BODY))
    );
}

#[tokio::test]
async fn a_digest_that_is_stored_gives_a_sealed_capture_at_once() {
    let pair = Pair::start().await;
    let caller = pair.caller();
    store(&caller, "first").await;
    let mut wanted = declared("second", BODY);
    wanted.labels = [("site".to_owned(), "b".to_owned())].into();
    let second = create(&caller, wanted.clone()).await;
    assert_eq!(second.state(), CaptureState::Sealed);
    assert_eq!(
        (second.bytes_durable, &second.missing),
        (BODY.len() as u64, &vec![])
    );
    assert_eq!(
        (&second.sha256, &second.labels),
        (&sha256(BODY), &wanted.labels)
    );
    assert_ne!(second.uid, caller.get("first").await.unwrap().uid);
    assert_eq!(create(&caller, wanted).await, second);
    let delete = DeleteCaptureRequest {
        capture_id: "first".to_owned(),
        ..DeleteCaptureRequest::default()
    };
    caller.rpc.clone().delete_capture(delete).await.unwrap();
    assert_eq!(caller.read("second", 0, 0).await.unwrap(), BODY);
    assert_eq!(caller.read("second", 9, 20).await.unwrap(), BODY[9..29]);

    // A digest that nobody has computed, or of other bytes, gives none.
    let other = create(&caller, declared("other", b"other bytes")).await;
    assert_eq!(other.state(), CaptureState::Receiving);
}

#[tokio::test]
async fn an_open_of_what_is_stored_is_answered_while_its_stream_goes_on() {
    let pair = Pair::start().await;
    let caller = pair.caller();
    store(&caller, "first").await;
    let (messages, stream) = mpsc::channel(8);
    messages
        .send(open_with(declared("again", BODY)))
        .await
        .unwrap();
    // Never ended by the client: only the service can end the call.
    let stream = ReceiverStream::new(stream).chain(tokio_stream::pending());
    let mut rpc = caller.rpc.clone();
    let answer = rpc.upload_capture(stream);
    let answer = tokio::time::timeout(Duration::from_secs(60), answer).await;
    let answer = answer.expect("an answer at once").unwrap().into_inner();
    assert_eq!((answer.chunks_stored, answer.chunks_duplicate), (0, 0));
    assert_eq!(answer.capture.unwrap().state(), CaptureState::Sealed);
    drop(messages);
    // The connection is as good as before.
    assert_eq!(caller.read("again", 0, 0).await.unwrap(), BODY);
}

#[tokio::test]
async fn chunks_sent_again_to_a_folded_capture_are_compared_with_its_bytes() {
    let pair = Pair::with(Setup {
        ingest: Some(|config| config.handlers.digest_on_seal = false),
        ..Setup::default()
    })
    .await;
    let caller = pair.caller();
    let stored = caller.store("folded", BODY, 4).await;
    assert_eq!(stored.state(), CaptureState::Sealed);
    // Another capture can share it only once it is folded.
    assert_eq!(
        create(&caller, declared("shares", BODY)).await.state(),
        CaptureState::Receiving
    );
    store(&caller, "known").await;
    assert_eq!(
        create(&caller, declared("shares-2", BODY)).await.state(),
        CaptureState::Sealed
    );
    let again = caller.store("known", BODY, 7).await;
    assert_eq!(again.state(), CaptureState::Sealed);
    let conflict = caller.put("shares-2", 0, b"others!").await.unwrap_err();
    weir_tests::errors::check_error(&conflict, tonic::Code::FailedPrecondition, "CHUNK_CONFLICT");
}

#[tokio::test]
async fn what_was_stored_without_a_digest_is_found_by_it_soon_after() {
    let pair = Pair::start().await;
    let caller = pair.caller();
    // In several calls and out of order: no call could compute it on the way.
    for index in [2, 0, 1] {
        let data = &BODY[index * 14..(index * 14 + 14).min(BODY.len())];
        let index = u32::try_from(index).unwrap();
        if index == 2 {
            create(&caller, spec("plain")).await;
        }
        caller.put("plain", index, data).await.unwrap();
    }
    let sealed = caller.seal(seal_count("plain", 3)).await.unwrap();
    assert_eq!(
        (sealed.state(), sealed.sha256.len()),
        (CaptureState::Sealed, 0)
    );
    let with_digest = until("the digest", || async {
        let capture = caller.get("plain").await.unwrap();
        (!capture.sha256.is_empty()).then_some(capture)
    })
    .await;
    assert_eq!(
        with_digest,
        Capture {
            sha256: sha256(BODY),
            ..sealed
        }
    );
    let shared = create(&caller, declared("shared", BODY)).await;
    assert_eq!(shared.state(), CaptureState::Sealed);
    let delete = DeleteCaptureRequest {
        capture_id: "plain".to_owned(),
        ..DeleteCaptureRequest::default()
    };
    caller.rpc.clone().delete_capture(delete).await.unwrap();
    assert_eq!(caller.read("shared", 0, 0).await.unwrap(), BODY);
}
