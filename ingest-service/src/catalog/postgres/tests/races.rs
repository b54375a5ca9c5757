//! Several services on one database at the same moment.

use std::collections::HashMap;

use futures::future::join_all;

use super::*;
use crate::{
    catalog::{Committed, SegmentCommit},
    domain::{
        capture::{Capture, SlotOutcome, Spec, State},
        id::{SegmentId, Uid},
    },
};
use conformance::{KEPT, NOW, OPEN_MAX, create, of_count, rules, segment, times};

/// Numbers that come again with the same seed, which a failed test shows.
struct Numbers {
    seed: u64,
    drawn: u64,
}

impl Numbers {
    #[allow(clippy::print_stdout, reason = "shown when the test fails")]
    fn new() -> Self {
        let told = std::env::var("WEIR_TEST_SEED").ok();
        let seed = told.map(|seed| seed.parse().expect("a number"));
        let (any, _) = Uuid::new_v4().as_u64_pair();
        let seed = seed.unwrap_or(any);
        println!("WEIR_TEST_SEED={seed}");
        Self { seed, drawn: 0 }
    }

    fn below(&mut self, end: usize) -> usize {
        self.drawn += 1;
        let text = format!("{} {}", self.seed, self.drawn);
        let bits = blake3::hash(text.as_bytes());
        let (bits, _) = bits.as_bytes().split_first_chunk().unwrap();
        usize::try_from(u64::from_le_bytes(*bits) % end as u64).unwrap()
    }

    fn shuffle<T>(&mut self, items: &mut [T]) {
        for end in (2..=items.len()).rev() {
            items.swap(end - 1, self.below(end));
        }
    }
}

pub(super) async fn services(url: &str, count: usize) -> Vec<PostgresCatalog> {
    let opened = (0..count).map(|_| PostgresCatalog::open(url));
    let opened = join_all(opened).await;
    opened.into_iter().map(Result::unwrap).collect()
}

pub(super) async fn deadlocks(url: &str) -> i64 {
    let asked = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()";
    let mut db = connect(url).await;
    run(&mut db, "SELECT pg_stat_force_next_flush()").await;
    sqlx::query_scalar(asked).fetch_one(&mut db).await.unwrap()
}

#[tokio::test]
#[ignore = "needs WEIR_TEST_POSTGRES"]
async fn the_last_two_chunks_seal_once_when_two_services_commit_them_at_once() {
    let url = database().await;
    let services = services(&url, 2).await;
    for round in 0..200 {
        let capture = create(&services[0], &format!("last-{round}"), of_count(2)).await;
        let commits = services.iter().zip(0..).map(|(service, index)| {
            let one = segment(capture.uid, &[(index, b"x")]);
            async move { service.commit(&[one], rules()).await.unwrap().remove(0) }
        });
        let states: Vec<_> = join_all(commits)
            .await
            .into_iter()
            .map(|committed| conformance::slots_of(committed).1.state)
            .collect();
        let sealed = states.iter().filter(|s| **s == State::Sealed).count();
        assert_eq!(sealed, 1, "{states:?}");
        let now = services[1].by_uid(capture.uid).await.unwrap().unwrap();
        assert_eq!((now.state, now.progress.chunks), (State::Sealed, 2));
        assert_eq!(now.crc32c, Some(crc32c::crc32c(b"xx")));
    }
}

#[tokio::test]
#[ignore = "needs WEIR_TEST_POSTGRES"]
async fn a_slot_that_several_services_write_at_once_has_one_winner() {
    const CHUNKS: u32 = 12;
    let url = database().await;
    let services = services(&url, 3).await;
    let mut numbers = Numbers::new();
    for round in 0..60 {
        let capture = create(&services[0], &format!("slots-{round}"), of_count(CHUNKS)).await;
        let mut commits = Vec::new();
        for (service, body) in services.iter().zip([b"same", b"same", b"else"]) {
            let mut indexes: Vec<u32> = (0..CHUNKS).collect();
            numbers.shuffle(&mut indexes);
            let parts = indexes.chunks(1 + numbers.below(CHUNKS as usize));
            let parts = parts.map(|part| {
                let chunks: Vec<_> = part.iter().map(|index| (*index, &body[..])).collect();
                segment(capture.uid, &chunks)
            });
            commits.push(commit_each(service, parts.collect()));
        }
        let mut winners = HashMap::new();
        for (segment, outcomes) in join_all(commits).await.into_iter().flatten() {
            for (chunk, outcome) in segment.chunks.iter().zip(outcomes) {
                match outcome {
                    SlotOutcome::Stored => {
                        let second = winners.insert(chunk.index, segment.segment);
                        assert_eq!(second, None, "{:?}", chunk.index);
                    }
                    SlotOutcome::Duplicate | SlotOutcome::Conflict(_) => {}
                    other => panic!("{other:?}"),
                }
            }
        }
        check_whole(&services[0], capture.uid, &winners).await;
    }
    assert_eq!(deadlocks(&url).await, 0);
}

async fn commit_each(
    service: &PostgresCatalog,
    segments: Vec<SegmentCommit>,
) -> Vec<(SegmentCommit, Vec<SlotOutcome>)> {
    let mut done = Vec::new();
    for segment in segments {
        let committed = service
            .commit(std::slice::from_ref(&segment), rules())
            .await;
        let (outcomes, _) = conformance::slots_of(committed.unwrap().remove(0));
        done.push((segment, outcomes));
    }
    done
}

