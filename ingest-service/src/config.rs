//! Configuration: flags over environment over defaults.

mod analyses;
mod broker;
mod events;
mod handlers;

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::Path,
    time::Duration,
};

use weir_shared::{limits::CHUNK_BYTES_MAX, serve::ServeConfig, store::directory_url};

pub use analyses::AnalysesConfig;
pub use broker::BrokerConfig;
pub(crate) use events::EventConfig;
pub use handlers::HandlersConfig;

use crate::domain::{
    chunk::ChunkLimits, ingest::Settings, scrub::ScrubSettings, sweep::SweepSettings,
    time::Keeping, upload::PaceLimits,
};

/// Of the embedded default, below the working directory.
const DATA_DIRECTORY: &str = "weir-data";

/// Beside the analyzer's 7302.
const PORT: u16 = 7301;
const ANALYZER: &str = "http://127.0.0.1:7302";

/// Staged bytes of all calls: the segments of four uploads at full speed, smaller ones of any
/// number. With the windows of eight connections it stays below 128 MiB.
const STAGING_BYTES: usize = 48 << 20;
/// Less would not hold two segments.
const STAGING_BYTES_MIN: usize = 16 << 20;

/// What is lost by a crash is sent again within this of time.
const COMMIT_INTERVAL: Duration = Duration::from_secs(2);

/// The transport's limit stands above this one: a smaller may be chosen.
#[allow(clippy::cast_possible_truncation, reason = "2 MiB")]
const CHUNK_BYTES: u32 = CHUNK_BYTES_MAX as u32;

/// `weir upload -` ends its calls after 30 s by itself; a broken link of a
/// client is noticed within 20 s. What is silent for longer is mute on purpose.
const UPLOAD_IDLE_TIMEOUT: Duration = Duration::from_secs(300);

/// No minimum: a live sensor has little to tell at night, and an upload that
/// is held open costs no more than its place on its connection.
const UPLOAD_RATE_MIN: u32 = 0;

/// A capture of 100 GiB in chunks of 1 MiB is 102,400 chunks.
const CHUNKS_MAX: u32 = 1_000_000;
const CAPTURE_BYTES_MAX: u64 = 1 << 40;

/// Long enough to come back after a weekend and go on.
const UNSEALED_TTL: Duration = Duration::from_secs(7 * 24 * 3600);

/// Counted at each creation, some milliseconds for so many; far more than
/// uploads fit into the staging budget at once.
const OPEN_CAPTURES_MAX: u32 = 10_000;

/// An orphan costs only its space: no hurry.
const SWEEP_INTERVAL: Duration = Duration::from_secs(600);
/// A commit follows its write within seconds, in the worst case minutes.
const SWEEP_GRACE: Duration = Duration::from_secs(3600);

/// Damage is rare, and older than a week seldom worse.
const SCRUB_INTERVAL: Duration = Duration::from_secs(7 * 24 * 3600);
/// A tenth of what a slow disk gives; 5 TB a week.
const SCRUB_RATE: u32 = 8 << 20;

