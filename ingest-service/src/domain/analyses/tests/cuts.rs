//! Analyses that are cut: by a call, a deletion, an end of the service, damage.

use sqlx::Connection as _;
use tokio::sync::Semaphore;

use super::*;
use crate::domain::time::Timestamp;

#[tokio::test]
async fn a_cancelled_one_has_stopped_and_keeps_what_it_found() {
    let pool = Pool::of(&[&[Find(1, 3), Hang]]).await;
    let id = pool.start().await;
    pool.until(id, 3).await;
    let cancelled = pool.analyses.cancel(id).await.unwrap();
    assert_eq!(cancelled.state, AnalysisState::Cancelled);
    assert!(pool.analyses.board.running().is_empty());
    let (analysis, found) = pool.watched(id).await;
    assert_eq!((analysis, found), (cancelled.clone(), vec![1, 2, 3]));
    assert_eq!(pool.analyses.cancel(id).await.unwrap(), cancelled);
    while pool.scripted.running.load(Ordering::SeqCst) > 0 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_cancelled_one_stops_before_the_catalog_has_heard_of_it() {
    let pool = Pool::of(&[&[Find(1, 3), Hang]]).await;
    let id = pool.start().await;
    pool.until(id, 3).await;
    let busy = pool.rig.lock_catalog().await;
    let cancel = pool.analyses.cancel(id);
    let stopped = async {
        while pool.scripted.running.load(Ordering::SeqCst) > 0 {
            tokio::task::yield_now().await;
        }
        busy.close().await.unwrap();
    };
    let (cancelled, ()) = tokio::join!(cancel, stopped);
    assert_eq!(cancelled.unwrap().state, AnalysisState::Cancelled);
    assert_eq!(pool.attempts(), [0]);
}

#[tokio::test]
async fn what_was_stopped_and_not_cancelled_goes_on_when_that_is_known() {
    let scripts: [&[Act]; 2] = [&[Find(1, 2), Hang], &[Find(1, 3), Summary]];
    let settings = AnalysesSettings {
        running_max: 0,
        ..SETTINGS
    };
    let pool = Pool::with(settings, &scripts).await;
    let id = pool.start().await;
    let (places, lapse) = (Arc::new(Semaphore::new(1)), CancellationToken::new());
    let look = || pool.analyses.begin_queued(&places, &lapse);
    look().await.unwrap();
    pool.until(id, 2).await;
    let board = &pool.analyses.board;
    let (first, second) = (board.hold(id), board.hold(id));
    board.stop(id).await;
    for held in [first, second] {
        look().await.unwrap();
        assert_eq!(pool.attempts(), [0]);
        drop(held);
    }
    look().await.unwrap();
    let (analysis, found) = pool.watched(id).await;
    assert_eq!(found, [1, 2, 3]);
    assert_eq!(analysis.state, AnalysisState::Succeeded);
    assert_eq!(pool.attempts(), [0, 2]);
}

#[tokio::test]
async fn a_deleted_capture_takes_its_analyses_with_it() {
    let pool = Pool::of(&[&[Find(1, 3), Hang]]).await;
    let id = pool.start().await;
    let mut watch = pool.until(id, 3).await;
    pool.rig
        .ingest
        .delete(&"cap".parse().unwrap())
        .await
        .unwrap();
    let told = next(&mut watch).await.unwrap_err();
    assert!(matches!(told, Error::Deleted(_)), "{told}");
    let gone = pool.analyses.get(id).await.unwrap_err();
    assert!(matches!(gone, Error::AnalysisUnknown(_)), "{gone}");
    while pool.scripted.running.load(Ordering::SeqCst) > 0 {
        tokio::task::yield_now().await;
    }
    // Without a grace time: it was deleted, by somebody who asked for it.
    let hour = Duration::from_secs(3600);
    let swept = pool.rig.ingest.sweep_once(hour, Timestamp::now());
    swept.await.unwrap();
    assert_eq!(pool.rig.store.keys(), []);
}

#[tokio::test]
async fn results_are_never_swept_while_their_analysis_is_there() {
    let pool = Pool::of(&[&[Find(1, 3), Summary]]).await;
    let id = pool.start().await;
    pool.watched(id).await;
    let kept = pool.rig.store.keys();
    let orphan = SegmentId::generate(id.as_owner()).object_key();
    let store = &pool.rig.ingest.store;
    store.put(&orphan, vec!["x".into()]).await.unwrap();
    let hour = Duration::from_secs(3600);
    let later = Timestamp::now().plus(hour * 2);
    pool.rig.ingest.sweep_once(hour, later).await.unwrap();
    assert_eq!(pool.rig.store.keys(), kept);
}

#[tokio::test]
async fn the_end_of_a_service_releases_what_it_runs_to_the_next() {
    let pool = Pool::of(&[&[Find(1, 3), Hang]]).await;
    let id = pool.start().await;
    pool.until(id, 3).await;
    let rig = pool.shut_down().await;
    let left = rig.catalog.analysis(id).await.unwrap().unwrap();
    assert_eq!((left.state, left.failures), (AnalysisState::Queued, 0));

    let next = Pool::on(rig, SETTINGS, &[&[Find(1, 2), Find(3, 5), Summary]]);
    let (analysis, found) = next.watched(id).await;
    assert_eq!(found, [1, 2, 3, 4, 5]);
    assert_eq!(
        (analysis.state, analysis.attempts),
        (AnalysisState::Succeeded, 2)
    );
    assert_eq!(next.attempts(), [3]);
}

#[tokio::test]
async fn a_store_that_is_away_is_waited_for() {
    const SCRIPT: &[Act] = &[Find(1, 4), Summary];
    let settings = AnalysesSettings {
        retry_after: Duration::from_millis(200),
        ..SETTINGS
    };
    let pool = Pool::with(settings, &[SCRIPT; 5]).await;
    pool.rig.store.fail_after(0, false);
    let id = pool.start().await;
    let mut watch = pool.watch(id, 0).await;
    loop {
        match next(&mut watch).await.unwrap() {
            Some(Seen::Analysis(analysis)) if analysis.failures > 0 => break,
            Some(Seen::Analysis(_)) => {}
            other => panic!("{other:?}"),
        }
    }
    pool.rig.store.heal();
    let (analysis, found) = pool.watched(id).await;
    assert_eq!(found, [1, 2, 3, 4]);
    assert_eq!(analysis.state, AnalysisState::Succeeded);
    assert!(analysis.attempts > 1, "{analysis:?}");
}

#[tokio::test]
async fn a_part_that_a_sweeper_took_is_written_again() {
    let pool = Pool::of(&[&[Find(1, 3), Summary]]).await;
    let sweeper = Some(Arc::clone(&pool.rig.catalog));
    *pool.rig.store.sweeper.lock().unwrap() = sweeper;
    let id = pool.start().await;
    let (analysis, found) = pool.watched(id).await;
    assert_eq!(found, [1, 2, 3]);
    assert_eq!(
        (analysis.state, analysis.attempts),
        (AnalysisState::Succeeded, 1)
    );
}

#[tokio::test]
async fn damaged_results_are_told() {
    for damage in 0..2 {
        let pool = Pool::of(&[&[Find(1, 3), Summary]]).await;
        let id = pool.start().await;
        pool.watched(id).await;
        match damage {
            // The last bytes of a frame are its checksum.
            0 => pool.rig.store.corrupt_all(0),
            _ => {
                for key in pool.rig.store.keys() {
                    pool.rig.ingest.store.delete(&key).await.unwrap();
                }
            }
        }
        // Another service has not read them.
        let other = Pool::on(pool.shut_down().await, SETTINGS, &[]);
        let mut watch = other.watch(id, 0).await;
        next(&mut watch).await.unwrap();
        let told = next(&mut watch).await.unwrap_err();
        assert!(matches!(told, Error::ResultsDamaged(_)), "{told}");
    }
}

#[tokio::test]
async fn results_that_are_swept_with_their_capture_are_no_damage() {
    let pool = Pool::of(&[&[Find(1, 3), Summary]]).await;
    let id = pool.start().await;
    pool.watched(id).await;
    let other = Pool::on(pool.shut_down().await, SETTINGS, &[]);
    let mut watch = other.watch(id, 0).await;
    next(&mut watch).await.unwrap();
    let parts = other.analyses.parts(id, 0, 10).await.unwrap();
    // What was looked up is gone when it is read, and no word of it came: another
    // service has deleted the capture, and swept.
    watch.load_parts().await.unwrap();
    let (cap, now) = ("cap".parse().unwrap(), Timestamp::now());
    other.rig.catalog.delete(&cap, now).await.unwrap().unwrap();
    for key in other.rig.store.keys() {
        other.rig.ingest.store.delete(&key).await.unwrap();
    }
    let read = other.analyses.records(id, &parts[0]).await.unwrap_err();
    assert!(matches!(read, Error::AnalysisUnknown(_)), "{read}");
    let told = next(&mut watch).await.unwrap_err();
    assert!(matches!(told, Error::Deleted(_)), "{told}");
}

#[tokio::test]
async fn what_stopped_with_the_lease_is_taken_up_again() {
    let settings = AnalysesSettings {
        running_max: 0,
        ..SETTINGS
    };
    let scripts: [&[Act]; 2] = [&[Find(1, 2), Hang], &[Find(1, 3), Summary]];
    let pool = Pool::with(settings, &scripts).await;
    let id = pool.start().await;
    let (places, lapse) = (Arc::new(Semaphore::new(1)), CancellationToken::new());
    let begun = pool.analyses.begin_queued(&places, &lapse);
    begun.await.unwrap();
    pool.until(id, 2).await;
    lapse.cancel();
    while places.available_permits() == 0 || pool.scripted.running.load(Ordering::SeqCst) > 0 {
        tokio::task::yield_now().await;
    }
    // Nobody else took it meanwhile: for the catalog it is still this instance's.
    let left = pool.analyses.get(id).await.unwrap();
    assert_eq!(left.state, AnalysisState::Running);
    let again = CancellationToken::new();
    let begun = pool.analyses.begin_queued(&places, &again);
    begun.await.unwrap();
    let (analysis, found) = pool.watched(id).await;
    assert_eq!(found, [1, 2, 3]);
    assert_eq!(
        (analysis.state, analysis.attempts),
        (AnalysisState::Succeeded, 2)
    );
}
