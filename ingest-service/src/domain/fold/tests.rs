use std::time::Duration;

use bytes::Bytes;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;
use weir_shared::store::SegmentStore as _;

use super::*;
use crate::{
    catalog::{CommitRules, Content, SegmentCommit},
    domain::{
        capture::{ChunkRecord, Declared},
        id::CaptureId,
        ingest::Put,
        read::span,
        testing::{Rig, chunk, incoming, open, room, upload},
    },
};

const GRACE: Duration = Duration::from_secs(3600);

fn id(text: &str) -> CaptureId {
    text.parse().unwrap()
}

fn whole(chunks: u32) -> Vec<u8> {
    (0..chunks).flat_map(data).collect()
}

fn data(index: u32) -> Vec<u8> {
    format!("{index:05}").into_bytes()
}

fn declared(chunks: u32) -> Declared {
    Declared {
        chunk_count: Some(chunks),
        sha256: Some(Sha256::of(&whole(chunks))),
        ..Declared::default()
    }
}

/// A sealed capture whose chunks came interleaved, by two calls.
async fn interleaved(rig: &Rig, name: &str, chunks: u32) -> Capture {
    for first in [0, 1] {
        let mut items = vec![open(name, declared(chunks))];
        let indexes = (first..chunks).step_by(2);
        items.extend(indexes.map(|index| chunk(index, data(index))));
        upload(rig, items).await.unwrap();
    }
    let capture = rig.ingest.get(&id(name)).await.unwrap();
    assert!(capture.sha256.is_some());
    capture
}

async fn folded(rig: &Rig, name: &str) -> Arc<Capture> {
    rig.ingest.fold_once().await.unwrap();
    let capture = rig.ingest.get(&id(name)).await.unwrap();
    assert!(capture.manifest.is_some(), "{name} is not folded");
    Arc::new(capture)
}

async fn read(rig: &Rig, name: &str, offset: u64, length: u64) -> Result<Vec<u8>, Error> {
    let (capture, used) = rig.ingest.use_sealed(&id(name)).await?;
    let span = span(&capture, offset, length)?;
    let (sink, mut pieces) = mpsc::channel::<Bytes>(10_000);
    let ended = CancellationToken::new();
    rig.ingest.read(capture, used, span, sink, ended).await?;
    let mut bytes = Vec::new();
    while let Some(piece) = pieces.recv().await {
        bytes.extend_from_slice(&piece);
    }
    Ok(bytes)
}

async fn put(rig: &Rig, name: &str, index: u32, data: Vec<u8>) -> Result<Put, Error> {
    let chunk = incoming(index, data);
    rig.ingest.put_chunk(&id(name), chunk, room()).await
}

#[tokio::test]
async fn a_folded_capture_reads_and_compares_as_before() {
    // Of a small one the row holds the manifest, of a larger one an object.
    for (chunks, objects) in [(6, 2), (400, 3)] {
        let rig = Rig::new().await;
        interleaved(&rig, "a", chunks).await;
        let capture = folded(&rig, "a").await;
        assert_eq!(rig.store.keys().len(), objects);
        let rows = rig.catalog.chunks(capture.uid, ChunkIndex(0), 9).await;
        assert_eq!(rows.unwrap(), []);
        let all = whole(chunks);
        assert!(read(&rig, "a", 0, 0).await.unwrap() == all);
        assert_eq!(read(&rig, "a", 7, 11).await.unwrap(), all[7..18]);
        let last = chunks - 1;
        assert_eq!(
            put(&rig, "a", last, data(last)).await.unwrap(),
            Put::Duplicate
        );
        let other = put(&rig, "a", 1, b"other".to_vec()).await;
        let Err(Error::Conflict { stored, .. }) = other else {
            panic!("no conflict: {other:?}");
        };
        assert_eq!((stored.bytes, stored.crc32c), (5, crc32c::crc32c(&data(1))));
        let beyond = put(&rig, "a", chunks, data(0)).await;
        assert!(
            matches!(beyond, Err(Error::IndexOutOfRange { .. })),
            "{beyond:?}"
        );
        // Another process, which has not seen it unfolded.
        let rig = rig.restarted();
        assert!(read(&rig, "a", 0, 0).await.unwrap() == all);
        // A chunk of a damaged object is no duplicate.
        rig.store.corrupt_all(0);
        let damaged = put(&rig, "a", 0, data(0)).await;
        assert!(matches!(damaged, Err(Error::Corrupt { .. })), "{damaged:?}");
    }
}

