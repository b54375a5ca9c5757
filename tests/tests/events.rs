//! EventsService over a socket: what watchers are told, and what becomes of what
//! handlers gave up.
#![allow(
    clippy::unwrap_used,
    clippy::large_futures,
    reason = "a panic is how a test fails, and its futures are few"
)]

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use ingest_service::domain::{
    dispatch::handler::{Failure, Handler, Registry},
    event::{Event, Fact, kind},
};
use tonic::{Code, Request, Status, Streaming, transport::Channel};
use weir_shared::proto::{
    event::v1::event::Data,
    ingest::v1::{
        CaptureSpec, DeadLetter, DeleteCaptureRequest, DropDeadLettersRequest, EventsGone,
        GetDeadLetterRequest, ListDeadLettersRequest, RedriveDeadLettersRequest,
        WatchEventsRequest, WatchEventsResponse, events_service_client::EventsServiceClient,
    },
};
use weir_tests::{
    caller::{Caller, channel},
    errors::{check_error, check_refused, detail},
    messages::{chunk, finish, open_with, spec},
    pair::{Pair, Setup},
    until::{until, within},
};

type Events = EventsServiceClient<Channel>;

fn events(pair: &Pair) -> Events {
    Events::new(channel(pair.ingest.address))
}

async fn watch(
    pair: &Pair,
    request: WatchEventsRequest,
) -> Result<Streaming<WatchEventsResponse>, Status> {
    let answer = events(pair).watch_events(request).await?;
    Ok(answer.into_inner())
}

fn from(cursor: &str) -> WatchEventsRequest {
    WatchEventsRequest {
        cursor: cursor.to_owned(),
        ..WatchEventsRequest::default()
    }
}

async fn next(told: &mut Streaming<WatchEventsResponse>) -> Result<WatchEventsResponse, Status> {
    let next = within("the next event", told.message()).await;
    next.map(|told| told.expect("an event"))
}

