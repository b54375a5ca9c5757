//! Two instances of ingest-service and an analyzer, and what befalls them.

use std::{
    collections::{BTreeSet, HashMap},
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Mutex,
};

use tokio::time::sleep;
use weir_tests::{
    faults,
    ledger::{self, What},
    process::Process,
    rabbit,
};

use super::plan::{Blow, Plan};

/// How soon an instance that died is not taken for alive any more, seconds: far above
/// what one that lives is held up on a busy machine.
const LEASE: &str = "3";

/// Which instances there were, and how they ended.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ends {
    /// Of each that ended: how many entries the ledger had then.
    pub(crate) ended: HashMap<String, usize>,
    /// Those that stood still, whatever their leases said.
    pub(crate) stalled: BTreeSet<String>,
}

pub(crate) struct Services {
    seed: u64,
    directory: PathBuf,
    analyzer: Option<Process>,
    analyzer_address: SocketAddr,
    ingests: [Option<(String, Process)>; 2],
    faults_per_mille: usize,
    started: u64,
    pub(crate) ends: Ends,
    pub(crate) blows: u64,
}

/// Where the instances are at the moment.
pub(crate) type Addresses = Mutex<[SocketAddr; 2]>;

impl Services {
    pub(crate) async fn start(seed: u64, directory: &Path, plan: &Plan) -> Self {
        let program = env!("CARGO_BIN_EXE_test-analyzer-service");
        let analyzer = Process::analyzer(program, directory, &[]).await;
        let mut services = Self {
            seed,
            directory: directory.to_owned(),
            analyzer_address: analyzer.address,
            analyzer: Some(analyzer),
            ingests: [None, None],
            faults_per_mille: plan.faults_per_mille,
            started: 0,
            ends: Ends::default(),
            blows: 0,
        };
        for which in 0..2 {
            services.start_ingest(which).await;
        }
        services
    }

    pub(crate) fn addresses(&self) -> [SocketAddr; 2] {
        [0, 1].map(|which| self.ingests[which].as_ref().unwrap().1.address)
    }

    /// Where the handler of these services writes.
    pub(crate) fn ledger(directory: &Path) -> PathBuf {
        directory.join("ledger")
    }

    /// What events of this round name as their source.
    pub(crate) fn source(seed: u64) -> String {
        format!("/round-{seed}")
    }

    async fn start_ingest(&mut self, which: usize) {
        self.started += 1;
        let name = format!("p{}", self.started);
        let seed = self.seed.wrapping_mul(1_000) + self.started;
        let ledger_file = Self::ledger(&self.directory);
        let ledger = format!("{name},{seed},{}", ledger_file.display());
        let faults = format!("{seed},{}", self.faults_per_mille);
        let source = Self::source(self.seed);
        let broker = std::env::var(rabbit::URL).unwrap_or_default();
        let environment = [
            (faults::VARIABLE, &*faults),
            (ledger::VARIABLE, &ledger),
            ("WEIR_LEASE", LEASE),
            ("WEIR_EVENT_SOURCE", &source),
            ("WEIR_BROKER", &broker),
            ("WEIR_COMMIT_INTERVAL", "0.02"),
            ("WEIR_ANALYSIS_RETRY_AFTER", "0.1"),
            // So that the sweeper is in the way of what was written just now.
            ("WEIR_SWEEP_INTERVAL", "0.1"),
            ("WEIR_SWEEP_GRACE", "3"),
        ];
        let program = env!("CARGO_BIN_EXE_faulty-ingest-service");
        let started = Process::ingest(
            program,
            &self.directory,
            self.analyzer_address,
            &environment,
        )
        .await;
        self.ingests[which] = Some((name, started));
    }

    fn has_ended(&mut self, name: String) {
        let written = ledger::entries(&Self::ledger(&self.directory)).len();
        self.ends.ended.insert(name, written);
    }

    async fn kill_ingest(&mut self, which: usize) {
        let (name, process) = self.ingests[which].take().unwrap();
        process.kill().await;
        self.has_ended(name);
    }

    /// Strikes as planned.
    pub(crate) async fn strike(&mut self, plan: &Plan, addresses: &Addresses) {
        for (after, blow) in &plan.blows {
            sleep(*after).await;
            self.blow(*blow).await;
            *addresses.lock().unwrap() = self.addresses();
        }
    }

    async fn blow(&mut self, blow: Blow) {
        self.blows += 1;
        match blow {
            Blow::Kill(which) => {
                self.kill_ingest(which).await;
                self.start_ingest(which).await;
            }
            Blow::End(which) => {
                let (name, process) = self.ingests[which].take().unwrap();
                let (status, log) = process.terminate().await;
                assert!(status.success(), "{log:?}");
                self.has_ended(name);
                self.start_ingest(which).await;
            }
            Blow::Stall(which, time) => {
                let (name, process) = self.ingests[which].as_ref().unwrap();
                self.ends.stalled.insert(name.clone());
                process.signal("STOP").await;
                sleep(time).await;
                process.signal("CONT").await;
            }
            Blow::KillAnalyzer => {
                self.analyzer.take().unwrap().kill().await;
                let program = env!("CARGO_BIN_EXE_test-analyzer-service");
                let store = weir_tests::pair::store_url(&self.directory);
                let store = format!("--store={store}");
                let args = [&*store];
                let started = Process::start_at(self.analyzer_address, program, &args, &[]);
                self.analyzer = Some(started.await);
            }
        }
    }

    /// Kills both, and starts two that nothing befalls.
    pub(crate) async fn calm(&mut self, addresses: &Addresses) {
        self.faults_per_mille = 0;
        for which in 0..2 {
            self.kill_ingest(which).await;
            self.start_ingest(which).await;
        }
        *addresses.lock().unwrap() = self.addresses();
    }
}

impl Ends {
    /// Whether an instance may have lost what it had done or begun at this entry of
    /// the ledger, before that other one.
    pub(crate) fn is_excused(&self, process: &str, before: usize) -> bool {
        let has_ended = self.ended.get(process).is_some_and(|&at| at <= before);
        has_ended || self.stalled.contains(process)
    }
}

/// The ledger's entries of one capture, each with its place in the file.
pub(crate) fn by_capture(directory: &Path) -> HashMap<String, Vec<(usize, ledger::Entry)>> {
    let mut captures: HashMap<String, Vec<_>> = HashMap::new();
    let entries = ledger::entries(&Services::ledger(directory));
    for (at, entry) in entries.into_iter().enumerate() {
        let of = captures.entry(entry.capture.clone()).or_default();
        of.push((at, entry));
    }
    captures
}

/// Whether an entry ends what was begun.
pub(crate) fn is_end(what: What) -> bool {
    what != What::Begun
}