#[tokio::test]
async fn a_read_goes_on_where_the_rows_were_folded_away() {
    let rig = Rig::new().await;
    let capture = Arc::new(interleaved(&rig, "a", 400).await);
    let (_, first) = rig
        .ingest
        .contents
        .chunks(&capture, ChunkIndex(0), 100)
        .await
        .unwrap();
    rig.ingest.fold_once().await.unwrap();
    let rest = rig
        .ingest
        .contents
        .chunks(&capture, ChunkIndex(100), 1000)
        .await;
    let (now, rest) = rest.unwrap();
    assert!(now.manifest.is_some());
    let indexes: Vec<_> = first
        .iter()
        .chain(&rest)
        .map(|chunk| chunk.index.0)
        .collect();
    assert_eq!(indexes, (0..400).collect::<Vec<_>>());
    rig.ingest.delete(&capture.id).await.unwrap();
    let gone = rig.ingest.contents.chunks(&capture, ChunkIndex(0), 1).await;
    assert!(matches!(gone, Err(Error::Deleted(_))), "{gone:?}");
}

#[tokio::test]
async fn a_fold_that_fails_is_made_up_for() {
    let rig = Rig::new().await;
    interleaved(&rig, "a", 400).await;
    interleaved(&rig, "small", 6).await;
    rig.store.fail_after(0, false);
    rig.ingest.fold_once().await.unwrap();
    let manifest = async |name| rig.ingest.get(&id(name)).await.unwrap().manifest;
    assert_eq!(manifest("a").await, None);
    assert!(manifest("small").await.is_some());
    rig.store.heal();
    // A sweeper that condemns what was just written.
    *rig.store.sweeper.lock().unwrap() = Some(Arc::clone(&rig.catalog));
    folded(&rig, "a").await;
    rig.ingest
        .sweep_once(GRACE, Timestamp::now().plus(GRACE * 2))
        .await
        .unwrap();
    assert_eq!(rig.store.keys().len(), 5);
    assert!(read(&rig, "a", 0, 0).await.unwrap() == whole(400));
}

#[tokio::test]
async fn what_lies_beside_a_manifest_is_swept_when_it_is_old() {
    let rig = Rig::new().await;
    interleaved(&rig, "a", 400).await;
    let capture = folded(&rig, "a").await;
    let needed = rig.store.keys();
    let orphan = SegmentId::generate(capture.uid).object_key();
    rig.ingest
        .store
        .put(&orphan, vec!["x".into()])
        .await
        .unwrap();
    let now = Timestamp::now();
    rig.ingest.sweep_once(GRACE, now).await.unwrap();
    assert!(rig.store.keys().contains(&orphan));
    rig.ingest
        .sweep_once(GRACE, now.plus(GRACE * 2))
        .await
        .unwrap();
    assert_eq!(rig.store.keys(), needed);
}

