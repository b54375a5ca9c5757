//! The program: opens what it stands on, starts its tasks, serves, and ends.

use std::sync::Arc;

use anyhow::Context as _;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tonic::{codec::CompressionEncoding, service::RoutesBuilder};
use weir_shared::{
    limits::GRPC_MESSAGE_BYTES_MAX,
    proto::ingest::v1::ingest_service_server::IngestServiceServer,
    serve::{Lifecycle, serve},
    store::{self, Access, SegmentStore},
};

use crate::{
    catalog::{Catalog, SqliteCatalog},
    config::Config,
    domain::ingest::Ingest,
    grpc::{self, AnalyzerClient, Service},
};

const SERVICE: &str = "weir.ingest.v1.IngestService";

/// What a test may choose otherwise.
#[derive(Clone, Debug)]
pub struct Deps {
    pub store: Arc<dyn SegmentStore>,
    pub catalog: Arc<dyn Catalog>,
    pub analyzer: AnalyzerClient,
}

impl Deps {
    /// Opens what the configuration names.
    ///
    /// # Errors
    /// When it names what is not there or can't be used.
    pub async fn open(config: &Config) -> anyhow::Result<Self> {
        let store = store::open(&config.store, Access::ReadWrite)
            .with_context(|| format!("--store {}", config.store))?;
        let catalog = SqliteCatalog::open(&config.catalog)
            .await
            .with_context(|| format!("--catalog {}", config.catalog))?;
        let analyzer = grpc::connect(&config.analyzer)
            .with_context(|| format!("--analyzer {}", config.analyzer))?;
        Ok(Self {
            store,
            catalog: Arc::new(catalog),
            analyzer,
        })
    }
}

/// Serves until `shutdown`, then drains.
///
/// # Errors
/// When the configuration is wrong or the listener fails.
pub async fn run(
    config: Config,
    listener: TcpListener,
    shutdown: CancellationToken,
) -> anyhow::Result<()> {
    let deps = Deps::open(&config).await?;
    run_with(deps, config, listener, shutdown).await
}

/// The same on other dependencies.
///
/// # Errors
/// When the catalog can't be read at the start or the listener fails.
pub async fn run_with(
    deps: Deps,
    config: Config,
    listener: TcpListener,
    shutdown: CancellationToken,
) -> anyhow::Result<()> {
    let lifecycle = Lifecycle::default();
    let ingest = Ingest::start(
        deps.catalog,
        deps.store,
        config.settings(),
        lifecycle.tasks.clone(),
        lifecycle.shutdown.clone(),
    );
    ingest.resume_checks().await.context("catalog")?;
    let tasks = &lifecycle.tasks;
    tasks.spawn(Arc::clone(&ingest).expire_captures());
    tasks.spawn(Arc::clone(&ingest).sweep_orphans(config.sweep()));

    let service = IngestServiceServer::new(Service::new(ingest, deps.analyzer))
        .max_decoding_message_size(GRPC_MESSAGE_BYTES_MAX)
        .accept_compressed(CompressionEncoding::Gzip)
        .accept_compressed(CompressionEncoding::Zstd);
    let mut services = RoutesBuilder::default();
    services.add_service(service);
    tracing::info!(address = ?listener.local_addr(), store = config.store, "ingest-service serves");
    serve(
        &config.serve,
        listener,
        services,
        &[SERVICE],
        &lifecycle,
        shutdown,
    )
    .await
}
