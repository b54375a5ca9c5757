//! Captures listed and deleted.

use std::collections::HashMap;

use tonic::Code;
use weir_shared::proto::{
    Timestamp,
    ingest::v1::{
        CaptureSpec, CaptureState, CreateCaptureRequest, DeleteCaptureRequest, ListCapturesRequest,
        ListCapturesResponse,
    },
};
use weir_tests::{
    caller::Caller,
    errors::{check_invalid_field, check_refused},
    messages::spec,
    pair::Pair,
};

fn labels(pairs: &[(&str, &str)]) -> HashMap<String, String> {
    let owned = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
    pairs.iter().map(owned).collect()
}

async fn create(caller: &Caller, id: &str, pairs: &[(&str, &str)]) {
    let spec = CaptureSpec {
        labels: labels(pairs),
        ..spec(id)
    };
    let request = CreateCaptureRequest { spec: Some(spec) };
    caller.rpc.clone().create_capture(request).await.unwrap();
}

async fn list(caller: &Caller, request: ListCapturesRequest) -> ListCapturesResponse {
    let listed = caller.rpc.clone().list_captures(request).await;
    listed.unwrap().into_inner()
}

fn ids(listed: &ListCapturesResponse) -> Vec<&str> {
    listed
        .captures
        .iter()
        .map(|capture| capture.capture_id.as_str())
        .collect()
}

#[tokio::test]
async fn pages_are_newest_first_and_stable_while_captures_come_and_go() {
    let pair = Pair::start().await;
    let caller = pair.caller();
    for index in 0..7 {
        create(&caller, &format!("c{index}"), &[]).await;
    }
    let page = |page_token: &str| ListCapturesRequest {
        page_size: 3,
        page_token: page_token.to_owned(),
        ..Default::default()
    };
    let first = list(&caller, page("")).await;
    assert_eq!(ids(&first), ["c6", "c5", "c4"]);
    create(&caller, "late", &[]).await;
    delete(&caller, "c2", false).await.unwrap();
    let second = list(&caller, page(&first.next_page_token)).await;
    assert_eq!(ids(&second), ["c3", "c1", "c0"]);
    let all = list(&caller, ListCapturesRequest::default()).await;
    assert_eq!(ids(&all), ["late", "c6", "c5", "c4", "c3", "c1", "c0"]);
    assert_eq!(all.next_page_token, "");
    if !second.next_page_token.is_empty() {
        let third = list(&caller, page(&second.next_page_token)).await;
        assert_eq!((ids(&third), third.next_page_token.as_str()), (vec![], ""));
    }
}

#[tokio::test]
async fn lists_are_filtered_by_labels_and_state() {
    let pair = Pair::start().await;
    let caller = pair.caller();
    create(&caller, "a", &[("site", "north"), ("kind", "lab")]).await;
    create(&caller, "b", &[("site", "north")]).await;
    create(&caller, "c", &[("site", "south"), ("kind", "lab")]).await;
    caller.store("sealed", b"x", 1).await;
    let check = async |pairs: &[(&str, &str)], state: CaptureState, expected: &[&str]| {
        let request = ListCapturesRequest {
            labels: labels(pairs),
            state: state.into(),
            ..Default::default()
        };
        assert_eq!(ids(&list(&caller, request).await), expected, "{pairs:?}");
    };
    let any = CaptureState::Unspecified;
    check(&[], any, &["sealed", "c", "b", "a"]).await;
    check(&[("site", "north")], any, &["b", "a"]).await;
    check(&[("site", "north"), ("kind", "lab")], any, &["a"]).await;
    check(&[("site", "NORTH")], any, &[]).await;
    check(&[("site' OR 1=1 --", "x")], any, &[]).await;
    check(&[], CaptureState::Sealed, &["sealed"]).await;
    check(&[], CaptureState::Receiving, &["c", "b", "a"]).await;
    check(&[("kind", "lab")], CaptureState::Sealed, &[]).await;
}

