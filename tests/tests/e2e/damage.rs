//! Stored bytes that went bad.

use std::{fs, path::PathBuf};

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

/// The one object of a store that has one.
fn only_object(pair: &Pair) -> PathBuf {
    let mut folders = vec![pair.directory().join("store")];
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                files.push(path);
            }
        }
    }
    assert_eq!(files.len(), 1, "{files:?}");
    files.remove(0)
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

    let object = only_object(&pair);
    let mut stored = fs::read(&object).unwrap();
    stored[5 * CHUNK + 3] ^= 1;
    fs::write(&object, stored).unwrap();

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
        let object = only_object(&pair);
        match cut {
            None => fs::remove_file(&object).unwrap(),
            Some(length) => fs::File::options()
                .write(true)
                .open(&object)
                .unwrap()
                .set_len(length)
                .unwrap(),
        }
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
    let object = only_object(&pair);
    fs::write(&object, b"oneZero").unwrap();
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
