//! The hosts: two ingest-services on one catalog and one store, an
//! analyzer-service, and clients.

use std::{
    path::Path,
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use ingest_service::{
    analyzer_client, analyzer_endpoint, catalog,
    domain::{dispatch::handler::Registry, time},
};
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tokio_util::sync::CancellationToken;
use tonic::transport::Endpoint;
use turmoil::Sim;
use weir_shared::store::{self, directory_url};
use weir_tests::{
    caller::{Caller, narrow, recommended},
    faults::{Faults, FaultyCatalog, FaultyIndex, FaultyStore, Simulated},
};

use super::{
    lockstep::Lockstep,
    network::{PORT, SimListener, channel},
    script::{self, Event},
    trace::Trace,
};

pub(crate) const INGEST: &str = "ingest";
/// On the same catalog and store.
pub(crate) const INGEST_TOO: &str = "ingest-too";
pub(crate) const ANALYZER: &str = "analyzer";

/// How often the hosts run: fine against every latency here.
const TICK: Duration = Duration::from_millis(5);
/// Of a message, unless a script says otherwise.
const LATENCY_MAX: Duration = Duration::from_millis(20);
/// What hangs fails its test after this.
const TIME_MAX: Duration = Duration::from_secs(900);
/// Of an operation of store or catalog.
const DISK_LATENCY_MAX: Duration = Duration::from_millis(30);

/// The time of day when a simulation begins: before that of any object on the real disk, which
/// the sweep so takes for new.
const BEGIN: Duration = Duration::from_secs(1_000_000_000);

/// SQLite tells by its own clock, the real one, whether an instance lives: here all do. So it does
/// when a background analysis is due again; there is none here.
const LEASE: Duration = Duration::from_secs(24 * 3600);

/// All else that goes by the time of day goes by the simulated one.
fn time_of_day() -> SystemTime {
    UNIX_EPOCH + BEGIN + turmoil::sim_elapsed().unwrap_or_default()
}

/// How a simulation differs from others.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Setup {
    pub(crate) seed: u64,
    /// So many of a thousand operations of store and catalog fail.
    pub(crate) faults_per_mille: usize,
    pub(crate) ingest: fn(&mut ingest_service::Config),
    pub(crate) analyzer: fn(&mut analyzer_service::Config),
}

impl Setup {
    pub(crate) fn of(seed: u64) -> Self {
        Self {
            seed,
            faults_per_mille: 0,
            ingest: |_| {},
            analyzer: |_| {},
        }
    }
}

pub(crate) struct World {
    // Before what its hosts stand on.
    sim: Sim<'static>,
    trace: Trace,
    _directory: TempDir,
    _disk: Runtime,
}

impl World {
    pub(crate) fn new(setup: Setup) -> Self {
        println!("{setup:?}");
        // Every simulation of the process sets the same one.
        time::use_clock(time_of_day);
        // Pauses before another attempt are drawn from this thread's.
        fastrand::seed(setup.seed);
        let directory = tempfile::tempdir().unwrap();
        let trace = Trace::default();
        let disk = Runtime::new().unwrap();
        let mut sim = turmoil::Builder::new()
            .rng_seed(setup.seed)
            .tick_duration(TICK)
            .min_message_latency(TICK)
            .max_message_latency(LATENCY_MAX)
            .simulation_duration(TIME_MAX)
            .build();
        let path = directory.path();
        let catalog = format!("sqlite://{}", path.join("catalog.db").display());
        let opened = disk.block_on(catalog::open_with_index(&catalog));
        let (catalog, index) = opened.unwrap();
        let store = store::open(&directory_url(&path.join("store")).unwrap()).unwrap();
        for (number, host) in [INGEST, INGEST_TOO, ANALYZER].into_iter().enumerate() {
            let observing = trace.clone();
            let simulated = Simulated {
                runtime: disk.handle().clone(),
                latency_max: DISK_LATENCY_MAX,
                observer: Arc::new(move |fate, delay| {
                    observing.tell(host, format_args!("storage {fate:?} after {delay:?}"));
                }),
            };
            let faults = Faults::new(setup.seed ^ number as u64, setup.faults_per_mille)
                .simulated(simulated);
            let store = Arc::new(FaultyStore::new(Arc::clone(&store), faults.clone()));
            let path = path.to_owned();
            if host == ANALYZER {
                let deps = analyzer_service::Deps {
                    store,
                    threads: Arc::new(Lockstep),
                };
                sim.host(host, move || analyzer(setup, path.clone(), deps.clone()));
            } else {
                let catalog = FaultyCatalog::new(Arc::clone(&catalog), faults.clone());
                let catalog = Arc::new(catalog);
                let index = Arc::new(FaultyIndex::new(Arc::clone(&index), faults));
                sim.host(host, move || {
                    let deps = ingest_service::Deps {
                        store: store.clone(),
                        catalog: catalog.clone(),
                        index: index.clone(),
                        analyzer: analyzer_client(channel(&to_analyzer())),
                        handlers: Registry::default(),
                        own_handlers: true,
                        broker: None,
                    };
                    ingest(setup, path.clone(), deps)
                });
            }
        }
        Self {
            sim,
            trace,
            _directory: directory,
            _disk: disk,
        }
    }

    pub(crate) fn trace(&self) -> Trace {
        self.trace.clone()
    }

    /// Adds a host that does this.
    pub(crate) fn client(&mut self, name: &str, does: impl Future<Output = ()> + 'static) {
        self.sim.client(name, async {
            does.await;
            Ok(())
        });
    }

    /// Runs until every client has ended, which all of this befalls.
    pub(crate) fn run(&mut self, script: &[(u64, Event)]) {
        let rest = script::run(&mut self.sim, &self.trace, script);
        assert_eq!(rest, 0, "the clients ended before the script");
    }

    /// The same, whatever is left of the script.
    pub(crate) fn run_as_far(&mut self, script: &[(u64, Event)]) {
        script::run(&mut self.sim, &self.trace, script);
    }
}

fn to_analyzer() -> Endpoint {
    analyzer_endpoint(&format!("http://{ANALYZER}:{PORT}")).unwrap()
}

/// A caller of this host with a connection of its own.
pub(crate) fn caller(host: &str) -> Caller {
    Caller::new(channel(&recommended(&format!("{host}:{PORT}"))))
}

/// One whose unread answers soon hold up their server.
pub(crate) fn narrow_caller(host: &str) -> Caller {
    Caller::new(channel(&narrow(&format!("{host}:{PORT}"))))
}

async fn ingest(
    setup: Setup,
    path: impl AsRef<Path>,
    deps: ingest_service::Deps,
) -> turmoil::Result {
    let mut config = ingest_service::Config::default_in(path.as_ref())?;
    config.commit_interval = Duration::from_millis(200);
    config.events.lease = LEASE;
    (setup.ingest)(&mut config);
    let listener = SimListener::bind().await?;
    ingest_service::run_with(config, deps, listener, CancellationToken::new()).await?;
    Ok(())
}

async fn analyzer(
    setup: Setup,
    path: impl AsRef<Path>,
    deps: analyzer_service::Deps,
) -> turmoil::Result {
    let mut config = analyzer_service::Config::default_in(path.as_ref())?;
    (setup.analyzer)(&mut config);
    let listener = SimListener::bind().await?;
    analyzer_service::run_with(config, deps, listener, CancellationToken::new()).await?;
    Ok(())
}
