//! The way to ingest-service: over the network, or inside this process.

use std::time::Duration;

use tonic::transport::{Channel, Endpoint, Uri};

use crate::{args::Common, failure::Failure};

/// Bytes in flight per call: over a 50 ms round trip this is 60 MiB/s, the
/// default window 18.
const STREAM_WINDOW_BYTES: u32 = 4 << 20;
/// Larger than a stream's, so that one answer nobody reads holds up no other call.
const CONNECTION_WINDOW_BYTES: u32 = 16 << 20;
/// A silent partition is noticed after these two together.
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(15);
const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(5);
/// For one address that does not answer at all.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

const _: () = assert!(STREAM_WINDOW_BYTES < CONNECTION_WINDOW_BYTES);

/// A channel that connects with the first call, and again when it must.
pub(crate) fn channel(uri: Uri) -> Channel {
    Endpoint::from(uri)
        .user_agent(concat!("weir/", env!("CARGO_PKG_VERSION")))
        .unwrap_or_else(|_| unreachable!("a version is a header value"))
        .initial_stream_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .http2_adaptive_window(false)
        .http2_keep_alive_interval(KEEPALIVE_INTERVAL)
        .keep_alive_timeout(KEEPALIVE_TIMEOUT)
        .tcp_nodelay(true)
        .connect_timeout(CONNECT_TIMEOUT)
        .connect_lazy()
}

/// Where the calls go, and what has to be stopped afterwards.
#[derive(Debug)]
pub(crate) struct Services;

impl Services {
    /// # Errors
    /// Usage, when there is no endpoint.
    pub(crate) async fn connect(common: &Common) -> Result<(Self, Channel), Failure> {
        match &common.endpoint {
            Some(endpoint) => Ok((Self, channel(endpoint.clone()))),
            None => {
                let dir = common.data_dir()?;
                Err(Failure::Usage(format!(
                    "give --endpoint URL ({})",
                    dir.display()
                )))
            }
        }
    }

    pub(crate) async fn failed(&mut self) -> Failure {
        std::future::pending().await
    }

    pub(crate) async fn stop(self) {}
}
