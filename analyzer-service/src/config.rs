//! Command line and environment of the service.

use std::{net::SocketAddr, path::Path, thread::available_parallelism};

use weir_shared::{limits::GRPC_MESSAGE_BYTES_MAX, serve::ServeConfig};

use crate::{analysis::FLOWS_MAX, grpc::Limits};

/// Analyses for each core: the others wait for their store or their client.
const ANALYSES_PER_CORE: usize = 4;

/// Largest inline capture, bytes: what fits into a message beside its options.
pub const INLINE_BYTES_MAX: usize = 2 << 20;
const _: () = assert!(INLINE_BYTES_MAX < GRPC_MESSAGE_BYTES_MAX);

/// Analyzes stored packet captures; reads the store that ingest-service writes.
#[derive(Clone, Debug, clap::Parser)]
#[command(name = "analyzer-service", version)]
pub struct Config {
    /// Address to listen on.
    #[arg(long, env = "WEIR_LISTEN", default_value = "127.0.0.1:7302")]
    pub listen: SocketAddr,
    /// Object store to read: file:///DIRECTORY, which may be mounted read-only,
    /// or s3://BUCKET/PREFIX with the usual AWS_ variables.
    /// [default: file:// and the absolute path of ./weir-data/store]
    #[arg(long, env = "WEIR_STORE")]
    pub store: Option<String>,
    /// Analyses at once; more are answered UNAVAILABLE. [default: 4 for each core]
    #[arg(long, env = "WEIR_ANALYSES_MAX", value_parser = at_least_one)]
    pub analyses_max: Option<usize>,
    /// Flows that one analysis keeps at once; the oldest make room for more.
    #[arg(long, env = "WEIR_FLOWS_MAX", default_value_t = FLOWS_MAX, value_parser = at_least_one)]
    pub flows_max: usize,
    #[command(flatten)]
    pub serve: ServeConfig,
    /// Ask the service at --listen whether it is serving, and exit 0 or 1.
    #[arg(long)]
    pub health: bool,
}

fn at_least_one(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) => Err("at least 1".into()),
        Ok(number) => Ok(number),
        Err(error) => Err(format!("not a number: {error}")),
    }
}

impl Config {
    /// The embedded default: the store below `directory`, a port of the system's choice.
    ///
    /// # Errors
    /// When `directory` has no absolute path that a URL can say.
    pub fn default_in(directory: &Path) -> anyhow::Result<Self> {
        Ok(Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            store: Some(weir_shared::store::directory_url(&directory.join("store"))?),
            analyses_max: None,
            flows_max: FLOWS_MAX,
            serve: ServeConfig::default(),
            health: false,
        })
    }

    pub(crate) fn limits(&self) -> Limits {
        let cores = available_parallelism().map_or(1, Into::into);
        Limits {
            analyses_max: self.analyses_max.unwrap_or(cores * ANALYSES_PER_CORE),
            computing_max: cores,
            inline_bytes_max: INLINE_BYTES_MAX,
            flows_max: self.flows_max,
        }
    }
}
