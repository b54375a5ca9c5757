//! Analyses that come to an end by themselves.

use super::*;

#[tokio::test]
async fn what_is_found_is_stored_and_watched_in_order() {
    let pool = Pool::of(&[&[Find(1, 3), Progress, Find(4, 4), Find(5, 9), Summary]]).await;
    let id = pool.start().await;
    let (analysis, found) = pool.watched(id).await;
    assert_eq!(found, [1, 2, 3, 4, 5, 6, 7, 8, 9]);
    assert_eq!(analysis.state, AnalysisState::Succeeded);
    assert_eq!((analysis.attempts, analysis.records), (1, 9));
    assert_eq!(analysis.found.summary, Some("s".into()));
    assert_eq!(analysis, pool.analyses.get(id).await.unwrap());
    // Again, when it is over.
    assert_eq!(pool.watched(id).await, (analysis, found));
}

#[tokio::test]
async fn a_watcher_sees_records_before_the_end_and_goes_on_where_it_was() {
    let pool = Pool::of(&[&[Find(1, 3), Hang]]).await;
    let id = pool.start().await;
    let mut watch = pool.until(id, 3).await;
    let (mut late, mut beyond) = (pool.watch(id, 3).await, pool.watch(id, 4).await);
    for watch in [&mut late, &mut beyond] {
        let Some(Seen::Analysis(running)) = next(watch).await.unwrap() else {
            panic!("no state");
        };
        assert_eq!(running.state, AnalysisState::Running);
    }
    pool.analyses.cancel(id).await.unwrap();
    for watch in [&mut watch, &mut late] {
        let Some(Seen::Analysis(ended)) = next(watch).await.unwrap() else {
            panic!("no end");
        };
        assert_eq!(ended.state, AnalysisState::Cancelled);
        assert_eq!(next(watch).await.unwrap(), None);
    }
    // Whoever began before its end learns it there.
    let told = next(&mut beyond).await;
    assert!(matches!(told, Err(Error::BeyondRecords { records: 3 })));
    assert_eq!(next(&mut beyond).await.unwrap(), None);
    let beyond = pool.analyses.watch(id, 4, CancellationToken::new()).await;
    assert!(matches!(beyond, Err(Error::BeyondRecords { records: 3 })));
}

#[tokio::test]
async fn what_may_pass_is_tried_again_behind_what_is_stored() {
    let pool = Pool::of(&[
        &[Find(1, 3), Fail("ANALYZER_UNAVAILABLE", true)],
        &[Fail("OVERLOADED", true)],
        &[Find(1, 2), Find(3, 5), Summary],
    ])
    .await;
    let id = pool.start().await;
    let (analysis, found) = pool.watched(id).await;
    assert_eq!(found, [1, 2, 3, 4, 5]);
    assert_eq!(analysis.state, AnalysisState::Succeeded);
    assert_eq!(analysis.attempts, 3);
    assert_eq!(analysis.failure, None);
    assert_eq!(pool.attempts(), [0, 3, 3]);
}

#[tokio::test]
async fn a_full_disk_is_waited_for() {
    const FULL: &[Act] = &[Fail("STORAGE_FULL", true)];
    let mut scripts = vec![FULL; 12];
    scripts.push(&[Find(1, 2), Summary]);
    let pool = Pool::of(&scripts).await;
    let id = pool.start().await;
    let (analysis, found) = pool.watched(id).await;
    assert_eq!(analysis.state, AnalysisState::Succeeded);
    assert_eq!((analysis.attempts, analysis.failures), (13, 0));
    assert_eq!(found, [1, 2]);
}

