//! Slots are write-once: the first bytes stay, whoever sends what else.

use bytes::Bytes;
use tonic::Code;
use weir_shared::proto::ingest::v1::{
    CaptureState, ChunkConflict, PutOutcome, SealCaptureRequest, UploadCaptureRequest,
};
use weir_tests::{
    caller::{Caller, ranges},
    errors::{check_error, detail},
    messages::{chunk, finish, open},
    pair::Pair,
    random::{Random, noise},
};

const CHUNK: usize = 64 << 10;

#[tokio::test]
async fn chunks_in_any_order_become_the_same_capture() {
    let pair = Pair::start().await;
    let caller = pair.caller();
    let data = noise(10 * CHUNK + 17, 1);
    let orders: [&[usize]; 3] = [
        &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10],
        &[10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0],
        &[5, 0, 10, 3, 8, 1, 9, 2, 7, 4, 6],
    ];
    for (number, order) in orders.into_iter().enumerate() {
        let id = format!("order-{number}");
        let mut messages = vec![open(&id)];
        messages.extend(order.iter().map(|&index| part(&data, index)));
        messages.push(finish(11));
        let capture = caller.upload(messages).await.unwrap().capture.unwrap();
        assert_eq!(capture.state(), CaptureState::Sealed);
        assert_eq!(capture.size_bytes, Some(data.len() as u64));
        assert_eq!(capture.crc32c, Some(crc32c::crc32c(&data)), "{order:?}");
        assert_eq!(caller.read(&id, 0, 0).await.unwrap(), data);
    }
}

#[tokio::test]
async fn the_same_bytes_again_are_a_duplicate() {
    let pair = Pair::start().await;
    let caller = pair.caller();
    let first = vec![
        open("c"),
        chunk(0, "zero"),
        chunk(1, "one"),
        chunk(0, "zero"),
    ];
    let answer = caller.upload(first).await.unwrap();
    assert_eq!((answer.chunks_stored, answer.chunks_duplicate), (2, 1));

    let again = vec![open("c"), chunk(1, "one"), chunk(0, "zero"), finish(2)];
    let answer = caller.upload(again).await.unwrap();
    assert_eq!((answer.chunks_stored, answer.chunks_duplicate), (0, 2));
    assert_eq!(answer.capture.unwrap().state(), CaptureState::Sealed);

    let put = caller.put("c", 1, "one").await.unwrap();
    assert_eq!(put, PutOutcome::Duplicate, "also of a sealed capture");
}

#[tokio::test]
async fn put_chunk_says_what_became_of_it() {
    let pair = Pair::start().await;
    let caller = pair.caller();
    caller.upload(vec![open("c")]).await.unwrap();
    let first = caller.put("c", 0, "zero").await.unwrap();
    let second = caller.put("c", 0, "zero").await.unwrap();
    assert_eq!((first, second), (PutOutcome::Stored, PutOutcome::Duplicate));
    let request = SealCaptureRequest {
        capture_id: "c".into(),
        chunk_count: Some(1),
        ..Default::default()
    };
    let capture = caller.seal(request).await.unwrap();
    assert_eq!(capture.state(), CaptureState::Sealed);
}

#[tokio::test]
async fn other_bytes_are_a_conflict_and_change_nothing() {
    let pair = Pair::start().await;
    let caller = pair.caller();
    caller.store("sealed", b"zeroone", 4).await;
    let receiving = vec![open("receiving"), chunk(0, "zero"), chunk(1, "one")];
    caller.upload(receiving).await.unwrap();

    for id in ["sealed", "receiving"] {
        let streamed = caller.upload(vec![open(id), chunk(1, "two")]).await;
        check_conflict(&streamed.unwrap_err(), id, 1, b"one");
        let put = caller.put(id, 0, "other").await;
        check_conflict(&put.unwrap_err(), id, 0, b"zero");
    }
    assert_eq!(caller.read("sealed", 0, 0).await.unwrap(), b"zeroone");
}

#[track_caller]
fn check_conflict(status: &tonic::Status, id: &str, index: u32, stored: &[u8]) {
    check_error(status, Code::FailedPrecondition, "CHUNK_CONFLICT");
    let expected = ChunkConflict {
        capture_id: id.into(),
        index,
        stored_bytes: stored.len() as u64,
        stored_crc32c: crc32c::crc32c(stored),
    };
    assert_eq!(detail::<ChunkConflict>(status), expected);
}

