//! Uploads as lists of items, and what is left of them.

mod digests;
mod running;

use expect_test::{Expect, expect};

use super::*;
use crate::domain::{
    capture::{Declared, State},
    id::{ChunkIndex, Sha256},
    testing::{Rig, SETTINGS, chunk, incoming, open, room, upload},
};

const ID: &str = "cap";

fn declared(chunk_count: u32) -> Declared {
    Declared {
        chunk_count: Some(chunk_count),
        ..Declared::default()
    }
}

/// What a caller is told, and what the catalog then says.
async fn told(rig: &Rig, items: Vec<UploadItem>) -> String {
    let answer = match upload(rig, items).await {
        Ok(done) => format!("ok, {} stored, {} duplicate", done.stored, done.duplicate),
        Err(error) => error.to_string(),
    };
    let left = match rig.catalog.by_id(&ID.parse().unwrap()).await.unwrap() {
        None => "nothing".to_owned(),
        Some(c) => format!(
            "{:?}, {} chunks, {} bytes",
            c.state, c.progress.chunks, c.progress.bytes
        ),
    };
    format!("{answer}; {left}")
}

async fn check(items: Vec<UploadItem>, expected: Expect) {
    expected.assert_eq(&told(&Rig::new().await, items).await);
}

fn finish(params: SealParams) -> UploadItem {
    UploadItem::Finish(params)
}

#[tokio::test]
async fn the_end_of_the_stream_seals_only_what_is_declared_complete() {
    let undeclared = || open(ID, Declared::default());
    check(
        vec![open(ID, declared(2)), chunk(1, "b"), chunk(0, "a")],
        expect!["ok, 2 stored, 0 duplicate; Sealed, 2 chunks, 2 bytes"],
    )
    .await;
    check(
        vec![undeclared(), chunk(0, "a")],
        expect!["ok, 1 stored, 0 duplicate; Receiving, 1 chunks, 1 bytes"],
    )
    .await;
    check(
        vec![undeclared(), chunk(0, "a"), UploadItem::Broken],
        expect!["the call has ended; Receiving, 1 chunks, 1 bytes"],
    )
    .await;
    check(
        vec![undeclared(), chunk(0, "a"), finish(SealParams::default())],
        expect!["ok, 1 stored, 0 duplicate; Sealed, 1 chunks, 1 bytes"],
    )
    .await;
    check(
        vec![undeclared(), finish(SealParams::default())],
        expect!["ok, 0 stored, 0 duplicate; Sealed, 0 chunks, 0 bytes"],
    )
    .await;
    check(
        vec![open(ID, declared(0))],
        expect!["ok, 0 stored, 0 duplicate; Sealed, 0 chunks, 0 bytes"],
    )
    .await;
}

#[tokio::test]
async fn a_refused_message_keeps_all_that_came_before_it() {
    let begin = |last: UploadItem| vec![open(ID, declared(4)), chunk(0, "a"), chunk(1, "b"), last];
    check(
        begin(chunk(9, "x")),
        expect!["chunk 9 is beyond the last, 3 of 4; Receiving, 2 chunks, 2 bytes"],
    )
    .await;
    check(
        begin(chunk(1, "B")),
        expect!["chunk 1 differs from the one already stored; Receiving, 2 chunks, 2 bytes"],
    )
    .await;
    check(
        begin(open(ID, declared(4))),
        expect!["open comes once, and first; Receiving, 2 chunks, 2 bytes"],
    )
    .await;
    check(
        begin(UploadItem::Refused(Error::Order("unset"))),
        expect!["unset; Receiving, 2 chunks, 2 bytes"],
    )
    .await;
    let mut wrong = incoming(2, "c");
    wrong.crc32c = Some(1);
    check(
        begin(UploadItem::Chunk(wrong, room())),
        expect!["chunk 2 does not have its checksum; Receiving, 2 chunks, 2 bytes"],
    )
    .await;
    let after_finish = vec![
        open(ID, Declared::default()),
        chunk(0, "a"),
        finish(SealParams::default()),
        chunk(1, "b"),
    ];
    check(
        after_finish,
        expect!["nothing may come after finish; Receiving, 1 chunks, 1 bytes"],
    )
    .await;
    let not_open = vec![chunk(0, "a")];
    check(not_open, expect!["the first message must be open; nothing"]).await;
    check(vec![], expect!["the first message must be open; nothing"]).await;
}

#[tokio::test]
async fn a_conflict_with_durable_bytes_fails_its_chunk_alone() {
    let rig = Rig::new().await;
    let first = vec![open(ID, Declared::default()), chunk(1, "b")];
    told(&rig, first).await;
    let second = vec![
        open(ID, Declared::default()),
        chunk(0, "a"),
        chunk(1, "B"),
        chunk(2, "c"),
    ];
    expect!["chunk 1 differs from the one already stored; Receiving, 3 chunks, 3 bytes"]
        .assert_eq(&told(&rig, second).await);
    let third = vec![
        open(ID, declared(3)),
        chunk(0, "a"),
        chunk(1, "b"),
        chunk(2, "c"),
    ];
    expect!["ok, 0 stored, 3 duplicate; Sealed, 3 chunks, 3 bytes"]
        .assert_eq(&told(&rig, third).await);
}

