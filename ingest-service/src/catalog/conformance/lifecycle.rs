//! Captures begin, are sealed, listed, deleted and expire.

use super::*;
use crate::{
    catalog::CatalogError,
    domain::capture::{DigestOnTheWay, Refusal, SealParams, SealStep, State},
};

pub(super) async fn suite(catalog: &dyn Catalog) {
    an_id_is_one_capture(catalog).await;
    the_declared_count_seals(catalog).await;
    a_refused_seal_changes_nothing(catalog).await;
    a_digest_is_settled_by_a_read(catalog).await;
    deleted_captures_leave_nothing(catalog).await;
}

#[track_caller]
fn refused<T: std::fmt::Debug>(result: Result<T, CatalogError>) -> Refusal {
    match result {
        Err(CatalogError::Refused(refusal)) => refusal,
        other => panic!("not refused: {other:?}"),
    }
}

async fn an_id_is_one_capture(catalog: &dyn Catalog) {
    let first = create(catalog, "life-one", Declared::default()).await;
    let filled = create(catalog, "life-one", of_count(2)).await;
    assert_eq!(
        (first.uid, filled.declared.chunk_count),
        (filled.uid, Some(2))
    );
    assert_eq!(
        catalog.by_id(&first.id).await.unwrap(),
        Some(filled.clone())
    );
    assert_eq!(
        catalog.by_uid(first.uid).await.unwrap(),
        Some(filled.clone())
    );

    let at = times();
    let differs = catalog
        .create(&spec("life-one", of_count(3)), at, OPEN_MAX)
        .await;
    let field = "chunk_count";
    assert_eq!(refused(differs), Refusal::ParamsDiffer { field });
    assert_eq!(catalog.by_uid(first.uid).await.unwrap(), Some(filled));

    let mut labelled = spec("life-labels", Declared::default());
    labelled.labels = [("site", "öst"), ("a\"b", "")]
        .map(|(name, value)| (name.into(), value.into()))
        .into();
    labelled.file_name = "x.pcap".into();
    let created = catalog.create(&labelled, at, OPEN_MAX).await.unwrap();
    let found = catalog.by_id(&created.id).await.unwrap().unwrap();
    assert_eq!(
        (found.labels, found.file_name),
        (labelled.labels, labelled.file_name)
    );
}

async fn the_declared_count_seals(catalog: &dyn Catalog) {
    let capture = store_two_of_three(catalog, "life-count").await;
    assert_eq!(capture.state, State::Receiving);
    let (_, sealed) = slots_of(commit(catalog, segment(capture.uid, &[(1, b"bbb")])).await);
    assert_eq!(sealed.state, State::Sealed);
    assert_eq!(
        (sealed.crc32c, sealed.sealed),
        (Some(crc32c::crc32c(b"aabbbc")), Some(NOW))
    );
    assert_eq!(
        catalog.by_uid(capture.uid).await.unwrap(),
        Some(sealed.clone())
    );

    // Sealed slots are compared, and none are added.
    let again = segment(capture.uid, &[(1, b"bbb"), (1, b"BBB"), (3, b"d")]);
    let (outcomes, now) = slots_of(commit(catalog, again).await);
    assert_eq!(outcomes[0], SlotOutcome::Duplicate);
    assert!(matches!(outcomes[1], SlotOutcome::Conflict(_)));
    assert_eq!(outcomes[2], SlotOutcome::OutOfRange { count: 3 });
    assert_eq!(now, sealed);

    // A late count seals as well, also of nothing.
    let late = create(catalog, "life-late-count", Declared::default()).await;
    commit(catalog, segment(late.uid, &[(0, b"a")])).await;
    assert_eq!(
        create(catalog, "life-late-count", of_count(1)).await.state,
        State::Sealed
    );
    let empty = create(catalog, "life-empty", of_count(0)).await;
    assert_eq!((empty.state, empty.crc32c), (State::Sealed, Some(0)));
}

async fn a_refused_seal_changes_nothing(catalog: &dyn Catalog) {
    let capture = create(catalog, "life-refused", Declared::default()).await;
    commit(catalog, segment(capture.uid, &[(0, b"a"), (2, b"c")])).await;
    let before = catalog.by_uid(capture.uid).await.unwrap();
    let check = async |chunk_count: u32, wanted: Refusal| {
        let params = SealParams {
            chunk_count: Some(chunk_count),
            ..SealParams::default()
        };
        let sealed = catalog.seal(capture.uid, &params, None, times()).await;
        assert_eq!(refused(sealed), wanted);
        assert_eq!(catalog.by_uid(capture.uid).await.unwrap(), before);
    };
    check(3, Refusal::Incomplete { count: 3 }).await;
    let highest = ChunkIndex(2);
    check(2, Refusal::BeyondCount { count: 2, highest }).await;
    let nothing = SealParams::default();
    let unknown = catalog.seal(Uid::generate(), &nothing, None, times()).await;
    assert_eq!(unknown.unwrap(), None);
}