/// Takes captures in chunks, keeps them, and has them analyzed.
#[derive(Clone, Debug, clap::Parser)]
#[command(name = "ingest-service", version, about)]
pub struct Config {
    /// Address to serve gRPC on.
    #[arg(long, env = "WEIR_LISTEN", default_value_t = listen())]
    pub listen: SocketAddr,
    /// Object store for segments, the same as the analyzer's: file:///DIRECTORY, or
    /// s3://BUCKET/PREFIX with the usual AWS_ variables.
    /// [default: file:// and the absolute path of ./weir-data/store]
    #[arg(long, env = "WEIR_STORE")]
    pub store: Option<String>,
    /// Catalog of captures: sqlite:///FILE or postgres://USER@HOST/DATABASE.
    /// [default: sqlite:// and the absolute path of ./weir-data/catalog.db]
    // Help would print the variable's value, and a password in it.
    #[arg(long, env = "WEIR_CATALOG", hide_env_values = true)]
    pub catalog: Option<String>,
    /// The analyzer-service that captures are analyzed by.
    #[arg(long, env = "WEIR_ANALYZER", default_value = ANALYZER)]
    pub analyzer: String,
    /// Longest time between a chunk's receipt and the closing of its segment, seconds.
    #[arg(long, env = "WEIR_COMMIT_INTERVAL", default_value = "2", value_parser = seconds)]
    pub commit_interval: Duration,
    /// Bytes held between receipt and commit, of all calls.
    #[arg(long, env = "WEIR_STAGING_BYTES", default_value_t = STAGING_BYTES, value_parser = staging_bytes)]
    pub staging_bytes: usize,
    /// Bytes in one chunk.
    #[arg(long, env = "WEIR_CHUNK_BYTES_MAX", default_value_t = CHUNK_BYTES, value_parser = clap::value_parser!(u32).range(1..=CHUNK_BYTES.into()))]
    pub chunk_bytes_max: u32,
    /// Chunks in one capture.
    #[arg(long, env = "WEIR_CHUNKS_MAX", default_value_t = CHUNKS_MAX, value_parser = clap::value_parser!(u32).range(1..=0x7fff_ffff))]
    pub chunks_max: u32,
    /// Bytes in one capture.
    #[arg(long, env = "WEIR_CAPTURE_BYTES_MAX", default_value_t = CAPTURE_BYTES_MAX, value_parser = clap::value_parser!(u64).range(1..=0x7fff_ffff_ffff_ffff))]
    pub capture_bytes_max: u64,
    /// Longest time between two messages of an upload, seconds.
    #[arg(long, env = "WEIR_UPLOAD_IDLE_TIMEOUT", default_value = "300", value_parser = seconds)]
    pub upload_idle_timeout: Duration,
    /// Slowest upload, bytes a second, over a minute and the time of one chunk; 0: any.
    #[arg(long, env = "WEIR_UPLOAD_RATE_MIN", default_value_t = UPLOAD_RATE_MIN)]
    pub upload_rate_min: u32,
    /// How long an unsealed capture is kept without progress, seconds.
    #[arg(long, env = "WEIR_UNSEALED_TTL", default_value = "604800", value_parser = seconds)]
    pub unsealed_ttl: Duration,
    /// How long a sealed capture is kept, seconds [default: for ever].
    #[arg(long, env = "WEIR_SEALED_TTL", value_parser = seconds)]
    pub sealed_ttl: Option<Duration>,
    /// Captures that may be unsealed at once, of all services on the catalog.
    #[arg(long, env = "WEIR_OPEN_CAPTURES_MAX", default_value_t = OPEN_CAPTURES_MAX, value_parser = clap::value_parser!(u32).range(1..))]
    pub open_captures_max: u32,
    #[command(flatten)]
    pub analyses: AnalysesConfig,
    #[command(flatten)]
    pub handlers: HandlersConfig,
    /// Between two sweeps of objects that nothing refers to, seconds; sooner after a deletion.
    #[arg(long, env = "WEIR_SWEEP_INTERVAL", default_value = "600", value_parser = seconds)]
    pub sweep_interval: Duration,
    /// Objects younger than this are never swept, seconds.
    #[arg(long, env = "WEIR_SWEEP_GRACE", default_value = "3600", value_parser = seconds)]
    pub sweep_grace: Duration,
    /// Between two readings of all sealed captures for damage, seconds.
    #[arg(long, env = "WEIR_SCRUB_INTERVAL", default_value = "604800", value_parser = seconds)]
    pub scrub_interval: Duration,
    /// How fast they are read, bytes a second; 0: not at all.
    #[arg(long, env = "WEIR_SCRUB_RATE", default_value_t = SCRUB_RATE)]
    pub scrub_rate: u32,
    /// Asks the service at --listen for its health, and exits 0 if it serves.
    #[arg(long)]
    pub health: bool,
    #[command(flatten)]
    pub events: EventConfig,
    #[command(flatten)]
    pub broker: BrokerConfig,
    #[command(flatten)]
    pub serve: ServeConfig,
}