#[tokio::test]
async fn a_refused_finish_keeps_the_data_and_says_what_is_wrong() {
    let begin = |params| {
        vec![
            open(ID, Declared::default()),
            chunk(0, "a"),
            chunk(2, "c"),
            finish(params),
        ]
    };
    let count = |chunk_count| SealParams {
        chunk_count: Some(chunk_count),
        ..SealParams::default()
    };
    check(
        begin(count(4)),
        expect!["2 chunks are missing; Receiving, 2 chunks, 2 bytes"],
    )
    .await;
    check(
        begin(count(1)),
        expect!["chunk 2 is durable, beyond the count of 1; Receiving, 2 chunks, 2 bytes"],
    )
    .await;
    let mut differs = begin(count(3));
    differs[0] = open(ID, declared(4));
    check(
        differs,
        expect!["chunk_count differs from what was declared; Receiving, 2 chunks, 2 bytes"],
    )
    .await;
    let size = SealParams {
        size_bytes: Some(9),
        ..SealParams::default()
    };
    check(
        vec![open(ID, Declared::default()), chunk(0, "a"), finish(size)],
        expect!["the capture has 1 bytes, not 9; Receiving, 1 chunks, 1 bytes"],
    )
    .await;
}

fn of_digest(data: &[u8], chunk_count: Option<u32>) -> Declared {
    Declared {
        chunk_count,
        sha256: Some(Sha256::of(data)),
        ..Declared::default()
    }
}

#[tokio::test]
async fn a_digest_is_verified_whatever_the_order() {
    let three = |declared, order: [u32; 3]| {
        let mut items = vec![open(ID, declared)];
        items.extend(order.map(|n| chunk(n, ["a", "b", "c"][n as usize])));
        items
    };
    let sealed = "ok, 3 stored, 0 duplicate; Sealed, 3 chunks, 3 bytes";
    let wrong = "the capture's SHA-256 is another one; Receiving, 3 chunks, 3 bytes";
    for order in [[0, 1, 2], [2, 0, 1]] {
        for count in [Some(3), None] {
            for (data, expected) in [(&b"abc"[..], sealed), (b"abd", wrong)] {
                let mut items = three(of_digest(data, count), order);
                items.push(finish(SealParams::default()));
                let told = told(&Rig::new().await, items).await;
                assert_eq!(told, expected, "{order:?} {count:?}");
            }
        }
        // First told at the end, of a capture that its count has sealed already.
        for (data, expected) in [
            (&b"abc"[..], sealed),
            (
                b"abd",
                "the capture's SHA-256 is another one; Sealed, 3 chunks, 3 bytes",
            ),
        ] {
            let mut items = three(declared(3), order);
            items.push(finish(SealParams {
                sha256: Some(Sha256::of(data)),
                ..SealParams::default()
            }));
            assert_eq!(told(&Rig::new().await, items).await, expected, "{order:?}");
        }
    }
}

#[tokio::test]
async fn a_digest_that_came_in_order_needs_no_read() {
    let rig = Rig::new().await;
    let items = vec![
        open(ID, of_digest(b"ab", Some(2))),
        chunk(0, "a"),
        chunk(1, "b"),
    ];
    let done = upload(&rig, items).await.unwrap();
    assert_eq!(done.capture.state, State::Sealed);
    assert_eq!(done.capture.sha256, Some(Sha256::of(b"ab")));
    assert!(rig.catalog.sealing().await.unwrap().is_empty());
}

#[tokio::test]
async fn a_check_that_a_restart_cut_goes_on() {
    let rig = Rig::new().await;
    rig.shutdown.cancel();
    let items = vec![
        open(ID, of_digest(b"ab", Some(2))),
        chunk(1, "b"),
        chunk(0, "a"),
    ];
    expect!["the call has ended; Sealing, 2 chunks, 2 bytes"].assert_eq(&told(&rig, items).await);
    let rig = rig.restarted();
    rig.ingest.resume_checks().await.unwrap();
    let capture = rig.ingest.get(&ID.parse().unwrap()).await.unwrap();
    let sealed = rig
        .ingest
        .seal(&capture, &SealParams::default(), None)
        .await;
    assert_eq!(sealed.unwrap().state, State::Sealed);
}

#[tokio::test]
async fn a_check_that_finds_damage_returns_the_capture() {
    let rig = Rig::new().await;
    let items = vec![
        open(ID, Declared::default()),
        chunk(1, "bb"),
        chunk(0, "aa"),
    ];
    told(&rig, items).await;
    rig.store.corrupt_all(0);
    let params = SealParams {
        sha256: Some(Sha256::of(b"aabb")),
        ..SealParams::default()
    };
    let capture = rig.ingest.get(&ID.parse().unwrap()).await.unwrap();
    let Err(Error::Corrupt { ranges, .. }) = rig.ingest.seal(&capture, &params, None).await else {
        panic!("the damage was not seen");
    };
    assert_eq!(ranges.len(), 1);
    assert_eq!(ranges[0].first(), ChunkIndex(1));
    let after = rig.ingest.get(&ID.parse().unwrap()).await.unwrap();
    assert_eq!(after.state, State::Receiving);
}
