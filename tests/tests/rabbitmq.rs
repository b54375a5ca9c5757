//! Events on a real RabbitMQ. Ignored without one: `.ci/run rabbitmq` starts it.
//! One test at a time, since some of them stop the server.
#![allow(
    clippy::unwrap_used,
    clippy::large_futures,
    reason = "a panic is how a test fails, and its futures are few"
)]

use std::collections::{BTreeMap, BTreeSet};

use ingest_service::{BROKER_HEALTH, Config};
use prost::Message as _;
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};
use weir_shared::proto::{event::v1 as proto, ingest::v1::DeleteCaptureRequest};
use weir_tests::{
    caller::{Caller, channel},
    pair::{Pair, Setup},
    process::Process,
    rabbit::{self, Message, Queue, variable},
    until::until,
};

const INGEST: &str = env!("CARGO_BIN_EXE_test-ingest-service");

const LIFE: [&str; 3] = [
    "weir.capture.created.v1",
    "weir.capture.sealed.v1",
    "weir.capture.deleted.v1",
];

async fn live_and_die(caller: &Caller, id: &str) {
    caller.store(id, b"abc", 2).await;
    let request = DeleteCaptureRequest {
        capture_id: id.to_owned(),
        allow_missing: false,
    };
    caller.rpc.clone().delete_capture(request).await.unwrap();
}

/// A pair whose events go to the broker, `source` being what they name.
async fn pair_of(ingest: fn(&mut Config)) -> Pair {
    Pair::with(Setup {
        ingest: Some(ingest),
        ..Setup::default()
    })
    .await
}

fn to_broker(config: &mut Config, source: &str) {
    config.broker.url = Some(variable(rabbit::URL));
    config.events.source = source.to_owned();
}

/// The first message of each event, in the order in which they came, until these
/// captures have lived and died.
async fn until_dead(queue: &mut Queue, ids: &BTreeSet<String>) -> Vec<Message> {
    let (mut messages, mut seen, mut dead) = (Vec::new(), BTreeSet::new(), BTreeSet::new());
    while dead != *ids {
        let message = queue.next().await;
        if !seen.insert(message.attribute("id")) {
            continue;
        }
        let (capture, kind) = message.what();
        assert!(ids.contains(&capture), "{capture}");
        if kind == LIFE[2] {
            dead.insert(capture);
        }
        messages.push(message);
    }
    messages
}

#[track_caller]
fn check_lives(messages: &[Message], ids: &BTreeSet<String>) {
    let mut lives: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for message in messages {
        let (capture, kind) = message.what();
        lives.entry(capture).or_default().push(kind);
    }
    assert_eq!(lives.keys().cloned().collect::<BTreeSet<_>>(), *ids);
    for (capture, kinds) in lives {
        assert_eq!(kinds, LIFE, "{capture}");
    }
}

fn ids(range: std::ops::Range<u32>) -> BTreeSet<String> {
    range.map(|n| format!("c-{n:03}")).collect()
}

#[tokio::test]
#[ignore = "needs RabbitMQ: .ci/run rabbitmq"]
async fn an_event_comes_with_its_attributes_and_its_payload() {
    let mut all = Queue::bound("attributes", &["weir.#"]).await;
    let mut sealed = Queue::bound("attributes-sealed", &["weir.capture.sealed.*"]).await;
    let pair = pair_of(|config| to_broker(config, "/attributes")).await;
    live_and_die(&pair.caller(), "a").await;

    let mut sequence = String::new();
    for kind in LIFE {
        let message = all.next().await;
        assert_eq!(message.what(), ("a".to_owned(), kind.to_owned()));
        assert_eq!(message.routing_key, kind);
        assert_eq!(message.attribute("source"), "/attributes");
        assert_eq!(message.attribute("specversion"), "1.0");
        assert!(message.attribute("sequence") > sequence);
        sequence = message.attribute("sequence");
        let properties = &message.properties;
        assert_eq!(*properties.delivery_mode(), Some(2), "it is persistent");
        let id = properties.message_id().as_ref().unwrap();
        assert_eq!(id.as_str(), message.attribute("id"));
        let content_type = properties.content_type().as_ref().unwrap();
        assert_eq!(content_type.as_str(), "application/protobuf");
    }
    let message = sealed.next().await;
    assert_eq!(message.routing_key, LIFE[1]);
    let payload = proto::CaptureSealed::decode(&*message.body).unwrap();
    let capture = payload.capture.unwrap();
    assert_eq!((&*capture.capture_id, capture.size_bytes), ("a", 3));
    assert_eq!(capture.crc32c, Some(crc32c::crc32c(b"abc")));
    assert_eq!(broker_health(&pair).await, ServingStatus::Serving);
}

