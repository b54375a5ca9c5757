//! Wires the ingest service to the process around it.

use std::process::ExitCode;

use ingest_service::{Config, Deps, run_with};
use tokio::net::TcpListener;
use tokio_util::task::TaskTracker;
use weir_shared::{
    serve::{EXIT_CONFIG, check_health, parse_args, stop_signal},
    telemetry::{self, LogOptions},
};

#[tokio::main]
async fn main() -> anyhow::Result<ExitCode> {
    let config: Config = parse_args();
    if config.health {
        check_health(config.listen).await?;
        return Ok(ExitCode::SUCCESS);
    }
    let telemetry = telemetry::init("ingest-service", LogOptions::service())?;
    // Before a port is bound: who waits for the port must not find it.
    let deps = match Deps::open(&config).await {
        Ok(deps) => deps,
        Err(error) => {
            tracing::error!("{error:#}");
            return Ok(ExitCode::from(u8::try_from(EXIT_CONFIG)?));
        }
    };
    let stop = stop_signal(&TaskTracker::new())?;
    let listener = TcpListener::bind(config.listen).await?;
    let ended = run_with(deps, config, listener, stop).await;
    telemetry.shutdown().await;
    ended.map(|()| ExitCode::SUCCESS)
}
