//! Write-once slots, and what is missing.

use super::*;
use crate::catalog::Slots;

pub(super) async fn suite(catalog: &dyn Catalog) {
    first_write_wins(catalog).await;
    one_commit_answers_for_each_segment(catalog).await;
    declared_bounds_hold_under_the_lock(catalog).await;
    missing_is_exact(catalog).await;
    chunks_come_in_index_order(catalog).await;
    a_condemned_segment_never_enters(catalog).await;
}

async fn first_write_wins(catalog: &dyn Catalog) {
    let capture = create(catalog, "slots-first", Declared::default()).await;
    let first = segment(capture.uid, &[(0, b"one"), (1, b"two")]);
    let (outcomes, _) = slots_of(commit(catalog, first.clone()).await);
    assert_eq!(outcomes, [SlotOutcome::Stored, SlotOutcome::Stored]);

    // Equal, other and new bytes in one segment: each slot has its own outcome.
    let second = segment(capture.uid, &[(0, b"one"), (1, b"TWO"), (2, b"three")]);
    let (outcomes, now) = slots_of(commit(catalog, second.clone()).await);
    assert_eq!(outcomes[0], SlotOutcome::Duplicate);
    assert!(matches!(outcomes[1], SlotOutcome::Conflict(s) if s.blake3 == Blake3::of(b"two")));
    assert_eq!(outcomes[2], SlotOutcome::Stored);
    assert_eq!((now.progress.chunks, now.progress.bytes), (3, 11));

    let stored = catalog
        .chunks(capture.uid, ChunkIndex(0), 10)
        .await
        .unwrap();
    let holders: Vec<_> = stored.iter().map(|c| c.segment).collect();
    assert_eq!(holders, [first.segment, first.segment, second.segment]);

    let indexes = [1, 2, 7].map(ChunkIndex);
    let Slots::Taken(mut slots) = catalog.slots(capture.uid, &indexes).await.unwrap() else {
        panic!("no capture is folded by itself");
    };
    slots.sort_by_key(|(index, _)| *index);
    let held: Vec<_> = slots.iter().map(|(i, s)| (i.0, s.bytes)).collect();
    assert_eq!(held, [(1, 3), (2, 5)]);

    // A segment without a winner holds nothing: its object may go.
    let loser = segment(capture.uid, &[(0, b"one")]);
    commit(catalog, loser.clone()).await;
    let condemned = catalog.condemned(None, 1000).await.unwrap();
    assert!(condemned.contains(&loser.segment) && !condemned.contains(&second.segment));
}

async fn one_commit_answers_for_each_segment(catalog: &dyn Catalog) {
    let here = create(catalog, "slots-here", Declared::default()).await;
    let gone = Uid::generate();
    let all = [
        segment(here.uid, &[(0, b"a")]),
        segment(gone, &[(0, b"x")]),
        segment(here.uid, &[(0, b"b"), (1, b"c")]),
    ];
    let committed = catalog.commit(&all, rules()).await.unwrap();
    assert!(
        matches!(&committed[0], Committed::Slots { outcomes, .. } if *outcomes == [SlotOutcome::Stored])
    );
    assert_eq!(committed[1], Committed::CaptureGone);
    let (outcomes, now) = slots_of(committed[2].clone());
    assert!(matches!(
        outcomes[..],
        [SlotOutcome::Conflict(_), SlotOutcome::Stored]
    ));
    assert_eq!(now.progress.chunks, 2);
}

async fn declared_bounds_hold_under_the_lock(catalog: &dyn Catalog) {
    let declared = Declared {
        chunk_count: Some(3),
        chunk_bytes: Some(4),
        ..Declared::default()
    };
    let capture = create(catalog, "slots-bounds", declared).await;
    let chunks: [(u32, &[u8]); 5] = [
        (3, b"aaaa"),
        (0, b"aaaaa"),
        (0, b"aaa"),
        (1, b"aaaa"),
        (2, b"a"),
    ];
    let (outcomes, now) = slots_of(commit(catalog, segment(capture.uid, &chunks)).await);
    let wrong = SlotOutcome::WrongSize { chunk_bytes: 4 };
    let refused = [SlotOutcome::OutOfRange { count: 3 }, wrong.clone(), wrong];
    assert_eq!(outcomes[..3], refused);
    assert_eq!(outcomes[3..], [SlotOutcome::Stored, SlotOutcome::Stored]);
    assert_eq!(now.progress.short, Some(ChunkIndex(2)));

    let large = create(catalog, "slots-large", Declared::default()).await;
    let body = [7; 600];
    let chunks: [(u32, &[u8]); 2] = [(0, &body), (1, &body)];
    let (outcomes, _) = slots_of(commit(catalog, segment(large.uid, &chunks)).await);
    let bytes_max = CAPTURE_BYTES_MAX;
    assert_eq!(outcomes[1], SlotOutcome::CaptureTooLarge { bytes_max });
}

