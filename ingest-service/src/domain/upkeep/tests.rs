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
