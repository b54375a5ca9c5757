//! The program: what `main` starts and tests embed.

use std::{net::SocketAddr, path::Path, sync::Arc};

use anyhow::Context as _;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tonic::{codec::CompressionEncoding, service::Routes};
use weir_shared::{
    limits::GRPC_MESSAGE_BYTES_MAX,
    proto::analyzer::v1::analyzer_service_server::AnalyzerServiceServer,
    serve::{Lifecycle, Served, ServiceProcess, serve},
    store::{self, SegmentStore},
};

use crate::{Config, grpc::Analyzer};

/// Name of the service, in health and reflection.
pub const SERVICE: &str = "weir.analyzer.v1.AnalyzerService";

/// What the service needs from outside.
#[derive(Clone, Debug)]
pub struct Deps {
    pub store: Arc<dyn SegmentStore>,
}

impl Deps {
    /// Opens what the configuration names.
    ///
    /// # Errors
    /// When the configuration is wrong.
    pub fn open(config: &Config) -> anyhow::Result<Self> {
        let url = match &config.store {
            Some(url) => url.clone(),
            None => store::directory_url(Path::new("weir-data/store"))?,
        };
        // A directory that is not there yet is made, so that the services may
        // start in any order; a read-only volume always has it.
        let named = || format!("--store {}", store::without_secrets(&url));
        let store = store::open(&url).with_context(named)?;
        Ok(Self { store })
    }
}

impl ServiceProcess for Config {
    const NAME: &'static str = "analyzer-service";
    type Deps = Deps;

    fn listen(&self) -> SocketAddr {
        self.listen
    }

    fn is_health_check(&self) -> bool {
        self.health
    }

    async fn open(&self) -> anyhow::Result<Deps> {
        Deps::open(self)
    }

    async fn run(
        self,
        deps: Deps,
        listener: TcpListener,
        stop: CancellationToken,
    ) -> anyhow::Result<()> {
        run_with(self, deps, listener, stop).await
    }
}

/// Serves until `stop`, then ends within its grace times.
///
/// # Errors
/// When the configuration is wrong or the listener fails.
pub async fn run(
    config: Config,
    listener: TcpListener,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let deps = Deps::open(&config)?;
    run_with(config, deps, listener, stop).await
}

/// [`run`] with a store of the caller's choice.
///
/// # Errors
/// When the listener fails.
pub async fn run_with(
    config: Config,
    deps: Deps,
    listener: TcpListener,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let lifecycle = Lifecycle::default();
    let analyzer = Analyzer::new(deps.store, config.limits(), lifecycle.clone());
    let service = AnalyzerServiceServer::new(analyzer)
        .max_decoding_message_size(GRPC_MESSAGE_BYTES_MAX)
        .accept_compressed(CompressionEncoding::Gzip)
        .accept_compressed(CompressionEncoding::Zstd);
    let mut services = Routes::builder();
    services.add_service(service);
    tracing::info!(address = %listener.local_addr()?, "serving");
    let served = Served {
        services,
        names: &[SERVICE],
        oversized: &[(
            "/weir.analyzer.v1.AnalyzerService/Analyze",
            "INLINE_TOO_LARGE",
        )],
    };
    serve(&config.serve, listener, served, &lifecycle, stop).await
}
