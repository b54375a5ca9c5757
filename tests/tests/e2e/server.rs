//! What every server of ours has: information, health, reflection.

use std::net::SocketAddr;

use tonic::Code;
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};
use weir_shared::proto::ingest::v1::{Durability, GetServerInfoRequest};
use weir_tests::{
    caller::channel,
    catalog,
    pair::{Pair, Setup, store_url},
    until::within,
};

const INGEST: &str = "weir.ingest.v1.IngestService";
const ANALYZER: &str = "weir.analyzer.v1.AnalyzerService";

fn health(service: &str) -> HealthCheckRequest {
    HealthCheckRequest {
        service: service.to_owned(),
    }
}

#[tokio::test]
async fn a_server_says_what_it_accepts() {
    let pair = Pair::start().await;
    let mut rpc = pair.caller().rpc;
    let info = rpc.get_server_info(GetServerInfoRequest {}).await;
    let info = info.unwrap().into_inner();
    assert_eq!(info.version, env!("CARGO_PKG_VERSION"));
    assert_eq!(info.chunk_bytes_max, 2 << 20);
    assert_eq!(info.chunk_bytes_recommended, 1 << 20);
    assert!(info.capture_bytes_max > 0 && info.chunks_max > 0);
    let catalog = catalog::url(pair.directory()).await;
    let synced = store_url(pair.directory()).starts_with("file:") && catalog.starts_with("sqlite:");
    let expected = match synced {
        true => Durability::Synced,
        false => Durability::ObjectStore,
    };
    assert_eq!(info.durability(), expected);
    assert_eq!(info.commit_interval.unwrap().seconds, 2);
}

#[tokio::test]
async fn both_services_say_that_they_are_healthy() {
    let pair = Pair::start().await;
    for (address, name) in [
        (pair.ingest.address, INGEST),
        (pair.analyzer_address(), ANALYZER),
    ] {
        let mut client = HealthClient::new(channel(address));
        for service in ["", name] {
            let answer = client.check(health(service)).await.unwrap();
            assert_eq!(answer.into_inner().status(), ServingStatus::Serving);
        }
        let other = client.check(health("weir.other")).await.unwrap_err();
        assert_eq!(other.code(), Code::NotFound);
    }
}

#[tokio::test]
async fn health_is_the_first_to_go_at_the_end() {
    let pair = Pair::with(Setup {
        ingest: Some(|config| config.serve.shutdown_grace = 1),
        ..Setup::default()
    })
    .await;
    let mut client = HealthClient::new(channel(pair.ingest.address));
    let mut watch = client.watch(health("")).await.unwrap().into_inner();
    let first = watch.message().await.unwrap().unwrap();
    assert_eq!(first.status(), ServingStatus::Serving);
    let watched = async {
        let next = within("the next health", watch.message()).await;
        let next = next.unwrap().unwrap();
        assert_eq!(next.status(), ServingStatus::NotServing);
        drop(watch);
    };
    tokio::join!(pair.ingest.stop(), watched);
}

/// The services that reflection lists, and whether it finds these symbols.
macro_rules! reflected {
    ($version:ident, $address:expr, $symbols:expr) => {{
        use tonic_reflection::pb::$version::{
            ServerReflectionRequest, server_reflection_client::ServerReflectionClient,
            server_reflection_request::MessageRequest, server_reflection_response::MessageResponse,
        };
        let mut client = ServerReflectionClient::new(channel($address));
        let ask = |message| ServerReflectionRequest {
            host: String::new(),
            message_request: Some(message),
        };
        let mut requests = vec![ask(MessageRequest::ListServices(String::new()))];
        for symbol in $symbols {
            let symbol = MessageRequest::FileContainingSymbol(symbol.to_string());
            requests.push(ask(symbol));
        }
        let answers = client.server_reflection_info(tokio_stream::iter(requests));
        let mut answers = answers.await.unwrap().into_inner();
        let mut services = Vec::new();
        while let Some(answer) = answers.message().await.unwrap() {
            match answer.message_response.unwrap() {
                MessageResponse::ListServicesResponse(list) => {
                    services.extend(list.service.into_iter().map(|service| service.name));
                }
                MessageResponse::FileDescriptorResponse(files) => {
                    assert!(!files.file_descriptor_proto.is_empty());
                }
                other => panic!("{other:?}"),
            }
        }
        services
    }};
}

async fn check_reflection(address: SocketAddr, service: &str) {
    let symbols = [
        service,
        "weir.ingest.v1.ChunkConflict",
        "google.rpc.ErrorInfo",
        "google.rpc.RetryInfo",
    ];
    for services in [
        reflected!(v1, address, symbols),
        reflected!(v1alpha, address, symbols),
    ] {
        assert!(services.contains(&service.to_owned()), "{services:?}");
        let health = "grpc.health.v1.Health".to_owned();
        assert!(services.contains(&health), "{services:?}");
    }
}

#[tokio::test]
async fn reflection_lists_and_describes_in_both_versions() {
    let pair = Pair::start().await;
    check_reflection(pair.ingest.address, INGEST).await;
    check_reflection(pair.analyzer_address(), ANALYZER).await;
}
