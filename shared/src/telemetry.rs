//! Logs, traces and metrics. Logs go to standard error with the trace id of their
//! call; traces go out by OTLP when `OTEL_EXPORTER_OTLP_ENDPOINT` is set, metrics
//! when `OTEL_METRICS_EXPORTER=otlp` says so too: many collectors of traces take none.

use std::{env, io::IsTerminal as _, time::Duration};

use opentelemetry::{global, trace::TracerProvider as _};
use opentelemetry_otlp::{MetricExporter, SpanExporter, WithExportConfig as _};
use opentelemetry_sdk::{
    Resource, metrics::SdkMeterProvider, propagation::TraceContextPropagator,
    trace::SdkTracerProvider,
};
use tracing_subscriber::{
    EnvFilter, Layer as _, layer::SubscriberExt as _, util::SubscriberInitExt as _,
};

/// The standard's own variables; the exporter reads the others itself.
const OTLP_ENDPOINT: [&str; 2] = [
    "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
    "OTEL_EXPORTER_OTLP_ENDPOINT",
];

/// Metrics go to their own endpoint, or to the common one when this says `otlp`.
const OTLP_METRICS_ENDPOINT: &str = "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT";
const METRICS_EXPORTER: &str = "OTEL_METRICS_EXPORTER";

/// Longest wait for the last spans to go out. A collector that is away must
/// not hold up the end of the process.
const FLUSH_TIME_MAX: Duration = Duration::from_secs(3);

/// Where logs go and how much.
#[derive(Clone, Copy, Debug)]
pub struct LogOptions {
    /// What is logged when `RUST_LOG` does not say.
    pub filter: &'static str,
    /// One JSON object a line, for collectors; else text for people.
    pub json: bool,
}

impl LogOptions {
    /// A service's: everything from info on; JSON unless a person looks on.
    #[must_use]
    pub fn service() -> Self {
        Self {
            filter: "info,sqlx=warn,h2=warn,hyper=warn",
            json: !std::io::stderr().is_terminal(),
        }
    }

    /// A command's: only what is wrong.
    #[must_use]
    pub fn command() -> Self {
        Self {
            filter: "error",
            json: false,
        }
    }
}

/// Why telemetry can't start.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    #[error("RUST_LOG")]
    Filter(#[source] tracing_subscriber::filter::ParseError),
    #[error("OTLP exporter")]
    Exporter(#[source] opentelemetry_otlp::ExporterBuildError),
    #[error("a subscriber is installed already")]
    Installed(#[source] tracing_subscriber::util::TryInitError),
}

/// Keeps telemetry going. Call [`Telemetry::shutdown`] before the process ends.
#[derive(Debug)]
pub struct Telemetry {
    provider: SdkTracerProvider,
    meters: Option<SdkMeterProvider>,
}

/// Installs logs and traces for the whole process. Needs a tokio runtime when
/// an OTLP endpoint is set.
///
/// # Errors
/// When an environment variable makes no sense, or it was called before.
pub fn init(service: &'static str, logs: LogOptions) -> Result<Telemetry, TelemetryError> {
    let filter = match env::var(EnvFilter::DEFAULT_ENV) {
        Ok(directives) => directives.parse().map_err(TelemetryError::Filter)?,
        Err(_unset) => EnvFilter::new(logs.filter),
    };
    let provider = provider(service)?;
    global::set_text_map_propagator(TraceContextPropagator::new());
    let traces = tracing_opentelemetry::layer()
        .with_tracer(provider.tracer("weir"))
        .with_location(false)
        .with_threads(false)
        .with_tracked_inactivity(false)
        // Only our own calls are spans: a dependency's spans would be noise.
        .with_filter(tracing_subscriber::filter::filter_fn(|meta| {
            !meta.is_span() || meta.target().starts_with("weir") || is_service(meta.target())
        }));
    let text = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal());
    let lines = if logs.json {
        // The innermost span says which call it was.
        text.json()
            .flatten_event(true)
            .with_span_list(false)
            .boxed()
    } else {
        text.boxed()
    };
    tracing_subscriber::registry()
        .with(traces)
        .with(lines.with_filter(filter))
        .try_init()
        .map_err(TelemetryError::Installed)?;
    let meters = meters(service)?;
    if let Some(meters) = &meters {
        global::set_meter_provider(meters.clone());
    }
    Ok(Telemetry { provider, meters })
}

fn is_service(target: &str) -> bool {
    target.starts_with("ingest_service") || target.starts_with("analyzer_service")
}

/// Without an endpoint spans still get ids, for the logs and for the next hop,
/// and are then dropped.
fn provider(service: &'static str) -> Result<SdkTracerProvider, TelemetryError> {
    let builder = SdkTracerProvider::builder().with_resource(resource(service));
    if !OTLP_ENDPOINT.into_iter().any(is_set) {
        return Ok(builder.build());
    }
    let exporter = SpanExporter::builder()
        .with_tonic()
        .with_timeout(FLUSH_TIME_MAX)
        .build()
        .map_err(TelemetryError::Exporter)?;
    Ok(builder.with_batch_exporter(exporter).build())
}

/// Without an exporter nothing is counted.
fn meters(service: &'static str) -> Result<Option<SdkMeterProvider>, TelemetryError> {
    let asked = env::var(METRICS_EXPORTER).is_ok_and(|value| value == "otlp");
    if !asked && !is_set(OTLP_METRICS_ENDPOINT) {
        return Ok(None);
    }
    let exporter = MetricExporter::builder()
        .with_tonic()
        .with_timeout(FLUSH_TIME_MAX)
        .build()
        .map_err(TelemetryError::Exporter)?;
    let builder = SdkMeterProvider::builder().with_resource(resource(service));
    Ok(Some(builder.with_periodic_exporter(exporter).build()))
}

fn resource(service: &'static str) -> Resource {
    match env::var_os("OTEL_SERVICE_NAME") {
        Some(_named_by_the_environment) => Resource::builder().build(),
        None => Resource::builder().with_service_name(service).build(),
    }
}

fn is_set(name: &str) -> bool {
    env::var_os(name).is_some_and(|value| !value.is_empty())
}

impl Telemetry {
    /// Sends what waits, within [`FLUSH_TIME_MAX`].
    pub async fn shutdown(self) {
        // Blocks, and the exporter needs the runtime's workers meanwhile.
        let flushed = tokio::task::spawn_blocking(move || {
            if let Some(meters) = &self.meters
                && let Err(error) = meters.shutdown_with_timeout(FLUSH_TIME_MAX)
            {
                tracing::warn!(%error, "the last metrics were not exported");
            }
            self.provider.shutdown_with_timeout(FLUSH_TIME_MAX)
        })
        .await;
        match flushed {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(%error, "the last spans were not exported"),
            Err(error) => tracing::warn!(%error, "the trace exporter failed"),
        }
    }
}
