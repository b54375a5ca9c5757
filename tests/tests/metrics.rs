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
    metrics::v1::{NumberDataPoint, metric::Data, number_data_point::Value},
};
use tonic::{Request, Response, Status};
use weir_tests::{pair::Service, process::Process, until::until};

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
            let value = match metric.data {
                Some(Data::Sum(sum)) => latest(&sum.data_points),
                Some(Data::Gauge(gauge)) => latest(&gauge.data_points),
                other => panic!("{}: {other:?}", metric.name),
            };
            self.0.lock().unwrap().insert(metric.name, value);
        }
        Ok(Response::new(ExportMetricsServiceResponse::default()))
    }
}

fn latest(points: &[NumberDataPoint]) -> i64 {
    match points.last().unwrap().value {
        Some(Value::AsInt(value)) => value,
        other => panic!("{other:?}"),
    }
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
