//! analyzer-service as a process that tests may start, kill and trace.

use std::process::ExitCode;

use tikv_jemallocator::Jemalloc;
use weir_shared::serve::service_main;

/// As the service itself has it.
#[global_allocator]
static ALLOCATOR: Jemalloc = Jemalloc;

#[tokio::main]
async fn main() -> ExitCode {
    service_main::<analyzer_service::Config>().await
}
