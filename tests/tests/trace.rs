//! One call is one trace through both services, seen by an OTLP collector.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a panic is how a test fails, and what it printed is shown then"
)]

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use opentelemetry_proto::tonic::{
    collector::trace::v1::{
        ExportTraceServiceRequest, ExportTraceServiceResponse,
        trace_service_server::{TraceService, TraceServiceServer},
    },
    common::v1::{KeyValue, any_value::Value},
    trace::v1::{Span, span::SpanKind, status::StatusCode},
};
use tempfile::TempDir;
use tonic::{Code, Request, Response, Status};
use weir_shared::proto::ingest::v1::{AnalyzeCaptureRequest, GetCaptureRequest};
use weir_tests::{
    background::wanted,
    caller::{Caller, narrow_channel},
    errors::check_error,
    pair::Service,
    process::Process,
    recordings, synth,
    until::{until, within},
};

const ANALYZE_CAPTURE: &str = "weir.ingest.v1.IngestService/AnalyzeCapture";
const START_ANALYSIS: &str = "weir.ingest.v1.AnalysesService/StartAnalysis";
const ANALYZE: &str = "weir.analyzer.v1.AnalyzerService/Analyze";
const GET_CAPTURE: &str = "weir.ingest.v1.IngestService/GetCapture";

/// Of the caller of these tests: W3C Trace Context, sampled.
const TRACE_ID: &str = "0af7651916cd43dd8448eb211c80319c";
const CALLER_SPAN_ID: &str = "b7ad6b7169203331";

/// A span and the service that it comes from.
#[derive(Clone, Debug)]
struct Seen {
    service: String,
    span: Span,
}

#[derive(Clone, Debug, Default)]
struct Collector(Arc<Mutex<Vec<Seen>>>);

#[tonic::async_trait]
impl TraceService for Collector {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        let mut seen = self.0.lock().unwrap();
        for resource in request.into_inner().resource_spans {
            let attributes = resource.resource.unwrap_or_default().attributes;
            let service = attribute(&attributes, "service.name");
            for span in resource.scope_spans.into_iter().flat_map(|s| s.spans) {
                let service = service.clone();
                seen.push(Seen { service, span });
            }
        }
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

impl Collector {
    async fn start(&self) -> Service {
        let service = TraceServiceServer::new(self.clone());
        Service::start(|listener, stop| async move {
            let incoming = tonic::transport::server::TcpIncoming::from(listener);
            tonic::transport::Server::builder()
                .add_service(service)
                .serve_with_incoming_shutdown(incoming, stop.cancelled_owned())
                .await?;
            Ok(())
        })
        .await
    }

    /// The only span of this service, kind and name.
    #[track_caller]
    fn only(&self, service: &str, kind: SpanKind, name: &str) -> Span {
        let seen = self.0.lock().unwrap();
        let is_it =
            |s: &&Seen| s.service == service && s.span.kind() == kind && s.span.name == name;
        let spans: Vec<_> = seen.iter().filter(is_it).collect();
        assert_eq!(spans.len(), 1, "{service} {kind:?} {name} among {seen:?}");
        spans[0].span.clone()
    }

