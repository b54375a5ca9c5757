//! Events: written with each change, and only with it.

use super::*;
use crate::{
    catalog::EventPage,
    domain::{
        capture::SealParams,
        event::{Event, Fact, Position, kind},
    },
};

/// After all that the suite writes.
const END: Timestamp = Timestamp(i64::MAX);

pub(super) async fn suite(catalog: &dyn Catalog) {
    each_change_writes_its_event_once(catalog).await;
    what_is_shared_is_sealed_from_the_beginning(catalog).await;
    a_refused_change_writes_nothing(catalog).await;
    an_expired_capture_says_so(catalog).await;
    old_events_are_forgotten_once_they_are_seen(catalog).await;
}

pub(crate) async fn all_after(catalog: &dyn Catalog, mut after: Position) -> Vec<Event> {
    let mut all = Vec::new();
    loop {
        let page = catalog.events(after, 7).await.unwrap();
        let Some(last) = page.events.last() else {
            assert!(after <= page.last);
            return all;
        };
        after = last.position;
        all.extend(page.events);
    }
}

pub(crate) async fn last(catalog: &dyn Catalog) -> Position {
    catalog.events(Position(0), 1).await.unwrap().last
}

fn kinds(events: &[Event]) -> Vec<&str> {
    events.iter().map(|event| &*event.kind).collect()
}

async fn each_change_writes_its_event_once(catalog: &dyn Catalog) {
    let before = last(catalog).await;
    let capture = create(catalog, "event-1", of_count(2)).await;
    create(catalog, "event-1", of_count(2)).await;
    let mut first = segment(capture.uid, &[(0, b"aa")]);
    first.traceparent = Some("not of the one that seals".to_owned());
    commit(catalog, first).await;
    let mut second = segment(capture.uid, &[(1, b"b")]);
    second.traceparent = Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".to_owned());
    let wanted = second.traceparent.clone();
    commit(catalog, second).await;
    let params = SealParams::default();
    let sealed = catalog.seal(capture.uid, &params, None, times());
    sealed.await.unwrap();
    catalog.delete(&capture.id, NOW).await.unwrap();
    catalog.delete(&capture.id, NOW).await.unwrap();

    let events = all_after(catalog, before).await;
    assert_eq!(
        kinds(&events),
        [
            kind::CAPTURE_CREATED,
            kind::CAPTURE_SEALED,
            kind::CAPTURE_DELETED
        ]
    );
    assert!(events.is_sorted_by_key(|event| event.position));
    for event in &events {
        assert_eq!(
            (event.capture, &event.capture_id),
            (capture.uid, &capture.id)
        );
        assert_eq!(event.at, NOW);
        let found = catalog.event(event.id).await.unwrap();
        assert_eq!(found.as_ref(), Some(event));
    }
    assert_eq!(events[1].traceparent, wanted);
    let Fact::CaptureSealed(facts) = events[1].fact().unwrap() else {
        panic!("it is another fact");
    };
    assert_eq!((facts.size_bytes, facts.chunk_count), (3, 2));
    assert_eq!(facts.crc32c, Some(crc32c::crc32c(b"aab")));
    assert_eq!(facts.sealed_us, Some(NOW.0));
}

async fn what_is_shared_is_sealed_from_the_beginning(catalog: &dyn Catalog) {
    let before = last(catalog).await;
    let empty = create(catalog, "event-empty", of_count(0)).await;
    let events = all_after(catalog, before).await;
    assert_eq!(
        kinds(&events),
        [kind::CAPTURE_CREATED, kind::CAPTURE_SEALED]
    );
    assert_eq!(events[0].capture, empty.uid);
    catalog.delete(&empty.id, NOW).await.unwrap();
}

async fn a_refused_change_writes_nothing(catalog: &dyn Catalog) {
    let capture = create(catalog, "event-refused", of_count(2)).await;
    let before = last(catalog).await;
    let other = spec("event-refused", of_count(3));
    catalog.create(&other, times(), OPEN_MAX).await.unwrap_err();
    let none = spec("event-too-many", of_count(3));
    catalog.create(&none, times(), 0).await.unwrap_err();
    let params = SealParams::default();
    let sealed = catalog.seal(capture.uid, &params, None, times());
    sealed.await.unwrap_err();
    let gone = catalog.delete(&"event-nobody".parse().unwrap(), NOW).await;
    assert_eq!(gone.unwrap(), None);
    let page = catalog.events(before, 10).await.unwrap();
    assert_eq!((page.events, page.last), (Vec::new(), before));
    catalog.delete(&capture.id, NOW).await.unwrap();
}

async fn an_expired_capture_says_so(catalog: &dyn Catalog) {
    let early = Times {
        now: NOW,
        expires: Timestamp(0),
        retained_until: None,
    };
    let spec = Spec {
        labels: [("site".to_owned(), "a".to_owned())].into(),
        ..spec("event-expires", Declared::default())
    };
    let capture = catalog.create(&spec, early, OPEN_MAX).await.unwrap();
    let before = last(catalog).await;
    let expired = catalog.expire(Timestamp(1)).await.unwrap();
    assert_eq!(expired, Some(capture.uid));
    let events = all_after(catalog, before).await;
    assert_eq!(kinds(&events), [kind::CAPTURE_EXPIRED]);
    assert_eq!(events[0].fact().unwrap().labels(), &spec.labels);
}

async fn old_events_are_forgotten_once_they_are_seen(catalog: &dyn Catalog) {
    let newest = last(catalog).await;
    let (seen, behind) = (
        ["conformance-seen"],
        ["conformance-seen", "conformance-new"],
    );
    catalog.advance(seen[0], newest).await.unwrap();
    assert_eq!(
        catalog.advance(behind[1], Position(0)).await.unwrap(),
        Position(0)
    );
    assert!(!catalog.forget_events(END, &behind, 10).await.unwrap());
    assert!(
        !catalog
            .forget_events(Timestamp(0), &seen, 10)
            .await
            .unwrap()
    );
    assert!(catalog.forget_events(END, &seen, 2).await.unwrap());
    let EventPage { events, oldest, .. } = catalog.events(Position(0), 1).await.unwrap();
    assert_eq!(events[0].position, oldest);
    assert!(oldest > Position(2));
    while catalog.forget_events(END, &seen, 100).await.unwrap() {}
    let page = catalog.events(Position(0), 1).await.unwrap();
    assert_eq!(
        (page.events.len(), page.oldest),
        (0, Position(newest.0 + 1))
    );
    assert_eq!(page.last, newest);
    // Only forward.
    assert_eq!(catalog.advance(seen[0], Position(1)).await.unwrap(), newest);
}
