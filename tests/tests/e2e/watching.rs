//! WatchCapture: what a caller sees of an upload while it goes on.

use std::time::Duration;

use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, Request, Status, Streaming};
use weir_shared::proto::ingest::v1::{
    Capture, CaptureSpec, CaptureState, DeleteCaptureRequest, UploadCaptureRequest,
    WatchCaptureRequest, WatchCaptureResponse,
};
use weir_tests::{
    caller::{Caller, ranges},
    errors::{check_error, check_refused, check_unavailable},
    messages::{chunk, open, open_with, spec},
    pair::{Pair, Setup},
    until::within,
};

async fn watch(
    caller: &Caller,
    deadline: Option<Duration>,
) -> Result<Streaming<WatchCaptureResponse>, Status> {
    let mut request = Request::new(WatchCaptureRequest {
        capture_id: "c".into(),
    });
    if let Some(deadline) = deadline {
        request.set_timeout(deadline);
    }
    Ok(caller
        .rpc
        .clone()
        .watch_capture(request)
        .await?
        .into_inner())
}

/// The next state with so many durable chunks: those before may be left out.
async fn until_durable(states: &mut Streaming<WatchCaptureResponse>, chunks: u32) -> Capture {
    loop {
        let state = within("the next state", states.message()).await;
        let capture = state.unwrap().unwrap().capture.unwrap();
        if capture.chunks_durable == chunks {
            return capture;
        }
        assert!(capture.chunks_durable < chunks, "{capture:?}");
    }
}

/// The state after that in which nothing was durable.
async fn end(states: &mut Streaming<WatchCaptureResponse>) -> Result<Option<()>, Status> {
    let next = within("the end", states.message()).await;
    next.map(|state| state.map(drop))
}

fn begin_upload(caller: &Caller) -> (mpsc::Sender<UploadCaptureRequest>, impl Future) {
    let (sender, receiver) = mpsc::channel(8);
    let mut rpc = caller.rpc.clone();
    (sender, async move {
        rpc.upload_capture(ReceiverStream::new(receiver))
            .await
            .unwrap()
    })
}

#[tokio::test]
async fn an_upload_is_seen_to_grow_on_its_own_connection() {
    let pair = Pair::with(Setup {
        ingest: Some(|config| config.commit_interval = Duration::from_millis(10)),
        ..Setup::default()
    })
    .await;
    let caller = pair.caller();
    let declared = CaptureSpec {
        chunk_count: Some(3),
        ..spec("c")
    };
    caller.upload(vec![open_with(declared)]).await.unwrap();
    let (sender, upload) = begin_upload(&caller);
    let watched = async {
        let mut states = watch(&caller, None).await.unwrap();
        let first = until_durable(&mut states, 0).await;
        assert_eq!(first.state(), CaptureState::Receiving);
        assert_eq!(ranges(&first.missing), [(0, 2)]);
        sender.send(open("c")).await.unwrap();
        sender.send(chunk(1, "one")).await.unwrap();
        let one = until_durable(&mut states, 1).await;
        assert_eq!(
            (one.bytes_durable, ranges(&one.missing)),
            (3, vec![(0, 0), (2, 2)])
        );
        sender.send(chunk(0, "zero")).await.unwrap();
        sender.send(chunk(2, "two")).await.unwrap();
        let all = until_durable(&mut states, 3).await;
        assert_eq!((all.state(), all.bytes_durable), (CaptureState::Sealed, 10));
        assert_eq!(end(&mut states).await.unwrap(), None);
        drop(sender);
    };
    tokio::join!(within("the upload", upload), watched);
    let mut late = watch(&caller, None).await.unwrap();
    assert_eq!(
        until_durable(&mut late, 3).await.state(),
        CaptureState::Sealed
    );
    assert_eq!(end(&mut late).await.unwrap(), None);
}

#[tokio::test]
async fn a_watcher_of_nothing_and_of_a_deleted_capture_is_told() {
    let pair = Pair::start().await;
    let caller = pair.caller();
    check_refused(
        watch(&caller, None).await,
        Code::NotFound,
        "CAPTURE_UNKNOWN",
    );
    caller.upload(vec![open("c")]).await.unwrap();
    let mut states = watch(&caller, None).await.unwrap();
    until_durable(&mut states, 0).await;
    let request = DeleteCaptureRequest {
        capture_id: "c".into(),
        allow_missing: false,
    };
    caller.rpc.clone().delete_capture(request).await.unwrap();
    let ended = end(&mut states).await.unwrap_err();
    check_error(&ended, Code::Aborted, "CAPTURE_DELETED");
}

#[tokio::test]
async fn a_watcher_ends_at_its_deadline_and_at_shutdown() {
    let pair = Pair::start().await;
    let caller = pair.caller();
    caller.upload(vec![open("c")]).await.unwrap();
    let mut states = watch(&caller, None).await.unwrap();
    until_durable(&mut states, 0).await;
    let mut timed = watch(&caller, Some(Duration::from_secs(2))).await.unwrap();
    until_durable(&mut timed, 0).await;
    let ended = end(&mut timed).await.unwrap_err();
    check_error(&ended, Code::DeadlineExceeded, "DEADLINE");
    let (ended, ()) = tokio::join!(end(&mut states), pair.ingest.stop());
    check_unavailable(&ended.unwrap_err(), "SHUTTING_DOWN");
}
