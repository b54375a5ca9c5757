//! VerifyCapture: whether what is stored is whole.

use tonic::{Code, Status};
use weir_shared::proto::ingest::v1::{
    VerifyCaptureRequest, VerifyResult, verify_capture_response::Event,
};
use weir_tests::{
    caller::{Caller, ranges},
    errors::check_refused,
    messages::{chunk, open},
    pair::Pair,
};

use crate::damage::damage;

async fn verify(caller: &Caller, id: &str) -> Result<VerifyResult, Status> {
    let request = VerifyCaptureRequest {
        capture_id: id.to_owned(),
    };
    let mut events = caller
        .rpc
        .clone()
        .verify_capture(request)
        .await?
        .into_inner();
    let mut result = None;
    while let Some(response) = events.message().await? {
        assert_eq!(result, None, "the result comes last");
        match response.event.unwrap() {
            Event::Progress(progress) => assert!(progress.bytes_verified <= progress.size_bytes),
            Event::Result(told) => result = Some(told),
        }
    }
    Ok(result.unwrap())
}

#[tokio::test]
async fn damage_is_told_by_chunk_and_nothing_is_changed() {
    let pair = Pair::start().await;
    let caller = pair.caller();
    caller.store("c", b"0123456789", 4).await;
    let whole = verify(&caller, "c").await.unwrap();
    assert_eq!((whole.bytes_verified, whole.chunks_damaged), (10, 0));
    damage(&pair, Some(|b: &mut Vec<u8>| b[4] = b'X')).await;
    let damaged = verify(&caller, "c").await.unwrap();
    assert_eq!((damaged.bytes_verified, damaged.chunks_damaged), (10, 1));
    assert_eq!(ranges(&damaged.damaged), [(1, 1)]);
    assert!(!damaged.damaged_truncated);
    assert_eq!(caller.get("c").await.unwrap().chunks_durable, 3);
}

#[tokio::test]
async fn what_is_not_sealed_or_not_there_is_refused() {
    let pair = Pair::start().await;
    let caller = pair.caller();
    caller
        .upload(vec![open("c"), chunk(0, "zero")])
        .await
        .unwrap();
    let unsealed = verify(&caller, "c").await;
    check_refused(unsealed, Code::FailedPrecondition, "CAPTURE_NOT_SEALED");
    check_refused(
        verify(&caller, "d").await,
        Code::NotFound,
        "CAPTURE_UNKNOWN",
    );
}