#[tokio::test]
async fn lists_are_of_a_span_of_creation_times() {
    let pair = Pair::start().await;
    let caller = pair.caller();
    let mut times = Vec::new();
    for id in ["a", "b", "c"] {
        create(&caller, id, &[]).await;
        times.push(caller.get(id).await.unwrap().create_time);
    }
    assert!(times.is_sorted_by_key(|t| t.map(|t| (t.seconds, t.nanos))));
    // Times of a capture are told to the microsecond, and asked for finer.
    let just_after = times[1].map(|time| Timestamp {
        nanos: time.nanos + 1,
        ..time
    });
    for (from, before, expected) in [
        (times[1], None, &["c", "b"][..]),
        (just_after, None, &["c"]),
        (None, times[1], &["a"]),
        (None, just_after, &["b", "a"]),
        (times[1], times[2], &["b"]),
        (times[2], times[0], &[]),
    ] {
        let request = ListCapturesRequest {
            create_time_from: from,
            create_time_before: before,
            page_size: 1,
            ..Default::default()
        };
        let (mut seen, mut page_token) = (Vec::new(), String::new());
        loop {
            let request = ListCapturesRequest {
                page_token,
                ..request.clone()
            };
            let page = list(&caller, request).await;
            seen.extend(page.captures.into_iter().map(|c| c.capture_id));
            page_token = page.next_page_token;
            if page_token.is_empty() {
                break;
            }
        }
        assert_eq!(seen, expected, "{from:?} to {before:?}");
    }
}

#[tokio::test]
async fn times_that_are_none_are_refused() {
    let pair = Pair::start().await;
    let time = |seconds, nanos| Some(Timestamp { seconds, nanos });
    for wrong in [time(0, -1), time(0, 1_000_000_000), time(i64::MAX, 0)] {
        for field in ["create_time_from", "create_time_before"] {
            let mut request = ListCapturesRequest::default();
            match field {
                "create_time_from" => request.create_time_from = wrong,
                _ => request.create_time_before = wrong,
            }
            let listed = pair.caller().rpc.list_captures(request).await;
            check_invalid_field(&listed.unwrap_err(), field);
        }
    }
}

#[tokio::test]
async fn larger_pages_are_cut_to_the_limit() {
    let pair = Pair::start().await;
    let caller = pair.caller();
    for id in ["a", "b", "c"] {
        create(&caller, id, &[]).await;
    }
    let everything = ListCapturesRequest {
        page_size: 1_000_000,
        ..Default::default()
    };
    let listed = list(&caller, everything).await;
    assert_eq!(listed.captures.len(), 3);
}

async fn delete(caller: &Caller, id: &str, allow_missing: bool) -> Result<(), tonic::Status> {
    let request = DeleteCaptureRequest {
        capture_id: id.to_owned(),
        allow_missing,
    };
    caller.rpc.clone().delete_capture(request).await.map(drop)
}

#[tokio::test]
async fn a_deleted_capture_is_unknown_and_its_id_free() {
    let pair = Pair::start().await;
    let caller = pair.caller();
    let first = caller.store("c", b"first", 5).await;
    delete(&caller, "c", false).await.unwrap();
    check_refused(caller.get("c").await, Code::NotFound, "CAPTURE_UNKNOWN");
    let again = delete(&caller, "c", false).await;
    check_refused(again, Code::NotFound, "CAPTURE_UNKNOWN");
    delete(&caller, "c", true).await.unwrap();

    let second = caller.store("c", b"second", 6).await;
    assert_ne!(first.uid, second.uid);
    assert_eq!(caller.read("c", 0, 0).await.unwrap(), b"second");
}

#[tokio::test]
async fn unknown_captures_are_said_to_be_unknown() {
    let pair = Pair::start().await;
    let caller = pair.caller();
    let unknown = (Code::NotFound, "CAPTURE_UNKNOWN");
    check_refused(caller.get("c").await, unknown.0, unknown.1);
    check_refused(caller.put("c", 0, "x").await, unknown.0, unknown.1);
    check_refused(caller.read("c", 0, 0).await, unknown.0, unknown.1);
    let seal = weir_shared::proto::ingest::v1::SealCaptureRequest {
        capture_id: "c".into(),
        ..Default::default()
    };
    check_refused(caller.seal(seal).await, unknown.0, unknown.1);
    let analyzed = caller.analyze("c", Default::default()).await;
    check_refused(analyzed, unknown.0, unknown.1);
}

#[tokio::test]
async fn the_server_chooses_an_id_when_none_is_given() {
    let pair = Pair::start().await;
    let caller = pair.caller();
    let request = CreateCaptureRequest {
        spec: Some(CaptureSpec::default()),
    };
    let created = caller.rpc.clone().create_capture(request).await.unwrap();
    let capture = created.into_inner().capture.unwrap();
    assert_eq!(caller.get(&capture.capture_id).await.unwrap(), capture);
}
