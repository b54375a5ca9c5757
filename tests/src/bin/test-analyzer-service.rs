//! analyzer-service as a process that tests may start, kill and trace.

use std::process::ExitCode;

use mimalloc::MiMalloc;
use weir_shared::serve::service_main;

/// As the service itself has it.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

#[tokio::main]
async fn main() -> ExitCode {
    service_main::<analyzer_service::Config>().await
}
