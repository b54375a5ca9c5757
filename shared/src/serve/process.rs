//! The process around a service: flags, telemetry, signals, exit status. Both
//! services' `main` is [`service_main`].

use std::{
    future::Future,
    net::SocketAddr,
    process::{ExitCode, exit},
    time::Duration,
};

use anyhow::Context as _;
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::check_health;
use crate::{
    processor,
    telemetry::{self, LogOptions},
};

/// Exit status for a wrong configuration (`EX_USAGE` of sysexits.h).
const EXIT_CONFIG: u8 = 64;

/// Between two tries to open what is away: the first ones soon, since a database
/// that starts beside the service takes seconds, the later ones often enough
/// that nobody waits for long once it is back.
const RETRY_MIN: Duration = Duration::from_millis(500);
const RETRY_MAX: Duration = Duration::from_secs(5);

/// Why what a service stands on can't be opened.
#[derive(Debug, thiserror::Error)]
pub enum Unopened {
    /// The configuration is wrong: waiting does not help.
    #[error(transparent)]
    Wrong(anyhow::Error),
    /// It is not there at the moment, or can't be used: it may come back.
    #[error(transparent)]
    Away(anyhow::Error),
}

impl Unopened {
    /// For those who do not wait.
    #[must_use]
    pub fn cause(self) -> anyhow::Error {
        match self {
            Self::Wrong(cause) | Self::Away(cause) => cause,
        }
    }
}

/// A service as a process: its parsed command line, and what to do with it.
pub trait ServiceProcess: clap::Parser + Clone {
    /// Name in logs, traces and errors.
    const NAME: &'static str;
    /// What it needs from outside.
    type Deps;

    fn listen(&self) -> SocketAddr;
    /// Whether it only asks the service at [`ServiceProcess::listen`] for its health.
    fn is_health_check(&self) -> bool;
    /// Opens what the configuration names: before a port is bound, and again
    /// while it is away.
    fn open(&self) -> impl Future<Output = Result<Self::Deps, Unopened>>;
    /// Serves until `stop`. Until `deps` gives what it stands on, it says that
    /// it is not ready.
    fn run(
        self,
        deps: impl Future<Output = anyhow::Result<Self::Deps>>,
        listener: TcpListener,
        stop: CancellationToken,
    ) -> impl Future<Output = anyhow::Result<()>>;
}

/// Parse, open, bind, serve, flush. Exits 64 before a port is bound when the
/// configuration is wrong. What is only away is opened while the service says
/// that it is not ready; 64 it is then, too, if that shows a wrong configuration.
pub async fn service_main<S: ServiceProcess>() -> ExitCode {
    if let Err(error) = processor::check() {
        return fail::<S>(&error.into(), ExitCode::FAILURE);
    }
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
    // What a service does is large, and main's stack is not the place for it.
    let opened = match Box::pin(service.open()).await {
        Err(Unopened::Wrong(error)) => return fail::<S>(&error, ExitCode::from(EXIT_CONFIG)),
        opened => opened,
    };
    let served = bind_and_run(service, opened).await;
    telemetry.shutdown().await;
    let Err(error) = served else {
        return ExitCode::SUCCESS;
    };
    match error.downcast::<Unopened>() {
        Ok(unopened) => fail::<S>(&unopened.cause(), ExitCode::from(EXIT_CONFIG)),
        Err(error) => fail::<S>(&error, ExitCode::FAILURE),
    }
}

async fn bind_and_run<S: ServiceProcess>(
    service: S,
    opened: Result<S::Deps, Unopened>,
) -> anyhow::Result<()> {
    let address = service.listen();
    let listener = TcpListener::bind(address)
        .await
        .with_context(|| format!("cannot listen on {address}"))?;
    let stop = stop_signal(&TaskTracker::new())?;
    let deps = Box::pin(until_open(service.clone(), opened));
    Box::pin(service.run(deps, listener, stop)).await
}

/// Opens again for as long as what is needed is away.
///
/// # Errors
/// [`Unopened::Wrong`]
async fn until_open<S: ServiceProcess>(
    service: S,
    mut opened: Result<S::Deps, Unopened>,
) -> anyhow::Result<S::Deps> {
    let mut pause = RETRY_MIN;
    loop {
        let away = match opened {
            Ok(deps) => return Ok(deps),
            Err(Unopened::Away(away)) => away,
            Err(wrong) => return Err(wrong.into()),
        };
        tracing::warn!(error = %format!("{away:#}"), ?pause, "not ready: tried again after a pause");
        tokio::time::sleep(pause).await;
        pause = (2 * pause).min(RETRY_MAX);
        opened = Box::pin(service.open()).await;
    }
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
