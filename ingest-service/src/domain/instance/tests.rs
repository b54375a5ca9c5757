use std::{
    future::ready,
    sync::atomic::{AtomicBool, AtomicU32, Ordering},
};

use futures::FutureExt as _;

use super::*;

const ALIVE: Duration = Duration::from_secs(15);

/// Runs `during` while the instance beats against a catalog that is there as
/// long as the flag says so.
async fn check(during: impl AsyncFnOnce(&Instance, &AtomicBool)) -> u32 {
    let (instance, is_there) = (Instance::default(), AtomicBool::new(true));
    let beats = AtomicU32::new(0);
    let beat = || {
        beats.fetch_add(1, Ordering::Relaxed);
        let beaten = match is_there.load(Ordering::Relaxed) {
            true => Ok(()),
            false => Err(CatalogError::Unavailable("away".into())),
        };
        ready(beaten).boxed()
    };
    tokio::select! {
        () = instance.beat_until(pending(), ALIVE, beat) => unreachable!("it is never over"),
        () = during(&instance, &is_there) => {}
    }
    beats.load(Ordering::Relaxed)
}

async fn after(seconds: u64) {
    tokio::time::sleep(Duration::from_secs(seconds)).await;
}

#[tokio::test(start_paused = true)]
async fn it_says_three_times_in_a_lease_that_it_is_alive() {
    let beats = check(async |instance, _| {
        let lease = instance.lease().await;
        after(29).await;
        assert!(!lease.is_cancelled());
    });
    assert_eq!(beats.await, 6);
}

#[tokio::test(start_paused = true)]
async fn a_catalog_that_is_away_ends_the_lease_before_others_may_take_over() {
    check(async |instance, is_there| {
        let lease = instance.lease().await;
        is_there.store(false, Ordering::Relaxed);
        // Said at 0, so others take over at 15.
        after(9).await;
        assert!(!lease.is_cancelled());
        after(2).await;
        assert!(lease.is_cancelled());
        is_there.store(true, Ordering::Relaxed);
        assert!(!instance.lease().await.is_cancelled());
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_catalog_that_does_not_answer_ends_the_lease_as_well() {
    let instance = Instance::default();
    let first = AtomicBool::new(true);
    let beat = || match first.swap(false, Ordering::Relaxed) {
        true => ready(Ok(())).boxed(),
        false => pending().boxed(),
    };
    let ended = async {
        instance.lease().await.cancelled().await;
    };
    tokio::select! {
        () = instance.beat_until(pending(), ALIVE, beat) => unreachable!("it is never over"),
        () = ended => {}
    }
}
