//! How uploads end, and what that leaves.

use futures::StreamExt as _;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Code;
use weir_shared::proto::ingest::v1::{
    CaptureSpec, CaptureState, DeleteCaptureRequest, UploadCaptureRequest,
};
use weir_tests::{
    caller::Caller,
    errors::check_error,
    messages::{chunk, finish, open, open_with, spec},
    pair::{Pair, Setup},
    until::{until, within},
};

#[tokio::test]
async fn half_close_without_a_count_seals_nothing() {
    let pair = Pair::start().await;
    let caller = pair.caller();
    let messages = vec![open("c"), chunk(0, "zero"), chunk(1, "one")];
    let answer = caller.upload(messages).await.unwrap();
    let capture = answer.capture.unwrap();
    assert_eq!(capture.state(), CaptureState::Receiving);
    assert_eq!(capture.chunks_durable, 2);
    assert!(capture.seal_time.is_none() && capture.expire_time.is_some());
}

/// An upload that goes on until the returned sender is dropped or the call is.
fn ongoing(
    caller: &Caller,
    first: Vec<UploadCaptureRequest>,
) -> (
    mpsc::Sender<UploadCaptureRequest>,
    impl Future<Output = Result<(), tonic::Status>>,
) {
    let (sender, receiver) = mpsc::channel(1);
    let messages = tokio_stream::iter(first).chain(ReceiverStream::new(receiver));
    let mut rpc = caller.rpc.clone();
    let call = async move { rpc.upload_capture(messages).await.map(drop) };
    (sender, call)
}

#[tokio::test]
async fn a_cancelled_upload_seals_nothing_and_keeps_what_came_whole() {
    check_cut(None).await;
}

#[tokio::test]
async fn a_cancelled_upload_short_of_its_count_seals_nothing() {
    check_cut(Some(4)).await;
}

/// Cancels the call when its first chunks are durable, as only the service can
/// tell: by then the commit interval has passed.
async fn check_cut(chunk_count: Option<u32>) {
    let pair = Pair::start().await;
    let caller = pair.caller();
    let spec = CaptureSpec {
        chunk_count,
        ..spec("c")
    };
    let first = vec![
        open_with(spec),
        chunk(0, "zero"),
        chunk(1, "one"),
        chunk(2, "two"),
    ];
    let (sender, call) = ongoing(&caller, first);
    let durable = until("3 durable chunks", || async {
        let capture = caller.get("c").await.ok()?;
        (capture.chunks_durable == 3).then_some(capture)
    });
    let durable = tokio::select! {
        ended = call => panic!("the upload ended: {ended:?}"),
        capture = durable => capture,
    };
    drop(sender);
    assert_eq!(durable.state(), CaptureState::Receiving);

    let kept = caller.get("c").await.unwrap();
    assert_eq!(kept.state(), CaptureState::Receiving);
    assert_eq!(kept.chunks_durable, 3);
    caller
        .upload(vec![open("c"), chunk(3, "three"), finish(4)])
        .await
        .unwrap();
    assert_eq!(caller.read("c", 0, 0).await.unwrap(), b"zeroonetwothree");
}

/// The rest of an upload waits for its segment to fill; when the call is cut it
/// becomes durable at once.
#[tokio::test]
async fn a_cut_upload_makes_its_open_segment_durable() {
    const HOUR: std::time::Duration = std::time::Duration::from_secs(3600);
    let pair = Pair::with(Setup {
        ingest: Some(|config| config.commit_interval = HOUR),
        ..Setup::default()
    })
    .await;
    let caller = pair.caller();
    let mut first = vec![open("c")];
    first.extend((0..8).map(|index| chunk(index, vec![7; 1 << 20])));
    let (sender, call) = ongoing(&caller, first);
    let all_arrived = async {
        until("a full segment", || async {
            let capture = caller.get("c").await.ok()?;
            (capture.chunks_durable == 8).then_some(())
        })
        .await;
        sender.send(chunk(8, "rest")).await.unwrap();
        // Calls on the same connection, hence behind the chunk.
        for _ in 0..20 {
            caller.get("c").await.unwrap();
        }
        assert_eq!(caller.get("c").await.unwrap().chunks_durable, 8);
    };
    tokio::select! {
        ended = call => panic!("the upload ended: {ended:?}"),
        () = within("the chunks", all_arrived) => {}
    }
    let capture = until("the rest", || async {
        let capture = caller.get("c").await.unwrap();
        (capture.chunks_durable == 9).then_some(capture)
    });
    assert_eq!(capture.await.state(), CaptureState::Receiving);
}

#[tokio::test]
async fn a_deleted_capture_ends_its_upload() {
    let pair = Pair::start().await;
    let caller = pair.caller();
    let (sender, call) = ongoing(&caller, vec![open("c"), chunk(0, "zero")]);
    let delete = async {
        until("the capture", || async { caller.get("c").await.ok() }).await;
        let request = DeleteCaptureRequest {
            capture_id: "c".into(),
            allow_missing: false,
        };
        caller.rpc.clone().delete_capture(request).await.unwrap();
    };
    let both = async { tokio::join!(call, delete) };
    let (ended, ()) = within("the upload's end", both).await;
    drop(sender);
    check_error(&ended.unwrap_err(), Code::Aborted, "CAPTURE_DELETED");
    let gone = caller.get("c").await.unwrap_err();
    check_error(&gone, Code::NotFound, "CAPTURE_UNKNOWN");
}

#[tokio::test]
async fn an_upload_ends_at_its_deadline_and_keeps_what_came() {
    let pair = Pair::start().await;
    let caller = pair.caller();
    let (sender, receiver) = mpsc::channel(4);
    for message in [open("c"), chunk(0, "zero"), chunk(1, "one")] {
        sender.send(message).await.unwrap();
    }
    let mut request = tonic::Request::new(ReceiverStream::new(receiver));
    request.set_timeout(std::time::Duration::from_millis(500));
    let ended = caller.rpc.clone().upload_capture(request).await;
    check_deadline(&ended.unwrap_err());
    drop(sender);
    let kept = until("both chunks", || async {
        let capture = caller.get("c").await.ok()?;
        (capture.chunks_durable == 2).then_some(capture)
    });
    assert_eq!(kept.await.state(), CaptureState::Receiving);
}

/// The client's own timer may be the first to fire: then the status is its own.
#[track_caller]
fn check_deadline(status: &tonic::Status) {
    if weir_shared::status::reason(status).is_none() {
        assert_eq!(status.code(), Code::Cancelled, "{status:?}");
        assert_eq!(status.message(), "Timeout expired");
        return;
    }
    check_error(status, Code::DeadlineExceeded, "DEADLINE");
}
