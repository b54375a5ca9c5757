//! Storage that is full or away, and the bounds of a capture.

use tonic::Code;
use weir_shared::proto::ingest::v1::{CaptureSpec, CaptureState};
use weir_tests::{
    errors::{check_quota, check_refused, check_unavailable},
    gate::{Fault, Gate},
    messages::{chunk, finish, open, open_with, spec},
    pair::{Pair, Setup},
    recordings,
};

async fn with_gates() -> (Pair, Gate) {
    let gate = Gate::opened();
    let setup = Setup {
        analyzer_gate: Some(gate.clone()),
        ingest_gate: Some(gate.clone()),
        ..Setup::default()
    };
    (Pair::with(setup).await, gate)
}

#[tokio::test]
async fn nothing_is_acknowledged_that_could_not_be_stored() {
    let (pair, gate) = with_gates().await;
    let caller = pair.caller();
    let whole = || vec![open("c"), chunk(0, "zero"), chunk(1, "one"), finish(2)];

    gate.fail(Some(Fault::Full));
    let full = caller.upload(whole()).await;
    check_refused(full, Code::ResourceExhausted, "STORAGE_FULL");
    gate.fail(Some(Fault::Unavailable));
    let away = caller.upload(whole()).await.unwrap_err();
    check_unavailable(&away, "STORAGE_UNAVAILABLE");
    let put = caller.put("c", 0, "zero").await.unwrap_err();
    check_unavailable(&put, "STORAGE_UNAVAILABLE");
    let capture = caller.get("c").await.unwrap();
    assert_eq!(capture.state(), CaptureState::Receiving);
    assert_eq!((capture.chunks_durable, capture.bytes_durable), (0, 0));

    gate.fail(None);
    caller.upload(whole()).await.unwrap();
    assert_eq!(caller.read("c", 0, 0).await.unwrap(), b"zeroone");
}

#[tokio::test]
async fn a_store_that_is_away_is_said_to_be() {
    let (pair, gate) = with_gates().await;
    let caller = pair.caller();
    caller
        .store("c", &recordings::bytes("icmp.pcap"), 1 << 20)
        .await;
    gate.fail(Some(Fault::Unavailable));
    let read = caller.read("c", 0, 0).await.unwrap_err();
    check_unavailable(&read, "STORAGE_UNAVAILABLE");
    let analyzed = caller.analyze("c", Default::default()).await;
    check_unavailable(&analyzed.unwrap_err(), "STORAGE_UNAVAILABLE");
    gate.fail(None);
    caller.analyze("c", Default::default()).await.unwrap();
}

const LIMIT: &str = "capture_bytes_max";

#[tokio::test]
async fn a_capture_has_a_largest_size() {
    let pair = Pair::with(Setup {
        ingest: Some(|config| config.capture_bytes_max = 10),
        ..Setup::default()
    })
    .await;
    let caller = pair.caller();
    let declared = open_with(CaptureSpec {
        size_bytes: Some(11),
        ..spec("declared")
    });
    check_quota(&caller.upload(vec![declared]).await.unwrap_err(), LIMIT);
    let large = vec![open("c"), chunk(0, "01234567"), chunk(1, "89abcdef")];
    check_quota(&caller.upload(large).await.unwrap_err(), LIMIT);
    assert_eq!(caller.get("c").await.unwrap().bytes_durable, 8);
    check_quota(&caller.put("c", 1, "89a").await.unwrap_err(), LIMIT);
    caller.put("c", 1, "89").await.unwrap();
}

#[tokio::test]
async fn a_capture_has_a_largest_number_of_chunks() {
    let pair = Pair::with(Setup {
        ingest: Some(|config| config.chunks_max = 2),
        ..Setup::default()
    })
    .await;
    let caller = pair.caller();
    let many = vec![open("c"), chunk(0, "a"), chunk(1, "b"), chunk(2, "c")];
    let refused = caller.upload(many).await;
    check_refused(refused, Code::OutOfRange, "INDEX_OUT_OF_RANGE");
    assert_eq!(caller.get("c").await.unwrap().chunks_durable, 2);
}
