//! How long captures are kept, and how many.

use super::*;
use crate::{
    catalog::CatalogError,
    domain::capture::{DigestOnTheWay, Refusal, SealParams, State},
};

pub(super) async fn suite(catalog: &dyn Catalog) {
    expire_all(catalog).await;
    only_idle_unsealed_captures_expire(catalog).await;
    sealed_captures_expire_by_their_retention(catalog).await;
    only_so_many_are_unsealed(catalog).await;
}

async fn expire_all(catalog: &dyn Catalog) {
    for uid in catalog.sealing().await.unwrap() {
        catalog.abandon_seal(uid, NOW).await.unwrap();
    }
    while catalog.expire(at(1_000_000)).await.unwrap().is_some() {}
}

fn at(periods: u32) -> Timestamp {
    NOW.plus(KEPT * periods)
}

async fn only_idle_unsealed_captures_expire(catalog: &dyn Catalog) {
    let idle = create(catalog, "keep-idle", Declared::default()).await;
    let busy = create(catalog, "keep-busy", Declared::default()).await;
    let sealed = create(catalog, "keep-sealed", of_count(0)).await;
    let mut later = rules();
    later.at.expires = at(3);
    let progress = segment(busy.uid, &[(0, b"a")]);
    catalog.commit(&[progress], later).await.unwrap();

    assert_eq!(idle.expire_time(), Some(at(1)));
    assert_eq!(sealed.expire_time(), None);
    assert_eq!(catalog.expire(at(1)).await.unwrap(), None);
    assert_eq!(catalog.expire(at(2)).await.unwrap(), Some(idle.uid));
    assert_eq!(catalog.expire(at(2)).await.unwrap(), None);
    assert_eq!(catalog.expire(at(4)).await.unwrap(), Some(busy.uid));
    assert_eq!(catalog.expire(at(1000)).await.unwrap(), None);
    assert!(catalog.by_uid(sealed.uid).await.unwrap().is_some());
}

async fn sealed_captures_expire_by_their_retention(catalog: &dyn Catalog) {
    let retained = |periods| Times {
        retained_until: Some(at(periods)),
        ..times()
    };
    // Sealed in each way that there is: with its creation, with a commit, by
    // a seal, after a read.
    let empty = spec("keep-empty", of_count(0));
    let empty = catalog.create(&empty, retained(5), OPEN_MAX).await.unwrap();

    let counted = create(catalog, "keep-counted", of_count(1)).await;
    let mut rules = rules();
    rules.at = retained(6);
    let last = segment(counted.uid, &[(0, b"a")]);
    let committed = catalog.commit(std::slice::from_ref(&last), rules).await;
    let (_, counted) = slots_of(committed.unwrap().remove(0));

    let asked = create(catalog, "keep-asked", Declared::default()).await;
    let nothing = SealParams::default();
    let sealed = catalog.seal(asked.uid, &nothing, None, retained(7)).await;
    let (asked, _) = sealed.unwrap().unwrap();

    let declared = Declared {
        sha256: sha(b"a"),
        ..of_count(1)
    };
    let read = create(catalog, "keep-read", declared).await;
    commit(catalog, segment(read.uid, &[(0, b"a")])).await;
    // While it is being read it does not expire.
    assert_eq!(catalog.expire(at(3)).await.unwrap(), None);
    let digest = DigestOnTheWay {
        chunks: 1,
        sha256: Sha256::of(b"a"),
    };
    let settled = catalog.settle_digest(read.uid, digest, retained(8)).await;
    let read = settled.unwrap().unwrap();

    // What is sent or asked again does not move it.
    catalog
        .create(&spec("keep-empty", of_count(0)), retained(50), OPEN_MAX)
        .await
        .unwrap();
    catalog
        .seal(asked.uid, &nothing, None, retained(50))
        .await
        .unwrap();
    catalog
        .settle_digest(read.uid, digest, retained(50))
        .await
        .unwrap();

    for (capture, until) in [(empty, 5), (counted, 6), (asked, 7), (read, 8)] {
        assert_eq!(capture.state, State::Sealed, "{}", capture.id);
        assert_eq!(capture.expire_time(), Some(at(until)), "{}", capture.id);
        assert_eq!(
            catalog.by_uid(capture.uid).await.unwrap(),
            Some(capture.clone())
        );
        assert_eq!(catalog.expire(at(until)).await.unwrap(), None);
        assert_eq!(
            catalog.expire(at(until + 1)).await.unwrap(),
            Some(capture.uid)
        );
        assert_eq!(catalog.by_uid(capture.uid).await.unwrap(), None);
    }
    // What they held goes with them.
    let condemned = catalog.condemned(None, 1000).await.unwrap();
    assert!(condemned.contains(&last.segment));
}

async fn only_so_many_are_unsealed(catalog: &dyn Catalog) {
    expire_all(catalog).await;
    let open =
        async |id: &str, declared: Declared| catalog.create(&spec(id, declared), times(), 2).await;
    let first = open("open-1", Declared::default()).await.unwrap();
    open("open-2", of_count(1)).await.unwrap();
    let refused = |result: Result<Capture, CatalogError>| match result {
        Err(CatalogError::Refused(refusal)) => refusal,
        other => panic!("not refused: {other:?}"),
    };
    let open_max = 2;
    let third = open("open-3", Declared::default()).await;
    assert_eq!(refused(third), Refusal::TooManyOpen { open_max });
    assert_eq!(
        catalog.by_id(&"open-3".parse().unwrap()).await.unwrap(),
        None
    );
    // Those that are there may be gone on with.
    open("open-1", of_count(3)).await.unwrap();
    // One that is sealed, and one that is gone, make room.
    let second = catalog
        .by_id(&"open-2".parse().unwrap())
        .await
        .unwrap()
        .unwrap();
    commit(catalog, segment(second.uid, &[(0, b"a")])).await;
    open("open-3", Declared::default()).await.unwrap();
    let fourth = open("open-4", Declared::default()).await;
    assert_eq!(refused(fourth), Refusal::TooManyOpen { open_max });
    catalog.delete(&first.id, NOW).await.unwrap();
    open("open-4", Declared::default()).await.unwrap();
}
