//! The store on an S3 server: its contract, and what befalls it when the server
//! fails. The server is in this process; `.ci/run` asks a real one.
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::time::Duration;

use bytes::Bytes;
use futures::TryStreamExt as _;
use http::Method;
use weir_shared::{
    chain::Chain,
    store::{Durability, ObjectKey, SegmentStore, StoreError, conformance},
};
use weir_tests::{
    s3::{Fault, S3Server, SECRET},
    until::within,
};

fn key(text: &str) -> ObjectKey {
    text.parse().unwrap()
}

fn body() -> Vec<Bytes> {
    vec!["hello ".into(), "world".into()]
}

/// Attempts of one call, as `shared` bounds them.
const ATTEMPTS: usize = 5;

#[tokio::test]
async fn a_bucket_conforms_with_and_without_a_prefix() {
    let server = S3Server::start().await;
    conformance(&*server.store("a/b")).await;
    conformance(&*server.store("other")).await;
    let store = server.store("third");
    assert_eq!(store.durability(), Durability::ObjectStore);
    let none: Vec<_> = store.list(None).try_collect().await.unwrap();
    assert_eq!(none, [], "prefixes are apart");

    let alone = S3Server::start().await;
    conformance(&*alone.store("")).await;
}

#[tokio::test]
async fn listings_come_in_pages_and_go_on_after_a_fault() {
    const OBJECTS: usize = 1100;
    let server = S3Server::start().await;
    let store = server.store("p");
    let directory = server.bucket().as_ref().join("p/seg");
    std::fs::create_dir_all(&directory).unwrap();
    for i in 0..OBJECTS {
        std::fs::write(directory.join(format!("{i:04}")), "x").unwrap();
    }
    std::fs::write(directory.join("not a key"), "x").unwrap();
    let list = || async {
        let objects = store.list(Some(&key("seg"))).map_ok(|o| o.key);
        let mut keys: Vec<_> = objects.try_collect().await?;
        keys.sort();
        keys.dedup();
        Ok::<_, StoreError>(keys.len())
    };
    assert_eq!(list().await.unwrap(), OBJECTS);
    server
        .faults
        .add(Method::GET, Fault::Refuse(503, "SlowDown"), 2);
    assert_eq!(list().await.unwrap(), OBJECTS);
    server
        .faults
        .always(Method::GET, Fault::Refuse(503, "SlowDown"));
    assert!(matches!(list().await, Err(StoreError::Unavailable(_))));
}

/// What a put comes to when so many attempts meet the fault, and what is there then.
async fn check_put(fault: Fault, times: usize, expected: &str) {
    let server = S3Server::start().await;
    let store = server.store("p");
    server.faults.add(Method::PUT, fault, times);
    let put = store.put(&key("seg/a"), body()).await;
    check(put.map(|()| "done".to_owned()), expected);
    server.faults.heal();
    match expected {
        "done" => assert_eq!(
            store.get(&key("seg/a"), 0..11).await.unwrap(),
            "hello world"
        ),
        _ => assert!(store.size(&key("seg/a")).await.is_err(), "{fault:?}"),
    }
}

#[track_caller]
fn check(done: Result<String, StoreError>, expected: &str) {
    let text = match done {
        Ok(text) => text,
        Err(error) => Chain(&error).to_string(),
    };
    assert_eq!(text, expected);
}

#[tokio::test]
async fn a_put_is_attempted_again_within_a_bound() {
    check_put(Fault::Refuse(503, "SlowDown"), ATTEMPTS - 1, "done").await;
    check_put(
        Fault::Refuse(503, "SlowDown"),
        ATTEMPTS,
        "store unavailable: gave up after 5 attempts: the server answered 503 Service \
         Unavailable, SlowDown: as told",
    )
    .await;
    check_put(Fault::Refuse(500, ""), 1, "done").await;
    check_put(Fault::Refuse(429, ""), 1, "done").await;
    check_put(Fault::Refuse(409, "ConditionalRequestConflict"), 1, "done").await;
}

#[tokio::test]
async fn a_body_that_changed_on_its_way_is_not_stored() {
    check_put(Fault::AlterBody, 1, "done").await;
}

#[tokio::test]
async fn a_put_whose_answer_was_lost_is_known_again() {
    check_put(Fault::LoseAnswer, 1, "done").await;
    check_put(Fault::LoseAnswer, 2, "done").await;
}

#[tokio::test]
async fn a_put_is_refused_for_good_at_once() {
    let full = "no space left in the store: the server answered ";
    for (status, code, expected) in [
        (507, "XMinioStorageFull", format!("{full}507 Insufficient Storage, XMinioStorageFull: as told")),
        (403, "QuotaExceeded", format!("{full}403 Forbidden, QuotaExceeded: as told")),
        (
            403,
            "InvalidAccessKeyId",
            "store unavailable: the server answered 403 Forbidden, InvalidAccessKeyId: as told".into(),
        ),
        (
            301,
            "PermanentRedirect",
            "store unavailable: the server answered 301 Moved Permanently, PermanentRedirect: as told"
                .into(),
        ),
    ] {
        let server = S3Server::start().await;
        server.faults.always(Method::PUT, Fault::Refuse(status, code));
        let put = server.store("p").put(&key("seg/a"), body()).await;
        check(put.map(|()| "done".to_owned()), &expected);
        assert_eq!(server.faults.requests(), 1, "{code}");
    }
}

