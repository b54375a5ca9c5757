use super::*;
use crate::domain::{
    capture::{Declared, SealParams},
    testing::{Rig, chunk, open, upload},
};

/// A capture of "ab" that is sealing, with nobody who checks it.
async fn sealing(rig: &Rig, digest_of: &[u8]) -> Arc<Capture> {
    let items = vec![
        open("cap", Declared::default()),
        chunk(0, "a"),
        chunk(1, "b"),
    ];
    let uid = upload(rig, items).await.unwrap().capture.uid;
    let params = SealParams {
        sha256: Some(Sha256::of(digest_of)),
        ..SealParams::default()
    };
    let sealed = rig
        .catalog
        .seal(uid, &params, None, rig.ingest.times())
        .await;
    let (capture, _) = sealed.unwrap().unwrap();
    assert_eq!(capture.state, State::Sealing);
    Arc::new(capture)
}

#[tokio::test]
async fn what_receives_again_is_kept_as_long_as_what_has_just_come() {
    for (digest_of, corrupt) in [(b"ab", true), (b"xx", false)] {
        let rig = Rig::new().await;
        let capture = sealing(&rig, digest_of).await;
        if corrupt {
            rig.store.corrupt_all(0);
        }
        rig.ingest.read_and_settle(&capture).await.unwrap_err();
        let after = rig.ingest.get(&capture.id).await.unwrap();
        assert_eq!(after.state, State::Receiving);
        assert!(after.expires > capture.expires, "{digest_of:?}");
    }
}

#[tokio::test]
async fn a_check_seals_what_a_faster_one_gave_up() {
    for (digest_of, sealed) in [(b"ab", true), (b"xx", false)] {
        let rig = Rig::new().await;
        let capture = sealing(&rig, digest_of).await;
        let given_up = rig.catalog.abandon_seal(capture.uid, capture.expires);
        given_up.await.unwrap();
        match rig.ingest.read_and_settle(&capture).await {
            Ok(capture) => assert!(sealed && capture.state == State::Sealed),
            Err(Error::Refused(Refusal::DigestDiffers)) => assert!(!sealed),
            Err(other) => panic!("{other}"),
        }
    }
}

#[tokio::test]
async fn nobody_joins_a_check_whose_outcome_is_written() {
    for corrupt in [true, false] {
        let rig = Rig::new().await;
        let capture = sealing(&rig, b"ab").await;
        if corrupt {
            rig.store.corrupt_all(0);
        }
        let (_told, running) = watch::channel(None);
        rig.ingest.sealer.lock().insert(capture.uid, running);
        let mut check = Box::pin(rig.ingest.read_and_settle(&capture));
        while futures::poll!(check.as_mut()).is_pending() {
            let now = rig.ingest.get(&capture.id).await.unwrap();
            let joinable = rig.ingest.sealer.lock().contains_key(&capture.uid);
            assert!(now.state == State::Sealing || !joinable);
        }
        assert!(rig.ingest.sealer.lock().is_empty());
    }
}