async fn broker_health(pair: &Pair) -> ServingStatus {
    let mut client = HealthClient::new(channel(pair.ingest.address));
    let request = HealthCheckRequest {
        service: BROKER_HEALTH.to_owned(),
    };
    client.check(request).await.unwrap().into_inner().status()
}

async fn until_broker_is(pair: &Pair, wanted: ServingStatus) {
    until(wanted.as_str_name(), || async {
        (broker_health(pair).await == wanted).then_some(())
    })
    .await;
}

#[tokio::test]
#[ignore = "needs RabbitMQ: .ci/run rabbitmq"]
async fn a_broker_that_is_stopped_during_uploads_gets_all_of_it_later() {
    let name = "stopped";
    let mut queue = Queue::bound(name, &["weir.capture.#"]).await;
    let pair = pair_of(|config| {
        to_broker(config, "/stopped");
        config.broker.backlog_max = 20;
    })
    .await;
    let caller = pair.caller();
    until_broker_is(&pair, ServingStatus::Serving).await;

    // Some before, some while it goes down, some while it is away.
    for id in ids(0..5) {
        live_and_die(&caller, &id).await;
    }
    let mut seen = vec![queue.next().await];
    let uploads = async {
        for id in ids(5..40) {
            live_and_die(&caller, &id).await;
        }
    };
    tokio::join!(rabbit::stop(), uploads);
    // Uploads go on, and the backlog is told.
    live_and_die(&caller, "c-040").await;
    until_broker_is(&pair, ServingStatus::NotServing).await;
    while let Ok(message) = queue.try_next().await {
        seen.push(message);
    }
    rabbit::start().await;
    for id in ids(41..45) {
        live_and_die(&caller, &id).await;
    }
    let mut queue = Queue::again(name).await;
    let all = ids(0..45);
    let mut first: BTreeSet<_> = seen.iter().map(|m| m.attribute("id")).collect();
    let mut dead: BTreeSet<_> = seen.iter().map(Message::what).collect();
    while !all
        .iter()
        .all(|id| dead.contains(&(id.clone(), LIFE[2].to_owned())))
    {
        let message = queue.next().await;
        dead.insert(message.what());
        if first.insert(message.attribute("id")) {
            seen.push(message);
        }
    }
    check_lives(&seen, &all);
    until_broker_is(&pair, ServingStatus::Serving).await;
}

#[tokio::test]
#[ignore = "needs RabbitMQ: .ci/run rabbitmq"]
async fn a_broker_that_takes_nothing_for_a_while_gets_each_event_once() {
    let mut queue = Queue::bound("blocked", &["weir.capture.#"]).await;
    let pair = pair_of(|config| {
        to_broker(config, "/blocked");
        config.broker.backlog_max = 5;
    })
    .await;
    let caller = pair.caller();
    live_and_die(&caller, "c-000").await;
    let mut seen = vec![queue.next().await];
    rabbit::block(true).await;
    for id in ids(1..20) {
        live_and_die(&caller, &id).await;
    }
    until_broker_is(&pair, ServingStatus::NotServing).await;
    rabbit::block(false).await;
    while seen.len() < 60 {
        seen.push(queue.next().await);
    }
    // Its connection was kept: nothing is repeated.
    check_lives(&seen, &ids(0..20));
    until_broker_is(&pair, ServingStatus::Serving).await;
}