async fn missing_is_exact(catalog: &dyn Catalog) {
    let check = async |id: &str, count: Option<u32>, durable: &[u32], wanted: &[(u32, u32)]| {
        let declared = Declared {
            chunk_count: count,
            ..Declared::default()
        };
        let capture = create(catalog, id, declared).await;
        let chunks: Vec<(u32, &[u8])> = durable.iter().map(|i| (*i, &b"x"[..])).collect();
        if !chunks.is_empty() {
            commit(catalog, segment(capture.uid, &chunks)).await;
        }
        let missing = catalog.missing(capture.uid, None, 3).await.unwrap();
        let (now, missing) = missing.unwrap();
        assert_eq!(Some(now), catalog.by_uid(capture.uid).await.unwrap());
        let ranges: Vec<_> = missing
            .ranges
            .iter()
            .map(|r| (r.first().0, r.last().0))
            .collect();
        assert_eq!(ranges, wanted[..wanted.len().min(3)], "{id}");
        let chunks: u32 = wanted.iter().map(|(first, last)| last - first + 1).sum();
        assert_eq!(
            (missing.chunks, missing.truncated),
            (chunks, wanted.len() > 3),
            "{id}"
        );
    };
    check("missing-all", Some(4), &[], &[(0, 3)]).await;
    check("missing-none-known", None, &[], &[]).await;
    check("missing-below-highest", None, &[2, 5], &[(0, 1), (3, 4)]).await;
    check(
        "missing-ends",
        Some(6),
        &[1, 3, 4],
        &[(0, 0), (2, 2), (5, 5)],
    )
    .await;
    check("missing-tail", Some(6), &[0, 1], &[(2, 5)]).await;
    let many = [(0, 0), (2, 2), (4, 4), (6, 6)];
    check("missing-truncated", Some(8), &[1, 3, 5, 7], &many).await;
    check(
        "missing-tail-truncated",
        Some(8),
        &[1, 3, 5, 6],
        &[(0, 0), (2, 2), (4, 4), (7, 7)],
    )
    .await;
    check("missing-nothing", Some(2), &[0, 1], &[]).await;
}

async fn chunks_come_in_index_order(catalog: &dyn Catalog) {
    let capture = create(catalog, "slots-order", Declared::default()).await;
    commit(catalog, segment(capture.uid, &[(4, b"eeee"), (0, b"a")])).await;
    commit(catalog, segment(capture.uid, &[(2, b"cc")])).await;
    let page = catalog.chunks(capture.uid, ChunkIndex(0), 2).await.unwrap();
    let seen: Vec<_> = page
        .iter()
        .map(|c| (c.index.0, c.bytes, c.offset))
        .collect();
    assert_eq!(seen, [(0, 1, 4), (2, 2, 0)]);
    let rest = catalog.chunks(capture.uid, ChunkIndex(3), 2).await.unwrap();
    assert_eq!(rest.len(), 1);
    assert_eq!(rest[0].crc32c, crc32c::crc32c(b"eeee"));
}

async fn a_condemned_segment_never_enters(catalog: &dyn Catalog) {
    let capture = create(catalog, "slots-condemned", Declared::default()).await;
    let late = segment(capture.uid, &[(0, b"late")]);
    let live = segment(capture.uid, &[(1, b"live")]);
    commit(catalog, live.clone()).await;

    let both = [late.segment, live.segment];
    catalog.condemn_orphans(&both, NOW).await.unwrap();
    catalog.condemn_orphans(&both, NOW).await.unwrap();
    let condemned = catalog.condemned(None, 1000).await.unwrap();
    assert!(condemned.contains(&late.segment) && !condemned.contains(&live.segment));
    assert_eq!(commit(catalog, late.clone()).await, Committed::Condemned);

    catalog.swept(&[late.segment]).await.unwrap();
    assert!(
        !catalog
            .condemned(None, 1000)
            .await
            .unwrap()
            .contains(&late.segment)
    );
    assert_eq!(commit(catalog, late.clone()).await, Committed::Condemned);
    // Its object came back: it goes once more.
    catalog.condemn_orphans(&[late.segment], NOW).await.unwrap();
    assert!(
        catalog
            .condemned(None, 1000)
            .await
            .unwrap()
            .contains(&late.segment)
    );

    catalog.swept(&[late.segment]).await.unwrap();
    catalog.forget_swept(NOW).await.unwrap();
    assert_eq!(commit(catalog, late.clone()).await, Committed::Condemned);
    catalog.forget_swept(NOW.plus(KEPT)).await.unwrap();
    let (outcomes, now) = slots_of(commit(catalog, late).await);
    assert_eq!(outcomes, [SlotOutcome::Stored]);
    assert_eq!(now.progress.chunks, 2);
}
