//! One gRPC server: settings, health, reflection, our layers, and a bounded end.

use std::{convert::Infallible, future::Future, time::Duration};

use http::{Request, Response};
use tokio::sync::watch;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tonic::{body::Body, service::Routes};
use tonic_health::{ServingStatus, server::HealthReporter};
use tower::{Service, ServiceBuilder, ServiceExt as _};

use crate::{
    layers::{
        deadline::DeadlineLayer,
        trace::TraceLayer,
        typed::{Oversized, TypedLayer},
    },
    proto,
};

mod health;
mod http2;
mod late;
mod listener;
mod process;

pub use health::check_health;
use late::Late;
pub use listener::{Connection, Listener};
pub use process::{ServiceProcess, Unopened, service_main};

/// HTTP/2 settings and times of a server.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Server")]
pub struct ServeConfig {
    /// Widest flow-control window of one request, bytes. All that are being sent on a connection
    /// share half of its window. What is in one when a service dies is sent again.
    #[arg(long, env = "WEIR_STREAM_WINDOW", default_value_t = 3 << 20, value_parser = window())]
    pub stream_window: u32,
    /// Flow-control window of one connection, bytes.
    #[arg(long, env = "WEIR_CONNECTION_WINDOW", default_value_t = 16 << 20, value_parser = window())]
    pub connection_window: u32,
    /// Calls at once on one connection; more wait at the client.
    #[arg(long, env = "WEIR_STREAMS_MAX", default_value_t = 256, value_parser = clap::value_parser!(u32).range(1..))]
    pub streams_max: u32,
    /// Longest call, seconds: also what a call without a deadline gets.
    #[arg(long, env = "WEIR_CALL_SECONDS_MAX", default_value_t = 12 * 3600, value_parser = clap::value_parser!(u64).range(1..=MONTH_SECONDS))]
    pub call_seconds_max: u64,
    /// Longest wait for open calls at shutdown, seconds.
    #[arg(long, env = "WEIR_SHUTDOWN_GRACE", default_value_t = 10, value_parser = clap::value_parser!(u64).range(..=3600))]
    pub shutdown_grace: u64,
}

/// No call is meant to last longer; keeps deadlines within the clock's range.
const MONTH_SECONDS: u64 = 31 * 24 * 3600;

/// HTTP/2 allows windows from 65,535 bytes (its default) to 2^31 - 1.
fn window() -> clap::builder::RangedI64ValueParser<u32> {
    clap::value_parser!(u32).range(65_535..=0x7fff_ffff)
}

impl Default for ServeConfig {
    fn default() -> Self {
        Self {
            stream_window: 3 << 20,
            connection_window: 16 << 20,
            streams_max: 256,
            call_seconds_max: 12 * 3600,
            shutdown_grace: 10,
        }
    }
}

/// What runs inside a service, and the token that ends it.
#[derive(Clone, Debug, Default)]
pub struct Lifecycle {
    /// Every task of the service: shutdown waits for them.
    pub tasks: TaskTracker,
    /// Cancelled once health says NOT_SERVING: every call's token is its child.
    pub shutdown: CancellationToken,
    /// Further names in health, each with whether it is well: what the services go on
    /// without. They tell nothing of the server as a whole.
    pub parts: Vec<(&'static str, watch::Receiver<bool>)>,
}

/// What is served.
#[derive(Debug)]
pub struct Served<F> {
    /// Gives what answers the calls of all these services. Until it does, calls are answered UNAVAILABLE with
    /// STORAGE_UNAVAILABLE and when to come again, and health says NOT_SERVING.
    pub service: F,
    /// Full names of the services, for health and reflection.
    pub names: &'static [&'static str],
    pub oversized: Oversized,
}

