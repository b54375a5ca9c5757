use super::*;
use crate::{domain::event::EventId, domain::id::Uid, grpc::convert::labels};

#[track_caller]
fn check(request: WatchEventsRequest, wanted: Result<Start, &str>) {
    let told = match watched(request.clone(), labels) {
        Ok((start, _)) => Ok(start),
        Err(Error::Field { field, .. }) => Err(field),
        Err(other) => panic!("{other}"),
    };
    assert_eq!(told, wanted, "{request:?}");
}

#[test]
fn what_is_to_be_watched_is_checked() {
    let from = |cursor: &str| WatchEventsRequest {
        cursor: cursor.to_owned(),
        ..WatchEventsRequest::default()
    };
    check(from(""), Ok(Start::Oldest));
    check(from("now"), Ok(Start::Now));
    check(from("0"), Ok(Start::After(Position(0))));
    check(
        from("18446744073709551615"),
        Ok(Start::After(Position(u64::MAX))),
    );
    for bad in ["18446744073709551616", "-1", "+1", " 1", "NOW", "1a"] {
        check(from(bad), Err("cursor"));
    }
    let of = |types: &[&str]| WatchEventsRequest {
        types: types.iter().map(|t| (*t).to_owned()).collect(),
        ..WatchEventsRequest::default()
    };
    check(
        of(&[kind::CAPTURE_SEALED, "weir.analysis.failed"]),
        Ok(Start::Oldest),
    );
    check(of(&["weir.capture.sealed.v2"]), Err("types"));
    check(of(&[""]), Err("types"));
    check(of(&[kind::CAPTURE_SEALED; 33]), Err("types"));
    let named = WatchEventsRequest {
        capture_id: "Ä".to_owned(),
        ..WatchEventsRequest::default()
    };
    check(named, Err("capture_id"));
    let labelled = WatchEventsRequest {
        labels: [(String::new(), String::new())].into(),
        ..WatchEventsRequest::default()
    };
    check(labelled, Err("labels"));
}

#[test]
fn an_event_of_another_release_keeps_its_attributes() {
    let told = event(
        &Event {
            position: Position(7),
            id: EventId::generate(),
            kind: "weir.capture.sealed.v9".to_owned(),
            capture: Uid::generate(),
            capture_id: "c".parse().unwrap(),
            at: Timestamp(1),
            traceparent: None,
            data: "{}".to_owned(),
        },
        &"/weir".into(),
    );
    assert_eq!(
        (&*told.r#type, &*told.subject, told.sequence),
        ("weir.capture.sealed.v9", "c", 7)
    );
    assert_eq!(told.data, None);
}
