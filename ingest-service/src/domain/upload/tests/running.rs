//! Uploads that meet faults, deletions and shortages while they run.

use std::{sync::Arc, time::Duration};

use expect_test::expect;
use futures::StreamExt as _;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::domain::{connection::Connections, testing::chunk_of_budget};

#[tokio::test]
async fn what_could_not_be_written_is_not_acknowledged_and_can_be_sent_again() {
    let rig = Rig::new().await;
    let large = |index: u8| chunk(index.into(), vec![index; 2 << 20]);
    let all = || {
        let mut items = vec![open(ID, declared(9))];
        items.extend((0..9).map(large));
        items
    };
    rig.store.fail_after(1, true);
    expect!["no space left to store more; Receiving, 2 chunks, 4194304 bytes"]
        .assert_eq(&told(&rig, all()).await);
    rig.store.fail_after(0, false);
    expect!["storage is unavailable; Receiving, 2 chunks, 4194304 bytes"]
        .assert_eq(&told(&rig, all()).await);
    rig.store.heal();
    expect!["ok, 7 stored, 2 duplicate; Sealed, 9 chunks, 18874368 bytes"]
        .assert_eq(&told(&rig, all()).await);
}

/// An upload whose items come one at a time.
fn begin(
    rig: &Rig,
) -> (
    mpsc::Sender<UploadItem>,
    tokio::task::JoinHandle<Result<Uploaded, Error>>,
) {
    let (sender, items) = mpsc::channel(1);
    let items = ReceiverStream::new(items).boxed();
    let connection = Arc::new(Connections::default()).of(None);
    let ended = CancellationToken::new();
    let upload = Arc::clone(&rig.ingest).upload(items, connection, ended);
    (sender, rig.ingest.tasks.spawn(upload))
}