/// Serves until `stop`, then ends within twice the grace time.
///
/// The end: health NOT_SERVING, cancel `lifecycle.shutdown` (which ends the
/// calls), wait for the connections, wait for the tasks; each wait is bounded.
///
/// # Errors
/// What `served.service` fails with.
pub async fn serve<S, F>(
    config: &ServeConfig,
    listener: impl Listener,
    served: Served<F>,
    lifecycle: &Lifecycle,
    stop: CancellationToken,
) -> anyhow::Result<()>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>
        + Clone
        + Send
        + Sync
        + 'static,
    S::Future: Send + 'static,
    F: Future<Output = anyhow::Result<S>>,
{
    let grace = Duration::from_secs(config.shutdown_grace);
    let Served {
        service,
        names,
        oversized,
    } = served;
    let late = Late::default();
    let (health, routes) = with_health_and_reflection(late.clone(), names).await?;
    let parts: Vec<_> = lifecycle.parts.iter().map(|(name, _)| *name).collect();
    tell(&health, &parts, ServingStatus::NotServing).await;
    let answering = ServiceBuilder::new()
        .layer(TraceLayer)
        .layer(DeadlineLayer {
            call_time_max: Duration::from_secs(config.call_seconds_max),
        })
        .layer(TypedLayer { oversized })
        .service(routes.prepare());
    let ready = async {
        late.set(service.await?);
        say(&health, names, ServingStatus::Serving).await;
        tracing::info!("ready");
        follow(&health, &lifecycle.parts).await;
        std::future::pending::<anyhow::Result<Infallible>>().await
    };

    let Lifecycle {
        tasks, shutdown, ..
    } = lifecycle;
    let serving = http2::serve(config, listener.incoming(), answering, shutdown);
    tokio::pin!(serving);
    let (ended, is_serving) = tokio::select! {
        // First, so that what is there already is seen by the first caller.
        biased;
        Err(failed) = ready => (Err(failed), true),
        () = &mut serving => (Ok(()), false),
        () = stop.cancelled() => (Ok(()), true),
    };
    say(&health, names, ServingStatus::NotServing).await;
    tell(&health, &parts, ServingStatus::NotServing).await;
    shutdown.cancel();
    // A connection of a silent client would hold it up for ever.
    if is_serving && within(grace, &mut serving).await.is_none() {
        tracing::warn!(?grace, "open connections outlived the grace time");
    }
    tasks.close();
    if within(grace, tasks.wait()).await.is_none() {
        tracing::warn!(?grace, tasks = tasks.len(), "tasks outlived the grace time");
    }
    ended
}

async fn within<T>(time: Duration, future: impl Future<Output = T>) -> Option<T> {
    tokio::time::timeout(time, future).await.ok()
}

async fn with_health_and_reflection<S>(
    service: Late<S>,
    names: &[&'static str],
) -> anyhow::Result<(HealthReporter, Routes)>
where
    Late<S>: Service<Request<Body>, Response = Response<Body>, Error = Infallible>
        + Clone
        + Send
        + Sync
        + 'static,
    <Late<S> as Service<Request<Body>>>::Future: Send + 'static,
{
    let (health, health_service) = tonic_health::server::health_reporter();
    say(&health, names, ServingStatus::NotServing).await;
    let reflection = || {
        tonic_reflection::server::Builder::configure()
            .register_encoded_file_descriptor_set(proto::FILE_DESCRIPTOR_SET)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
            // So that clients can print the details of our errors.
            .register_encoded_file_descriptor_set(tonic_types::pb::FILE_DESCRIPTOR_SET)
            .with_service_name("grpc.health.v1.Health")
    };
    let (mut v1, mut v1alpha) = (reflection(), reflection());
    for name in names {
        v1 = v1.with_service_name(*name);
        v1alpha = v1alpha.with_service_name(*name);
    }
    let mut services = Routes::builder();
    services
        .add_service(health_service)
        .add_service(v1.build_v1()?)
        .add_service(v1alpha.build_v1alpha()?);
    let mut routes = services.routes();
    let router = routes.axum_router_mut();
    for name in names {
        let paths = format!("/{name}/{{*rest}}");
        let service = service
            .clone()
            .map_request(|request: Request<_>| request.map(Body::new));
        *router = std::mem::take(router).route_service(&paths, service);
    }
    Ok((health, routes))
}

/// Tells how the parts are, as long as that can change.
async fn follow(health: &HealthReporter, parts: &[(&'static str, watch::Receiver<bool>)]) {
    let each = parts.iter().map(|(name, is_well)| async move {
        let mut is_well = is_well.clone();
        loop {
            let status = match *is_well.borrow_and_update() {
                true => ServingStatus::Serving,
                false => ServingStatus::NotServing,
            };
            health.set_service_status(*name, status).await;
            if is_well.changed().await.is_err() {
                return;
            }
        }
    });
    futures::future::join_all(each).await;
}

/// For each service, and for the server as a whole.
async fn say(health: &HealthReporter, names: &[&'static str], status: ServingStatus) {
    tell(health, names, status).await;
    tell(health, &[""], status).await;
}

async fn tell(health: &HealthReporter, names: &[&'static str], status: ServingStatus) {
    for name in names {
        health.set_service_status(*name, status).await;
    }
}