#[tokio::test]
async fn a_conflict_in_mid_stream_keeps_all_that_came_before_it() {
    let pair = Pair::start().await;
    let caller = pair.caller();
    caller
        .upload(vec![open("c"), chunk(2, "two")])
        .await
        .unwrap();
    let messages = vec![
        open("c"),
        chunk(0, "zero"),
        chunk(1, "one"),
        chunk(2, "other"),
        chunk(3, "three"),
        finish(4),
    ];
    let refused = caller.upload(messages).await;
    check_conflict(&refused.unwrap_err(), "c", 2, b"two");

    let capture = caller.get("c").await.unwrap();
    assert_eq!(capture.state(), CaptureState::Receiving);
    assert!(capture.chunks_durable >= 3, "{capture:?}");
    let missing = vec![open("c"), chunk(3, "three"), finish(4)];
    caller.upload(missing).await.unwrap();
    let whole = caller.read("c", 0, 0).await.unwrap();
    assert_eq!(whole, b"zeroonetwothree");
}

#[tokio::test]
async fn two_writers_share_one_capture() {
    check_writers(2, 40).await;
}

#[tokio::test]
async fn ten_writers_share_one_capture() {
    check_writers(10, 60).await;
}

/// Every writer sends all chunks in an order of its own, over a connection of
/// its own: each slot is stored once, and every other time a duplicate.
async fn check_writers(writers: usize, chunks: usize) {
    const SMALL: usize = 7_000;
    let pair = Pair::start().await;
    let data = noise(chunks * SMALL, 2);
    let uploads = (0..writers).map(|writer| {
        let mut messages: Vec<_> = data
            .chunks(SMALL)
            .zip(0_u32..)
            .map(|(part, index)| chunk(index, part))
            .collect();
        shuffle(&mut messages, writer as u64);
        messages.insert(0, open("shared"));
        let caller = pair.caller();
        async move { caller.upload(messages).await }
    });
    let (mut stored, mut duplicate) = (0, 0);
    for answer in futures::future::join_all(uploads).await {
        let answer = answer.unwrap();
        stored += answer.chunks_stored as usize;
        duplicate += answer.chunks_duplicate as usize;
    }
    assert_eq!((stored, duplicate), (chunks, chunks * (writers - 1)));
    check_whole(&pair.caller(), &data).await;
}

async fn check_whole(caller: &Caller, data: &[u8]) {
    let request = SealCaptureRequest {
        capture_id: "shared".into(),
        sha256: weir_tests::messages::sha256(data),
        ..Default::default()
    };
    let capture = caller.seal(request).await.unwrap();
    assert_eq!(capture.state(), CaptureState::Sealed);
    assert_eq!(capture.crc32c, Some(crc32c::crc32c(data)));
    assert_eq!(caller.read("shared", 0, 0).await.unwrap(), data);
}

#[tokio::test]
async fn writers_who_disagree_leave_one_of_their_versions() {
    let pair = Pair::start().await;
    let uploads = [b"aaaa", b"bbbb"].map(|data| {
        let caller = pair.caller();
        let messages: Vec<_> = (0..20).map(|index| chunk(index, data)).collect();
        async move {
            let messages = std::iter::once(open("c")).chain(messages).collect();
            caller.upload(messages).await
        }
    });
    for answer in futures::future::join_all(uploads).await {
        if let Err(status) = answer {
            check_error(&status, Code::FailedPrecondition, "CHUNK_CONFLICT");
        }
    }
    let caller = pair.caller();
    assert_eq!(ranges(&caller.get("c").await.unwrap().missing), []);
    caller
        .seal(SealCaptureRequest {
            capture_id: "c".into(),
            chunk_count: Some(20),
            ..Default::default()
        })
        .await
        .unwrap();
    let whole = Bytes::from(caller.read("c", 0, 0).await.unwrap());
    for slot in whole.chunks(4) {
        assert!(slot == b"aaaa" || slot == b"bbbb", "mixed: {slot:?}");
    }
}

fn part(data: &[u8], index: usize) -> UploadCaptureRequest {
    let end = ((index + 1) * CHUNK).min(data.len());
    chunk(index.try_into().unwrap(), &data[index * CHUNK..end])
}

fn shuffle(messages: &mut [UploadCaptureRequest], seed: u64) {
    let mut random = Random::seeded(seed);
    for end in (1..messages.len()).rev() {
        messages.swap(end, random.below(end + 1));
    }
}
