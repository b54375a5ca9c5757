//! Both services in this process, on sockets and a directory of their own.

use std::{
    fmt,
    net::{Ipv4Addr, SocketAddr},
    path::Path,
    sync::Arc,
};

use ingest_service::domain::dispatch::handler::Registry;
use tempfile::TempDir;
use tokio::{
    net::{TcpListener, TcpSocket},
    task::JoinHandle,
};
use tokio_util::{
    sync::{CancellationToken, DropGuard},
    task::TaskTracker,
};
use weir_shared::store::{self, SegmentStore};

use crate::{
    analysis::AnalyzerCaller,
    background::Background,
    caller::{Caller, channel},
    catalog,
    gate::Gate,
    until::within,
};

/// Any free port of this machine.
const ANY_PORT: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// How the pair differs from its defaults.
#[derive(Clone, Default)]
pub struct Setup {
    pub ingest: Option<fn(&mut ingest_service::Config)>,
    pub analyzer: Option<fn(&mut analyzer_service::Config)>,
    /// Where the analyzer's reads of the store wait.
    pub analyzer_gate: Option<Gate>,
    /// Where ingest-service's reads of the store wait.
    pub ingest_gate: Option<Gate>,
    /// What ingest-service does about events beside what it does by itself.
    pub handlers: Registry,
    /// Leaves those out.
    pub without_own_handlers: bool,
    /// Another store than that of [`store_url`].
    pub store: Option<Arc<dyn SegmentStore>>,
}

impl fmt::Debug for Setup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Setup").finish_non_exhaustive()
    }
}

/// One running service. Stops when dropped.
#[derive(Debug)]
pub struct Service {
    pub address: SocketAddr,
    stop: DropGuard,
    running: JoinHandle<anyhow::Result<()>>,
}

impl Service {
    /// Starts `run` on a port of its own.
    pub async fn start<F>(run: impl FnOnce(TcpListener, CancellationToken) -> F) -> Self
    where
        F: Future<Output = anyhow::Result<()>> + Send + 'static,
    {
        let listener = TcpListener::bind(ANY_PORT).await.unwrap();
        let address = listener.local_addr().unwrap();
        let stop = CancellationToken::new();
        let running = TaskTracker::new().spawn(run(listener, stop.clone()));
        Self {
            address,
            stop: stop.drop_guard(),
            running,
        }
    }

    /// Stops it and waits for its end.
    pub async fn stop(self) {
        let Self { stop, running, .. } = self;
        drop(stop);
        within("the service's end", running).await.unwrap().unwrap();
    }
}

/// The pair. Its data goes with it, unless it was restarted.
#[derive(Debug)]
pub struct Pair {
    pub ingest: Service,
    /// None: nobody listens where ingest-service looks for it.
    pub analyzer: Option<Service>,
    directory: Arc<TempDir>,
    setup: Setup,
    /// Keeps the port of an analyzer that is away from being taken.
    _away: Option<TcpSocket>,
}

impl Pair {
    /// The pair with its defaults.
    pub async fn start() -> Self {
        Self::with(Setup::default()).await
    }

    pub async fn with(setup: Setup) -> Self {
        Self::on(Arc::new(tempfile::tempdir().unwrap()), setup).await
    }

    /// ingest-service alone: the analyzer is away.
    pub async fn without_analyzer() -> Self {
        let directory = Arc::new(tempfile::tempdir().unwrap());
        let setup = Setup::default();
        // Bound but not listening: connections are refused.
        let away = TcpSocket::new_v4().unwrap();
        away.bind(ANY_PORT).unwrap();
        let ingest = start_ingest(&setup, directory.path(), away.local_addr().unwrap()).await;
        Self {
            ingest,
            analyzer: None,
            directory,
            setup,
            _away: Some(away),
        }
    }

    /// ingest-service with somebody else's analyzer.
    pub async fn with_analyzer(analyzer: Service, setup: Setup) -> Self {
        let directory = Arc::new(tempfile::tempdir().unwrap());
        let ingest = start_ingest(&setup, directory.path(), analyzer.address).await;
        Self {
            ingest,
            analyzer: Some(analyzer),
            directory,
            setup,
            _away: None,
        }
    }

