//! A file system that is really full, or read-only. Ignored without one:
//! `.ci/run full_disk` mounts a small one, and runs these in turn.
#![allow(
    clippy::unwrap_used,
    clippy::large_futures,
    reason = "a panic is how a test fails, and its futures are few"
)]

use std::{
    fs,
    io::{self, Write as _},
    net::SocketAddr,
    path::{Path, PathBuf},
};

use tonic::Code;
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};
use weir_shared::proto::ingest::v1::{
    CaptureSpec, CaptureState, DeleteCaptureRequest, ListDeadLettersRequest, PutOutcome,
    QueryRecordsRequest, events_service_client::EventsServiceClient,
    search_service_client::SearchServiceClient,
};
use weir_tests::{
    caller::{Caller, channel},
    errors::{check_refused, check_unavailable},
    messages::{chunk, finish, open, open_with, spec},
    process::Process,
    random::noise,
    synth,
    until::until,
};

/// Where a file system of some tens of MiB is mounted, for these tests alone.
const VARIABLE: &str = "WEIR_TEST_SMALL_DISK";

const CHUNK_BYTES: usize = 1 << 20;
/// More than it holds.
const CHUNKS: u32 = 64;
/// Taken by something else, and given back.
const BALLAST_BYTES: usize = 8 << 20;

/// A new directory on the small file system. Its files go with it.
fn small_disk() -> tempfile::TempDir {
    let mounted = std::env::var(VARIABLE).expect(VARIABLE);
    tempfile::tempdir_in(mounted).unwrap()
}

fn path(directory: &tempfile::TempDir, name: &str) -> PathBuf {
    directory.path().join(name)
}

/// Writes up to so many bytes; fewer when no more fit.
fn fill(file: &Path, bytes_max: usize) {
    let mut file = fs::File::create(file).unwrap();
    let block = [7; 4096];
    for _ in 0..bytes_max / block.len() {
        match file.write_all(&block) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::StorageFull => return,
            Err(error) => panic!("{error}"),
        }
    }
}

async fn service(store: &Path, catalog: &Path) -> Process {
    service_with(store, catalog, &[]).await
}

async fn service_with(store: &Path, catalog: &Path, more: &[&str]) -> Process {
    let store = format!("--store=file://{}/store", store.display());
    let catalog = format!("--catalog=sqlite://{}/catalog.db", catalog.display());
    let args = [&[&*store, &*catalog], more].concat();
    let program = env!("CARGO_BIN_EXE_test-ingest-service");
    Process::start(program, &args, &[]).await
}

fn data(index: u32) -> Vec<u8> {
    noise(CHUNK_BYTES, index.into())
}

async fn serving(address: SocketAddr) -> bool {
    let mut client = HealthClient::new(channel(address));
    let answer = client.check(HealthCheckRequest::default()).await.unwrap();
    answer.into_inner().status() == ServingStatus::Serving
}

async fn until_serving(service: &Process) {
    until("health", || async {
        serving(service.address).await.then_some(())
    })
    .await;
}

#[tokio::test]
#[ignore = "needs a small file system: .ci/run full_disk"]
async fn a_full_store_refuses_loses_nothing_and_goes_on_when_there_is_room() {
    let (small, large) = (small_disk(), tempfile::tempdir().unwrap());
    let ballast = path(&small, "ballast");
    fill(&ballast, BALLAST_BYTES);
    let service = service(small.path(), large.path()).await;
    let caller = service.caller();
    caller.upload(vec![open("c")]).await.unwrap();
    let acknowledged = fill_store(&caller, "c").await;
    assert!(acknowledged > 0);
    // A whole call as well, of another capture.
    let mut whole = vec![open("d")];
    whole.extend((0..CHUNKS).map(|index| chunk(index, data(index))));
    let refused = caller.upload(whole).await;
    check_refused(refused, Code::ResourceExhausted, "STORAGE_FULL");
    assert_eq!(check_durable(&caller, acknowledged).await, acknowledged);

    fs::remove_file(&ballast).unwrap();
    // Less than was given back: blocks of names and of directories are taken too.
    let more = acknowledged + 4;
    for index in acknowledged..more {
        let outcome = caller.put("c", index, data(index)).await.unwrap();
        assert_eq!(outcome, PutOutcome::Stored);
    }
    let again = caller.put("c", 0, data(0)).await.unwrap();
    assert_eq!(again, PutOutcome::Duplicate);
    let sealed = caller.upload(vec![open("c"), finish(more)]).await.unwrap();
    assert_eq!(sealed.capture.unwrap().state(), CaptureState::Sealed);
    let whole: Vec<u8> = (0..more).flat_map(data).collect();
    assert!(
        caller.read("c", 0, 0).await.unwrap() == whole,
        "other bytes"
    );
    let (status, log) = service.terminate().await;
    assert!(status.success(), "{log:?}");
}