#[tokio::test]
async fn captures_of_one_digest_share_until_the_last_is_deleted() {
    let rig = Rig::new().await;
    let first = interleaved(&rig, "a", 400).await;
    // Though nobody has folded it yet.
    let shared = upload(
        &rig,
        vec![open("b", declared(400)), chunk(0, "never looked at")],
    )
    .await;
    let shared = shared.unwrap();
    assert_eq!((shared.stored, shared.duplicate), (0, 0));
    assert_eq!(
        (shared.capture.content, shared.capture.sha256),
        (first.uid, first.sha256)
    );
    let objects = rig.store.keys();
    rig.ingest.delete(&id("a")).await.unwrap();
    let later = Timestamp::now().plus(GRACE * 2);
    rig.ingest.sweep_once(GRACE, later).await.unwrap();
    assert_eq!(rig.store.keys(), objects);
    assert!(read(&rig, "b", 0, 0).await.unwrap() == whole(400));
    rig.ingest.delete(&id("b")).await.unwrap();
    rig.ingest
        .sweep_once(GRACE, Timestamp::now())
        .await
        .unwrap();
    assert_eq!(rig.store.keys(), []);
    let contents = rig.catalog.contents(&[first.uid]).await.unwrap();
    assert_eq!(contents, [(first.uid, Content::Gone)]);
}

#[tokio::test]
async fn a_lost_or_damaged_manifest_is_told_as_the_loss_of_all() {
    let rig = Rig::new().await;
    interleaved(&rig, "a", 400).await;
    let capture = folded(&rig, "a").await;
    let Some(StoredManifest::Object(object)) = &capture.manifest else {
        panic!("no object: {capture:?}");
    };
    let rig = rig.restarted();
    let verified = async || {
        let (capture, used) = rig.ingest.use_sealed(&id("a")).await.unwrap();
        let mut run = rig
            .ingest
            .verify(capture, used, 9, CancellationToken::new());
        while run.next().await.unwrap().is_some() {}
        let done = run.finish();
        (done.bytes, done.damaged_chunks)
    };
    assert_eq!(verified().await, (2000, 0));
    let key = object.segment.object_key();
    rig.store.delete(&key).await.unwrap();
    assert_eq!(verified().await, (2000, 400));
    rig.store
        .put(&key, vec![vec![0; object.bytes.try_into().unwrap()].into()])
        .await
        .unwrap();
    assert_eq!(verified().await, (2000, 400));
    let rig = rig.restarted();
    let damaged = read(&rig, "a", 0, 0).await;
    assert!(matches!(damaged, Err(Error::Corrupt { .. })), "{damaged:?}");
}

#[tokio::test]
async fn a_capture_whose_keys_name_no_owner_keeps_its_rows() {
    let rig = Rig::new().await;
    let declared = Declared {
        chunk_count: Some(1),
        ..Declared::default()
    };
    let capture = upload(&rig, vec![open("old", declared)]).await.unwrap();
    let uid = capture.capture.uid;
    // As services wrote them before keys named their owner.
    let segment = SegmentId::from_bytes(uid, *Uuid::now_v7().as_bytes());
    let key = segment.object_key();
    rig.store.put(&key, vec!["abc".into()]).await.unwrap();
    let commit = SegmentCommit {
        capture: uid,
        segment,
        bytes: 3,
        chunks: vec![ChunkRecord {
            index: ChunkIndex(0),
            bytes: 3,
            crc32c: crc32c::crc32c(b"abc"),
            blake3: Blake3::of(b"abc"),
            offset: 0,
        }],
        digest: None,
        traceparent: None,
    };
    let rules = CommitRules {
        at: rig.ingest.times(),
        capture_bytes_max: 1000,
    };
    rig.catalog.commit(&[commit], rules).await.unwrap();
    let orphan = SegmentId::from_bytes(uid, *Uuid::now_v7().as_bytes());
    let orphan = orphan.object_key();
    rig.store.put(&orphan, vec!["x".into()]).await.unwrap();
    rig.ingest.fold_once().await.unwrap();
    let unfolded = rig.catalog.unfolded(None, None, 9).await.unwrap();
    assert_eq!(unfolded, []);
    let later = Timestamp::now().plus(GRACE * 2);
    rig.ingest.sweep_once(GRACE, later).await.unwrap();
    assert_eq!(rig.store.keys(), [key]);
    assert_eq!(read(&rig, "old", 0, 0).await.unwrap(), b"abc");
    rig.ingest.delete(&id("old")).await.unwrap();
    rig.ingest.sweep_once(GRACE, later).await.unwrap();
    assert_eq!(rig.store.keys(), []);
}
