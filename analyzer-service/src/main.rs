//! Wires the service to its process.

use std::process::ExitCode;

use analyzer_service::Config;
use weir_shared::serve::service_main;

#[tokio::main]
async fn main() -> ExitCode {
    service_main::<Config>().await
}