/// Puts chunks until there is no room; says how many fit.
async fn fill_store(caller: &Caller, id: &str) -> u32 {
    for index in 0..CHUNKS {
        if let Err(status) = caller.put(id, index, data(index)).await {
            check_refused(
                Err::<(), _>(status),
                Code::ResourceExhausted,
                "STORAGE_FULL",
            );
            return index;
        }
    }
    panic!("it is never full");
}

/// All below this are durable, without a gap; says how many there are in all.
async fn check_durable(caller: &Caller, acknowledged: u32) -> u32 {
    let capture = caller.get("c").await.unwrap();
    assert!(capture.chunks_durable >= acknowledged, "{capture:?}");
    assert_eq!(capture.missing, []);
    capture.chunks_durable
}

#[tokio::test]
#[ignore = "needs a small file system: .ci/run full_disk"]
async fn a_full_catalog_refuses_and_goes_on_when_there_is_room() {
    let (small, large) = (small_disk(), tempfile::tempdir().unwrap());
    let service = service(large.path(), small.path()).await;
    let caller = service.caller();
    caller
        .upload(vec![open("c"), chunk(0, "zero")])
        .await
        .unwrap();
    let ballast = path(&small, "ballast");
    fill(&ballast, usize::MAX);
    // The last page that is there may take a commit or two.
    let mut acknowledged = 1;
    let refused = loop {
        match caller.put("c", acknowledged, "more").await {
            Ok(_) => acknowledged += 1,
            Err(status) => break Err::<(), _>(status),
        }
        assert!(acknowledged < 10_000, "it is never full");
    };
    check_refused(refused, Code::ResourceExhausted, "STORAGE_FULL");
    let created = caller.upload(vec![open("d"), chunk(0, "zero")]).await;
    check_refused(created, Code::ResourceExhausted, "STORAGE_FULL");
    check_durable(&caller, acknowledged).await;

    fs::remove_file(&ballast).unwrap();
    caller.put("c", acknowledged, "more").await.unwrap();
    let whole = vec![open("c"), finish(acknowledged + 1)];
    let sealed = caller.upload(whole).await.unwrap().capture.unwrap();
    assert_eq!(sealed.state(), CaptureState::Sealed);
    let expected = format!("zero{}", "more".repeat(acknowledged as usize));
    assert_eq!(caller.read("c", 0, 0).await.unwrap(), expected.as_bytes());
    let (status, log) = service.terminate().await;
    assert!(status.success(), "{log:?}");
}

#[tokio::test]
#[ignore = "needs a small file system: .ci/run full_disk"]
async fn a_service_that_starts_on_a_full_disk_is_ready_when_there_is_room() {
    let small = small_disk();
    let ballast = path(&small, "ballast");
    fill(&ballast, usize::MAX);
    let service = service(small.path(), small.path()).await;
    assert!(!serving(service.address).await);
    let caller = service.caller();
    let whole = || vec![open("c"), chunk(0, "zero"), finish(1)];
    let early = caller.upload(whole()).await.unwrap_err();
    check_unavailable(&early, "STORAGE_UNAVAILABLE");
    fs::remove_file(&ballast).unwrap();
    until_serving(&service).await;
    caller.upload(whole()).await.unwrap();
    service.kill().await;
}

/// Flows of a capture whose index takes a multiple of its size.
const FLOWS: u32 = 6_000;