    /// The nearest ancestor that is a call, by its id: other spans may lie between.
    #[track_caller]
    fn check_below(&self, span: &Span, ancestor: &Span) {
        let seen = self.0.lock().unwrap();
        let mut parent = span.parent_span_id.clone();
        while parent != ancestor.span_id {
            let between = seen.iter().find(|s| s.span.span_id == parent);
            let between = between.unwrap_or_else(|| panic!("{span:?} is not below {ancestor:?}"));
            assert_eq!(between.span.kind(), SpanKind::Internal, "{between:?}");
            parent = between.span.parent_span_id.clone();
        }
        assert_eq!(span.trace_id, ancestor.trace_id);
    }
}

fn attribute(attributes: &[KeyValue], key: &str) -> String {
    let found = attributes.iter().find(|pair| pair.key == key);
    let value = found.and_then(|pair| pair.value.clone()?.value);
    match value {
        Some(Value::StringValue(text)) => text,
        other => panic!("{key}: {other:?} in {attributes:?}"),
    }
}

#[track_caller]
fn check_call(span: &Span, code: &str, is_error: bool) {
    assert_eq!(attribute(&span.attributes, "rpc.system.name"), "grpc");
    assert_eq!(attribute(&span.attributes, "rpc.method"), span.name);
    let told = attribute(&span.attributes, "rpc.response.status_code");
    assert_eq!(told, code, "{span:?}");
    let status = span.status.clone().unwrap_or_default().code();
    assert_eq!(status == StatusCode::Error, is_error, "{span:?}");
}

fn duration(span: &Span) -> Duration {
    Duration::from_nanos(span.end_time_unix_nano - span.start_time_unix_nano)
}

fn traced<T>(message: T) -> Request<T> {
    let mut request = Request::new(message);
    let parent = format!("00-{TRACE_ID}-{CALLER_SPAN_ID}-01");
    let metadata = request.metadata_mut();
    metadata.insert("traceparent", parent.parse().unwrap());
    request
}

/// Both services as processes that send their traces to a collector.
struct Traced {
    collector: Collector,
    server: Service,
    ingest: Process,
    analyzer: Process,
    _directory: TempDir,
}

impl Traced {
    async fn start() -> Self {
        let collector = Collector::default();
        let server = collector.start().await;
        let endpoint = format!("http://{}", server.address);
        let environment = [
            ("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint.as_str()),
            ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
        ];
        let directory = tempfile::tempdir().unwrap();
        let program = env!("CARGO_BIN_EXE_test-analyzer-service");
        let analyzer = Process::analyzer(program, directory.path(), &environment).await;
        let program = env!("CARGO_BIN_EXE_test-ingest-service");
        let ingest =
            Process::ingest(program, directory.path(), analyzer.address, &environment).await;
        Self {
            collector,
            server,
            ingest,
            analyzer,
            _directory: directory,
        }
    }

    /// Ends both services, which sends the last spans; gives ingest-service's log.
    async fn finish(self) -> (Collector, Vec<String>) {
        let (ingest, log) = self.ingest.terminate().await;
        let (analyzer, _) = self.analyzer.terminate().await;
        assert!(ingest.success() && analyzer.success());
        self.server.stop().await;
        (self.collector, log)
    }
}

fn analyze(id: &str) -> Request<AnalyzeCaptureRequest> {
    traced(AnalyzeCaptureRequest {
        capture_id: id.into(),
        options: None,
    })
}

#[tokio::test]
async fn a_call_is_one_trace_through_both_services() {
    let pair = Traced::start().await;
    let caller = pair.ingest.caller();
    caller
        .store("c", &recordings::bytes("dns.pcap"), 1 << 20)
        .await;
    let mut rpc = caller.rpc.clone();
    let answer = rpc.analyze_capture(analyze("c")).await.unwrap();
    let mut answer = answer.into_inner();
    while answer.message().await.unwrap().is_some() {}
    let unknown = traced(GetCaptureRequest {
        capture_id: "unknown".into(),
    });
    let refused = rpc.get_capture(unknown).await.unwrap_err();
    assert_eq!(refused.code(), Code::NotFound);
    drop((answer, rpc, caller));

    let (collector, log) = pair.finish().await;
    let server = collector.only("ingest-service", SpanKind::Server, ANALYZE_CAPTURE);
    let client = collector.only("ingest-service", SpanKind::Client, ANALYZE);
    let analyzer = collector.only("analyzer-service", SpanKind::Server, ANALYZE);
    assert_eq!(hex(&server.trace_id), TRACE_ID);
    assert_eq!(hex(&server.parent_span_id), CALLER_SPAN_ID);
    collector.check_below(&client, &server);
    collector.check_below(&analyzer, &client);
    for span in [&server, &client, &analyzer] {
        check_call(span, "OK", false);
    }
    let refused = collector.only("ingest-service", SpanKind::Server, GET_CAPTURE);
    check_call(&refused, "NOT_FOUND", false);
    assert_eq!(hex(&refused.parent_span_id), CALLER_SPAN_ID);
    assert!(
        log.iter().any(|line| line.contains(TRACE_ID)),
        "log lines carry the trace id: {log:?}"
    );
}

/// What runs later belongs to the trace of the call that asked for it.
#[tokio::test]
async fn a_background_analysis_is_of_the_trace_that_asked_for_it() {
    let pair = Traced::start().await;
    let caller = pair.ingest.caller();
    caller
        .store("c", &recordings::bytes("dns.pcap"), 1 << 20)
        .await;
    let background = pair.ingest.background();
    let request = traced(wanted("c"));
    let started = background.rpc.clone().start_analysis(request).await;
    let id = started.unwrap().into_inner().analysis.unwrap().analysis_id;
    background.watched(&id).await;
    drop((background, caller));

    let (collector, _) = pair.finish().await;
    let server = collector.only("ingest-service", SpanKind::Server, START_ANALYSIS);
    let run = collector.only("ingest-service", SpanKind::Internal, "analysis of c");
    let client = collector.only("ingest-service", SpanKind::Client, ANALYZE);
    let analyzer = collector.only("analyzer-service", SpanKind::Server, ANALYZE);
    assert_eq!(hex(&server.trace_id), TRACE_ID);
    collector.check_below(&run, &server);
    collector.check_below(&client, &run);
    collector.check_below(&analyzer, &client);
}

/// The handlers return at once; the spans last as long as the streams do.
#[tokio::test]
async fn spans_last_as_long_as_their_streams() {
    const DEADLINE: Duration = Duration::from_millis(700);
    let pair = Traced::start().await;
    let caller = pair.ingest.caller();
    caller
        .store("c", &synth::many_flows(200_000), 1 << 20)
        .await;
    // It reads nothing: the deadline ends the call.
    let stalled = Caller::new(narrow_channel(pair.ingest.address));
    let mut request = analyze("c");
    request.set_timeout(DEADLINE);
    let answer = stalled.rpc.clone().analyze_capture(request).await.unwrap();
    let ended = until("the call's end on the server", || async {
        let seen = pair.collector.0.lock().unwrap();
        let ended = seen.iter().any(|s| s.span.name == ANALYZE);
        ended.then_some(())
    });
    ended.await;
    let mut answer = answer.into_inner();
    let status = within("the answer's end", async {
        loop {
            match answer.message().await {
                Ok(message) => assert!(message.is_some(), "it can't have ended well"),
                Err(status) => break status,
            }
        }
    });
    check_error(&status.await, Code::DeadlineExceeded, "DEADLINE");
    drop((answer, stalled, caller));

    let (collector, _) = pair.finish().await;
    let server = collector.only("ingest-service", SpanKind::Server, ANALYZE_CAPTURE);
    let client = collector.only("ingest-service", SpanKind::Client, ANALYZE);
    let analyzer = collector.only("analyzer-service", SpanKind::Server, ANALYZE);
    collector.check_below(&client, &server);
    collector.check_below(&analyzer, &client);
    check_call(&server, "DEADLINE_EXCEEDED", true);
    // What is left of the deadline when the call has come through.
    let nearly = DEADLINE - Duration::from_millis(100);
    for span in [server, client, analyzer] {
        assert!(duration(&span) >= nearly, "{:?}: {span:?}", duration(&span));
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
