//! The connection to the analyzer.

use std::time::Duration;

use anyhow::Context as _;
use tonic::transport::{Channel, Endpoint};
use tower::Layer as _;
use url::Url;
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
/// When it is not the URL of a gRPC server without TLS.
pub(crate) fn connect(url: &str) -> anyhow::Result<AnalyzerClient> {
    Ok(client(endpoint(url)?.connect_lazy()))
}

/// How the analyzer is connected to.
///
/// # Errors
/// When it is not the URL of a gRPC server without TLS.
pub fn endpoint(url: &str) -> anyhow::Result<Endpoint> {
    let parsed = Url::parse(url).context("not a URL")?;
    if parsed.scheme() != "http" || !parsed.has_host() {
        anyhow::bail!("not supported: use http://HOST:PORT");
    }
    Ok(Endpoint::from_shared(url.to_owned())?
        .connect_timeout(CONNECT_TIME_MAX)
        .http2_keep_alive_interval(KEEPALIVE_INTERVAL)
        .keep_alive_timeout(KEEPALIVE_TIMEOUT)
        .tcp_nodelay(true))
}

/// Calls the analyzer over this channel.
#[must_use]
pub fn client(channel: Channel) -> AnalyzerClient {
    AnalyzerServiceClient::new(PropagateLayer.layer(channel))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_what_can_be_called_is_an_analyzer() {
        for (url, is_one) in [
            ("http://127.0.0.1:7302", true),
            ("http://analyzer:7302", true),
            ("https://analyzer:7302", false),
            ("analyzer:7302", false),
            ("", false),
        ] {
            assert_eq!(connect(url).is_ok(), is_one, "{url}");
        }
    }
}
