use std::cell::Cell;

use super::*;
use crate::domain::{analysis::AnalysisId, id::SegmentId};

#[tokio::test(start_paused = true)]
async fn watchers_share_a_look_until_it_is_old_or_something_has_changed() {
    let (looks, looked) = (Looks::default(), Cell::new(0));
    let (changes, seen) = watch::channel(0_u64);
    let look = async |since: Instant| {
        let look_up = async || {
            looked.set(looked.get() + 1);
            Ok(None)
        };
        let look = looks.latest(since, &seen, look_up).await.unwrap();
        assert!(look.begun >= since);
        look.begun
    };
    let begin = Instant::now();
    assert_eq!(look(begin).await, look(begin).await);
    assert_eq!(looked.get(), 1);
    // Nobody is told what was before what it has seen.
    tokio::time::advance(Duration::from_millis(1)).await;
    look(Instant::now()).await;
    assert_eq!(looked.get(), 2);
    changes.send_modify(|changes| *changes += 1);
    look(begin).await;
    look(begin).await;
    assert_eq!(looked.get(), 3);
    tokio::time::advance(LOOK_AGE_MAX).await;
    look(begin).await;
    assert_eq!(looked.get(), 4);
}

#[tokio::test]
async fn parts_are_looked_up_where_they_are_not_known() {
    let id = AnalysisId::generate();
    let part = |first, last| Part {
        first,
        last,
        segment: SegmentId::generate(id.as_owner()),
        bytes: 1,
        raw_bytes: 1,
    };
    let all = [part(1, 3), part(4, 4), part(5, 9), part(10, 12)];
    let (looks, looked) = (Looks::default(), Cell::new(0));
    // Two are stored at first; pages have two.
    for (stored, after, wanted, looked_up) in [
        (2, 0, &all[..2], 1),
        (2, 0, &all[..2], 1),
        (2, 2, &all[..2], 1),
        (2, 3, &all[1..2], 1),
        (2, 4, &[], 2),
        (4, 4, &all[2..4], 3),
        (4, 9, &all[3..4], 3),
        (4, 0, &all[..2], 4),
        (4, 9, &all[3..4], 5),
    ] {
        let parts = looks.parts(after, async || {
            looked.set(looked.get() + 1);
            let behind = all[..stored].iter().filter(|part| part.last > after);
            Ok(behind.take(2).copied().collect())
        });
        assert_eq!(parts.await.unwrap(), wanted);
        assert_eq!(looked.get(), looked_up, "{stored} stored, after {after}");
    }
}
