//! What was acknowledged is there after the service ended, however it ended.

use weir_shared::proto::ingest::v1::{CaptureSpec, CaptureState};
use weir_tests::{
    messages::{chunk, finish, open, open_with, sha256, spec},
    pair::Pair,
    process::Process,
    random::noise,
};

#[tokio::test]
async fn an_upload_resumes_after_a_restart_with_what_is_missing() {
    let pair = Pair::start().await;
    let data = noise(5 * 1000, 3);
    let part = |index: u32| {
        let begin = index as usize * 1000;
        chunk(index, &data[begin..begin + 1000])
    };
    let declared = open_with(CaptureSpec {
        chunk_count: Some(5),
        chunk_bytes: Some(1000),
        sha256: sha256(&data),
        ..spec("c")
    });
    let first = vec![declared, part(3), part(0)];
    pair.caller().upload(first).await.unwrap();

    let pair = pair.restart().await;
    let caller = pair.caller();
    assert_eq!(caller.missing("c").await, [(1, 2), (4, 4)]);
    let rest = vec![open("c"), part(4), part(1), part(2)];
    let answer = caller.upload(rest).await.unwrap();
    assert_eq!((answer.chunks_stored, answer.chunks_duplicate), (3, 0));
    let capture = answer.capture.unwrap();
    assert_eq!(capture.state(), CaptureState::Sealed);
    assert_eq!(capture.sha256, sha256(&data));

    let pair = pair.restart().await;
    let caller = pair.caller();
    assert_eq!(caller.get("c").await.unwrap(), capture);
    assert_eq!(caller.read("c", 0, 0).await.unwrap(), data);
}

#[tokio::test]
async fn what_was_acknowledged_survives_a_kill() {
    let directory = tempfile::tempdir().unwrap();
    let program = env!("CARGO_BIN_EXE_test-ingest-service");
    // No analyzer is needed, nor called.
    let nobody = (std::net::Ipv4Addr::LOCALHOST, 9).into();
    let start = || Process::ingest(program, directory.path(), nobody, &[]);

    let service = start().await;
    let caller = service.caller();
    caller
        .upload(vec![open("c"), chunk(2, "two")])
        .await
        .unwrap();
    caller.put("c", 0, "zero").await.unwrap();
    service.kill().await;

    let service = start().await;
    let caller = service.caller();
    assert_eq!(caller.missing("c").await, [(1, 1)]);
    let rest = vec![open("c"), chunk(1, "one"), finish(3)];
    caller.upload(rest).await.unwrap();
    service.kill().await;

    let service = start().await;
    let caller = service.caller();
    assert_eq!(caller.read("c", 0, 0).await.unwrap(), b"zeroonetwo");
    service.kill().await;
}
