//! Analyze, called directly: what a source may be.

use bytes::Bytes;
use futures::TryStreamExt as _;
use prost::Message as _;
use tonic::Code;
use weir_shared::{
    limits::{EXTENTS_PER_MESSAGE_MAX, SEGMENT_BYTES_MAX},
    proto::analyzer::v1::{
        AnalyzeRequest, Extent, ManifestRef, StoredCapture, Verdict, analyze_request::Source,
    },
    status,
};
use weir_tests::{
    analysis::inline,
    errors::{check_error, check_invalid_field, check_refused},
    messages::{chunk, finish, open, sha256},
    pair::Pair,
    recordings,
};

const KEY: &str = "seg/by-hand";

fn stored(extents: Vec<Extent>) -> AnalyzeRequest {
    AnalyzeRequest {
        source: Some(Source::Stored(StoredCapture {
            capture_id: "c".into(),
            extents,
        })),
        options: None,
    }
}

fn extent(object: &str, offset: u64, bytes: &[u8]) -> Extent {
    Extent {
        object: object.into(),
        offset,
        length: bytes.len() as u64,
        crc32c: crc32c::crc32c(bytes),
    }
}

/// A pair whose store holds a recording under [`KEY`].
async fn with_object() -> (Pair, Vec<u8>) {
    let pair = Pair::start().await;
    let bytes = recordings::bytes("icmp.pcap");
    let body = vec![Bytes::from(bytes.clone())];
    pair.store().put(&KEY.parse().unwrap(), body).await.unwrap();
    (pair, bytes)
}

#[tokio::test]
async fn a_small_capture_may_come_inline() {
    let pair = Pair::start().await;
    let request = inline(recordings::bytes("icmp.pcap"));
    let analysis = pair.analyzer_caller().analyze(request).await.unwrap();
    assert_eq!(analysis.summary.packets, 30);
    assert_eq!(analysis.summary.verdict(), Verdict::Complete);
}

#[tokio::test]
async fn a_large_capture_must_not() {
    let pair = Pair::start().await;
    let limit = analyzer_service::INLINE_BYTES_MAX;
    let caller = pair.analyzer_caller();
    let status = caller
        .analyze(inline(vec![0; limit + 1]))
        .await
        .unwrap_err();
    check_error(&status, Code::InvalidArgument, "INLINE_TOO_LARGE");
    let told = status::metadata(&status, "limit");
    assert_eq!(told, Some(limit.to_string()));
    // Above the transport's own limit: the same.
    let status = caller.analyze(inline(vec![0; 3 << 20])).await.unwrap_err();
    check_error(&status, Code::InvalidArgument, "INLINE_TOO_LARGE");
    // As large as allowed: refused for what it is, not for its size.
    let zeros = caller.analyze(inline(vec![0; limit])).await;
    check_refused(zeros, Code::InvalidArgument, "NOT_A_CAPTURE");
}

#[tokio::test]
async fn extents_are_read_in_capture_order() {
    let (pair, bytes) = with_object().await;
    let (a, rest) = bytes.split_at(1000);
    let (b, c) = rest.split_at(1);
    let extents = vec![
        extent(KEY, 0, a),
        extent(KEY, 1000, b),
        extent(KEY, 1001, c),
    ];
    let analysis = pair.analyzer_caller().analyze(stored(extents)).await;
    assert_eq!(analysis.unwrap().summary.packets, 30);
}

#[tokio::test]
async fn extents_stay_inside_the_store_and_their_object() {
    let (pair, bytes) = with_object().await;
    let caller = pair.analyzer_caller();
    let mut wrong: Vec<Extent> = [
        "../catalog.db",
        "/etc/passwd",
        "seg/../../catalog.db",
        "seg/./by-hand",
        "seg//by-hand",
        "",
        "seg/by-hand\0",
        "seg/%2e%2e/%2e%2e/etc/passwd",
        "seg\\by-hand",
    ]
    .map(|object| extent(object, 0, &bytes))
    .into();
    let whole = extent(KEY, 0, &bytes);
    wrong.extend([
        Extent {
            length: whole.length + 1,
            ..whole.clone()
        },
        Extent {
            offset: whole.length,
            ..whole.clone()
        },
        Extent {
            length: 0,
            ..whole.clone()
        },
        Extent {
            length: SEGMENT_BYTES_MAX + 1,
            ..whole.clone()
        },
        Extent {
            offset: u64::MAX,
            ..whole
        },
    ]);
    for extent in wrong {
        println!("{extent:?}");
        let refused = caller.analyze(stored(vec![extent])).await;
        check_refused(refused, Code::InvalidArgument, "EXTENT_INVALID");
    }
}

