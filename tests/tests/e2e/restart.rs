//! What was acknowledged is there after the service ended, however it ended.

use std::ops::RangeInclusive;

use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::task::TaskTracker;
use weir_shared::proto::ingest::v1::{CaptureSpec, CaptureState};
use weir_tests::{
    messages::{chunk, finish, open, open_with, sha256, spec},
    pair::Pair,
    process::Process,
    random::noise,
    until::{until, within},
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

#[tokio::test]
async fn after_a_kill_in_a_call_only_what_was_not_durable_is_sent_again() {
    const CHUNK_BYTES: usize = 64 << 10;
    let directory = tempfile::tempdir().unwrap();
    let program = env!("CARGO_BIN_EXE_test-ingest-service");
    let nobody = (std::net::Ipv4Addr::LOCALHOST, 9).into();
    let soon = [("WEIR_COMMIT_INTERVAL", "0.01")];
    let start = || Process::ingest(program, directory.path(), nobody, &soon);
    let data = noise(8 * CHUNK_BYTES, 4);
    let part = |index: u32| {
        let begin = index as usize * CHUNK_BYTES;
        chunk(index, &data[begin..begin + CHUNK_BYTES])
    };

    let service = start().await;
    let caller = service.caller();
    let (messages, receiver) = mpsc::channel(1);
    let mut rpc = caller.rpc.clone();
    let call = async move { rpc.upload_capture(ReceiverStream::new(receiver)).await };
    let call = TaskTracker::new().spawn(call);
    let declared = open_with(CaptureSpec {
        chunk_count: Some(8),
        chunk_bytes: Some(CHUNK_BYTES.try_into().unwrap()),
        ..spec("c")
    });
    messages.send(declared).await.unwrap();
    for index in 0..5 {
        messages.send(part(index)).await.unwrap();
    }
    until("5 durable chunks", || async {
        let now = caller.get("c").await.ok()?;
        (now.chunks_durable == 5).then_some(())
    })
    .await;
    // On their way when the service dies: they may become durable or not.
    for index in 5..7 {
        messages.send(part(index)).await.unwrap();
    }
    service.kill().await;
    within("the call's end", call).await.unwrap().unwrap_err();

    let service = start().await;
    let caller = service.caller();
    let missing = caller.missing("c").await;
    let missing: Vec<u32> = missing
        .into_iter()
        .flat_map(|(first, last)| RangeInclusive::new(first, last))
        .collect();
    assert!(missing.iter().all(|index| *index >= 5), "{missing:?}");
    assert!(missing.contains(&7), "{missing:?}");
    let mut rest = vec![open("c")];
    rest.extend(missing.iter().map(|&index| part(index)));
    let answer = caller.upload(rest).await.unwrap();
    let stored = u32::try_from(missing.len()).unwrap();
    assert_eq!((answer.chunks_stored, answer.chunks_duplicate), (stored, 0));
    assert_eq!(answer.capture.unwrap().state(), CaptureState::Sealed);
    assert_eq!(caller.read("c", 0, 0).await.unwrap(), data);
    service.kill().await;
}