impl Config {
    /// The embedded default in this directory, on a port of the system's choice.
    /// Nothing is read from the environment.
    ///
    /// # Errors
    /// When `directory` has no absolute path that a URL can say.
    pub fn default_in(directory: &Path) -> anyhow::Result<Self> {
        Ok(Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            store: Some(store_in(directory)?),
            catalog: Some(catalog_in(directory)?),
            analyzer: ANALYZER.to_owned(),
            commit_interval: COMMIT_INTERVAL,
            staging_bytes: STAGING_BYTES,
            chunk_bytes_max: CHUNK_BYTES,
            chunks_max: CHUNKS_MAX,
            capture_bytes_max: CAPTURE_BYTES_MAX,
            upload_idle_timeout: UPLOAD_IDLE_TIMEOUT,
            upload_rate_min: UPLOAD_RATE_MIN,
            unsealed_ttl: UNSEALED_TTL,
            sealed_ttl: None,
            open_captures_max: OPEN_CAPTURES_MAX,
            analyses: AnalysesConfig::default(),
            handlers: HandlersConfig::default(),
            sweep_interval: SWEEP_INTERVAL,
            sweep_grace: SWEEP_GRACE,
            scrub_interval: SCRUB_INTERVAL,
            scrub_rate: SCRUB_RATE,
            health: false,
            events: EventConfig::default(),
            broker: BrokerConfig::default(),
            serve: ServeConfig::default(),
        })
    }

    /// The store's URL.
    ///
    /// # Errors
    /// When it is to be the default and there is no working directory.
    pub fn store_url(&self) -> anyhow::Result<String> {
        match &self.store {
            Some(url) => Ok(url.clone()),
            None => store_in(Path::new(DATA_DIRECTORY)),
        }
    }

    /// The catalog's URL.
    ///
    /// # Errors
    /// When it is to be the default and there is no working directory.
    pub fn catalog_url(&self) -> anyhow::Result<String> {
        match &self.catalog {
            Some(url) => Ok(url.clone()),
            None => catalog_in(Path::new(DATA_DIRECTORY)),
        }
    }

    pub(crate) fn settings(&self) -> Settings {
        Settings {
            chunks: ChunkLimits {
                chunk_bytes_max: self.chunk_bytes_max,
                chunks_max: self.chunks_max,
            },
            capture_bytes_max: self.capture_bytes_max,
            commit_interval: self.commit_interval,
            keeping: Keeping {
                unsealed_ttl: self.unsealed_ttl,
                sealed_ttl: self.sealed_ttl,
            },
            open_captures_max: self.open_captures_max,
            lease: self.events.lease,
            staging_bytes: self.staging_bytes,
            pace: PaceLimits {
                idle: self.upload_idle_timeout,
                rate_min: self.upload_rate_min,
            },
            calls_per_connection_max: self.serve.streams_max,
        }
    }

    pub(crate) fn scrub(&self) -> ScrubSettings {
        ScrubSettings {
            interval: self.scrub_interval,
            bytes_per_second: self.scrub_rate,
        }
    }

    pub(crate) fn sweep(&self) -> SweepSettings {
        SweepSettings {
            interval: self.sweep_interval,
            grace: self.sweep_grace,
        }
    }
}

fn listen() -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, PORT))
}

fn store_in(directory: &Path) -> anyhow::Result<String> {
    Ok(directory_url(&directory.join("store"))?)
}

fn catalog_in(directory: &Path) -> anyhow::Result<String> {
    let url = directory_url(directory)?;
    // The same path with the same escapes, under the other scheme.
    let path = url.strip_prefix("file://").unwrap_or_default();
    Ok(format!("sqlite://{path}catalog.db"))
}

/// Longest time that a flag takes: ten years, within every clock's range.
const SECONDS_MAX: f64 = 10.0 * 365.0 * 24.0 * 3600.0;

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "not a number of seconds")?;
    if !(0.001..=SECONDS_MAX).contains(&seconds) {
        return Err("must be from a millisecond to ten years".to_owned());
    }
    Ok(Duration::from_secs_f64(seconds))
}

fn staging_bytes(text: &str) -> Result<usize, String> {
    let bytes: usize = text.parse().map_err(|_| "not a number of bytes")?;
    // A semaphore counts them, in a third of the range of usize.
    if !(STAGING_BYTES_MIN..=1 << 40).contains(&bytes) {
        return Err(format!(
            "must be from {STAGING_BYTES_MIN} to {}",
            1_u64 << 40
        ));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests;
