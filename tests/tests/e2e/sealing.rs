//! When a capture is complete, and what stands against it.

use bytes::Bytes;
use tonic::{Code, Status};
use weir_shared::proto::ingest::v1::{
    Capture, CaptureSpec, CaptureState, CreateCaptureRequest, Finish, MissingChunks,
    SealCaptureRequest,
};
use weir_tests::{
    caller::{Caller, ranges},
    errors::{check_error, detail},
    messages::{chunk, finish, finish_with, open, open_with, sha256, spec},
    pair::{Pair, Setup},
};

/// SHA-256 of nothing.
const EMPTY_SHA256: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

fn seal(id: &str) -> SealCaptureRequest {
    SealCaptureRequest {
        capture_id: id.into(),
        ..Default::default()
    }
}

pub(crate) fn seal_count(id: &str, chunk_count: u32) -> SealCaptureRequest {
    SealCaptureRequest {
        chunk_count: Some(chunk_count),
        ..seal(id)
    }
}

pub(crate) async fn receive(caller: &Caller, id: &str, indexes: impl IntoIterator<Item = u32>) {
    let mut messages = vec![open(id)];
    messages.extend(indexes.into_iter().map(|i| chunk(i, format!("chunk {i};"))));
    let capture = caller.upload(messages).await.unwrap().capture.unwrap();
    assert_eq!(capture.state(), CaptureState::Receiving);
}

/// A refused seal leaves everything as it was.
pub(crate) async fn check_refused(
    caller: &Caller,
    request: SealCaptureRequest,
    reason: &str,
) -> Status {
    let id = request.capture_id.clone();
    let before = caller.get(&id).await.unwrap();
    let status = caller.seal(request).await.expect_err(reason);
    check_error(&status, Code::FailedPrecondition, reason);
    let after = caller.get(&id).await.unwrap();
    assert_eq!(without_expiry(after), without_expiry(before));
    status
}

fn without_expiry(capture: Capture) -> Capture {
    Capture {
        expire_time: None,
        ..capture
    }
}

#[tokio::test]
async fn gaps_are_listed_exactly() {
    let pair = Pair::start().await;
    let caller = pair.caller();
    receive(&caller, "c", [1, 2, 5]).await;
    assert_eq!(caller.missing("c").await, [(0, 0), (3, 4)]);

    let status = check_refused(&caller, seal_count("c", 8), "CHUNKS_MISSING").await;
    let missing: MissingChunks = detail(&status);
    assert_eq!(ranges(&missing.ranges), [(0, 0), (3, 4), (6, 7)]);
    assert_eq!(missing.count, 5);

    let streamed = caller.upload(vec![open("c"), finish(8)]).await;
    let status = streamed.unwrap_err();
    check_error(&status, Code::FailedPrecondition, "CHUNKS_MISSING");
    assert_eq!(detail::<MissingChunks>(&status), missing);
}

#[tokio::test]
async fn a_refused_seal_lists_a_bounded_number_of_gaps() {
    let pair = Pair::start().await;
    let caller = pair.caller();
    receive(&caller, "c", (0..200).map(|i| 2 * i + 1)).await;
    let status = check_refused(&caller, seal_count("c", 400), "CHUNKS_MISSING").await;
    let missing: MissingChunks = detail(&status);
    assert_eq!((missing.ranges.len(), missing.count), (64, 200));
    assert_eq!(caller.missing("c").await.len(), 200);
}

#[tokio::test]
async fn sealing_again_gives_the_same_answer() {
    // Its digest would come in between.
    let pair = Pair::with(Setup {
        ingest: Some(|config| config.handlers.digest_on_seal = false),
        ..Setup::default()
    })
    .await;
    let caller = pair.caller();
    receive(&caller, "c", 0..3).await;
    let first = caller.seal(seal_count("c", 3)).await.unwrap();
    assert_eq!(first.state(), CaptureState::Sealed);
    for request in [seal("c"), seal_count("c", 3)] {
        assert_eq!(caller.seal(request).await.unwrap(), first);
    }
    let opened = caller.upload(vec![open("c"), finish(3)]).await.unwrap();
    assert_eq!(opened.capture, Some(first.clone()));
    let create = CreateCaptureRequest {
        spec: Some(spec("c")),
    };
    let created = caller.rpc.clone().create_capture(create).await.unwrap();
    assert_eq!(created.into_inner().capture, Some(first));
}

#[tokio::test]
async fn zero_chunks_are_an_empty_capture() {
    let pair = Pair::start().await;
    let caller = pair.caller();
    let digest = Bytes::from(hex(EMPTY_SHA256));
    let finish = finish_with(Finish {
        chunk_count: Some(0),
        sha256: digest.clone(),
        size_bytes: Some(0),
    });
    let answer = caller.upload(vec![open("c"), finish]).await.unwrap();
    let capture = answer.capture.unwrap();
    assert_eq!(capture.state(), CaptureState::Sealed);
    assert_eq!(capture.sha256, digest);
    assert_eq!(capture.crc32c, Some(0));
    assert_eq!(caller.read("c", 0, 0).await.unwrap(), b"");
}

