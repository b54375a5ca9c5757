//! Stored bytes that went bad.

use futures::TryStreamExt as _;
use tonic::{Code, Status};
use weir_shared::proto::ingest::v1::{CorruptChunks, DeleteCaptureRequest};
use weir_tests::{
    caller::ranges,
    errors::{check_error, check_refused, detail},
    gate::Gate,
    messages::{chunk, finish, open},
    pair::{Pair, Setup},
    recordings,
    until::within,
};

/// What damage leaves of the one object of the store; without a change it is lost.
pub(crate) async fn damage(pair: &Pair, change: Option<impl FnOnce(&mut Vec<u8>)>) {
    let store = pair.store();
    let objects: Vec<_> = store.list(None).try_collect().await.unwrap();
    assert_eq!(objects.len(), 1, "{objects:?}");
    let object = &objects[0];
    let mut bytes = store
        .get(&object.key, 0..object.bytes)
        .await
        .unwrap()
        .to_vec();
    store.delete(&object.key).await.unwrap();
    if let Some(change) = change {
        change(&mut bytes);
        store.put(&object.key, vec![bytes.into()]).await.unwrap();
    }
}

#[track_caller]
fn check_corrupt(status: &Status, chunks: &[(u32, u32)]) {
    check_error(status, Code::DataLoss, "STORED_CHUNK_CORRUPT");
    let corrupt: CorruptChunks = detail(status);
    assert_eq!(corrupt.capture_id, "c");
    assert_eq!(ranges(&corrupt.ranges), chunks);
}

#[tokio::test]
async fn a_flipped_byte_is_data_loss_that_names_its_chunk() {
    const CHUNK: usize = 256;
    let pair = Pair::start().await;
    let caller = pair.caller();
    let bytes = recordings::bytes("icmp.pcap");
    caller.store("c", &bytes, CHUNK).await;

    damage(&pair, Some(|b: &mut Vec<u8>| b[5 * CHUNK + 3] ^= 1)).await;

    let read = caller.read("c", 0, 0).await.unwrap_err();
    check_corrupt(&read, &[(5, 5)]);
    let analyzed = caller.analyze("c", Default::default()).await.unwrap_err();
    check_corrupt(&analyzed, &[(5, 5)]);
    let capture = caller.get("c").await.unwrap();
    assert!(capture.seal_time.is_some(), "the record of it stays");
}

#[tokio::test]
async fn a_missing_or_short_object_is_data_loss() {
    for cut in [None, Some(100)] {
        let pair = Pair::start().await;
        let caller = pair.caller();
        caller
            .store("c", &recordings::bytes("icmp.pcap"), 256)
            .await;
        damage(
            &pair,
            cut.map(|length| move |b: &mut Vec<u8>| b.truncate(length)),
        )
        .await;
        let read = caller.read("c", 0, 0).await;
        check_refused(read, Code::DataLoss, "STORED_OBJECT_MISSING");
        let analyzed = caller.analyze("c", Default::default()).await;
        check_refused(analyzed, Code::DataLoss, "STORED_OBJECT_MISSING");
    }
}

#[tokio::test]
async fn a_capture_deleted_during_its_analysis_ends_it() {
    let gate = Gate::closed();
    let pair = Pair::with(Setup {
        analyzer_gate: Some(gate.clone()),
        ..Setup::default()
    })
    .await;
    let caller = pair.caller();
    let bytes = recordings::bytes("icmp.pcap");
    caller.store("c", &bytes, 256).await;
    let delete = async {
        gate.until_waiting(1).await;
        let request = DeleteCaptureRequest {
            capture_id: "c".into(),
            allow_missing: false,
        };
        caller.rpc.clone().delete_capture(request).await.unwrap();
    };
    let both = async { tokio::join!(caller.analyze("c", Default::default()), delete) };
    let (analyzed, ()) = within("the analysis' end", both).await;
    check_refused(analyzed, Code::Aborted, "CAPTURE_DELETED");
    gate.until_waiting(0).await;
}

#[tokio::test]
async fn a_digest_over_corrupt_bytes_is_not_sealed() {
    let pair = Pair::start().await;
    let caller = pair.caller();
    caller
        .upload(vec![open("c"), chunk(1, "one"), chunk(0, "zero")])
        .await
        .unwrap();
    damage(&pair, Some(|b: &mut Vec<u8>| b.copy_from_slice(b"oneZero"))).await;
    let request = weir_shared::proto::ingest::v1::SealCaptureRequest {
        capture_id: "c".into(),
        chunk_count: Some(2),
        sha256: weir_tests::messages::sha256(b"zeroone"),
        size_bytes: None,
    };
    let sealed = caller.seal(request).await.unwrap_err();
    check_corrupt(&sealed, &[(0, 0)]);
    let sealed = caller.upload(vec![open("c"), finish(2)]).await;
    assert!(
        sealed.is_ok(),
        "without a digest nothing is read: {sealed:?}"
    );
}
