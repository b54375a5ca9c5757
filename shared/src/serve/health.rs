//! The health check of a container: the service's own binary asks its port.

use std::time::Duration;

use anyhow::{Context as _, bail};
use tonic::transport::Endpoint;
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};

/// Longest check. Below the interval at which container engines ask.
const CHECK_TIME_MAX: Duration = Duration::from_secs(3);

/// Asks the gRPC health service at `http://address`.
///
/// # Errors
/// When it can't be reached in time or does not say SERVING.
pub async fn check_health(address: std::net::SocketAddr) -> anyhow::Result<()> {
    // A server that listens on all addresses is asked on loopback.
    let ip = match address.ip() {
        std::net::IpAddr::V4(ip) if ip.is_unspecified() => std::net::Ipv4Addr::LOCALHOST.into(),
        std::net::IpAddr::V6(ip) if ip.is_unspecified() => std::net::Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    let url = format!("http://{}", std::net::SocketAddr::new(ip, address.port()));
    let endpoint = Endpoint::from_shared(url)?
        .connect_timeout(CHECK_TIME_MAX)
        .timeout(CHECK_TIME_MAX);
    let channel = endpoint.connect().await.context("cannot connect")?;
    let answer = HealthClient::new(channel)
        .check(HealthCheckRequest::default())
        .await?
        .into_inner();
    match answer.status() {
        ServingStatus::Serving => Ok(()),
        other => bail!("the service says {}", other.as_str_name()),
    }
}
