//! The program: opens what it stands on, starts its tasks, serves, and ends.

use std::{future::Future, net::SocketAddr, sync::Arc};

use anyhow::Context as _;
use tokio::{net::TcpListener, sync::watch};
use tokio_util::sync::CancellationToken;
use tonic::{codec::CompressionEncoding, service::Routes};
use weir_shared::{
    limits::GRPC_MESSAGE_BYTES_MAX,
    proto::ingest::v1::{
        ingest_service_server::IngestServiceServer, search_service_server::SearchServiceServer,
    },
    serve::{Lifecycle, Listener, Served, ServiceProcess, Unopened, serve},
    store::{self, SegmentStore},
};

use crate::{
    catalog::{self, Catalog},
    config::Config,
    domain::{
        analyses::{Analyses, AnalyzeOnSeal},
        digest::DigestOnSeal,
        dispatch::handler::Registry,
        index::{
            Index,
            indexer::Indexer,
            lanes::{Forgetter, ResultsIndexer},
            sealed::WordsIndexer,
        },
        ingest::Ingest,
        preview::Drawer,
        relay::Broker,
    },
    grpc::{
        self, AnalysesApi, AnalyzerClient, EventsApi, Metered, Namings, RecordReader,
        RemoteAnalyzer, SearchApi, Service, SummaryReader,
    },
};

/// Name of the service, in health and reflection.
pub const SERVICE: &str = "weir.ingest.v1.IngestService";

/// Name of the service of events.
pub const EVENTS_SERVICE: &str = "weir.ingest.v1.EventsService";

/// Name of the service of background analyses.
pub const ANALYSES_SERVICE: &str = "weir.ingest.v1.AnalysesService";

/// Name in health of the broker: SERVING while it gets what happens, NOT_SERVING when it
/// falls behind. Only where there is a broker.
pub const BROKER_HEALTH: &str = "weir.ingest.v1.Broker";

/// Name of the service that finds what analyses have found.
pub const SEARCH_SERVICE: &str = "weir.ingest.v1.SearchService";

/// What the service needs from outside.
#[derive(Clone, Debug)]
pub struct Deps {
    pub store: Arc<dyn SegmentStore>,
    pub catalog: Arc<dyn Catalog>,
    /// The read side of the catalog.
    pub index: Arc<dyn Index>,
    pub analyzer: AnalyzerClient,
    /// What is done about events, beside what the service does by itself.
    pub handlers: Registry,
    /// Whether there are the service's own handlers as well. Without them nothing is
    /// analyzed or indexed by itself: to see what they cost.
    pub own_handlers: bool,
    /// Where events go as well.
    pub broker: Option<Arc<dyn Broker>>,
}

impl Deps {
    /// Opens what the configuration names.
    ///
    /// # Errors
    /// [`Unopened::Wrong`] when it can't be meant, [`Unopened::Away`] when store
    /// or catalog can't be reached or used at the moment.
    pub async fn open(config: &Config) -> Result<Self, Unopened> {
        // What no waiting mends comes first.
        let analyzer = grpc::connect(&config.analyzer)
            .with_context(|| format!("--analyzer {}", config.analyzer))
            .map_err(Unopened::Wrong)?;
        let broker = config.broker.open(&config.events.source);
        let broker = broker.context("--broker").map_err(Unopened::Wrong)?;
        let url = config.store_url().map_err(Unopened::Wrong)?;
        let store = store::open(&url).map_err(|error| {
            let kind = unopened(error.may_pass());
            let named = format!("--store {}", store::without_secrets(&url));
            kind(anyhow::Error::new(error).context(named))
        })?;
        let url = config.catalog_url().map_err(Unopened::Wrong)?;
        let (catalog, index) = catalog::open_with_index(&url).await.map_err(|error| {
            let kind = unopened(error.may_pass());
            let named = format!("--catalog {}", catalog::without_password(&url));
            kind(anyhow::Error::new(error).context(named))
        })?;
        Ok(Self {
            store,
            catalog,
            index,
            analyzer,
            handlers: Registry::default(),
            own_handlers: true,
            broker,
        })
    }
}

fn unopened(may_pass: bool) -> fn(anyhow::Error) -> Unopened {
    match may_pass {
        true => Unopened::Away,
        false => Unopened::Wrong,
    }
}

impl ServiceProcess for Config {
    const NAME: &'static str = "ingest-service";
    type Deps = Deps;

    fn listen(&self) -> SocketAddr {
        self.listen
    }

    fn is_health_check(&self) -> bool {
        self.health
    }

