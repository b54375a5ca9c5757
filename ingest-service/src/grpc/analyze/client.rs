//! The connection to the analyzer.

use std::time::Duration;

use tonic::transport::{Channel, Endpoint};
use tower::Layer as _;
use weir_shared::{
    layers::trace::{PropagateLayer, TraceService},
    proto::analyzer::v1::analyzer_service_client::AnalyzerServiceClient,
};

/// An analyzer that does not answer by then is away.
const CONNECT_TIME_MAX: Duration = Duration::from_secs(5);

/// As the servers ping: a silent partition is noticed within 20 s.
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(15);
const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(5);

/// Carries the trace of each call on.
pub type AnalyzerClient = AnalyzerServiceClient<TraceService<Channel>>;

/// Connects with the first call, and again after the connection is lost.
///
/// # Errors
/// When the URL is none.
pub(crate) fn connect(url: &str) -> Result<AnalyzerClient, tonic::transport::Error> {
    let channel = Endpoint::from_shared(url.to_owned())?
        .connect_timeout(CONNECT_TIME_MAX)
        .http2_keep_alive_interval(KEEPALIVE_INTERVAL)
        .keep_alive_timeout(KEEPALIVE_TIMEOUT)
        .tcp_nodelay(true)
        .connect_lazy();
    Ok(AnalyzerServiceClient::new(PropagateLayer.layer(channel)))
}