fn hex(text: &str) -> Vec<u8> {
    let byte = |at| u8::from_str_radix(&text[at..at + 2], 16).unwrap();
    (0..text.len()).step_by(2).map(byte).collect()
}

#[tokio::test]
async fn a_declared_count_seals_by_itself() {
    let pair = Pair::start().await;
    let caller = pair.caller();
    let declared = |id: &str| {
        open_with(CaptureSpec {
            chunk_count: Some(2),
            ..spec(id)
        })
    };
    let whole = vec![declared("stream"), chunk(1, "one"), chunk(0, "zero")];
    let capture = caller.upload(whole).await.unwrap().capture.unwrap();
    assert_eq!(capture.state(), CaptureState::Sealed);

    caller.upload(vec![declared("put")]).await.unwrap();
    caller.put("put", 1, "one").await.unwrap();
    assert_eq!(caller.missing("put").await, [(0, 0)]);
    caller.put("put", 0, "zero").await.unwrap();
    let capture = caller.get("put").await.unwrap();
    assert_eq!(capture.state(), CaptureState::Sealed);
    assert!(capture.seal_time.is_some());
}

#[tokio::test]
async fn a_seal_agrees_with_what_was_declared() {
    let pair = Pair::start().await;
    let caller = pair.caller();
    let declared = CaptureSpec {
        chunk_count: Some(3),
        size_bytes: Some(8),
        sha256: sha256(b"zero"),
        ..spec("c")
    };
    let messages = vec![open_with(declared), chunk(0, "zero"), chunk(1, "four")];
    caller.upload(messages).await.unwrap();
    let other_size = SealCaptureRequest {
        size_bytes: Some(9),
        ..seal("c")
    };
    let other_digest = SealCaptureRequest {
        sha256: sha256(b"other"),
        ..seal("c")
    };
    for request in [seal_count("c", 2), other_size, other_digest] {
        check_refused(&caller, request, "SEAL_PARAMS_DIFFER").await;
    }
}

#[tokio::test]
async fn durable_chunks_beyond_the_count_refuse_the_seal() {
    let pair = Pair::start().await;
    let caller = pair.caller();
    receive(&caller, "c", [0, 1, 4]).await;
    check_refused(&caller, seal_count("c", 2), "CHUNKS_BEYOND_COUNT").await;
    check_refused(&caller, seal_count("c", 0), "CHUNKS_BEYOND_COUNT").await;
}

#[tokio::test]
async fn the_same_id_with_other_parameters_is_refused() {
    let pair = Pair::start().await;
    let caller = pair.caller();
    let first = CaptureSpec {
        chunk_count: Some(3),
        size_bytes: Some(9),
        sha256: sha256(b"a"),
        file_name: "a.pcap".into(),
        labels: [("site".to_owned(), "north".to_owned())].into(),
        ..spec("c")
    };
    let create = |spec: CaptureSpec| {
        let mut rpc = caller.rpc.clone();
        async move {
            let request = CreateCaptureRequest { spec: Some(spec) };
            rpc.create_capture(request).await
        }
    };
    create(first.clone()).await.unwrap();
    create(first.clone()).await.unwrap();
    create(spec("c")).await.unwrap();
    let differing: [fn(&mut CaptureSpec); 5] = [
        |spec| spec.chunk_count = Some(4),
        |spec| spec.size_bytes = Some(10),
        |spec| spec.sha256 = sha256(b"b"),
        |spec| spec.file_name = "b.pcap".into(),
        |spec| spec.labels.clear_and_set("site", "south"),
    ];
    for change in differing {
        let mut other = first.clone();
        change(&mut other);
        let status = create(other.clone()).await.unwrap_err();
        check_error(&status, Code::AlreadyExists, "CAPTURE_PARAMS_DIFFER");
        let status = caller.upload(vec![open_with(other)]).await.unwrap_err();
        check_error(&status, Code::AlreadyExists, "CAPTURE_PARAMS_DIFFER");
    }
    let sized = |chunk_bytes| CaptureSpec {
        chunk_bytes: Some(chunk_bytes),
        ..spec("sized")
    };
    create(sized(4)).await.unwrap();
    let status = create(sized(8)).await.unwrap_err();
    check_error(&status, Code::AlreadyExists, "CAPTURE_PARAMS_DIFFER");
}

trait SetLabel {
    fn clear_and_set(&mut self, key: &str, value: &str);
}

impl SetLabel for std::collections::HashMap<String, String> {
    fn clear_and_set(&mut self, key: &str, value: &str) {
        self.clear();
        self.insert(key.to_owned(), value.to_owned());
    }
}

#[tokio::test]
async fn parameters_may_be_filled_in_once_while_receiving() {
    let pair = Pair::start().await;
    let caller = pair.caller();
    receive(&caller, "c", 0..2).await;
    let late = CaptureSpec {
        chunk_count: Some(3),
        ..spec("c")
    };
    let messages = vec![open_with(late), chunk(2, "chunk 2;")];
    let capture = caller.upload(messages).await.unwrap().capture.unwrap();
    assert_eq!(capture.state(), CaptureState::Sealed);
}
