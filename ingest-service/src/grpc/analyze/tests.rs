//! An analyzer of our own, that says what it is told to.

use std::{net::Ipv4Addr, pin::Pin, time::Duration};

use futures::{StreamExt as _, stream};
use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;
use tokio_util::sync::CancellationToken;
use tonic::{Code, transport::Server};
use weir_shared::{
    proto::{
        analyzer::v1::{
            AnalyzeRequest, AnalyzeResponse, Progress, Summary,
            analyze_request::Source,
            analyze_response::Event,
            analyzer_service_server::{AnalyzerService, AnalyzerServiceServer},
        },
        ingest::v1::ingest_service_server::IngestService as _,
    },
    status::{self as shared_status, reason, retry_after},
};

use super::*;
use crate::domain::{
    capture::Declared,
    testing::{Rig, chunk, open, upload},
};

type Script = fn(AnalyzeRequest) -> Vec<Result<AnalyzeResponse, Status>>;

/// Plays its script, then waits for ever if the last event is no end.
struct Scripted {
    script: Script,
    stopped: CancellationToken,
}

#[tonic::async_trait]
impl AnalyzerService for Scripted {
    type AnalyzeStream = Pin<Box<dyn Stream<Item = Result<AnalyzeResponse, Status>> + Send>>;

    async fn analyze(
        &self,
        request: Request<AnalyzeRequest>,
    ) -> Result<Response<Self::AnalyzeStream>, Status> {
        let events = (self.script)(request.into_inner());
        let is_over = match events.last() {
            None | Some(Err(_)) => true,
            Some(Ok(last)) => matches!(last.event, Some(Event::Summary(_))),
        };
        let guard = self.stopped.clone().drop_guard();
        let rest = stream::once(async move {
            let _guard = guard;
            match is_over {
                true => None,
                false => std::future::pending().await,
            }
        });
        let events = stream::iter(events).chain(rest.filter_map(std::future::ready));
        Ok(Response::new(Box::pin(events)))
    }
}

struct Served {
    rig: Rig,
    service: Service,
    /// Cancelled when the analyzer's stream was dropped.
    stopped: CancellationToken,
}

async fn serve(script: Option<Script>) -> Served {
    let rig = Rig::new().await;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let stopped = CancellationToken::new();
    if let Some(script) = script {
        let scripted = Scripted {
            script,
            stopped: stopped.clone(),
        };
        let server = Server::builder().add_service(AnalyzerServiceServer::new(scripted));
        let incoming = TcpListenerStream::new(listener);
        rig.ingest.tasks.spawn(server.serve_with_incoming(incoming));
    }
    let declared = Declared {
        chunk_count: Some(2),
        ..Declared::default()
    };
    let items = vec![open("cap", declared), chunk(0, "ab"), chunk(1, "c")];
    upload(&rig, items).await.unwrap();
    let client = connect(&url).unwrap();
    let service = Service::new(Arc::clone(&rig.ingest), client, Arc::default());
    Served {
        rig,
        service,
        stopped,
    }
}

fn request() -> Request<AnalyzeCaptureRequest> {
    Request::new(AnalyzeCaptureRequest {
        capture_id: "cap".into(),
        options: None,
    })
}

fn event(event: Event) -> Result<AnalyzeResponse, Status> {
    Ok(AnalyzeResponse { event: Some(event) })
}

/// Events until the end, and the status that it ends with.
async fn analyze_all(service: &Service) -> (usize, Option<Status>) {
    let mut events = match service.analyze_capture(request()).await {
        Ok(answer) => answer.into_inner(),
        Err(status) => return (0, Some(status)),
    };
    let mut seen = 0;
    while let Some(event) = events.next().await {
        match event {
            Ok(_) => seen += 1,
            Err(status) => return (seen, Some(status)),
        }
    }
    (seen, None)
}

async fn check(script: Option<Script>, events: usize, end: Option<(Code, &str, bool)>) {
    let served = serve(script).await;
    let (seen, status) = analyze_all(&served.service).await;
    let told = status.map(|s| {
        let retries = retry_after(&s).is_some();
        (s.code(), reason(&s).unwrap_or_default(), retries)
    });
    let end = end.map(|(code, reason, retries)| (code, reason.to_owned(), retries));
    assert_eq!((seen, told), (events, end));
}

