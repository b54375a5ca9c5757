//! The pair on an S3 server that fails: what callers are told, and that calls end.
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::time::Duration;

use http::Method;
use tonic::{Code, Request, Status, Streaming};
use weir_shared::proto::ingest::v1::{CaptureState, ReadCaptureRequest, ReadCaptureResponse};
use weir_tests::{
    caller::Caller,
    errors::{check_refused, check_unavailable},
    messages::{chunk, finish, open},
    pair::{Pair, Setup},
    process::Process,
    recordings,
    s3::{Fault, S3Server},
    until::within,
};

/// Of calls that wait for what never comes.
const DEADLINE: Duration = Duration::from_millis(400);

const BUSY: Fault = Fault::Refuse(503, "SlowDown");

async fn pair_on(server: &S3Server) -> Pair {
    Pair::with(Setup {
        store: Some(server.store("weir")),
        ..Setup::default()
    })
    .await
}

async fn stored(caller: &Caller) -> Vec<u8> {
    let bytes = recordings::bytes("icmp.pcap");
    caller.store("c", &bytes, 256).await;
    bytes
}

#[tokio::test]
async fn a_capture_goes_through_a_bucket() {
    let server = S3Server::start().await;
    let pair = pair_on(&server).await;
    let caller = pair.caller();
    let bytes = stored(&caller).await;
    let before = server.faults.requests();
    assert_eq!(caller.read("c", 0, 0).await.unwrap(), bytes);
    let analysis = caller.analyze("c", Default::default()).await.unwrap();
    assert_eq!(analysis.summary.packets, 30);
    assert!(server.faults.requests() > before, "it is read from there");
}

#[tokio::test]
async fn nothing_is_acknowledged_that_the_server_did_not_take() {
    let server = S3Server::start().await;
    let pair = pair_on(&server).await;
    let caller = pair.caller();
    let whole = || vec![open("c"), chunk(0, "zero"), chunk(1, "one"), finish(2)];

    server.faults.always(Method::PUT, BUSY);
    let away = within("the refusal", caller.upload(whole())).await;
    check_unavailable(&away.unwrap_err(), "STORAGE_UNAVAILABLE");
    let put = within("the refusal", caller.put("c", 0, "zero")).await;
    check_unavailable(&put.unwrap_err(), "STORAGE_UNAVAILABLE");
    server.faults.heal();
    let full = Fault::Refuse(507, "XMinioStorageFull");
    server.faults.always(Method::PUT, full);
    let full = caller.upload(whole()).await;
    check_refused(full, Code::ResourceExhausted, "STORAGE_FULL");
    let capture = caller.get("c").await.unwrap();
    assert_eq!(capture.state(), CaptureState::Receiving);
    assert_eq!((capture.chunks_durable, capture.bytes_durable), (0, 0));

    server.faults.heal();
    // A moment of it is not even seen.
    server.faults.add(Method::PUT, BUSY, 2);
    caller.upload(whole()).await.unwrap();
    assert_eq!(caller.read("c", 0, 0).await.unwrap(), b"zeroone");
}

#[tokio::test]
async fn a_server_that_stays_busy_is_said_to_be_away() {
    let server = S3Server::start().await;
    let pair = pair_on(&server).await;
    let caller = pair.caller();
    stored(&caller).await;
    server.faults.always(Method::GET, BUSY);
    let read = within("the read", caller.read("c", 0, 0)).await;
    check_unavailable(&read.unwrap_err(), "STORAGE_UNAVAILABLE");
    let analyzed = within("the analysis", caller.analyze("c", Default::default())).await;
    check_unavailable(&analyzed.unwrap_err(), "STORAGE_UNAVAILABLE");
}

async fn begin_read(
    caller: &Caller,
    deadline: Option<Duration>,
) -> Result<Streaming<ReadCaptureResponse>, Status> {
    let mut request = Request::new(ReadCaptureRequest {
        capture_id: "c".into(),
        offset: 0,
        length: 0,
    });
    if let Some(deadline) = deadline {
        request.set_timeout(deadline);
    }
    let answer = caller.rpc.clone().read_capture(request).await?;
    Ok(answer.into_inner())
}