#[tokio::test]
#[ignore = "needs RabbitMQ: .ci/run rabbitmq"]
async fn two_instances_publish_each_event_between_them() {
    let mut queue = Queue::bound("two", &["weir.capture.#"]).await;
    let directory = tempfile::tempdir().unwrap();
    let broker = variable(rabbit::URL);
    let environment = [
        ("WEIR_BROKER", &*broker),
        ("WEIR_LEASE", "1"),
        ("WEIR_EVENT_SOURCE", "/two"),
    ];
    let nobody = ([127, 0, 0, 1], 9).into();
    let start = async || Process::ingest(INGEST, directory.path(), nobody, &environment).await;
    let (one, other) = (start().await, start().await);
    for (n, id) in (0..).zip(ids(0..20)) {
        let caller = [&one, &other][n % 2].caller();
        live_and_die(&caller, &id).await;
    }
    // Whoever publishes dies, and the other goes on.
    one.kill().await;
    for id in ids(20..30) {
        live_and_die(&other.caller(), &id).await;
    }
    let third = start().await;
    let (status, _) = other.terminate().await;
    assert!(status.success());
    for id in ids(30..40) {
        live_and_die(&third.caller(), &id).await;
    }
    let all = ids(0..40);
    check_lives(&until_dead(&mut queue, &all).await, &all);
    third.kill().await;
}

#[tokio::test]
#[ignore = "needs RabbitMQ: .ci/run rabbitmq"]
async fn a_broker_behind_tls_is_who_it_says_or_gets_nothing() {
    let mut queue = Queue::bound("tls", &["weir.capture.#"]).await;
    let directory = tempfile::tempdir().unwrap();
    let (broker, ca) = (variable(rabbit::TLS_URL), variable(rabbit::CA));
    let nobody = ([127, 0, 0, 1], 9).into();
    let start = async |ca: &str| {
        let environment = [("WEIR_BROKER", &*broker), ("SSL_CERT_FILE", ca)];
        Process::ingest(INGEST, directory.path(), nobody, &environment).await
    };
    // Signed by nobody whom it trusts: uploads go on, events wait.
    let other = directory.path().join("nobody.pem");
    std::fs::write(&other, "").unwrap();
    let service = start(other.to_str().unwrap()).await;
    live_and_die(&service.caller(), "c-000").await;
    service.logs("events wait").await;
    let (status, log) = service.terminate().await;
    assert!(status.success());
    check_secret(&log, &broker);

    let service = start(&ca).await;
    live_and_die(&service.caller(), "c-001").await;
    let all = ids(0..2);
    let messages = until_dead(&mut queue, &all).await;
    check_lives(&messages, &all);
    for message in &messages {
        check_one_trace(message);
    }
    check_secret(&service.terminate().await.1, &broker);
}

#[tokio::test]
#[ignore = "needs RabbitMQ: .ci/run rabbitmq"]
async fn a_broker_that_refuses_the_password_is_no_reason_to_refuse_uploads() {
    let directory = tempfile::tempdir().unwrap();
    let mut url = url::Url::parse(&variable(rabbit::URL)).unwrap();
    url.set_password(Some("not-the-right-one")).unwrap();
    let environment = [("WEIR_BROKER", url.as_str()), ("RUST_LOG", "trace")];
    let nobody = ([127, 0, 0, 1], 9).into();
    let service = Process::ingest(INGEST, directory.path(), nobody, &environment).await;
    live_and_die(&service.caller(), "c-000").await;
    service.logs("ACCESS_REFUSED").await;
    let (status, log) = service.terminate().await;
    assert!(status.success());
    check_secret(&log, url.as_str());
}

/// The sending belongs to the trace of the call, as a span of its own.
#[track_caller]
fn check_one_trace(message: &Message) {
    let sending = message.header("traceparent").expect("a trace");
    let call = message.attribute("traceparent");
    let parts = |text: &str| text.split('-').map(str::to_owned).collect::<Vec<_>>();
    let (sending, call) = (parts(&sending), parts(&call));
    assert_eq!(sending[1], call[1], "one trace");
    assert_ne!(sending[2], call[2], "two spans");
}

/// The password is in no line.
#[track_caller]
fn check_secret(log: &[String], url: &str) {
    let url = url::Url::parse(url).unwrap();
    let password = url.password().unwrap();
    let told: Vec<_> = log.iter().filter(|l| l.contains(password)).collect();
    assert!(told.is_empty(), "{told:?}");
}
