//! The program: what `main` starts and tests embed.

use std::{future::Future, net::SocketAddr, path::Path, sync::Arc};

use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tonic::codec::CompressionEncoding;
use weir_shared::{
    limits::GRPC_MESSAGE_BYTES_MAX,
    proto::analyzer::v1::analyzer_service_server::AnalyzerServiceServer,
    serve::{Lifecycle, Listener, Served, ServiceProcess, Unopened, serve},
    store::{self, SegmentStore},
};

use crate::{
    Config,
    grpc::Analyzer,
    threads::{Threads, TokioThreads},
};

/// Name of the service, in health and reflection.
pub const SERVICE: &str = "weir.analyzer.v1.AnalyzerService";

/// What the service needs from outside.
#[derive(Clone, Debug)]
pub struct Deps {
    pub store: Arc<dyn SegmentStore>,
    /// Where analyses run.
    pub threads: Arc<dyn Threads>,
}

impl Deps {
    /// Opens what the configuration names.
    ///
    /// # Errors
    /// [`Unopened::Wrong`] when it can't be meant, [`Unopened::Away`] when the
    /// store can't be used at the moment.
    pub fn open(config: &Config) -> Result<Self, Unopened> {
        let url = match &config.store {
            Some(url) => url.clone(),
            None => store::directory_url(Path::new("weir-data/store"))
                .map_err(|error| Unopened::Wrong(error.into()))?,
        };
        // A directory that is not there yet is made, so that the services may
        // start in any order; a read-only volume always has it.
        let store = store::open(&url).map_err(|error| {
            let may_pass = error.may_pass();
            let named = format!("--store {}", store::without_secrets(&url));
            let error = anyhow::Error::new(error).context(named);
            match may_pass {
                true => Unopened::Away(error),
                false => Unopened::Wrong(error),
            }
        })?;
        Ok(Self {
            store,
            threads: Arc::new(TokioThreads),
        })
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

    async fn open(&self) -> Result<Deps, Unopened> {
        Deps::open(self)
    }

    async fn run(
        self,
        deps: impl Future<Output = anyhow::Result<Deps>>,
        listener: TcpListener,
        stop: CancellationToken,
    ) -> anyhow::Result<()> {
        run_when(self, deps, listener, stop).await
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
    let deps = Deps::open(&config).map_err(Unopened::cause)?;
    run_with(config, deps, listener, stop).await
}

/// [`run`] with a store of the caller's choice.
///
/// # Errors
/// When the listener fails.
pub async fn run_with(
    config: Config,
    deps: Deps,
    listener: impl Listener,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    run_when(config, std::future::ready(Ok(deps)), listener, stop).await
}

/// [`run_with`] of what is not there yet: until it is, the service says that it
/// is not ready.
///
/// # Errors
/// When the listener fails, and what `deps` fails with.
pub async fn run_when(
    config: Config,
    deps: impl Future<Output = anyhow::Result<Deps>>,
    listener: impl Listener,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let lifecycle = Lifecycle::default();
    let service = async {
        let Deps { store, threads } = deps.await?;
        let analyzer = Analyzer::new(store, threads, config.limits(), lifecycle.clone());
        Ok(AnalyzerServiceServer::new(analyzer)
            .max_decoding_message_size(GRPC_MESSAGE_BYTES_MAX)
            .accept_compressed(CompressionEncoding::Gzip)
            .accept_compressed(CompressionEncoding::Zstd))
    };
    tracing::info!(address = %listener.local_addr()?, "analyzer-service listens");
    let served = Served {
        service,
        names: &[SERVICE],
        oversized: &[(
            "/weir.analyzer.v1.AnalyzerService/Analyze",
            "INLINE_TOO_LARGE",
        )],
    };
    serve(&config.serve, listener, served, &lifecycle, stop).await
}
