use super::*;
use crate::domain::{
    capture::Declared,
    ingest::Settings,
    testing::{Rig, SETTINGS, chunk, open, upload},
    time::Keeping,
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
    let orphan = SegmentId::generate().object_key();
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
async fn one_fault_of_the_store_does_not_keep_the_rest() {
    for prefix in ["seg", MANIFEST_PREFIX] {
        let rig = Rig::new().await;
        let mut keys = Vec::new();
        for _ in 0..3 {
            let id = SegmentId::generate().object_key();
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

#[tokio::test]
async fn sealed_captures_are_removed_when_their_time_is_over() {
    let settings = Settings {
        keeping: Keeping {
            sealed_ttl: Some(GRACE),
            ..SETTINGS.keeping
        },
        ..SETTINGS
    };
    let rig = Rig::with(settings).await;
    let declared = Declared {
        chunk_count: Some(1),
        ..Declared::default()
    };
    let sealed = vec![open("sealed", declared), chunk(0, "a")];
    let capture = upload(&rig, sealed).await.unwrap().capture;
    let expected = capture.sealed.unwrap().plus(GRACE);
    assert_eq!(capture.expire_time(), Some(expected));
    let used = rig.ingest.use_capture(&capture).await.unwrap();
    rig.ingest.expire_once(expected).await.unwrap();
    assert!(!used.is_deleted());
    rig.ingest.expire_once(later(2)).await.unwrap();
    assert!(used.is_deleted());
    rig.ingest
        .sweep_once(GRACE, Timestamp::now())
        .await
        .unwrap();
    assert_eq!(rig.store.keys(), []);
}

#[tokio::test]
async fn expiry_ends_the_calls_that_use_the_capture() {
    let rig = Rig::new().await;
    let idle = vec![open("idle", Declared::default()), chunk(0, "a")];
    let capture = upload(&rig, idle).await.unwrap().capture;
    let used = rig.ingest.use_capture(&capture).await.unwrap();
    rig.ingest.expire_once(Timestamp::now()).await.unwrap();
    assert!(!used.is_deleted());
    rig.ingest.expire_once(later(24)).await.unwrap();
    assert!(used.is_deleted());
    let gone = rig.ingest.get(&"idle".parse().unwrap()).await;
    assert!(matches!(gone, Err(Error::Unknown(_))));
}
