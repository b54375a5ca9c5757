//! Captures read back.

use tonic::Code;
use weir_shared::proto::ingest::v1::{DeleteCaptureRequest, ReadCaptureRequest};
use weir_tests::{
    caller::{Caller, narrow_channel},
    errors::check_refused,
    messages::{chunk, open},
    pair::Pair,
    random::{Random, noise},
    until::within,
};

#[tokio::test]
async fn any_range_can_be_read() {
    const BYTES: usize = 300_000;
    let pair = Pair::start().await;
    let caller = pair.caller();
    let data = noise(BYTES, 4);
    caller.store("c", &data, 7_001).await;
    let check = async |begin: usize, end: usize| {
        let read = caller.read("c", begin as u64, (end - begin) as u64).await;
        assert!(read.unwrap() == data[begin..end], "{begin}..{end}");
    };
    for (begin, end) in [
        (0, 1),
        (0, BYTES),
        (BYTES - 1, BYTES),
        (7_000, 7_002),
        (7_001, 14_002),
    ] {
        check(begin, end).await;
    }
    let mut random = Random::seeded(5);
    for _ in 0..50 {
        let begin = random.below(BYTES);
        let end = begin + 1 + random.below(BYTES - begin);
        check(begin, end).await;
    }
    assert_eq!(caller.read("c", 299_990, 0).await.unwrap().len(), 10);
    assert_eq!(caller.read("c", 300_000, 0).await.unwrap().len(), 0);
}

#[tokio::test]
async fn a_read_past_the_end_is_out_of_range() {
    let pair = Pair::start().await;
    let caller = pair.caller();
    caller.store("c", b"0123456789", 4).await;
    for (offset, length) in [(11, 0), (0, 11), (10, 1), (5, u64::MAX), (u64::MAX, 1)] {
        let read = caller.read("c", offset, length).await;
        check_refused(read, Code::OutOfRange, "RANGE");
    }
}

#[tokio::test]
async fn a_capture_is_read_when_it_is_sealed() {
    let pair = Pair::start().await;
    let caller = pair.caller();
    let read = caller.read("c", 0, 0).await;
    check_refused(read, Code::NotFound, "CAPTURE_UNKNOWN");
    caller
        .upload(vec![open("c"), chunk(0, "zero")])
        .await
        .unwrap();
    let read = caller.read("c", 0, 0).await;
    check_refused(read, Code::FailedPrecondition, "CAPTURE_NOT_SEALED");
}

#[tokio::test]
async fn a_deleted_capture_ends_its_read() {
    let pair = Pair::start().await;
    let caller = pair.caller();
    caller.store("c", &noise(20 << 20, 6), 1 << 20).await;

    let reader = Caller::new(narrow_channel(pair.ingest.address));
    let request = ReadCaptureRequest {
        capture_id: "c".into(),
        ..Default::default()
    };
    let mut answer = reader.rpc.clone().read_capture(request).await.unwrap();
    let first = answer.get_mut().message().await.unwrap();
    assert!(first.is_some(), "the read has begun");
    let delete = DeleteCaptureRequest {
        capture_id: "c".into(),
        allow_missing: false,
    };
    caller.rpc.clone().delete_capture(delete).await.unwrap();
    let ended = within("the read's end", async {
        while answer.get_mut().message().await?.is_some() {}
        Ok(())
    });
    check_refused(ended.await, Code::Aborted, "CAPTURE_DELETED");
}
