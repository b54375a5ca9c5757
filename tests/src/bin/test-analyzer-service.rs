//! analyzer-service as a process that tests may start, kill and trace.

use std::process::ExitCode;

use weir_shared::serve::service_main;

#[tokio::main]
async fn main() -> ExitCode {
    service_main::<analyzer_service::Config>().await
}
