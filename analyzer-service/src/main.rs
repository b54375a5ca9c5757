//! Wires the service to its process.

use std::process::ExitCode;

use analyzer_service::Config;
use tikv_jemallocator::Jemalloc;
use weir_shared::serve::service_main;

/// Records, flows and messages are many small allocations: with the C library's
/// allocator they are a sixth of an analysis.
#[global_allocator]
static ALLOCATOR: Jemalloc = Jemalloc;

#[tokio::main]
async fn main() -> ExitCode {
    service_main::<Config>().await
}