    async fn on(directory: Arc<TempDir>, setup: Setup) -> Self {
        let analyzer = start_analyzer(&setup, directory.path()).await;
        let ingest = start_ingest(&setup, directory.path(), analyzer.address).await;
        Self {
            ingest,
            analyzer: Some(analyzer),
            directory,
            setup,
            _away: None,
        }
    }

    /// Stops both and starts them again on the same data.
    pub async fn restart(self) -> Self {
        self.restart_after(|_directory| ()).await
    }

    /// The same, with something done to the data in between.
    pub async fn restart_after(self, between: impl FnOnce(&Path)) -> Self {
        self.ingest.stop().await;
        if let Some(analyzer) = self.analyzer {
            analyzer.stop().await;
        }
        between(self.directory.path());
        Self::on(self.directory, self.setup).await
    }

    /// A caller with a connection of its own.
    #[must_use]
    pub fn caller(&self) -> Caller {
        Caller::new(channel(self.ingest.address))
    }

    /// A caller of background analyses, with a connection of its own.
    #[must_use]
    pub fn background(&self) -> Background {
        Background::new(channel(self.ingest.address))
    }

    /// The same for the analyzer.
    #[must_use]
    pub fn analyzer_caller(&self) -> AnalyzerCaller {
        AnalyzerCaller::new(channel(self.analyzer_address()))
    }

    #[must_use]
    pub fn analyzer_address(&self) -> SocketAddr {
        self.analyzer.as_ref().expect("an analyzer").address
    }

    /// Where the pair keeps its data.
    #[must_use]
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// The store that both services use, without their gates.
    #[must_use]
    pub fn store(&self) -> Arc<dyn SegmentStore> {
        match &self.setup.store {
            Some(store) => Arc::clone(store),
            None => store::open(&store_url(self.directory())).unwrap(),
        }
    }
}

/// Names another server for the stores of all tests, `s3://BUCKET`. Each test
/// has a prefix of its own there; the `AWS_` variables say the rest.
const STORE_VARIABLE: &str = "WEIR_TEST_STORE";

/// The store of a test whose data is in this directory.
#[must_use]
pub fn store_url(directory: &Path) -> String {
    match std::env::var(STORE_VARIABLE) {
        // Its name is random: other tests have other prefixes.
        Ok(server) => {
            let name = directory.file_name().unwrap().to_str().unwrap();
            format!("{server}/{}", name.trim_start_matches('.'))
        }
        Err(_) => format!("file://{}", directory.join("store").display()),
    }
}

impl Setup {
    /// The store, where its service finds it.
    fn store(&self, gate: Option<&Gate>, opened: Arc<dyn SegmentStore>) -> Arc<dyn SegmentStore> {
        behind(gate, self.store.clone().unwrap_or(opened))
    }
}

fn behind(gate: Option<&Gate>, store: Arc<dyn SegmentStore>) -> Arc<dyn SegmentStore> {
    match gate {
        Some(gate) => gate.before(store),
        None => store,
    }
}

async fn start_analyzer(setup: &Setup, directory: &Path) -> Service {
    let mut config = analyzer_service::Config::default_in(directory).unwrap();
    config.store = Some(store_url(directory));
    if let Some(change) = setup.analyzer {
        change(&mut config);
    }
    let mut deps = analyzer_service::Deps::open(&config).unwrap();
    deps.store = setup.store(setup.analyzer_gate.as_ref(), deps.store);
    Service::start(|listener, stop| analyzer_service::run_with(config, deps, listener, stop)).await
}

async fn start_ingest(setup: &Setup, directory: &Path, analyzer: SocketAddr) -> Service {
    let mut config = ingest_service::Config::default_in(directory).unwrap();
    config.store = Some(store_url(directory));
    config.catalog = Some(catalog::url(directory).await);
    config.analyzer = format!("http://{analyzer}");
    if let Some(change) = setup.ingest {
        change(&mut config);
    }
    let mut deps = ingest_service::Deps::open(&config).await.unwrap();
    deps.store = setup.store(setup.ingest_gate.as_ref(), deps.store);
    deps.own_handlers = !setup.without_own_handlers;
    for handler in setup.handlers.iter() {
        deps.handlers.add(Arc::clone(handler)).unwrap();
    }
    Service::start(|listener, stop| ingest_service::run_with(config, deps, listener, stop)).await
}
