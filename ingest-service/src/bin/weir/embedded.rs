//! The pair inside this process: both services, on ports of the system's choice.

use std::{
    fs::{DirBuilder, File},
    future::Future,
    io,
    net::{Ipv4Addr, SocketAddr},
    os::unix::fs::DirBuilderExt as _,
    path::Path,
    time::Duration,
};

use tokio::{net::TcpListener, sync::mpsc};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tonic::transport::{Channel, Uri};
use weir_shared::serve::Unopened;

use crate::{args::Common, connect::channel, failure::Failure, render::text::escape};

/// Longest wait for the services at the end of a command. All they have
/// acknowledged is durable, so nothing is lost when it is over.
const STOP_TIME: Duration = Duration::from_secs(2);

/// Services inside this process, if any, and what became of them.
#[derive(Debug)]
pub(crate) struct Services {
    stop: CancellationToken,
    tasks: TaskTracker,
    failures: mpsc::Receiver<Failure>,
}

impl Services {
    /// The channel to the endpoint that was asked for; without one both
    /// services are started on the data directory. Any number of processes may
    /// share that: neither service counts on being alone.
    ///
    /// # Errors
    /// When the data directory cannot be used or no port is to be had.
    pub(crate) async fn connect(common: &Common) -> Result<(Self, Channel), Failure> {
        // Two services may fail, once each.
        let (failed, failures) = mpsc::channel(2);
        let services = Self {
            stop: CancellationToken::new(),
            tasks: TaskTracker::new(),
            failures,
        };
        let uri = match &common.endpoint {
            Some(endpoint) => endpoint.clone(),
            None => services.start(&common.data_dir()?, failed).await?,
        };
        Ok((services, channel(uri)))
    }

    async fn start(&self, dir: &Path, failed: mpsc::Sender<Failure>) -> Result<Uri, Failure> {
        let unusable = |error: &dyn std::fmt::Display| {
            let dir = escape(&dir.to_string_lossy());
            Failure::Service(format!("cannot keep captures in {dir}: {error}"))
        };
        // Captures hold what people said to each other: nobody else's to read.
        let mut private = DirBuilder::new();
        private.recursive(true).mode(0o700);
        private.create(dir).map_err(|error| unusable(&error))?;
        let dir = dir.canonicalize().map_err(|error| unusable(&error))?;

        let (analyzer_listener, analyzer_uri) = listen().await?;
        let (ingest_listener, ingest_uri) = listen().await?;
        let settled = |config: anyhow::Error| unusable(&format_args!("{config:#}"));
        let mut ingest = ingest_service::Config::default_in(&dir).map_err(settled)?;
        let mut analyzer = analyzer_service::Config::default_in(&dir).map_err(settled)?;
        // Whatever each would choose, it has to be the same.
        analyzer.store.clone_from(&ingest.store);
        ingest.analyzer = analyzer_uri.to_string();
        let (ingest_deps, analyzer_deps) = {
            let _alone = lock(&dir).await.map_err(|error| unusable(&error))?;
            let settled = |unopened: Unopened| settled(unopened.cause());
            let ingest_deps = ingest_service::Deps::open(&ingest).await.map_err(settled)?;
            let analyzer_deps = analyzer_service::Deps::open(&analyzer).map_err(settled)?;
            (ingest_deps, analyzer_deps)
        };
        let stop = || self.stop.clone();
        let analyzer =
            analyzer_service::run_with(analyzer, analyzer_deps, analyzer_listener, stop());
        self.spawn("analyzer-service", analyzer, failed.clone());
        let ingest = ingest_service::run_with(ingest, ingest_deps, ingest_listener, stop());
        self.spawn("ingest-service", ingest, failed);
        Ok(ingest_uri)
    }

    fn spawn(
        &self,
        name: &'static str,
        service: impl Future<Output = anyhow::Result<()>> + Send + 'static,
        failed: mpsc::Sender<Failure>,
    ) {
        let stop = self.stop.clone();
        self.tasks.spawn(async move {
            let text = match service.await {
                Ok(()) if stop.is_cancelled() => return,
                Ok(()) => "ended early".to_owned(),
                Err(error) => escape(&format!("{error:#}")),
            };
            // Nobody listens once the command has ended: then it does not matter.
            _ = failed.try_send(Failure::Service(format!("{name}: {text}")));
        });
    }

    /// The first failure of a service; without services it waits forever.
    pub(crate) async fn failed(&mut self) -> Failure {
        match self.failures.recv().await {
            Some(failure) => failure,
            None => std::future::pending().await,
        }
    }

    /// Stops the services and waits for them, within [`STOP_TIME`].
    pub(crate) async fn stop(self) {
        self.stop.cancel();
        self.tasks.close();
        // Whatever still runs then ends with the process.
        _ = tokio::time::timeout(STOP_TIME, self.tasks.wait()).await;
    }
}

/// Held while a process opens the data directory, because two that find it new
/// would both lay out the catalog. The system takes it back however it ends.
async fn lock(dir: &Path) -> io::Result<File> {
    let path = dir.join("open.lock");
    let locked = tokio::task::spawn_blocking(move || {
        let file = File::create(path)?;
        file.lock()?;
        Ok(file)
    });
    locked.await.map_err(io::Error::other)?
}

/// A port on the loopback interface, bound before anyone is told of it.
async fn listen() -> Result<(TcpListener, Uri), Failure> {
    let any_port = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let bound = async {
        let listener = TcpListener::bind(any_port).await?;
        let uri = format!("http://{}", listener.local_addr()?).parse();
        Ok::<_, anyhow::Error>((listener, uri?))
    };
    bound
        .await
        .map_err(|error| Failure::Service(format!("no port on the loopback interface: {error}")))
}
