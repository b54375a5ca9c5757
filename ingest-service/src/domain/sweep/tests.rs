use super::*;
use crate::domain::{
    capture::Declared,
    testing::{Rig, chunk, open, upload},
};

const GRACE: Duration = Duration::from_secs(3600);

fn later(periods: u32) -> Timestamp {
    Timestamp::now().plus(GRACE * periods)
}

#[tokio::test]
async fn only_old_objects_that_nothing_refers_to_are_swept() {
    let rig = Rig::new().await;
    let kept = vec![open("kept", Declared::default()), chunk(0, "a")];
    upload(&rig, kept).await.unwrap();
    let live = rig.store.keys();
    let orphan = SegmentId::generate(Uid::generate()).object_key();
    let foreign: ObjectKey = "seg/notes.txt".parse().unwrap();
    let manifest: ObjectKey = "manifest/1".parse().unwrap();
    for key in [&orphan, &foreign, &manifest] {
        rig.ingest.store.put(key, vec!["x".into()]).await.unwrap();
    }

    rig.ingest
        .sweep_once(GRACE, Timestamp::now())
        .await
        .unwrap();
    assert_eq!(rig.store.keys().len(), 4);
    rig.ingest.sweep_once(GRACE, later(2)).await.unwrap();
    let mut left = live.clone();
    left.push(foreign.clone());
    left.sort();
    assert_eq!(rig.store.keys(), left);

    // What a deleted capture held goes without a grace time.
    rig.ingest.delete(&"kept".parse().unwrap()).await.unwrap();
    rig.ingest
        .sweep_once(GRACE, Timestamp::now())
        .await
        .unwrap();
    assert_eq!(rig.store.keys(), [foreign]);
}

#[tokio::test]
async fn a_deletion_is_swept_soon() {
    let rig = Rig::new().await;
    let items = vec![open("cap", Declared::default()), chunk(0, "a")];
    upload(&rig, items).await.unwrap();
    let settings = SweepSettings {
        interval: GRACE,
        grace: GRACE,
    };
    let sweeping = Arc::clone(&rig.ingest).sweep_orphans(settings);
    rig.ingest.tasks.spawn(sweeping);
    rig.ingest.delete(&"cap".parse().unwrap()).await.unwrap();
    let swept = async {
        while !rig.store.keys().is_empty() {
            tokio::task::yield_now().await;
        }
    };
    let swept = tokio::time::timeout(Duration::from_secs(60), swept);
    swept.await.expect("it waits for its interval");
}

#[tokio::test]
async fn one_fault_of_the_store_does_not_keep_the_rest() {
    for prefix in ["seg", MANIFEST_PREFIX] {
        let rig = Rig::new().await;
        let mut keys = Vec::new();
        for _ in 0..3 {
            let id = SegmentId::generate(Uid::generate()).object_key();
            let key = id.as_ref().replacen("seg", prefix, 1);
            keys.push(ObjectKey::try_from(key).unwrap());
        }
        for key in &keys {
            rig.ingest.store.put(key, vec!["x".into()]).await.unwrap();
        }
        keys.sort();
        rig.store.keep(&keys[0]);
        rig.ingest.sweep_once(GRACE, later(2)).await.unwrap();
        assert_eq!(rig.store.keys(), keys[..1], "{prefix}");
        rig.store.heal();
        rig.ingest.sweep_once(GRACE, later(2)).await.unwrap();
        assert_eq!(rig.store.keys(), [], "{prefix}");
    }
}
