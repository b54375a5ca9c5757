use super::*;
use crate::domain::{
    capture::Declared,
    testing::{Rig, spec},
    time::Timestamp,
};

async fn read(pages: &mut EventPages, rig: &Rig, after: u64) -> VecDeque<Arc<SharedEvent>> {
    match pages.after(&*rig.catalog, Position(after)).await.unwrap() {
        Read::Events(events) => events,
        Read::Gone(oldest) => panic!("gone, up to {oldest:?}"),
    }
}

fn positions(events: &VecDeque<Arc<SharedEvent>>) -> Vec<u64> {
    events.iter().map(|event| event.position.0).collect()
}

#[tokio::test]
async fn those_that_are_as_far_behind_share_what_is_read() {
    let rig = Rig::new().await;
    for n in 0..130 {
        let spec = spec(&format!("c{n}"), Declared::default());
        rig.ingest.create(&spec).await.unwrap();
    }
    let mut pages = EventPages::default();
    let first = read(&mut pages, &rig, 0).await;
    assert_eq!(positions(&first), (1..=64).collect::<Vec<_>>());
    let again = read(&mut pages, &rig, 40).await;
    assert_eq!(positions(&again), (41..=64).collect::<Vec<_>>());
    assert!(Arc::ptr_eq(&first[40], &again[0]));
    // One that others only overlap is read, and what is not full is read again.
    assert_eq!(positions(&read(&mut pages, &rig, 64).await)[0], 65);
    assert_eq!(positions(&read(&mut pages, &rig, 128).await), [129, 130]);
    let spec = spec("last", Declared::default());
    rig.ingest.create(&spec).await.unwrap();
    assert_eq!(
        positions(&read(&mut pages, &rig, 128).await),
        [129, 130, 131]
    );
    assert!(read(&mut pages, &rig, 131).await.is_empty());

    // What is kept here is told although it is forgotten; the rest is gone.
    let all = Timestamp(i64::MAX);
    while rig.catalog.forget_events(all, &[], 1_000).await.unwrap() {}
    assert_eq!(positions(&read(&mut pages, &rig, 10).await)[0], 11);
    let gone = EventPages::default()
        .after(&*rig.catalog, Position(10))
        .await;
    assert!(matches!(gone, Ok(Read::Gone(Position(132)))), "{gone:?}");
}

#[tokio::test]
async fn so_many_are_kept_and_no_more() {
    let rig = Rig::new().await;
    rig.ingest
        .create(&spec("c", Declared::default()))
        .await
        .unwrap();
    let event = read(&mut EventPages::default(), &rig, 0).await[0].clone();
    let mut pages = EventPages::default();
    for n in 0..100 {
        pages.keep(Position(n), vec![Arc::clone(&event); PAGE as usize]);
        assert!(pages.kept.len() <= PAGES_MAX);
    }
    assert_eq!(pages.kept.front().unwrap().after, Position(84));
    let mut large = (**event).clone();
    large.data = "x".repeat(BYTES_MAX / 3);
    let large = Arc::new(SharedEvent::new(large));
    for n in 0..5 {
        pages.keep(Position(n), vec![Arc::clone(&large)]);
    }
    assert_eq!(pages.kept.len(), 3);
}