#[tokio::test]
async fn bytes_that_fail_their_checksum_are_data_loss() {
    let (pair, bytes) = with_object().await;
    let wrong = Extent {
        crc32c: 1,
        ..extent(KEY, 0, &bytes)
    };
    let caller = pair.analyzer_caller();
    let refused = caller.analyze(stored(vec![wrong])).await;
    check_refused(refused, Code::DataLoss, "STORED_CHUNK_CORRUPT");
    let absent = extent("seg/absent", 0, &bytes);
    let refused = caller.analyze(stored(vec![absent])).await;
    check_refused(refused, Code::DataLoss, "STORED_OBJECT_MISSING");
}

#[tokio::test]
async fn a_source_must_be_set_and_its_list_bounded() {
    let pair = Pair::start().await;
    let caller = pair.analyzer_caller();
    let unset = caller.analyze(AnalyzeRequest::default()).await;
    check_invalid_field(&unset.unwrap_err(), "source");
    let many = vec![extent("a", 0, b"x"); EXTENTS_PER_MESSAGE_MAX + 1];
    let many = caller.analyze(stored(many)).await;
    check_invalid_field(&many.unwrap_err(), "stored.extents");
}

#[tokio::test]
async fn a_manifest_is_read_and_verified() {
    let (pair, bytes) = with_object().await;
    let caller = pair.analyzer_caller();
    let manifest = StoredCapture {
        capture_id: "c".into(),
        extents: vec![extent(KEY, 0, &bytes)],
    }
    .encode_to_vec();
    let digest = sha256(&manifest);
    let key = "manifest/by-hand".parse().unwrap();
    let body = vec![Bytes::from(manifest)];
    pair.store().put(&key, body).await.unwrap();
    let request = |object: &str, sha256: Bytes| AnalyzeRequest {
        source: Some(Source::Manifest(ManifestRef {
            capture_id: "c".into(),
            object: object.into(),
            sha256,
        })),
        options: None,
    };
    let right = request("manifest/by-hand", digest.clone());
    let analysis = caller.analyze(right).await.unwrap();
    assert_eq!(analysis.summary.packets, 30);

    let other = request("manifest/by-hand", sha256(b"other"));
    let refused = caller.analyze(other).await;
    check_refused(refused, Code::DataLoss, "STORED_CHUNK_CORRUPT");
    let outside = request("../catalog.db", digest);
    let refused = caller.analyze(outside).await.unwrap_err();
    check_invalid_field(&refused, "manifest.object");
    let short = request("manifest/by-hand", Bytes::from_static(b"short"));
    let refused = caller.analyze(short).await.unwrap_err();
    check_invalid_field(&refused, "manifest.sha256");
}

#[tokio::test]
async fn the_segments_of_an_upload_are_objects_of_the_store() {
    let pair = Pair::start().await;
    let bytes = recordings::bytes("http.pcap");
    pair.caller().store("c", &bytes, 4096).await;
    let objects: Vec<_> = pair.store().list(None).try_collect().await.unwrap();
    let stored: u64 = objects.iter().map(|object| object.bytes).sum();
    assert_eq!(stored, bytes.len() as u64, "each byte is stored once");
}

/// Chunks in reverse make an extent each: more than a message carries, so that
/// ingest-service writes the list as an object.
#[tokio::test]
async fn a_capture_of_many_extents_is_analyzed_by_a_manifest() {
    const CHUNK: usize = 17;
    let pair = Pair::start().await;
    let caller = pair.caller();
    let bytes = recordings::bytes("http.pcap");
    let mut messages: Vec<_> = bytes
        .chunks(CHUNK)
        .zip(0..)
        .map(|(part, index)| chunk(index, part))
        .collect();
    let count = messages.len();
    assert!(count > EXTENTS_PER_MESSAGE_MAX);
    messages.reverse();
    messages.insert(0, open("many"));
    messages.push(finish(u32::try_from(count).unwrap()));
    caller.upload(messages).await.unwrap();
    caller.store("few", &bytes, 1 << 20).await;

    let many = caller.analyze("many", Default::default()).await.unwrap();
    let few = caller.analyze("few", Default::default()).await.unwrap();
    assert_eq!(many.summary, few.summary);
    assert_eq!(many.records, few.records);
    assert_eq!(many.info, few.info);
    assert_eq!(caller.read("many", 0, 0).await.unwrap(), bytes);
}