#[tokio::test]
async fn a_server_without_conditional_puts_is_told_plain_ones() {
    let server = S3Server::start().await;
    let store = server.store("p");
    server
        .faults
        .add(Method::PUT, Fault::Refuse(501, "NotImplemented"), 1);
    for (key_text, requests) in [("seg/a", 2), ("seg/a", 3), ("seg/b", 4)] {
        store.put(&key(key_text), body()).await.unwrap();
        assert_eq!(server.faults.requests(), requests, "{key_text}");
    }
    let told = server.store_with("s3://weir/p", &[("AWS_CONDITIONAL_PUT", "disabled")]);
    told.put(&key("seg/a"), body()).await.unwrap();
}

#[tokio::test]
async fn a_get_gives_exactly_the_bytes_or_an_error() {
    for fault in [
        Fault::CutBody,
        Fault::ShortBody,
        Fault::Refuse(503, "SlowDown"),
    ] {
        let server = S3Server::start().await;
        let store = server.store("p");
        store.put(&key("seg/a"), body()).await.unwrap();
        server.faults.add(Method::GET, fault, 2);
        let got = store.get(&key("seg/a"), 2..9).await.unwrap();
        assert_eq!(got, "llo wor", "{fault:?}");
        server.faults.always(Method::GET, fault);
        let got = store.get(&key("seg/a"), 2..9).await;
        assert!(matches!(got, Err(StoreError::Unavailable(_))), "{fault:?}");
    }
}

/// Every call of the store says what is wrong, and shows no secret.
async fn check_wrong(store: &dyn SegmentStore, secret: &str, expected: &str) {
    let a = key("seg/a");
    let list: Result<Vec<_>, _> = store.list(None).try_collect().await;
    for error in [
        store.put(&a, body()).await.unwrap_err(),
        store.get(&a, 0..1).await.unwrap_err(),
        list.unwrap_err(),
    ] {
        let text = Chain(&error).to_string();
        assert!(text.starts_with(expected), "{text}");
        let all = format!("{text} {error:?} {store:?}");
        assert!(!all.contains(secret), "{all}");
    }
    let size = store.size(&a).await;
    assert!(matches!(size, Err(StoreError::Unavailable(_))), "{size:?}");
}

#[tokio::test]
async fn a_missing_bucket_is_no_missing_object() {
    let server = S3Server::start().await;
    let missing = Fault::Refuse(404, "NoSuchBucket");
    server.faults.always(Method::PUT, missing);
    server.faults.always(Method::GET, missing);
    server.faults.always(Method::HEAD, Fault::Refuse(404, ""));
    let expected = "store unavailable: the server answered 404 Not Found, NoSuchBucket: as told";
    check_wrong(&*server.store("p"), SECRET, expected).await;

    // Any web server has 404 for what it does not know.
    server.faults.heal();
    server.faults.always(Method::GET, Fault::Refuse(404, ""));
    let got = server.store("p").get(&key("seg/a"), 0..1).await;
    check(
        got.map(|_| "done".to_owned()),
        "store unavailable: the server answered 404 and does not say what is missing: is it an \
         S3 server?",
    );
}

#[tokio::test]
async fn wrong_credentials_are_said_without_secrets() {
    let server = S3Server::start().await;
    let secret = "wrong-and-never-shown";
    let wrong = server.store_with("s3://weir/p", &[("AWS_SECRET_ACCESS_KEY", secret)]);
    let expected = "store unavailable: the server answered 403 Forbidden, SignatureDoesNotMatch: ";
    check_wrong(&*wrong, secret, expected).await;
}

#[tokio::test]
async fn a_server_that_is_away_or_speaks_no_tls_is_unavailable() {
    let server = S3Server::start().await;
    let tls = format!("https://{}", server.address);
    let away = tokio::net::TcpSocket::new_v4().unwrap();
    away.bind((std::net::Ipv4Addr::LOCALHOST, 0).into())
        .unwrap();
    let nobody = format!("http://{}", away.local_addr().unwrap());
    for endpoint in [tls, nobody] {
        let store = server.store_with("s3://weir/p", &[("AWS_ENDPOINT_URL", &endpoint)]);
        let size = store.size(&key("seg/a")).await;
        assert!(matches!(size, Err(StoreError::Unavailable(_))), "{size:?}");
    }
}

#[tokio::test]
async fn a_call_that_is_dropped_leaves_its_connection() {
    let server = S3Server::start().await;
    let store = server.store("p");
    server.faults.always(Method::GET, Fault::Silence);
    let waiting = async {
        let a = key("seg/a");
        tokio::select! {
            got = store.get(&a, 0..1) => panic!("{got:?}"),
            () = server.faults.until_silent(1) => {}
        }
    };
    within("the request", waiting).await;
    server.faults.until_silent(0).await;
}

#[tokio::test]
async fn what_killed_writes_leave_is_nothing() {
    let server = S3Server::start().await;
    let store = server.store("p");
    server.faults.always(Method::PUT, Fault::Silence);
    let cut = async {
        let a = key("seg/a");
        tokio::select! {
            put = store.put(&a, body()) => panic!("{put:?}"),
            () = server.faults.until_silent(1) => {}
        }
    };
    within("the put", cut).await;
    let later = std::time::SystemTime::now() + Duration::from_secs(60);
    assert_eq!(
        store.remove_unfinished(&key("seg"), later).await.unwrap(),
        0
    );
    let none: Vec<_> = store.list(None).try_collect().await.unwrap();
    assert_eq!(none, []);
}
