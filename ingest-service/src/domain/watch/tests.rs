use tokio_util::task::TaskTracker;
use weir_shared::store::SegmentStore;

use super::*;
use crate::domain::{
    capture::Declared,
    testing::{Rig, SETTINGS, chunk, incoming, open, room, upload},
    upload::UploadItem,
};

const ID: &str = "cap";

async fn begin(rig: &Rig) -> Watch {
    let id = ID.parse().unwrap();
    let watch = rig.ingest.watch(&id, 9, CancellationToken::new()).await;
    watch.unwrap()
}

/// State, durable chunks, and what is missing.
async fn told(watch: &mut Watch) -> String {
    match watch.next().await {
        Ok(None) => "the end".to_owned(),
        Ok(Some((capture, missing))) => {
            let ranges = missing.ranges.iter().map(|r| (r.first().0, r.last().0));
            let ranges: Vec<_> = ranges.collect();
            format!("{:?} {} {ranges:?}", capture.state, capture.progress.chunks)
        }
        Err(error) => error.to_string(),
    }
}

fn of_four(items: impl IntoIterator<Item = u32>) -> Vec<UploadItem> {
    let declared = Declared {
        chunk_count: Some(4),
        ..Declared::default()
    };
    let chunks = items.into_iter().map(|index| chunk(index, "a"));
    std::iter::once(open(ID, declared)).chain(chunks).collect()
}

#[tokio::test]
async fn each_growth_is_told_until_the_capture_is_sealed() {
    let rig = Rig::new().await;
    upload(&rig, of_four([2])).await.unwrap();
    let mut watch = begin(&rig).await;
    assert_eq!(told(&mut watch).await, "Receiving 1 [(0, 1), (3, 3)]");
    upload(&rig, of_four([3])).await.unwrap();
    assert_eq!(told(&mut watch).await, "Receiving 2 [(0, 1)]");
    // Whoever asks late gets the latest.
    upload(&rig, of_four([0])).await.unwrap();
    upload(&rig, of_four([1])).await.unwrap();
    assert_eq!(told(&mut watch).await, "Sealed 4 []");
    assert_eq!(told(&mut watch).await, "the end");
    let mut late = begin(&rig).await;
    assert_eq!(told(&mut late).await, "Sealed 4 []");
    assert_eq!(told(&mut late).await, "the end");
}

#[tokio::test]
async fn growth_wakes_a_watcher_that_waits() {
    let rig = Rig::new().await;
    upload(&rig, of_four([])).await.unwrap();
    let mut watch = begin(&rig).await;
    told(&mut watch).await;
    let grow = upload(&rig, of_four([0]));
    let (state, grown) = tokio::join!(told(&mut watch), grow);
    grown.unwrap();
    assert_eq!(state, "Receiving 1 [(1, 3)]");
}

#[tokio::test]
async fn what_another_instance_commits_is_seen_too() {
    let rig = Rig::new().await;
    upload(&rig, of_four([])).await.unwrap();
    let mut watch = begin(&rig).await;
    told(&mut watch).await;
    let other = Ingest::start(
        Arc::clone(&rig.catalog),
        Arc::clone(&rig.store) as Arc<dyn SegmentStore>,
        SETTINGS,
        TaskTracker::new(),
        CancellationToken::new(),
    );
    let id = ID.parse().unwrap();
    other
        .put_chunk(&id, incoming(0, "a"), room())
        .await
        .unwrap();
    assert_eq!(told(&mut watch).await, "Receiving 1 [(1, 3)]");
    other.delete(&id).await.unwrap();
    assert_eq!(told(&mut watch).await, "capture cap was deleted");
}

#[tokio::test]
async fn a_deletion_and_the_end_of_the_call_wake_a_watcher() {
    let rig = Rig::new().await;
    upload(&rig, of_four([])).await.unwrap();
    let id = ID.parse().unwrap();
    let mut watch = begin(&rig).await;
    told(&mut watch).await;
    let deletion = rig.ingest.delete(&id);
    let (state, deleted) = tokio::join!(told(&mut watch), deletion);
    assert!(deleted.unwrap());
    assert_eq!(state, "capture cap was deleted");

    upload(&rig, of_four([])).await.unwrap();
    let ended = CancellationToken::new();
    let mut watch = rig.ingest.watch(&id, 9, ended.clone()).await.unwrap();
    told(&mut watch).await;
    let (state, ()) = tokio::join!(told(&mut watch), async { ended.cancel() });
    assert_eq!(state, "the call has ended");
    let unknown = "other".parse().unwrap();
    let refused = rig.ingest.watch(&unknown, 9, ended).await;
    assert!(matches!(refused, Err(Error::Unknown(_))));
}
