//! ingest-service on a store and a catalog that fail at random, as a process
//! that tests may kill.

use std::{net::SocketAddr, process::ExitCode, sync::Arc};

use ingest_service::{Config, Deps};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use weir_shared::serve::{ServiceProcess, Unopened, service_main};
use weir_tests::{
    faults::{self, Faults, FaultyCatalog, FaultyIndex, FaultyStore},
    ledger::{self, Ledger},
};

#[derive(Clone, Debug, clap::Parser)]
struct Faulty {
    #[command(flatten)]
    config: Config,
    #[arg(long, env = faults::VARIABLE, value_parser = Faults::parse)]
    faults: Faults,
    /// A handler from outside, when there is one.
    #[arg(long, env = ledger::VARIABLE, value_parser = Ledger::parse)]
    ledger: Option<Ledger>,
}

impl ServiceProcess for Faulty {
    const NAME: &'static str = "faulty-ingest-service";
    type Deps = Deps;

    fn listen(&self) -> SocketAddr {
        self.config.listen
    }

    fn is_health_check(&self) -> bool {
        self.config.health
    }

    async fn open(&self) -> Result<Deps, Unopened> {
        let mut deps = Deps::open(&self.config).await?;
        deps.store = Arc::new(FaultyStore::new(deps.store, self.faults.clone()));
        deps.catalog = Arc::new(FaultyCatalog::new(deps.catalog, self.faults.clone()));
        deps.index = Arc::new(FaultyIndex::new(deps.index, self.faults.clone()));
        if let Some(ledger) = &self.ledger {
            let added = deps.handlers.add(Arc::new(ledger.clone()));
            added.map_err(|error| Unopened::Wrong(error.into()))?;
        }
        Ok(deps)
    }

    async fn run(
        self,
        deps: impl Future<Output = anyhow::Result<Deps>>,
        listener: TcpListener,
        stop: CancellationToken,
    ) -> anyhow::Result<()> {
        ingest_service::run_when(self.config, deps, listener, stop).await
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    service_main::<Faulty>().await
}
