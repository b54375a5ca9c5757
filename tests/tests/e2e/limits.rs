//! What happens to those who pass a limit.

use std::time::Duration;

use futures::stream;
use tokio::{sync::mpsc, time::timeout};
use tokio_stream::wrappers::ReceiverStream;
use tonic::Code;
use weir_shared::proto::ingest::v1::{
    CaptureSpec, CreateCaptureRequest, GetServerInfoRequest, GetServerInfoResponse,
};
use weir_tests::{
    errors::{check_invalid_field, check_quota, check_refused},
    messages::{chunk, finish, open, open_with, spec},
    pair::{Pair, Setup},
    until::{until, within},
};

#[tokio::test]
async fn a_silent_upload_ends_and_what_came_is_durable() {
    let pair = Pair::with(Setup {
        ingest: Some(|config| {
            config.upload_idle_timeout = Duration::from_secs(3);
            config.commit_interval = Duration::from_secs(3600);
        }),
        ..Setup::default()
    })
    .await;
    let caller = pair.caller();
    let (sender, receiver) = mpsc::channel(2);
    for message in [open("c"), chunk(0, "zero")] {
        sender.send(message).await.unwrap();
    }
    let mut rpc = caller.rpc.clone();
    let call = rpc.upload_capture(ReceiverStream::new(receiver));
    let ended = within("the upload's end", call).await.unwrap_err();
    check_quota(&ended, "upload_idle_timeout");
    drop(sender);
    assert_eq!(caller.get("c").await.unwrap().chunks_durable, 1);
}

/// The minute is real; the simulation has the same in simulated time.
#[tokio::test]
#[ignore = "takes more than a minute: .ci/run s3"]
async fn an_upload_below_the_minimum_rate_ends_and_what_came_is_durable() {
    let pair = Pair::with(Setup {
        ingest: Some(|config| config.upload_rate_min = 1 << 20),
        ..Setup::default()
    })
    .await;
    let caller = pair.caller();
    let messages = stream::unfold(0, async |n| match n {
        0 => Some((open("c"), 1)),
        // Never silent, and far too slow.
        n => {
            tokio::time::sleep(Duration::from_secs(1)).await;
            Some((chunk(n - 1, "slow"), n + 1))
        }
    });
    let mut rpc = caller.rpc.clone();
    let ended = timeout(Duration::from_secs(120), rpc.upload_capture(messages)).await;
    check_quota(&ended.unwrap().unwrap_err(), "upload_rate_min");
    let capture = caller.get("c").await.unwrap();
    assert!(capture.chunks_durable > 0, "{capture:?}");
    assert_eq!(capture.missing, []);
}

async fn told(pair: &Pair) -> GetServerInfoResponse {
    let mut rpc = pair.caller().rpc;
    let info = rpc.get_server_info(GetServerInfoRequest {}).await;
    info.unwrap().into_inner()
}

#[tokio::test]
async fn every_limit_is_told() {
    let pair = Pair::with(Setup {
        ingest: Some(|config| {
            config.chunks_max = 7;
            config.capture_bytes_max = 8;
            config.staging_bytes = 17 << 20;
            config.serve.streams_max = 9;
            config.upload_idle_timeout = Duration::from_millis(10_500);
            config.upload_rate_min = 11;
            config.open_captures_max = 12;
            config.unsealed_ttl = Duration::from_secs(13);
        }),
        ..Setup::default()
    })
    .await;
    let info = told(&pair).await;
    assert_eq!((info.chunks_max, info.capture_bytes_max), (7, 8));
    assert_eq!(info.staging_bytes, 17 << 20);
    assert_eq!(info.calls_per_connection_max, 9);
    let idle = info.upload_idle_timeout.unwrap();
    assert_eq!((idle.seconds, idle.nanos), (10, 500_000_000));
    assert_eq!(info.upload_rate_min, 11);
    assert_eq!(info.open_captures_max, 12);
    assert_eq!(info.unsealed_ttl.unwrap().seconds, 13);
    assert_eq!(info.sealed_ttl, None);
}

#[tokio::test]
async fn a_smaller_chunk_limit_is_told_and_kept() {
    let pair = Pair::with(Setup {
        ingest: Some(|config| config.chunk_bytes_max = 1000),
        ..Setup::default()
    })
    .await;
    let info = told(&pair).await;
    assert_eq!(info.chunk_bytes_max, 1000);
    assert_eq!(info.chunk_bytes_recommended, 1000);
    let caller = pair.caller();
    let too_large = caller.upload(vec![open("c"), chunk(0, [7; 1001])]).await;
    check_refused(too_large, Code::InvalidArgument, "CHUNK_SIZE");
    let declared = CaptureSpec {
        chunk_bytes: Some(1001),
        ..spec("d")
    };
    let refused = caller.upload(vec![open_with(declared)]).await;
    check_invalid_field(&refused.unwrap_err(), "chunk_bytes");
}

#[tokio::test]
async fn only_so_many_captures_are_unsealed() {
    let pair = Pair::with(Setup {
        ingest: Some(|config| config.open_captures_max = 2),
        ..Setup::default()
    })
    .await;
    let caller = pair.caller();
    for id in ["a", "b"] {
        caller.upload(vec![open(id), chunk(0, "x")]).await.unwrap();
    }
    let create = async |id: &str| {
        let spec = Some(spec(id));
        let mut rpc = caller.rpc.clone();
        rpc.create_capture(CreateCaptureRequest { spec }).await
    };
    check_quota(&create("c").await.unwrap_err(), "open_captures_max");
    let uploaded = caller.upload(vec![open("c"), chunk(0, "x")]).await;
    check_quota(&uploaded.unwrap_err(), "open_captures_max");
    check_refused(caller.get("c").await, Code::NotFound, "CAPTURE_UNKNOWN");
    // What is there may be gone on with, and makes room when it is sealed.
    caller.upload(vec![open("a"), finish(1)]).await.unwrap();
    create("c").await.unwrap();
}

#[tokio::test]
async fn a_sealed_capture_is_removed_after_its_retention_and_says_when() {
    let pair = Pair::with(Setup {
        ingest: Some(|config| config.sealed_ttl = Some(Duration::from_secs(2))),
        ..Setup::default()
    })
    .await;
    assert_eq!(told(&pair).await.sealed_ttl.unwrap().seconds, 2);
    let caller = pair.caller();
    let whole = vec![open("c"), chunk(0, "x"), finish(1)];
    let capture = caller.upload(whole).await.unwrap().capture.unwrap();
    let (sealed, expires) = (capture.seal_time.unwrap(), capture.expire_time.unwrap());
    assert_eq!(
        (expires.seconds, expires.nanos),
        (sealed.seconds + 2, sealed.nanos)
    );
    until("the capture's end", || async {
        caller.get("c").await.err()
    })
    .await;
    check_refused(caller.get("c").await, Code::NotFound, "CAPTURE_UNKNOWN");
    check_refused(
        caller.read("c", 0, 0).await,
        Code::NotFound,
        "CAPTURE_UNKNOWN",
    );
    // The id is free.
    caller.upload(vec![open("c"), chunk(0, "y")]).await.unwrap();
}
