//! Wires the service to its process.

use std::process::ExitCode;

use ingest_service::Config;
use mimalloc::MiMalloc;
use weir_shared::serve::service_main;

/// What uploads take in memory was measured with this one. No analysis runs here: programs with one
/// allocate otherwise.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

#[tokio::main]
async fn main() -> ExitCode {
    service_main::<Config>().await
}
