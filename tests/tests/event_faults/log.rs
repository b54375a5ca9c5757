//! The log of events: whole, in order, and of what clients were told.

use std::{collections::BTreeMap, sync::Mutex, time::Duration};

use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tonic::{Status, transport::Channel};
use weir_shared::proto::{
    event::v1::{AnalysisFacts, CaptureFacts, Event, event::Data},
    ingest::v1::{WatchEventsRequest, events_service_client::EventsServiceClient},
};

use super::clients::{Asker, check_passing};

/// Between two asks of a follower.
const PAUSE: Duration = Duration::from_millis(20);
/// So long it hears nothing before it asks elsewhere: its instance may stand still.
const SILENCE_MAX: Duration = Duration::from_secs(2);

/// All that has happened.
pub(crate) async fn whole(channel: Channel) -> Vec<Event> {
    let request = WatchEventsRequest {
        once: true,
        ..WatchEventsRequest::default()
    };
    let answer = EventsServiceClient::new(channel)
        .watch_events(request)
        .await;
    let mut answer = answer.unwrap().into_inner();
    let mut events = Vec::new();
    while let Some(told) = answer.message().await.unwrap() {
        events.extend(told.event);
    }
    events
}

/// Follows the events through whatever happens, from one instance to the other,
/// until `stop` and for as long as something comes.
pub(crate) async fn follow(asker: Asker<'_>, stop: &CancellationToken) -> Vec<Event> {
    let (events, cursor) = (Mutex::default(), Mutex::default());
    loop {
        let is_last = stop.is_cancelled();
        let asked = follow_from(asker.channel(), &cursor, &events).await;
        match asked {
            Ok(()) if is_last => return events.into_inner().unwrap(),
            Ok(()) => {}
            Err(status) => check_passing(&status),
        }
        sleep(PAUSE).await;
    }
}

/// Ok: it is silent.
async fn follow_from(
    channel: Channel,
    cursor: &Mutex<String>,
    events: &Mutex<Vec<Event>>,
) -> Result<(), Status> {
    let request = WatchEventsRequest {
        cursor: cursor.lock().unwrap().clone(),
        ..WatchEventsRequest::default()
    };
    let mut client = EventsServiceClient::new(channel);
    let answer = timeout(SILENCE_MAX, client.watch_events(request)).await;
    let Ok(answer) = answer else {
        return Err(Status::unavailable("it stands still"));
    };
    let mut answer = answer?.into_inner();
    while let Ok(told) = timeout(SILENCE_MAX, answer.message()).await {
        let Some(told) = told? else {
            return Ok(());
        };
        events.lock().unwrap().extend(told.event);
        *cursor.lock().unwrap() = told.cursor;
    }
    Ok(())
}

/// Events of each capture, by its uid.
pub(crate) fn by_capture(log: &[Event]) -> BTreeMap<String, Vec<&Event>> {
    let mut captures: BTreeMap<String, Vec<&Event>> = BTreeMap::new();
    for event in log {
        captures.entry(uid(event)).or_default().push(event);
    }
    captures
}

fn uid(event: &Event) -> String {
    match (capture_facts(event), analysis_facts(event)) {
        (Some(capture), _) => capture.uid.clone(),
        (_, Some(analysis)) => analysis.capture_uid.clone(),
        _ => panic!("{event:?}"),
    }
}

fn capture_facts(event: &Event) -> Option<&CaptureFacts> {
    match event.data.as_ref().unwrap() {
        Data::CaptureCreated(e) => e.capture.as_ref(),
        Data::CaptureSealed(e) => e.capture.as_ref(),
        Data::CaptureDeleted(e) => e.capture.as_ref(),
        Data::CaptureExpired(e) => e.capture.as_ref(),
        _ => None,
    }
}

pub(crate) fn analysis_facts(event: &Event) -> Option<&AnalysisFacts> {
    match event.data.as_ref().unwrap() {
        Data::AnalysisQueued(e) => e.analysis.as_ref(),
        Data::AnalysisStarted(e) => e.analysis.as_ref(),
        Data::AnalysisSucceeded(e) => e.analysis.as_ref(),
        Data::AnalysisFailed(e) => e.analysis.as_ref(),
        Data::AnalysisCancelled(e) => e.analysis.as_ref(),
        _ => None,
    }
}

/// What an analysis went through.
#[derive(Debug, Default)]
pub(crate) struct Course {
    pub(crate) capture_id: String,
    pub(crate) request_id: String,
    kinds: Vec<String>,
    started: Vec<u32>,
}

impl Course {
    /// How it ended: "succeeded", "failed", "cancelled".
    pub(crate) fn end(&self) -> &str {
        self.kinds.last().unwrap()
    }

    /// It was started because this capture was sealed.
    pub(crate) fn is_of_seal(&self, capture_id: &str) -> bool {
        self.capture_id == capture_id && self.request_id.starts_with("event-")
    }

    /// Queued first, attempts counted without a gap, over once.
    pub(crate) fn check(&self) {
        let is_over = |kind: &String| ["succeeded", "failed", "cancelled"].contains(&&**kind);
        let ends = self.kinds.iter().filter(|kind| is_over(kind)).count();
        assert!(ends == 1 && is_over(self.kinds.last().unwrap()), "{self:?}");
        assert_eq!(self.kinds[0], "queued", "{self:?}");
        // What failed for a while waits again.
        let queued_twice = ["queued".to_owned(), "queued".to_owned()];
        assert!(
            !self.kinds.windows(2).any(|two| two == queued_twice),
            "{self:?}"
        );
        let attempts: Vec<u32> = (1..).take(self.started.len()).collect();
        assert_eq!(self.started, attempts, "{self:?}");
    }
}

/// Of each analysis, by its id.
pub(crate) fn courses(log: &[Event]) -> BTreeMap<String, Course> {
    let mut courses: BTreeMap<String, Course> = BTreeMap::new();
    for event in log {
        let Some(facts) = analysis_facts(event) else {
            continue;
        };
        let course = courses.entry(facts.analysis_id.clone()).or_default();
        course.capture_id.clone_from(&facts.capture_id);
        course.request_id.clone_from(&facts.request_id);
        let kind = event.r#type.split('.').nth(2).unwrap();
        course.kinds.push(kind.to_owned());
        if kind == "started" {
            course.started.push(facts.attempts);
        }
    }
    courses
}

/// Every capture is made first, sealed at most once, and gone at last.
pub(crate) fn check_lives(log: &[Event]) {
    let mut last = 0;
    for event in log {
        assert!(event.sequence > last, "{event:?} after {last}");
        last = event.sequence;
    }
    for events in by_capture(log).values() {
        let kinds: Vec<&str> = events.iter().map(|e| &*e.r#type).collect();
        let places = |kind: &str| -> Vec<usize> {
            let named = kinds.iter().enumerate().filter(|(_, k)| **k == kind);
            named.map(|(at, _)| at).collect()
        };
        assert_eq!(places("weir.capture.created.v1"), [0], "{kinds:?}");
        assert!(places("weir.capture.sealed.v1").len() <= 1, "{kinds:?}");
        if let [at] = places("weir.capture.deleted.v1")[..] {
            let end = kinds[at + 1..].iter();
            let of_end = |kind: &&str| *kind == "weir.analysis.cancelled.v1";
            assert!(end.into_iter().all(of_end), "{kinds:?}");
        }
    }
}