/// Stores one that is analyzed, and so indexed.
async fn store_analyzed(caller: &Caller, id: &str) {
    let spec = CaptureSpec {
        analyze_on_seal: Some(true),
        ..spec(id)
    };
    let data = synth::many_flows(FLOWS);
    let half = data.len() / 2;
    let messages = vec![
        open_with(spec),
        chunk(0, &data[..half]),
        chunk(1, &data[half..]),
        finish(2),
    ];
    caller.upload(messages).await.unwrap();
}

async fn until_found(service: &Process, id: &str) {
    let client = SearchServiceClient::new(channel(service.address));
    let request = || QueryRecordsRequest {
        capture_id: id.to_owned(),
        page_size: 1,
        ..QueryRecordsRequest::default()
    };
    until("its records are found", || async {
        let found = client.clone().query_records(request()).await.unwrap();
        (!found.into_inner().records.is_empty()).then_some(())
    })
    .await;
}

async fn delete(service: &Process, id: &str) {
    let request = DeleteCaptureRequest {
        capture_id: id.to_owned(),
        ..DeleteCaptureRequest::default()
    };
    let mut client = service.caller().rpc;
    client.delete_capture(request).await.unwrap();
}

#[tokio::test]
#[ignore = "needs a small file system: .ci/run full_disk"]
async fn the_index_gives_way_to_captures_and_a_full_disk_to_deletions() {
    let small = small_disk();
    let store = format!("--store=file://{}/store", small.path().display());
    let program = env!("CARGO_BIN_EXE_test-analyzer-service");
    let analyzer = Process::start(program, &[&store], &[]).await;
    let service = service_with(
        small.path(),
        small.path(),
        &[&format!("--analyzer=http://{}", analyzer.address)],
    )
    .await;
    let caller = service.caller();
    for id in ["d", "e"] {
        caller.upload(vec![open(id)]).await.unwrap();
    }
    for id in ["a", "b", "c", "f", "g"] {
        store_analyzed(&caller, id).await;
    }
    until_found(&service, "a").await;
    // Not all that was found fits.
    service.logs("a handler rests").await;
    let fit = fill_store(&caller, "d").await;
    assert!(fit > 0, "the index took what is for captures");
    for id in ["a", "b", "d", "g"] {
        delete(&service, id).await;
    }
    until("there is room", || async {
        caller.put("e", 0, data(0)).await.ok()
    })
    .await;
    for id in ["c", "f"] {
        until_found(&service, id).await;
    }
    let mut events = EventsServiceClient::new(channel(service.address));
    let all = ListDeadLettersRequest::default();
    let dead = events.list_dead_letters(all).await.unwrap().into_inner();
    assert_eq!(dead.dead_letters, []);
    service.kill().await;
}

fn remount(how: &str) {
    let mounted = std::env::var(VARIABLE).expect(VARIABLE);
    let options = format!("remount,{how}");
    let mut mount = std::process::Command::new("mount");
    let done = mount.args(["-o", &options, &mounted]).status().unwrap();
    assert!(done.success(), "mount -o {options} {mounted}");
}

#[tokio::test]
#[ignore = "needs a small file system: .ci/run full_disk"]
async fn a_disk_that_is_read_only_for_a_while_is_waited_for() {
    let (small, large) = (small_disk(), tempfile::tempdir().unwrap());
    remount("ro");
    // The store's directory can't be made.
    let service = service(small.path(), large.path()).await;
    assert!(!serving(service.address).await);
    remount("rw");
    until_serving(&service).await;
    let caller = service.caller();
    caller
        .upload(vec![open("c"), chunk(0, "zero")])
        .await
        .unwrap();
    // A service that runs already: it says so, and goes on.
    remount("ro");
    let away = caller.put("c", 1, "one").await.unwrap_err();
    check_unavailable(&away, "STORAGE_UNAVAILABLE");
    remount("rw");
    caller
        .upload(vec![open("c"), chunk(1, "one"), finish(2)])
        .await
        .unwrap();
    assert_eq!(caller.read("c", 0, 0).await.unwrap(), b"zeroone");
    service.kill().await;
}
