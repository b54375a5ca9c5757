//! SHA-256 of the whole, verified at the seal.

use tonic::Code;
use weir_shared::proto::ingest::v1::{CaptureSpec, CaptureState, Finish, SealCaptureRequest};
use weir_tests::{
    errors::check_error,
    gate::Gate,
    messages::{chunk, finish_with, open, open_with, sha256, spec},
    pair::{Pair, Setup},
    until::within,
};

use super::sealing::{check_refused, receive, seal_count};

#[tokio::test]
async fn the_digest_is_verified_in_and_out_of_order() {
    let pair = Pair::start().await;
    let caller = pair.caller();
    for (id, order) in [("in-order", [0, 1, 2]), ("out-of-order", [2, 0, 1])] {
        let data = b"chunk 0;chunk 1;chunk 2;";
        receive(&caller, id, order).await;
        let right = SealCaptureRequest {
            sha256: sha256(data),
            ..seal_count(id, 3)
        };
        let wrong = SealCaptureRequest {
            sha256: sha256(b"other"),
            ..seal_count(id, 3)
        };
        check_refused(&caller, wrong.clone(), "CAPTURE_DIGEST_MISMATCH").await;
        let wrong_size = SealCaptureRequest {
            size_bytes: Some(23),
            ..seal_count(id, 3)
        };
        check_refused(&caller, wrong_size, "CAPTURE_DIGEST_MISMATCH").await;

        let sealed = caller.seal(right).await.unwrap();
        assert_eq!(sealed.state(), CaptureState::Sealed);
        assert_eq!(sealed.sha256, sha256(data));
        assert_eq!(caller.read(id, 0, 0).await.unwrap(), data);
        let status = caller.seal(wrong).await.unwrap_err();
        assert_eq!(status.code(), Code::FailedPrecondition);
    }
}

#[tokio::test]
async fn a_wrong_digest_at_finish_keeps_the_data() {
    let pair = Pair::start().await;
    let caller = pair.caller();
    let declared = CaptureSpec {
        sha256: sha256(b"other"),
        chunk_count: Some(2),
        ..spec("declared")
    };
    let at_open = vec![open_with(declared), chunk(0, "zero"), chunk(1, "one")];
    let at_finish = vec![
        open("finish"),
        chunk(0, "zero"),
        chunk(1, "one"),
        finish_with(Finish {
            chunk_count: Some(2),
            sha256: sha256(b"other"),
            size_bytes: None,
        }),
    ];
    for (id, messages) in [("declared", at_open), ("finish", at_finish)] {
        let status = caller.upload(messages).await.unwrap_err();
        check_error(&status, Code::FailedPrecondition, "CAPTURE_DIGEST_MISMATCH");
        let capture = caller.get(id).await.unwrap();
        assert_eq!(capture.state(), CaptureState::Receiving);
        assert_eq!((capture.chunks_durable, capture.bytes_durable), (2, 7));
    }
}

#[tokio::test]
async fn the_state_is_sealing_while_a_digest_is_read() {
    let gate = Gate::closed();
    let setup = Setup {
        ingest_gate: Some(gate.clone()),
        ..Setup::default()
    };
    let pair = Pair::with(setup).await;
    let caller = pair.caller();
    receive(&caller, "c", [1, 0]).await;
    let request = SealCaptureRequest {
        sha256: sha256(b"chunk 0;chunk 1;"),
        ..seal_count("c", 2)
    };
    let first = caller.seal(request.clone());
    let second = caller.seal(request);
    let look = async {
        gate.until_waiting(1).await;
        let state = caller.get("c").await.unwrap().state();
        assert_eq!(state, CaptureState::Sealing);
        let read = caller.read("c", 0, 0).await.unwrap_err();
        check_error(&read, Code::FailedPrecondition, "CAPTURE_NOT_SEALED");
        gate.open();
    };
    let both = async { tokio::join!(first, second, look) };
    let (first, second, ()) = within("both seals", both).await;
    assert_eq!(first.unwrap(), second.unwrap());
}