#[tokio::test]
async fn what_fails_for_good_has_failed() {
    const AWAY: &[Act] = &[Fail("ANALYZER_UNAVAILABLE", true)];
    for (script, reason, attempts) in [
        (&[AWAY; 9][..], "ANALYZER_UNAVAILABLE", 5),
        (&[&[Fail("NOT_A_CAPTURE", false)]], "NOT_A_CAPTURE", 1),
        (&[&[Find(1, 2), Panic]], "INTERNAL", 1),
        (&[&[Find(1, 2)]], "INTERNAL", 1),
        (&[&[Find(1, 2), Find(4, 5), Summary]], "INTERNAL", 1),
        (&[&[Find(1, 2), Find(2, 5), Summary]], "INTERNAL", 1),
    ] {
        let pool = Pool::of(script).await;
        let id = pool.start().await;
        let (analysis, found) = pool.watched(id).await;
        assert_eq!(analysis.state, AnalysisState::Failed, "{script:?}");
        assert_eq!(analysis.failure.unwrap().reason, reason, "{script:?}");
        assert_eq!(analysis.attempts, attempts, "{script:?}");
        // What was good of it stays.
        let good: &[u8] = if script[0].len() > 1 || attempts == 1 && reason == "INTERNAL" {
            &[1, 2]
        } else {
            &[]
        };
        assert_eq!(found, good, "{script:?}");
    }
}

#[tokio::test]
async fn an_attempt_has_its_time() {
    let limit = Duration::from_millis(300);
    for (limit, asked) in [
        (limit, None),
        (limit, Some(Duration::from_secs(600))),
        (Duration::from_secs(600), Some(limit)),
    ] {
        let settings = AnalysesSettings {
            duration_max: limit,
            ..SETTINGS
        };
        let pool = Pool::with(settings, &[&[Find(1, 2), Hang]]).await;
        let new = NewAnalysis {
            capture_id: "cap".parse().unwrap(),
            capture: None,
            request_id: None,
            options: Bytes::new(),
            max_duration: asked,
        };
        let id = pool.analyses.start(new).await.unwrap().id;
        let (analysis, found) = pool.watched(id).await;
        assert_eq!(analysis.failure.unwrap().reason, "DEADLINE");
        assert_eq!(found, [1, 2]);
        assert_eq!(pool.scripted.running.load(Ordering::SeqCst), 0);
    }
}

#[tokio::test]
async fn only_so_many_run_at_once_and_the_oldest_come_first() {
    let settings = AnalysesSettings {
        running_max: 1,
        ..SETTINGS
    };
    let pool = Pool::with(settings, &[&[Find(1, 1), Hang], &[Summary], &[Summary]]).await;
    let (first, second) = (pool.start().await, pool.start().await);
    pool.until(first, 1).await;
    let third = pool.start().await;
    for waiting in [second, third] {
        let waiting = pool.analyses.get(waiting).await.unwrap();
        assert_eq!(waiting.state, AnalysisState::Queued);
    }
    pool.analyses.cancel(first).await.unwrap();
    let (third, _) = pool.watched(third).await;
    let second = pool.analyses.get(second).await.unwrap();
    assert!(second.started <= third.started, "{second:?} {third:?}");
    assert_eq!(pool.scripted.most_running.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn requests_are_refused_and_repeated() {
    let settings = AnalysesSettings {
        running_max: 0,
        waiting_max: 1,
        ..SETTINGS
    };
    let pool = Pool::with(settings, &[]).await;
    let new = |capture: &str, request_id: &str, options: &'static str| NewAnalysis {
        capture_id: capture.parse().unwrap(),
        capture: None,
        request_id: Some(request_id.to_owned()),
        options: options.into(),
        max_duration: None,
    };
    let first = pool.analyses.start(new("cap", "r1", "o")).await.unwrap();
    let again = pool.analyses.start(new("cap", "r1", "o")).await.unwrap();
    assert_eq!(first, again);
    for (new, wanted) in [
        (
            new("cap", "r1", "p"),
            "the request started an analysis with other options before",
        ),
        (
            new("cap", "r2", "o"),
            "too many analyses: analyses_waiting_max is 1",
        ),
        (new("nobody", "r3", "o"), "no capture has the id nobody"),
    ] {
        let refused = pool.analyses.start(new).await.unwrap_err();
        assert_eq!(refused.to_string(), wanted);
    }
    let unknown = AnalysisId::generate();
    let text = format!("no analysis has the id {unknown}");
    let got = pool.analyses.get(unknown).await.unwrap_err();
    let cancelled = pool.analyses.cancel(unknown).await.unwrap_err();
    let watched = pool.analyses.watch(unknown, 0, CancellationToken::new());
    let watched = watched.await.map(|_| ()).unwrap_err();
    for error in [got, cancelled, watched] {
        assert_eq!(error.to_string(), text);
    }
}
