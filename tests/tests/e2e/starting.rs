//! A service that has started before what it stands on is there.

use tokio::sync::oneshot;
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};
use weir_shared::proto::ingest::v1::GetServerInfoRequest;
use weir_tests::{
    caller::{Caller, channel},
    catalog,
    errors::check_unavailable,
    messages::{chunk, finish, open},
    pair::{Service, store_url},
    until::{until, within},
};

type Deps = anyhow::Result<ingest_service::Deps>;

struct Starting {
    service: Service,
    deps: Option<oneshot::Sender<Deps>>,
    config: ingest_service::Config,
    _directory: tempfile::TempDir,
}

impl Starting {
    async fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let mut config = ingest_service::Config::default_in(directory.path()).unwrap();
        config.store = Some(store_url(directory.path()));
        config.catalog = Some(catalog::url(directory.path()).await);
        let (deps, there) = oneshot::channel();
        let running = config.clone();
        let service = Service::start(|listener, stop| {
            let there = async { there.await.unwrap() };
            ingest_service::run_when(running, there, listener, stop)
        });
        Self {
            service: service.await,
            deps: Some(deps),
            config,
            _directory: directory,
        }
    }

    fn caller(&self) -> Caller {
        Caller::new(channel(self.service.address))
    }

    async fn health(&self) -> [ServingStatus; 2] {
        let mut client = HealthClient::new(channel(self.service.address));
        let mut check = async |service: &str| {
            let service = service.to_owned();
            let answer = client.check(HealthCheckRequest { service }).await;
            answer.unwrap().into_inner().status()
        };
        [check("").await, check(ingest_service::SERVICE).await]
    }
}

#[tokio::test]
async fn it_says_so_and_is_ready_when_its_storage_is_there() {
    let mut starting = Starting::new().await;
    assert_eq!(starting.health().await, [ServingStatus::NotServing; 2]);
    let caller = starting.caller();
    let whole = || vec![open("c"), chunk(0, "zero"), finish(1)];
    let early = caller.upload(whole()).await.unwrap_err();
    check_unavailable(&early, "STORAGE_UNAVAILABLE");
    let mut rpc = caller.rpc.clone();
    let info = rpc.get_server_info(GetServerInfoRequest {}).await;
    check_unavailable(&info.unwrap_err(), "STORAGE_UNAVAILABLE");
    let analyzed = caller.begin_analysis("c", None).await.unwrap_err();
    check_unavailable(&analyzed, "STORAGE_UNAVAILABLE");

    let deps = ingest_service::Deps::open(&starting.config).await.unwrap();
    assert!(starting.deps.take().unwrap().send(Ok(deps)).is_ok());
    until("health", || async {
        (starting.health().await == [ServingStatus::Serving; 2]).then_some(())
    })
    .await;
    // The connection that was refused goes on.
    caller.upload(whole()).await.unwrap();
    starting.service.stop().await;
}

#[tokio::test]
async fn it_can_be_stopped_while_it_waits() {
    let starting = Starting::new().await;
    assert_eq!(starting.health().await, [ServingStatus::NotServing; 2]);
    within("its end", starting.service.stop()).await;
}
