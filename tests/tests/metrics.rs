//! What a service counts, as an OTLP collector sees it.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a panic is how a test fails, and what it printed is shown then"
)]

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use opentelemetry_proto::tonic::{
    collector::metrics::v1::{
        ExportMetricsServiceRequest, ExportMetricsServiceResponse,
        metrics_service_server::{MetricsService, MetricsServiceServer},
    },
    common::v1::any_value,
    metrics::v1::{NumberDataPoint, metric::Data, number_data_point::Value},
};
use tonic::{Request, Response, Status};
use weir_tests::{background::wanted, pair::Service, process::Process, until::until};

/// The latest value of each metric.
#[derive(Clone, Debug, Default)]
struct Collector(Arc<Mutex<HashMap<String, i64>>>);

#[tonic::async_trait]
impl MetricsService for Collector {
    async fn export(
        &self,
        request: Request<ExportMetricsServiceRequest>,
    ) -> Result<Response<ExportMetricsServiceResponse>, Status> {
        let resources = request.into_inner().resource_metrics.into_iter();
        let scopes = resources.flat_map(|resource| resource.scope_metrics);
        for metric in scopes.flat_map(|scope| scope.metrics) {
            let values = match metric.data {
                Some(Data::Sum(sum)) => latest(&metric.name, &sum.data_points),
                Some(Data::Gauge(gauge)) => latest(&metric.name, &gauge.data_points),
                Some(Data::Histogram(histogram)) => {
                    let points = histogram.data_points.iter();
                    vec![(metric.name, points.map(|p| p.count.cast_signed()).sum())]
                }
                other => panic!("{}: {other:?}", metric.name),
            };
            self.0.lock().unwrap().extend(values);
        }
        Ok(Response::new(ExportMetricsServiceResponse::default()))
    }
}

/// By the metric's name, and its state or handler when it has one.
fn latest(name: &str, points: &[NumberDataPoint]) -> Vec<(String, i64)> {
    let named = points.iter().filter_map(|point| {
        let value = match point.value {
            Some(Value::AsInt(value)) => value,
            // Seconds, which no test here asks for.
            Some(Value::AsDouble(_)) => return None,
            None => panic!("{point:?}"),
        };
        let named = |key: &str| matches!(key, "state" | "handler");
        let state = point.attributes.iter().find(|a| named(&a.key));
        let state = state.and_then(|state| state.value.clone()?.value);
        match state {
            Some(any_value::Value::StringValue(state)) => Some((format!("{name} {state}"), value)),
            _ => Some((name.to_owned(), value)),
        }
    });
    named.collect()
}

impl Collector {
    async fn start(&self) -> Service {
        let service = MetricsServiceServer::new(self.clone());
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

    async fn until_seen(&self, name: &str, is_it: impl Fn(i64) -> bool) {
        until(name, || async {
            let seen = self.0.lock().unwrap().get(name).copied();
            seen.filter(|value| is_it(*value))
        })
        .await;
    }
}

#[tokio::test]
async fn the_scrub_and_the_check_at_the_start_are_counted() {
    let collector = Collector::default();
    let collecting = collector.start().await;
    let endpoint = format!("http://{}", collecting.address);
    let environment = [
        ("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", endpoint.as_str()),
        ("OTEL_METRIC_EXPORT_INTERVAL", "100"),
        ("WEIR_SCRUB_INTERVAL", "0.05"),
    ];
    let directory = tempfile::tempdir().unwrap();
    let program = env!("CARGO_BIN_EXE_test-ingest-service");
    let nobody = ([127, 0, 0, 1], 1).into();
    let service = Process::ingest(program, directory.path(), nobody, &environment).await;
    service.caller().store("c", b"0123456789", 4).await;
    collector
        .until_seen("weir_scrub_bytes_total", |bytes| bytes >= 10)
        .await;
    let agree = "weir_catalog_inconsistent_segments";
    collector.until_seen(agree, |segments| segments == 0).await;

    let objects = directory.path().join("store/seg");
    for object in std::fs::read_dir(&objects).unwrap() {
        std::fs::write(object.unwrap().path(), b"0123X").unwrap();
    }
    let corrupt = "weir_scrub_corrupt_chunks_total";
    // The object is too short: all of its three chunks are lost.
    collector.until_seen(corrupt, |chunks| chunks >= 3).await;
    service.kill().await;
    let again = Process::ingest(program, directory.path(), nobody, &environment).await;
    collector.until_seen(agree, |segments| segments == 1).await;
    again.kill().await;
}

#[tokio::test]
async fn background_analyses_are_counted_by_what_they_came_to() {
    let collector = Collector::default();
    let collecting = collector.start().await;
    let endpoint = format!("http://{}", collecting.address);
    let environment = [
        ("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", endpoint.as_str()),
        ("OTEL_METRIC_EXPORT_INTERVAL", "100"),
        ("WEIR_ANALYSES_MAX", "0"),
    ];
    let directory = tempfile::tempdir().unwrap();
    let program = env!("CARGO_BIN_EXE_test-ingest-service");
    // Nobody analyzes there: each attempt comes to nothing.
    let nobody = ([127, 0, 0, 1], 1).into();
    let waits = Process::ingest(program, directory.path(), nobody, &environment).await;
    waits.caller().store("c", b"0123456789", 4).await;
    let background = waits.background();
    let mut ids = Vec::new();
    for _ in 0..2 {
        let started = background.start(wanted("c")).await.unwrap();
        ids.push(started.analysis_id);
    }
    let queued = "weir_analyses queued";
    collector.until_seen(queued, |waiting| waiting == 2).await;
    background.cancel(&ids[0]).await.unwrap();
    let cancelled = "weir_analyses_ended_total cancelled";
    collector.until_seen(cancelled, |ended| ended == 1).await;
    collector.until_seen(queued, |waiting| waiting == 1).await;
    waits.kill().await;

    let runs = Process::ingest(program, directory.path(), nobody, &environment[..2]);
    let runs = runs.await;
    let waited = "weir_analysis_queue_wait_seconds";
    collector.until_seen(waited, |begun| begun == 1).await;
    let again = "weir_analyses_ended_total again";
    collector.until_seen(again, |ended| ended >= 1).await;
    runs.kill().await;
}

#[tokio::test]
async fn tries_to_reach_a_broker_are_counted() {
    let collector = Collector::default();
    let collecting = collector.start().await;
    let endpoint = format!("http://{}", collecting.address);
    let environment = [
        ("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", endpoint.as_str()),
        ("OTEL_METRIC_EXPORT_INTERVAL", "100"),
        // The outbox is looked at as often.
        ("WEIR_EVENT_RETENTION", "0.5"),
        // Nobody is there.
        ("WEIR_BROKER", "amqp://127.0.0.1:9"),
    ];
    let directory = tempfile::tempdir().unwrap();
    let program = env!("CARGO_BIN_EXE_test-ingest-service");
    let nobody = ([127, 0, 0, 1], 1).into();
    let service = Process::ingest(program, directory.path(), nobody, &environment).await;
    collector
        .until_seen("weir_broker_connections_total", |tries| tries >= 2)
        .await;
    // It is no reason not to take captures, and what they tell waits.
    service.caller().store("c", b"0123456789", 4).await;
    collector
        .until_seen("weir_outbox_events broker", |events| events == 2)
        .await;
    service.kill().await;
}
