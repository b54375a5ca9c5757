//! Services as processes whose storage is not there yet, or never will be.
#![allow(
    clippy::unwrap_used,
    clippy::large_futures,
    reason = "a panic is how a test fails, and its futures are few"
)]

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::Path,
    process::{Output, Stdio},
};

use sqlx::{Connection as _, Executor as _, SqliteConnection};
use tokio::{process::Command, time::timeout};
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};
use weir_tests::{
    caller::channel,
    errors::check_unavailable,
    messages::{chunk, finish, open},
    process::Process,
    until::{WAIT_MAX, until},
};

const INGEST: &str = env!("CARGO_BIN_EXE_test-ingest-service");

/// Nobody is called there.
const NOBODY: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 9);

async fn serving(address: SocketAddr) -> bool {
    let mut client = HealthClient::new(channel(address));
    let answer = client.check(HealthCheckRequest::default()).await.unwrap();
    answer.into_inner().status() == ServingStatus::Serving
}

/// It says that it is not ready, until the cause is removed; then it goes on by
/// itself.
async fn check_late(service: Process, remove_cause: impl Future<Output = ()>) {
    assert!(!serving(service.address).await);
    let caller = service.caller();
    let whole = || vec![open("c"), chunk(0, "zero"), finish(1)];
    let early = caller.upload(whole()).await.unwrap_err();
    check_unavailable(&early, "STORAGE_UNAVAILABLE");
    remove_cause.await;
    until("health", || async {
        serving(service.address).await.then_some(())
    })
    .await;
    caller.upload(whole()).await.unwrap();
    assert_eq!(caller.read("c", 0, 0).await.unwrap(), b"zero");
    let (status, log) = service.terminate().await;
    assert!(status.success(), "{log:?}");
    assert!(log.iter().any(|line| line.contains("not ready")), "{log:?}");
}

fn urls(directory: &Path) -> [String; 2] {
    let directory = directory.display();
    [
        format!("--store=file://{directory}/store"),
        format!("--catalog=sqlite://{directory}/catalog.db"),
    ]
}

#[tokio::test]
async fn a_catalog_that_another_program_has_locked_is_waited_for() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("catalog.db");
    std::fs::File::create(&file).unwrap();
    let url = format!("sqlite://{}", file.display());
    let mut other = SqliteConnection::connect(&url).await.unwrap();
    other.execute("BEGIN EXCLUSIVE").await.unwrap();
    let args = urls(directory.path());
    let service = Process::start(INGEST, &args.each_ref().map(String::as_str), &[]).await;
    check_late(service, async {
        other.execute("ROLLBACK").await.unwrap();
        other.close().await.unwrap();
    })
    .await;
}

/// A PostgreSQL server that does not run yet, and the command that starts it.
const SERVER: &str = "WEIR_TEST_LATE_POSTGRES";
const START: &str = "WEIR_TEST_LATE_POSTGRES_START";

#[tokio::test]
#[ignore = "needs a PostgreSQL that does not run: .ci/run postgres"]
async fn a_postgres_that_starts_after_the_service_is_waited_for() {
    let variable = |name| std::env::var(name).expect(name);
    let (server, start) = (variable(SERVER), variable(START));
    let directory = tempfile::tempdir().unwrap();
    let [store, _] = urls(directory.path());
    let catalog = format!("--catalog={server}");
    let service = Process::start(INGEST, &[&store, &catalog], &[]).await;
    check_late(service, async {
        let started = Command::new("sh").args(["-c", &start]).status();
        assert!(started.await.unwrap().success(), "{start}");
    })
    .await;
    // It is there, and refuses: that is a wrong configuration.
    for (from, to, expected) in [
        ("/postgres", "/no_such_database", "no_such_database"),
        ("postgres@", "no_such_role@", "no_such_role"),
    ] {
        let (head, tail) = server.rsplit_once(from).unwrap();
        check_wrong(&[&store, &format!("--catalog={head}{to}{tail}")], expected).await;
    }
}

/// How a service on these ended. One that does not is killed, and its log tells why.
async fn ended(args: &[&str]) -> Output {
    let mut command = Command::new(INGEST);
    command.arg("--listen=127.0.0.1:0").args(args);
    command.arg(format!("--analyzer=http://{NOBODY}"));
    command.stdout(Stdio::null()).stderr(Stdio::piped());
    let mut child = command.kill_on_drop(true).spawn().unwrap();
    if timeout(WAIT_MAX, child.wait()).await.is_err() {
        child.start_kill().unwrap();
    }
    child.wait_with_output().await.unwrap()
}

/// The process ends with 64 and says this, before it listens.
async fn check_wrong(args: &[&str], expected: &str) {
    let done = ended(args).await;
    let told = String::from_utf8(done.stderr).unwrap();
    assert_eq!(done.status.code(), Some(64), "{args:?}: {told}");
    assert!(told.contains(expected), "{args:?}: {told}");
    assert!(!told.contains("listens"), "{args:?}: {told}");
    assert!(!told.contains("hush"), "{args:?}: {told}");
}

#[tokio::test]
async fn help_tells_no_password() {
    let told = Command::new(INGEST)
        .arg("--help")
        .env("WEIR_BROKER", "amqp://weir:hush@mq/")
        .env("WEIR_CATALOG", "postgres://weir:hush@db/weir")
        .output();
    let told = String::from_utf8(told.await.unwrap().stdout).unwrap();
    assert!(told.contains("WEIR_BROKER"), "{told}");
    assert!(!told.contains("hush"), "{told}");
}

#[tokio::test]
async fn what_no_waiting_mends_is_a_wrong_configuration() {
    let directory = tempfile::tempdir().unwrap();
    let [store, catalog] = &urls(directory.path());
    for (url, expected) in [
        ("mysql://weir:hush@db/weir", "not supported"),
        ("catalog.db", "not supported"),
        ("sqlite:///x?mode=memory", "not supported"),
        ("postgres://weir:hush@db:port/weir", "not a URL"),
        (
            "postgres://weir:hush@db/weir?sslmode=maybe",
            "not a URL of this database",
        ),
        (
            "postgres://weir@db/weir?sslmod=require",
            "unknown parameter",
        ),
    ] {
        check_wrong(&[store, &format!("--catalog={url}")], expected).await;
    }
    for url in ["gs://bucket", "file://host/x", "s3://"] {
        check_wrong(&[&format!("--store={url}"), catalog], "--store").await;
    }
    for (url, expected) in [
        ("http://weir:hush@mq/", "not supported"),
        ("amqp://weir:hush@mq:port/", "not a URL"),
        ("amqp://weir:1/hush@mq/", "virtual host"),
        ("amqp://weir:1?hush@mq/", "write %3F"),
        ("amqp://weir:hush@mq/v?heartbeat=1", "unknown parameter"),
    ] {
        let wrong = [store, catalog, &*format!("--broker={url}")];
        check_wrong(&wrong, expected).await;
    }
    // A file where a directory should be, and a directory where a file should be.
    let file = directory.path().join("file");
    std::fs::write(&file, b"").unwrap();
    let below = format!("--store=file://{}/store", file.display());
    check_wrong(&[&below, catalog], "cannot create the directory").await;
    let folder = format!("--catalog=sqlite://{}", directory.path().display());
    check_wrong(&[store, &folder], "cannot open the catalog's file").await;
    // A file that is no database.
    std::fs::write(&file, [7; 4096]).unwrap();
    check_wrong(
        &[store, &format!("--catalog=sqlite://{}", file.display())],
        "not a database",
    )
    .await;
}
