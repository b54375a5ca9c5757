//! What both services' `main` need of the process around them.

use std::process::exit;

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// Exit status for a wrong configuration (`EX_USAGE` of sysexits.h).
pub const EXIT_CONFIG: i32 = 64;

/// Reads flags and environment. `--help` and `--version` print and exit 0, a
/// wrong configuration says what is wrong and exits with [`EXIT_CONFIG`].
#[must_use]
pub fn parse_args<C: clap::Parser>() -> C {
    match C::try_parse() {
        Ok(config) => config,
        Err(error) => {
            // Nothing can be said about a terminal that can't be written to.
            drop(error.print());
            exit(if error.use_stderr() { EXIT_CONFIG } else { 0 })
        }
    }
}

/// A token that SIGTERM or SIGINT cancels.
///
/// # Errors
/// When the handlers can't be installed.
pub fn stop_signal(tasks: &TaskTracker) -> std::io::Result<CancellationToken> {
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