async fn a_digest_is_settled_by_a_read(catalog: &dyn Catalog) {
    let declared = Declared {
        sha256: sha(b"right"),
        ..of_count(1)
    };
    // Known on the way: sealed with the commit.
    let capture = create(catalog, "life-on-the-way", declared.clone()).await;
    let mut known = segment(capture.uid, &[(0, b"right")]);
    known.digest = Some(DigestOnTheWay {
        chunks: 1,
        sha256: Sha256::of(b"right"),
    });
    let (_, sealed) = slots_of(commit(catalog, known).await);
    assert_eq!(
        (sealed.state, sealed.sha256),
        (State::Sealed, sha(b"right"))
    );

    // Of bytes that did not all get their slots: as good as not known.
    let capture = create(catalog, "life-lost-slot", declared.clone()).await;
    let mut lost = segment(capture.uid, &[(0, b"right"), (0, b"wrong")]);
    lost.digest = Some(DigestOnTheWay {
        chunks: 1,
        sha256: Sha256::of(b"wrong"),
    });
    let (_, sealing) = slots_of(commit(catalog, lost).await);
    assert_eq!(sealing.state, State::Sealing);

    // Not known: sealing, until a read says so.
    let capture = create(catalog, "life-read", declared.clone()).await;
    let (_, sealing) = slots_of(commit(catalog, segment(capture.uid, &[(0, b"right")])).await);
    assert_eq!(sealing.state, State::Sealing);
    assert!(catalog.sealing().await.unwrap().contains(&capture.uid));
    let joined = catalog
        .seal(capture.uid, &SealParams::default(), None, times())
        .await;
    assert_eq!(joined.unwrap().unwrap().1, SealStep::NeedsDigest);
    let at = Times {
        expires: NOW.plus(KEPT * 2),
        ..times()
    };
    let read = |chunks: u32, data: &[u8]| DigestOnTheWay {
        chunks,
        sha256: Sha256::of(data),
    };
    // A read that began before the last chunk came says nothing.
    let early = catalog.settle_digest(capture.uid, read(0, b""), at).await;
    let highest = ChunkIndex(0);
    assert_eq!(refused(early), Refusal::BeyondCount { count: 0, highest });
    let sealed = catalog
        .settle_digest(capture.uid, read(1, b"right"), at)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        (sealed.state, sealed.sha256),
        (State::Sealed, sha(b"right"))
    );
    assert_eq!(sealed.crc32c, Some(crc32c::crc32c(b"right")));

    // Wrong, or not to be told: receiving again, the data kept.
    let capture = create(catalog, "life-wrong", declared).await;
    commit(catalog, segment(capture.uid, &[(0, b"wrong")])).await;
    let wrong = catalog
        .settle_digest(capture.uid, read(1, b"wrong"), at)
        .await;
    assert_eq!(refused(wrong), Refusal::DigestDiffers);
    let kept = catalog.by_uid(capture.uid).await.unwrap().unwrap();
    assert_eq!((kept.state, kept.progress.chunks), (State::Receiving, 1));
    assert_eq!(kept.expires, at.expires);
    catalog
        .seal(capture.uid, &SealParams::default(), None, times())
        .await
        .unwrap();
    catalog.abandon_seal(capture.uid, at.expires).await.unwrap();
    assert_eq!(catalog.by_uid(capture.uid).await.unwrap(), Some(kept));
}

async fn deleted_captures_leave_nothing(catalog: &dyn Catalog) {
    let capture = create(catalog, "life-delete", Declared::default()).await;
    let stored = segment(capture.uid, &[(0, b"a")]);
    commit(catalog, stored.clone()).await;
    assert_eq!(
        catalog.delete(&capture.id, NOW).await.unwrap(),
        Some(capture.uid)
    );
    assert_eq!(catalog.delete(&capture.id, NOW).await.unwrap(), None);
    assert_eq!(catalog.by_uid(capture.uid).await.unwrap(), None);
    assert!(
        catalog
            .chunks(capture.uid, ChunkIndex(0), 9)
            .await
            .unwrap()
            .is_empty()
    );
    assert!(
        catalog
            .condemned(None, 1000)
            .await
            .unwrap()
            .contains(&stored.segment)
    );
    let missing = catalog.missing(capture.uid, None, 9).await.unwrap();
    assert_eq!(missing, None);
    let late = segment(capture.uid, &[(1, b"b")]);
    assert_eq!(commit(catalog, late).await, Committed::CaptureGone);
    let next = create(catalog, "life-delete", Declared::default()).await;
    assert_ne!(next.uid, capture.uid);
    assert_eq!(next.progress.chunks, 0);
}