#[tokio::test]
async fn events_are_relayed_until_the_summary() {
    let whole: Script = |request| {
        let Some(Source::Stored(stored)) = request.source else {
            return vec![];
        };
        assert_eq!(stored.extents.len(), 1);
        assert_eq!(stored.extents[0].length, 3);
        assert_eq!(stored.extents[0].crc32c, crc32c::crc32c(b"abc"));
        vec![
            event(Event::Progress(Progress::default())),
            event(Event::Summary(Summary::default())),
        ]
    };
    check(Some(whole), 2, None).await;
}

#[tokio::test]
async fn what_the_analyzer_says_is_relayed_and_that_it_is_away_is_told() {
    let away = Some((Code::Unavailable, "ANALYZER_UNAVAILABLE", true));
    check(None, 0, away).await;
    check(Some(|_| vec![]), 0, away).await;
    check(Some(|_| vec![Err(Status::unknown("broken"))]), 0, away).await;
    let down: Script = |_| {
        let text = "bye";
        vec![Err(shared_status::error(
            Code::Unavailable,
            "SHUTTING_DOWN",
            text,
        )
        .build())]
    };
    check(Some(down), 0, away).await;
    let refused: Script = |_| {
        let text = "no magic";
        vec![Err(shared_status::error(
            Code::InvalidArgument,
            "NOT_A_CAPTURE",
            text,
        )
        .build())]
    };
    let end = (Code::InvalidArgument, "NOT_A_CAPTURE", false);
    check(Some(refused), 0, Some(end)).await;
    let missing: Script = |_| {
        let text = "gone";
        vec![Err(shared_status::error(
            Code::DataLoss,
            "STORED_OBJECT_MISSING",
            text,
        )
        .build())]
    };
    let end = (Code::DataLoss, "STORED_OBJECT_MISSING", false);
    check(Some(missing), 0, Some(end)).await;
}

const ENDLESS: Script = |_| vec![event(Event::Progress(Progress::default()))];

#[tokio::test]
async fn a_deletion_ends_the_analysis() {
    let served = serve(Some(ENDLESS)).await;
    let answer = served.service.analyze_capture(request()).await.unwrap();
    let mut events = answer.into_inner();
    events.next().await.unwrap().unwrap();
    let id = "cap".parse().unwrap();
    assert!(served.rig.ingest.delete(&id).await.unwrap());
    let end = events.next().await.unwrap().unwrap_err();
    assert_eq!(end.code(), Code::Aborted);
    assert_eq!(reason(&end).as_deref(), Some("CAPTURE_DELETED"));
    served.stopped.cancelled().await;
}

#[tokio::test]
async fn a_dropped_answer_stops_the_analyzer() {
    let served = serve(Some(ENDLESS)).await;
    let answer = served.service.analyze_capture(request()).await.unwrap();
    let mut events = answer.into_inner();
    events.next().await.unwrap().unwrap();
    drop(events);
    served.stopped.cancelled().await;
}

#[tokio::test]
async fn the_deadline_stops_the_analyzer_of_a_client_that_reads_nothing() {
    let flood: Script = |_| vec![event(Event::Progress(Progress::default())); 1000];
    let served = serve(Some(flood)).await;
    let mut request = request();
    let deadline = Deadline::after(Duration::from_millis(100));
    request.extensions_mut().insert(deadline);
    let answer = served.service.analyze_capture(request).await.unwrap();
    served.stopped.cancelled().await;
    let end = answer
        .into_inner()
        .filter_map(|e| std::future::ready(e.err()));
    let end = std::pin::pin!(end).next().await.unwrap();
    assert_eq!(end.code(), Code::DeadlineExceeded);
    assert_eq!(reason(&end).as_deref(), Some("DEADLINE"));
}

#[tokio::test]
async fn only_sealed_captures_are_analyzed() {
    let served = serve(None).await;
    let open = vec![open("half", Declared::default()), chunk(0, "a")];
    upload(&served.rig, open).await.unwrap();
    for (capture_id, code, wanted) in [
        ("half", Code::FailedPrecondition, "CAPTURE_NOT_SEALED"),
        ("none", Code::NotFound, "CAPTURE_UNKNOWN"),
        ("No!", Code::InvalidArgument, "INVALID_FIELD"),
    ] {
        let request = Request::new(AnalyzeCaptureRequest {
            capture_id: capture_id.into(),
            options: None,
        });
        let Err(status) = served.service.analyze_capture(request).await else {
            panic!("{capture_id} was analyzed");
        };
        assert_eq!(status.code(), code);
        assert_eq!(reason(&status).as_deref(), Some(wanted));
    }
}
