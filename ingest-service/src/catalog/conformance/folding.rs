//! Rows become manifests, which are shared.

use super::*;
use crate::{
    catalog::{Content, Fold, Folding, Slots},
    domain::{
        capture::{DigestOnTheWay, ManifestObject, State, StoredManifest},
        shape::Shape,
    },
};

pub(super) async fn suite(catalog: &dyn Catalog) {
    a_fold_takes_the_rows_away(catalog).await;
    a_condemned_manifest_is_never_named(catalog).await;
    orphans_of_folded_contents_are_not_condemned(catalog).await;
    a_late_chunk_size_is_compared_with_folded_chunks(catalog).await;
}

const ALL: u32 = 100_000;

/// A sealed capture of two chunks whose digest is known, and its segment.
pub(super) async fn sealed(
    catalog: &dyn Catalog,
    id: &str,
    data: [&[u8]; 2],
) -> (Capture, SegmentId) {
    let whole = data.concat();
    let declared = Declared {
        sha256: sha(&whole),
        ..of_count(2)
    };
    let capture = create(catalog, id, declared).await;
    let mut stored = segment(capture.uid, &[(0, data[0]), (1, data[1])]);
    stored.digest = Some(DigestOnTheWay {
        chunks: 2,
        sha256: Sha256::of(&whole),
    });
    let (_, capture) = slots_of(commit(catalog, stored.clone()).await);
    assert_eq!(capture.state, State::Sealed);
    (capture, stored.segment)
}

pub(super) fn inline(bytes: &'static [u8]) -> StoredManifest {
    StoredManifest::Inline(bytes.into())
}

fn object(owner: Uid) -> StoredManifest {
    StoredManifest::Object(ManifestObject {
        segment: SegmentId::generate(owner),
        bytes: 9,
        blake3: Blake3::of(b"manifest"),
    })
}

fn fold_of(uid: Uid, manifest: StoredManifest) -> Fold {
    Fold {
        uid,
        manifest,
        shape: Shape {
            uniform: Some(2),
            last: 1,
        },
        segments: 1,
        now: NOW,
    }
}

pub(super) async fn fold(catalog: &dyn Catalog, uid: Uid, manifest: StoredManifest) -> Folding {
    let done = catalog.fold(&[fold_of(uid, manifest)]).await.unwrap();
    assert_eq!(done.len(), 1);
    done[0]
}

pub(super) async fn now(catalog: &dyn Catalog, uid: Uid) -> Capture {
    catalog.by_uid(uid).await.unwrap().unwrap()
}

pub(super) async fn content_of(catalog: &dyn Catalog, owner: Uid) -> Option<Content> {
    let mut found = catalog.contents(&[owner]).await.unwrap();
    assert!(found.len() <= 1);
    found.pop().map(|(uid, content)| {
        assert_eq!(uid, owner);
        content
    })
}

pub(super) async fn drop_rows(catalog: &dyn Catalog) {
    while catalog.drop_folded_rows(1).await.unwrap() {}
}

async fn a_fold_takes_the_rows_away(catalog: &dyn Catalog) {
    let (capture, stored) = sealed(catalog, "fold-rows", [b"ab", b"c"]).await;
    let uid = capture.uid;
    let unfolded = catalog.unfolded(None, None, ALL).await.unwrap();
    assert!(unfolded.contains(&capture));
    let digest = capture.sha256;
    assert_eq!(
        catalog.unfolded(digest, None, ALL).await.unwrap(),
        std::slice::from_ref(&capture)
    );
    assert_eq!(
        catalog.unfolded(sha(b"other"), None, ALL).await.unwrap(),
        []
    );
    assert_eq!(catalog.unfolded(digest, Some(uid), ALL).await.unwrap(), []);
    let segments = catalog.segments(uid, None, ALL).await.unwrap();
    let held: Vec<_> = segments.iter().map(|s| (s.segment, s.bytes)).collect();
    assert_eq!(held, [(stored, 3)]);
    assert_eq!(catalog.segments(uid, Some(stored), ALL).await.unwrap(), []);
    assert_eq!(content_of(catalog, uid).await, Some(Content::Rows));

    // One that still receives is not folded, nor one that is not there.
    let receiving = create(catalog, "fold-receiving", of_count(2)).await;
    let folds = [receiving.uid, Uid::generate(), uid].map(|uid| fold_of(uid, inline(b"m")));
    let done = catalog.fold(&folds).await.unwrap();
    assert_eq!(
        done,
        [Folding::NotNeeded, Folding::NotNeeded, Folding::Folded]
    );
    assert_eq!(
        fold(catalog, uid, inline(b"second")).await,
        Folding::NotNeeded
    );

    let folded = now(catalog, uid).await;
    let expected = Capture {
        manifest: Some(inline(b"m")),
        ..capture
    };
    assert_eq!(folded, expected);
    assert_eq!(catalog.unfolded(digest, None, ALL).await.unwrap(), []);
    assert_eq!(catalog.segments(uid, None, ALL).await.unwrap(), []);
    let boxed = Box::new(folded);
    let content = Content::Folded {
        capture: boxed,
        objects: 1,
    };
    assert_eq!(content_of(catalog, uid).await, Some(content));
    // Also while its rows of chunks are still there.
    let slots = catalog.slots(uid, &[ChunkIndex(0)]).await.unwrap();
    assert_eq!(slots, Slots::Folded);
    drop_rows(catalog).await;
    assert_eq!(catalog.chunks(uid, ChunkIndex(0), ALL).await.unwrap(), []);
    assert_eq!(
        catalog.slots(uid, &[ChunkIndex(0)]).await.unwrap(),
        Slots::Folded
    );
    let late = segment(uid, &[(0, b"ab")]);
    assert_eq!(commit(catalog, late).await, Committed::Folded);
    let again = create(catalog, "fold-rows", of_count(2)).await;
    assert_eq!((again.uid, again.state), (uid, State::Sealed));

    // One that keeps its rows is not asked for again.
    let (kept, _) = sealed(catalog, "fold-kept", [b"kept", b"c"]).await;
    catalog.keep_rows(kept.uid).await.unwrap();
    assert_eq!(catalog.unfolded(kept.sha256, None, ALL).await.unwrap(), []);
    assert_eq!(now(catalog, kept.uid).await, kept);
    assert_eq!(content_of(catalog, kept.uid).await, Some(Content::Rows));
}