async fn until_durable(rig: &Rig, chunks: u32) {
    loop {
        let found = rig.catalog.by_id(&ID.parse().unwrap()).await.unwrap();
        if found.is_some_and(|c| c.progress.chunks >= chunks) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

#[tokio::test]
async fn a_slow_upload_becomes_durable_while_it_goes_on() {
    let rig = Rig::with(crate::domain::ingest::Settings {
        commit_interval: Duration::from_millis(5),
        ..SETTINGS
    })
    .await;
    let (items, upload) = begin(&rig);
    items.send(open(ID, Declared::default())).await.unwrap();
    items.send(chunk(0, "a")).await.unwrap();
    until_durable(&rig, 1).await;
    items.send(chunk(1, "b")).await.unwrap();
    until_durable(&rig, 2).await;
    drop(items);
    assert_eq!(upload.await.unwrap().unwrap().stored, 2);
}

#[tokio::test]
async fn a_deletion_ends_an_idle_upload_at_once() {
    let rig = Rig::new().await;
    let (items, upload) = begin(&rig);
    items.send(open(ID, Declared::default())).await.unwrap();
    until_durable(&rig, 0).await;
    items.send(chunk(0, "a")).await.unwrap();
    let id = ID.parse().unwrap();
    assert!(rig.ingest.delete(&id).await.unwrap());
    assert!(matches!(upload.await.unwrap(), Err(Error::Deleted(_))));
    assert!(!rig.ingest.delete(&id).await.unwrap());
}

#[tokio::test]
async fn a_short_budget_closes_the_open_segments_of_others() {
    let rig = Rig::with(crate::domain::ingest::Settings {
        commit_interval: Duration::from_secs(3600),
        staging_bytes: 3 << 20,
        ..SETTINGS
    })
    .await;
    let (items, first) = begin(&rig);
    items.send(open(ID, Declared::default())).await.unwrap();
    let large = || vec![0; 2 << 20];
    let one = chunk_of_budget(&rig, 0, large()).await;
    items.send(one).await.unwrap();
    // Nobody else can free the room that this one waits for.
    let other = chunk_of_budget(&rig, 0, large()).await;
    let second = vec![open("other", declared(1)), other];
    assert_eq!(upload(&rig, second).await.unwrap().stored, 1);
    drop(items);
    let done = first.await.unwrap().unwrap();
    assert_eq!((done.stored, done.duplicate), (1, 0));
}

#[tokio::test]
async fn a_condemned_segment_is_written_again() {
    let rig = Rig::new().await;
    *rig.store.sweeper.lock().unwrap() = Some(Arc::clone(&rig.catalog));
    expect!["ok, 1 stored, 0 duplicate; Sealed, 1 chunks, 1 bytes"]
        .assert_eq(&told(&rig, vec![open(ID, declared(1)), chunk(0, "a")]).await);
    assert_eq!(rig.store.keys().len(), 2);
    let uid = rig.ingest.get(&ID.parse().unwrap()).await.unwrap().uid;
    let stored = rig.catalog.chunks(uid, ChunkIndex(0), 9).await.unwrap();
    let condemned = rig.catalog.condemned(None, 9).await.unwrap();
    assert_eq!(condemned.len(), 1);
    assert_ne!(stored[0].segment, condemned[0]);
}

#[tokio::test]
async fn what_came_before_a_finish_is_durable_before_the_stream_ends() {
    let rig = Rig::with(crate::domain::ingest::Settings {
        commit_interval: Duration::from_secs(3600),
        ..SETTINGS
    })
    .await;
    let (items, upload) = begin(&rig);
    items.send(open(ID, Declared::default())).await.unwrap();
    items.send(chunk(0, "a")).await.unwrap();
    items.send(finish(SealParams::default())).await.unwrap();
    until_durable(&rig, 1).await;
    drop(items);
    assert_eq!(upload.await.unwrap().unwrap().capture.state, State::Sealed);
}

#[tokio::test]
async fn a_failed_segment_ends_a_finished_upload_at_once() {
    let rig = Rig::new().await;
    let (items, upload) = begin(&rig);
    items.send(open(ID, Declared::default())).await.unwrap();
    rig.store.fail_after(0, true);
    items.send(chunk(0, "a")).await.unwrap();
    items.send(finish(SealParams::default())).await.unwrap();
    let ended = upload.await.unwrap();
    assert!(matches!(ended, Err(Error::StorageFull(_))), "{ended:?}");
    drop(items);
}

#[tokio::test]
async fn tasks_end_while_a_handle_of_the_service_is_kept() {
    let rig = Rig::new().await;
    told(&rig, vec![open(ID, declared(2)), chunk(0, "a")]).await;
    rig.shutdown.cancel();
    rig.ingest.tasks.close();
    let ended = tokio::time::timeout(Duration::from_secs(60), rig.ingest.tasks.wait());
    ended.await.expect("no task is left");
}

#[tokio::test]
async fn a_deletion_is_told_though_its_call_is_dropped() {
    for polls in 1.. {
        let rig = Rig::new().await;
        let done = upload(&rig, vec![open(ID, Declared::default())]).await;
        let used = rig
            .ingest
            .use_capture(&done.unwrap().capture)
            .await
            .unwrap();
        let id = ID.parse().unwrap();
        let dropped = digests::drop_after(polls, rig.ingest.delete(&id)).await;
        let told = tokio::time::timeout(Duration::from_secs(20), used.deleted());
        told.await.expect("what was begun ends");
        if !dropped {
            break;
        }
    }
}

#[tokio::test]
async fn a_deleted_capture_lacks_nothing_but_is_gone() {
    let rig = Rig::new().await;
    let done = upload(&rig, vec![open(ID, declared(2)), chunk(0, "a")]).await;
    let capture = done.unwrap().capture;
    rig.ingest.delete(&capture.id).await.unwrap();
    let told = rig.ingest.missing(capture, 9).await;
    assert!(matches!(told, Err(Error::Deleted(_))), "{told:?}");
}