async fn check_whole(
    service: &PostgresCatalog,
    uid: Uid,
    winners: &HashMap<ChunkIndex, SegmentId>,
) {
    let now = service.by_uid(uid).await.unwrap().unwrap();
    assert_eq!(now.state, State::Sealed);
    let stored = service.chunks(uid, ChunkIndex(0), 1000).await.unwrap();
    assert_eq!(stored.len(), winners.len());
    for chunk in &stored {
        assert_eq!(winners.get(&chunk.index), Some(&chunk.segment));
    }
    let condemned = service.condemned(None, 100_000).await.unwrap();
    assert!(
        stored
            .iter()
            .all(|chunk| !condemned.contains(&chunk.segment))
    );
}

#[tokio::test]
#[ignore = "needs WEIR_TEST_POSTGRES"]
async fn commits_sweeps_and_deletions_in_any_order_never_deadlock() {
    let url = database().await;
    let services = services(&url, 3).await;
    let mut numbers = Numbers::new();
    for round in 0..60 {
        let mut captures = Vec::new();
        for n in 0..6 {
            let id = format!("order-{round}-{n}");
            captures.push(create(&services[0], &id, Declared::default()).await);
        }
        let mut work = Vec::new();
        for service in &services {
            numbers.shuffle(&mut captures);
            let chunk = u32::try_from(numbers.below(3)).unwrap();
            let mut segments: Vec<_> = captures
                .iter()
                .map(|capture| segment(capture.uid, &[(chunk, b"x"), (7, b"y")]))
                .collect();
            numbers.shuffle(&mut segments);
            let deleted = captures[numbers.below(captures.len())].clone();
            // A sweeper that finds them before they are committed.
            let mut found: Vec<_> = segments.iter().map(|s| s.segment).collect();
            numbers.shuffle(&mut found);
            found.truncate(numbers.below(4));
            work.push(at_once(service, segments, deleted, found));
        }
        join_all(work).await;
    }
    assert_eq!(deadlocks(&url).await, 0);
}

#[tokio::test]
#[ignore = "needs WEIR_TEST_POSTGRES"]
async fn sweepers_that_find_segments_on_their_way_never_deadlock_with_their_commit() {
    const SEGMENTS: u32 = 64;
    let url = database().await;
    let services = services(&url, 3).await;
    let mut numbers = Numbers::new();
    for round in 0..60 {
        let id = format!("found-{round}");
        let capture = create(&services[0], &id, Declared::default()).await;
        let chunks = (0..SEGMENTS).map(|index| segment(capture.uid, &[(index, b"x")]));
        let mut segments: Vec<_> = chunks.collect();
        numbers.shuffle(&mut segments);
        let mut found = || {
            let mut found: Vec<_> = segments.iter().map(|s| s.segment).collect();
            numbers.shuffle(&mut found);
            found
        };
        let (first, second) = (found(), found());
        let (committed, one, other) = tokio::join!(
            services[0].commit(&segments, rules()),
            services[1].condemn_orphans(&first, NOW),
            services[2].condemn_orphans(&second, NOW),
        );
        one.unwrap();
        other.unwrap();
        let condemned = services[0].condemned(None, 100_000).await.unwrap();
        for (segment, committed) in segments.iter().zip(committed.unwrap()) {
            let is_condemned = condemned.contains(&segment.segment);
            assert_eq!(committed == Committed::Condemned, is_condemned);
        }
    }
    assert_eq!(deadlocks(&url).await, 0);
}

async fn at_once(
    service: &PostgresCatalog,
    segments: Vec<SegmentCommit>,
    deleted: Capture,
    found: Vec<SegmentId>,
) {
    let (committed, swept, gone) = tokio::join!(
        service.commit(&segments, rules()),
        service.condemn_orphans(&found, NOW),
        service.delete(&deleted.id, NOW),
    );
    swept.unwrap();
    gone.unwrap();
    let condemned = service.condemned(None, 100_000).await.unwrap();
    for (segment, committed) in segments.iter().zip(committed.unwrap()) {
        let is_condemned = condemned.contains(&segment.segment);
        match committed {
            // Unless its capture was deleted since, or it won no slot.
            Committed::Slots { outcomes, .. } if outcomes.contains(&SlotOutcome::Stored) => {
                let capture = service.by_uid(segment.capture).await.unwrap();
                assert!(!is_condemned || capture.is_none(), "{segment:?}");
            }
            Committed::Slots { .. } | Committed::CaptureGone => {}
            Committed::Condemned => assert!(found.contains(&segment.segment)),
            Committed::Folded => panic!("nobody folds here"),
        }
    }
}

#[tokio::test]
#[ignore = "needs WEIR_TEST_POSTGRES"]
async fn an_id_that_several_services_create_at_once_is_one_capture() {
    let url = database().await;
    let services = services(&url, 3).await;
    for round in 0..100 {
        let spec = Spec {
            labels: [("site".to_owned(), "a".to_owned())].into(),
            ..conformance::spec(&format!("id-{round}"), Declared::default())
        };
        let created = services
            .iter()
            .map(|service| service.create(&spec, times(), OPEN_MAX));
        let created: Vec<_> = join_all(created)
            .await
            .into_iter()
            .map(Result::unwrap)
            .collect();
        let uids: Vec<Uid> = created.iter().map(|capture| capture.uid).collect();
        assert!(uids.iter().all(|uid| *uid == uids[0]), "{uids:?}");
        // One that finds it locked leaves it to who has it.
        let later = NOW.plus(KEPT * 2);
        let expired = services.iter().map(|service| service.expire(later));
        let expired = join_all(expired).await.into_iter().map(Result::unwrap);
        assert_eq!(expired.flatten().collect::<Vec<_>>(), [uids[0]]);
    }
}