async fn a_condemned_manifest_is_never_named(catalog: &dyn Catalog) {
    let (capture, stored) = sealed(catalog, "fold-condemned", [b"xy", b"z"]).await;
    let uid = capture.uid;
    let StoredManifest::Object(slow) = object(uid) else {
        panic!("an object");
    };
    catalog.condemn_orphans(&[slow.segment], NOW).await.unwrap();
    let folding = fold(catalog, uid, StoredManifest::Object(slow)).await;
    assert_eq!(folding, Folding::Condemned);
    assert_eq!(now(catalog, uid).await, capture);
    let held = catalog.segments(uid, None, ALL).await.unwrap();
    assert_eq!(held.iter().map(|s| s.segment).collect::<Vec<_>>(), [stored]);
    let named = object(uid);
    assert_eq!(fold(catalog, uid, named.clone()).await, Folding::Folded);
    let folded = now(catalog, uid).await;
    assert_eq!(folded.manifest, Some(named));
    let capture = Box::new(folded);
    let content = Content::Folded {
        capture,
        objects: 2,
    };
    assert_eq!(content_of(catalog, uid).await, Some(content));
}

async fn orphans_of_folded_contents_are_not_condemned(catalog: &dyn Catalog) {
    let (capture, stored) = sealed(catalog, "fold-orphans", [b"or", b"p"]).await;
    let named = object(capture.uid);
    fold(catalog, capture.uid, named.clone()).await;
    let StoredManifest::Object(manifest) = named else {
        panic!("an object");
    };
    let unlisted = SegmentId::generate(capture.uid);
    let all = [stored, manifest.segment, unlisted];
    catalog.condemn_orphans(&all, NOW).await.unwrap();
    // Nor when the capture that wrote them is gone and another shares them.
    let shared = create(
        catalog,
        "fold-orphans-2",
        Declared {
            sha256: capture.sha256,
            ..Declared::default()
        },
    );
    let shared = shared.await;
    catalog.delete(&capture.id, NOW).await.unwrap();
    catalog.condemn_orphans(&all, NOW).await.unwrap();
    let condemned = catalog.condemned(None, ALL).await.unwrap();
    assert!(!all.iter().any(|segment| condemned.contains(segment)));
    assert!(matches!(
        content_of(catalog, capture.uid).await,
        Some(Content::Folded { .. })
    ));
    catalog.delete(&shared.id, NOW).await.unwrap();
}

async fn a_late_chunk_size_is_compared_with_folded_chunks(catalog: &dyn Catalog) {
    let (capture, _) = sealed(catalog, "late-folded", [b"la", b"t"]).await;
    fold(catalog, capture.uid, inline(b"m")).await;
    drop_rows(catalog).await;
    let late = async |chunk_bytes: u32| {
        let declared = Declared {
            chunk_bytes: Some(chunk_bytes),
            ..Declared::default()
        };
        let spec = spec("late-folded", declared);
        catalog.create(&spec, times(), OPEN_MAX).await
    };
    assert_eq!(late(2).await.unwrap().uid, capture.uid);
    assert!(late(3).await.is_err());
    assert!(late(1).await.is_err());
}