#[tokio::test]
async fn a_deadline_ends_what_waits_for_a_silent_server() {
    let server = S3Server::start().await;
    let pair = pair_on(&server).await;
    let caller = pair.caller();
    stored(&caller).await;
    server.faults.always(Method::GET, Fault::Silence);
    let read = async { begin_read(&caller, Some(DEADLINE)).await?.message().await };
    let read = within("the read's end", read).await;
    check_refused(read, Code::DeadlineExceeded, "DEADLINE");
    let analysis = async {
        let begun = caller.begin_analysis("c", Some(DEADLINE)).await;
        begun?.message().await
    };
    let analyzed = within("the analysis' end", analysis).await;
    check_refused(analyzed, Code::DeadlineExceeded, "DEADLINE");
    server.faults.until_silent(0).await;
}

#[tokio::test]
async fn a_caller_that_leaves_ends_what_waits_for_a_silent_server() {
    let server = S3Server::start().await;
    let pair = pair_on(&server).await;
    let caller = pair.caller();
    stored(&caller).await;
    server.faults.always(Method::GET, Fault::Silence);
    let read = begin_read(&caller, None).await.unwrap();
    server.faults.until_silent(1).await;
    drop(read);
    server.faults.until_silent(0).await;
    let analysis = caller.begin_analysis("c", None).await.unwrap();
    server.faults.until_silent(1).await;
    drop(analysis);
    server.faults.until_silent(0).await;
}

const ANALYZER: &str = env!("CARGO_BIN_EXE_test-analyzer-service");

/// A machine that has no certificates of authorities.
const NO_CERTIFICATES: &[(&str, &str)] = &[
    ("SSL_CERT_FILE", "/nonexistent"),
    ("SSL_CERT_DIR", "/nonexistent"),
];

#[tokio::test]
async fn plain_http_needs_no_certificates() {
    let server = S3Server::start().await;
    let environment = server.environment();
    let environment: Vec<_> = environment
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .chain(NO_CERTIFICATES.iter().copied())
        .collect();
    let process = Process::start(ANALYZER, &["--store=s3://weir/p"], &environment).await;
    let (status, _) = process.terminate().await;
    assert!(status.success());
}

/// The process ends with 64 and says this, before it listens.
fn check_wrong(store: &str, environment: &[(&str, &str)], expected: &str) {
    let done = std::process::Command::new(ANALYZER)
        .args(["--listen=127.0.0.1:0", "--store", store])
        .env_remove("AWS_REGION")
        .env_remove("AWS_DEFAULT_REGION")
        .env_remove("AWS_ENDPOINT_URL")
        .env_remove("AWS_ENDPOINT_URL_S3")
        .envs(environment.iter().copied())
        .output()
        .unwrap();
    let told = String::from_utf8(done.stderr).unwrap();
    assert_eq!(done.status.code(), Some(64), "{told}");
    assert!(told.contains(expected), "{told}");
    assert!(!told.contains("hush"), "{told}");
}

#[test]
fn a_wrong_configuration_is_said_before_a_port_is_bound() {
    const REGION: (&str, &str) = ("AWS_REGION", "eu-central-1");
    check_wrong("s3://bucket/p", &[], "no region");
    check_wrong("s3://", &[REGION], "no bucket's name");
    check_wrong(
        "s3://weir:hush@bucket/p",
        &[REGION],
        "credentials come from the environment",
    );
    check_wrong(
        "s3://bucket",
        &[("AWS_ENDPOINT_URL", "http://weir:hush@localhost")],
        "AWS_ENDPOINT_URL is no http:// or https:// URL",
    );
    let certificates = [&[REGION], NO_CERTIFICATES].concat();
    check_wrong("s3://bucket", &certificates, "No CA certificates");
}