/// The capture and the type of the next events, and the last cursor.
async fn take(
    told: &mut Streaming<WatchEventsResponse>,
    count: usize,
) -> (Vec<(String, String)>, String) {
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    while seen.len() < count {
        let told = next(told).await.unwrap();
        cursor = told.cursor;
        if let Some(event) = told.event {
            assert_eq!(cursor, event.sequence.to_string());
            seen.push((event.subject, event.r#type));
        }
    }
    (seen, cursor)
}

async fn store(caller: &Caller, id: &str, site: &str) {
    let labelled = CaptureSpec {
        labels: [("site".to_owned(), site.to_owned())].into(),
        ..spec(id)
    };
    let messages = vec![open_with(labelled), chunk(0, "abc"), finish(1)];
    caller.upload(messages).await.unwrap();
}

async fn delete(caller: &Caller, id: &str) {
    let request = DeleteCaptureRequest {
        capture_id: id.to_owned(),
        allow_missing: false,
    };
    caller.rpc.clone().delete_capture(request).await.unwrap();
}

fn told(seen: &[(String, String)]) -> Vec<(&str, &str)> {
    seen.iter().map(|(id, kind)| (&**id, &**kind)).collect()
}

#[tokio::test]
async fn what_happened_is_told_first_and_then_what_happens() {
    let pair = Pair::start().await;
    let caller = pair.caller();
    store(&caller, "a", "north").await;
    let mut all = watch(&pair, from("")).await.unwrap();
    let (seen, cursor) = take(&mut all, 2).await;
    assert_eq!(
        told(&seen),
        [("a", kind::CAPTURE_CREATED), ("a", kind::CAPTURE_SEALED)]
    );
    let mut new = watch(&pair, from("now")).await.unwrap();
    store(&caller, "b", "south").await;
    delete(&caller, "a").await;
    // Before all else it is told where it is.
    let now = next(&mut new).await.unwrap();
    assert_eq!((now.event, &now.cursor), (None, &cursor));
    let wanted = [
        ("b", kind::CAPTURE_CREATED),
        ("b", kind::CAPTURE_SEALED),
        ("a", kind::CAPTURE_DELETED),
    ];
    // Those who were there, one that begins now, and one that comes back.
    let mut back = watch(&pair, from(&cursor)).await.unwrap();
    for watcher in [&mut all, &mut new, &mut back] {
        assert_eq!(told(&take(watcher, 3).await.0), wanted);
    }
    // One that asks for no more than has happened.
    let once = WatchEventsRequest {
        once: true,
        ..from(&cursor)
    };
    let mut some = watch(&pair, once).await.unwrap();
    assert_eq!(told(&take(&mut some, 3).await.0), wanted);
    assert_eq!(within("the end", some.message()).await.unwrap(), None);
    // After a restart as well: the log is in the catalog.
    let pair = pair.restart().await;
    let mut back = watch(&pair, from(&cursor)).await.unwrap();
    assert_eq!(told(&take(&mut back, 3).await.0), wanted);
}

#[tokio::test]
async fn an_event_has_the_attributes_of_cloudevents_and_a_typed_payload() {
    let pair = Pair::start().await;
    store(&pair.caller(), "a", "north").await;
    let sealed = WatchEventsRequest {
        types: vec!["weir.capture.sealed".to_owned()],
        ..from("")
    };
    let mut watcher = watch(&pair, sealed).await.unwrap();
    let event = next(&mut watcher).await.unwrap().event.unwrap();
    assert_eq!((&*event.spec_version, &*event.source), ("1.0", "/weir"));
    assert_eq!(
        (&*event.r#type, &*event.subject),
        (kind::CAPTURE_SEALED, "a")
    );
    assert_eq!(event.id.len(), 36);
    let Some(Data::CaptureSealed(sealed)) = event.data else {
        panic!("{event:?}");
    };
    let facts = sealed.capture.unwrap();
    assert_eq!(
        (&*facts.capture_id, facts.size_bytes, facts.chunk_count),
        ("a", 3, 1)
    );
    assert_eq!(facts.labels["site"], "north");
    assert_eq!(facts.seal_time, event.time);
}

#[tokio::test]
async fn a_watcher_is_told_only_what_it_asked_for() {
    let pair = Pair::start().await;
    let caller = pair.caller();
    for (id, site) in [("a", "north"), ("b", "south")] {
        store(&caller, id, site).await;
    }
    delete(&caller, "a").await;
    let of_kind = |kind: &str| WatchEventsRequest {
        types: vec![kind.to_owned()],
        ..from("")
    };
    let of_capture = WatchEventsRequest {
        capture_id: "b".to_owned(),
        ..from("")
    };
    let of_label = WatchEventsRequest {
        labels: [("site".to_owned(), "north".to_owned())].into(),
        ..from("")
    };
    for (request, wanted) in [
        (
            of_kind("weir.capture.sealed"),
            &[("a", kind::CAPTURE_SEALED), ("b", kind::CAPTURE_SEALED)][..],
        ),
        (
            of_kind(kind::CAPTURE_DELETED),
            &[("a", kind::CAPTURE_DELETED)],
        ),
        (
            of_capture,
            &[("b", kind::CAPTURE_CREATED), ("b", kind::CAPTURE_SEALED)],
        ),
        (
            of_label,
            &[
                ("a", kind::CAPTURE_CREATED),
                ("a", kind::CAPTURE_SEALED),
                ("a", kind::CAPTURE_DELETED),
            ],
        ),
    ] {
        let mut watcher = watch(&pair, request).await.unwrap();
        assert_eq!(told(&take(&mut watcher, wanted.len()).await.0), wanted);
    }
}

#[tokio::test]
async fn a_place_that_is_not_there_is_refused() {
    let pair = Pair::with(Setup {
        ingest: Some(|config| config.events.retention = Duration::from_millis(1)),
        ..Setup::default()
    })
    .await;
    store(&pair.caller(), "a", "north").await;
    for bad in ["3", "x", "-1"] {
        check_refused(
            watch(&pair, from(bad)).await.map(drop),
            Code::InvalidArgument,
            "INVALID_FIELD",
        );
    }
    // Old events are forgotten meanwhile.
    until("the events are forgotten", || async {
        let once = WatchEventsRequest {
            once: true,
            ..from("")
        };
        let told = next(&mut watch(&pair, once).await.unwrap()).await.unwrap();
        told.event.is_none().then_some(())
    })
    .await;
    // What is in memory is still told.
    let pair = pair.restart().await;
    let mut watcher = watch(&pair, from("0")).await.unwrap();
    let gone = next(&mut watcher).await.unwrap_err();
    check_error(&gone, Code::OutOfRange, "EVENTS_GONE");
    let gone: EventsGone = detail(&gone);
    assert_eq!(gone.oldest_cursor, "2");
    let mut watcher = watch(&pair, from(&gone.oldest_cursor)).await.unwrap();
    delete(&pair.caller(), "a").await;
    assert_eq!(
        told(&take(&mut watcher, 1).await.0),
        [("a", kind::CAPTURE_DELETED)]
    );
}

/// Gives up sealed captures until it is mended.
#[derive(Debug, Default)]
struct Broken {
    is_mended: Arc<AtomicBool>,
    handled: Arc<AtomicBool>,
}

#[async_trait]
impl Handler for Broken {
    fn name(&self) -> &'static str {
        "broken"
    }

    fn kinds(&self) -> &'static [&'static str] {
        &[kind::CAPTURE_SEALED]
    }

    async fn handle(&self, _event: &Event, _fact: Fact) -> Result<(), Failure> {
        if !self.is_mended.load(Ordering::Relaxed) {
            return Err(Failure::permanent("it is broken"));
        }
        self.handled.store(true, Ordering::Relaxed);
        Ok(())
    }
}

async fn list(pair: &Pair, page_size: i32, page_token: &str) -> (Vec<DeadLetter>, String) {
    let request = ListDeadLettersRequest {
        page_size,
        page_token: page_token.to_owned(),
        handler: String::new(),
    };
    let page = events(pair).list_dead_letters(request).await.unwrap();
    let page = page.into_inner();
    (page.dead_letters, page.next_page_token)
}

#[tokio::test]
async fn dead_letters_are_listed_shown_redriven_and_dropped() {
    let broken = Broken::default();
    let (is_mended, handled) = (Arc::clone(&broken.is_mended), Arc::clone(&broken.handled));
    let mut handlers = Registry::default();
    handlers.add(Arc::new(broken)).unwrap();
    let pair = Pair::with(Setup {
        handlers,
        ..Setup::default()
    })
    .await;
    for id in ["a", "b", "c"] {
        store(&pair.caller(), id, "north").await;
    }
    let all = until("three dead letters", || async {
        let (all, _) = list(&pair, 0, "").await;
        (all.len() == 3).then_some(all)
    })
    .await;
    let captures: Vec<_> = all.iter().map(|letter| &*letter.capture_id).collect();
    assert_eq!(captures, ["a", "b", "c"]);
    let (first, token) = list(&pair, 2, "").await;
    let (rest, end) = list(&pair, 2, &token).await;
    assert_eq!((first.len(), rest.len(), &*end), (2, 1, ""));
    assert_eq!([first, rest].concat(), all);

    let named = |id: &str| GetDeadLetterRequest {
        handler: "broken".to_owned(),
        event_id: id.to_owned(),
    };
    let shown = events(&pair).get_dead_letter(named(&all[0].event_id)).await;
    let shown = shown.unwrap().into_inner().dead_letter.unwrap();
    assert_eq!((&*shown.error, shown.attempts), ("it is broken", 1));
    assert_eq!(shown.history.len(), 1);
    assert_eq!(shown.event.unwrap().subject, "a");

    is_mended.store(true, Ordering::Relaxed);
    let redrive = RedriveDeadLettersRequest {
        handler: "broken".to_owned(),
        event_ids: vec![all[0].event_id.clone()],
    };
    let redriven = events(&pair).redrive_dead_letters(redrive).await.unwrap();
    assert_eq!(redriven.into_inner().redriven, 1);
    until("it is handled", || async {
        handled.load(Ordering::Relaxed).then_some(())
    })
    .await;
    let drop_all = DropDeadLettersRequest {
        handler: "broken".to_owned(),
        event_ids: Vec::new(),
    };
    let dropped = events(&pair).drop_dead_letters(drop_all).await.unwrap();
    assert_eq!(dropped.into_inner().dropped, 2);
    assert_eq!(list(&pair, 0, "").await, (Vec::new(), String::new()));
    check_refused(
        events(&pair).get_dead_letter(named(&all[0].event_id)).await,
        Code::NotFound,
        "DEAD_LETTER_UNKNOWN",
    );
}

#[tokio::test]
async fn what_names_no_dead_letter_is_refused() {
    let pair = Pair::start().await;
    let refused = |answer: Result<(), Status>| {
        check_refused(answer, Code::InvalidArgument, "INVALID_FIELD");
    };
    for token in ["x", "1", "1.", ".a", "-1.a", "18446744073709551615.a"] {
        let request = ListDeadLettersRequest {
            page_token: token.to_owned(),
            ..ListDeadLettersRequest::default()
        };
        refused(events(&pair).list_dead_letters(request).await.map(drop));
    }
    let id = "00000000-0000-0000-0000-000000000000";
    for (handler, event_id) in [("", id), ("A", id), ("a", ""), ("a", "x")] {
        let request = Request::new(GetDeadLetterRequest {
            handler: handler.to_owned(),
            event_id: event_id.to_owned(),
        });
        refused(events(&pair).get_dead_letter(request).await.map(drop));
    }
    let too_many = DropDeadLettersRequest {
        handler: "a".to_owned(),
        event_ids: vec![id.to_owned(); 1_001],
    };
    refused(events(&pair).drop_dead_letters(too_many).await.map(drop));
}
