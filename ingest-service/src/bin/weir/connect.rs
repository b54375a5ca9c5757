//! The way to ingest-service.

use std::time::Duration;

use tonic::transport::{Channel, Endpoint, Uri};

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
