//! The process around a service: flags, telemetry, signals, exit status. Both
//! services' `main` is [`service_main`].

use std::{
    future::Future,
    net::SocketAddr,
    process::{ExitCode, exit},
};

use anyhow::Context as _;
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::check_health;
use crate::telemetry::{self, LogOptions};

/// Exit status for a wrong configuration (`EX_USAGE` of sysexits.h).
const EXIT_CONFIG: u8 = 64;

/// A service as a process: its parsed command line, and what to do with it.
pub trait ServiceProcess: clap::Parser {
    /// Name in logs, traces and errors.
    const NAME: &'static str;
    /// What it needs from outside.
    type Deps;

    fn listen(&self) -> SocketAddr;
    /// Whether it only asks the service at [`ServiceProcess::listen`] for its health.
    fn is_health_check(&self) -> bool;
    /// Opens what the configuration names, before a port is bound. An error
    /// means that the configuration is wrong.
    fn open(&self) -> impl Future<Output = anyhow::Result<Self::Deps>>;
    /// Serves until `stop`.
    fn run(
        self,
        deps: Self::Deps,
        listener: TcpListener,
        stop: CancellationToken,
    ) -> impl Future<Output = anyhow::Result<()>>;
}

/// Parse, open, bind, serve, flush. Exits 64 before a port is bound when the
/// configuration is wrong.
pub async fn service_main<S: ServiceProcess>() -> ExitCode {
    let service: S = parse_args();
    if service.is_health_check() {
        return match check_health(service.listen()).await {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => fail::<S>(&error, ExitCode::FAILURE),
        };
    }
    let telemetry = match telemetry::init(S::NAME, LogOptions::service()) {
        Ok(telemetry) => telemetry,
        Err(error) => return fail::<S>(&error.into(), ExitCode::from(EXIT_CONFIG)),
    };
    let deps = match service.open().await {
        Ok(deps) => deps,
        Err(error) => return fail::<S>(&error, ExitCode::from(EXIT_CONFIG)),
    };
    let served = bind_and_run(service, deps).await;
    telemetry.shutdown().await;
    match served {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail::<S>(&error, ExitCode::FAILURE),
    }
}

async fn bind_and_run<S: ServiceProcess>(service: S, deps: S::Deps) -> anyhow::Result<()> {
    let address = service.listen();
    let listener = TcpListener::bind(address)
        .await
        .with_context(|| format!("cannot listen on {address}"))?;
    let stop = stop_signal(&TaskTracker::new())?;
    service.run(deps, listener, stop).await
}

#[allow(clippy::print_stderr, reason = "the last word of the process")]
fn fail<S: ServiceProcess>(error: &anyhow::Error, code: ExitCode) -> ExitCode {
    eprintln!("{}: {error:#}", S::NAME);
    code
}

/// `--help` and `--version` print and exit 0, a wrong configuration says what
/// is wrong and exits with [`EXIT_CONFIG`].
fn parse_args<C: clap::Parser>() -> C {
    match C::try_parse() {
        Ok(config) => config,
        Err(error) => {
            // Nothing can be said on a terminal that can't be written to.
            drop(error.print());
            exit(if error.use_stderr() {
                EXIT_CONFIG.into()
            } else {
                0
            })
        }
    }
}

/// A token that SIGTERM or SIGINT cancels.
fn stop_signal(tasks: &TaskTracker) -> std::io::Result<CancellationToken> {
    let stop = CancellationToken::new();
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let stopped = stop.clone();
    tasks.spawn(async move {
        tokio::select! {
            _ = terminate.recv() => tracing::info!("SIGTERM: shutting down"),
            _ = interrupt.recv() => tracing::info!("SIGINT: shutting down"),
        }
        stopped.cancel();
    });
    Ok(stop)
}