    async fn open(&self) -> Result<Deps, Unopened> {
        without_huge_pages();
        Deps::open(self).await
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

/// The allocator asks for huge pages, of which each is resident as a whole for the
/// first byte that lies in it: buffers of so many sizes and lives as those of
/// uploads, some of them freed and others not, took twice their bytes.
fn without_huge_pages() {
    #[cfg(target_os = "linux")]
    if let Err(error) = nix::sys::prctl::set_thp_disable(true) {
        tracing::warn!(%error, "huge pages can't be declined: more memory will be resident");
    }
}

/// Serves until `stop`, then drains.
///
/// # Errors
/// When the configuration is wrong or the listener fails.
pub async fn run(
    config: Config,
    listener: TcpListener,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let deps = Deps::open(&config).await.map_err(Unopened::cause)?;
    run_with(config, deps, listener, stop).await
}

/// [`run`] with a store, a catalog and an analyzer of the caller's choice.
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
    let mut lifecycle = Lifecycle::default();
    let broker = watch::Sender::default();
    if config.broker.is_some() {
        lifecycle.parts.push((BROKER_HEALTH, broker.subscribe()));
    }
    tracing::info!(address = ?listener.local_addr(), store = config.store, "ingest-service listens");
    let served = Served {
        service: async { start(&config, deps.await?, &lifecycle, broker) },
        names: &[SERVICE, ANALYSES_SERVICE, EVENTS_SERVICE, SEARCH_SERVICE],
        oversized: &[
            ("/weir.ingest.v1.IngestService/PutChunk", "CHUNK_SIZE"),
            ("/weir.ingest.v1.IngestService/UploadCapture", "CHUNK_SIZE"),
        ],
    };
    serve(&config.serve, listener, served, &lifecycle, stop).await
}

/// Starts what the service does by itself, and gives what answers its calls.
fn start(
    config: &Config,
    deps: Deps,
    lifecycle: &Lifecycle,
    has_caught_up: watch::Sender<bool>,
) -> anyhow::Result<Metered<Routes>> {
    let ingest = Ingest::start(
        deps.catalog,
        deps.store,
        config.settings(),
        lifecycle.tasks.clone(),
        lifecycle.shutdown.clone(),
    );
    let tasks = &lifecycle.tasks;
    tasks.spawn(Arc::clone(&ingest).keep_alive());
    tasks.spawn(Arc::clone(&ingest).follow_events());
    tasks.spawn(Arc::clone(&ingest).expire_captures());
    tasks.spawn(Arc::clone(&ingest).fold_captures());
    tasks.spawn(Arc::clone(&ingest).sweep_orphans(config.sweep()));
    tasks.spawn(Arc::clone(&ingest).audit_catalog());
    tasks.spawn(Arc::clone(&ingest).scrub(config.scrub()));

    let namings: Arc<Namings> = Arc::default();
    let (here, client) = (Arc::clone(&ingest), deps.analyzer.clone());
    let analyzer = Arc::new(RemoteAnalyzer::new(here, client, Arc::clone(&namings)));
    let settings = config.analyses.settings();
    let analyses = Analyses::new(Arc::clone(&ingest), analyzer, settings);
    tasks.spawn(Arc::clone(&analyses).run_queued());
    let mut handlers = deps.handlers;
    let on_seal = AnalyzeOnSeal::new(Arc::clone(&analyses), config.analyses.on_seal);
    let (index, reader) = (Arc::clone(&deps.index), Arc::new(RecordReader));
    let indexer = Indexer::new(Arc::clone(&ingest), Arc::clone(&analyses), index, reader);
    if deps.own_handlers {
        handlers.add(Arc::new(on_seal))?;
        if config.handlers.digest_on_seal {
            handlers.add(Arc::new(DigestOnSeal::new(Arc::clone(&ingest))))?;
        }
        for of_results in ResultsIndexer::of_each_size(&indexer) {
            handlers.add(of_results)?;
        }
        handlers.add(Arc::new(Forgetter::new(Arc::clone(&indexer))))?;
        handlers.add(Arc::new(WordsIndexer::new(Arc::clone(&indexer))))?;
        let drawer = Drawer::new(Arc::clone(&ingest), Arc::new(SummaryReader));
        handlers.add(Arc::new(drawer))?;
    }
    tasks.spawn(indexer.rebuild());
    let mut names: Vec<_> = handlers.iter().map(|handler| handler.name()).collect();
    if let Some(broker) = deps.broker {
        names.push(Registry::BROKER);
        tasks.spawn(Arc::clone(&ingest).relay(broker));
        let watched = Arc::clone(&ingest).watch_broker(config.broker.backlog_max, has_caught_up);
        tasks.spawn(watched);
    }
    tasks.spawn(Arc::clone(&ingest).keep_events(config.events.retention, names));
    tasks.spawn(Arc::clone(&ingest).dispatch(handlers));

    let service = Service::new(Arc::clone(&ingest), deps.analyzer, namings);
    let service = IngestServiceServer::new(service)
        .max_decoding_message_size(GRPC_MESSAGE_BYTES_MAX)
        .accept_compressed(CompressionEncoding::Gzip)
        .accept_compressed(CompressionEncoding::Zstd);
    let background = AnalysesApi::new(Arc::clone(&ingest), analyses).server();
    let source = config.events.source.as_str().into();
    let events = EventsApi::new(Arc::clone(&ingest), source).server();
    let routes = Routes::new(service)
        .add_service(background)
        .add_service(events)
        .add_service(SearchServiceServer::new(SearchApi::new(
            Arc::clone(&ingest),
            deps.index,
        )));
    Ok(Metered::new(routes.prepare(), &ingest))
}
