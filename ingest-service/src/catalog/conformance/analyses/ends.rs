//! Attempts that fail, analyses that are cancelled, condemned, listed and removed.

use super::*;
use crate::catalog::Content;

pub(super) async fn suite(catalog: &dyn Catalog) {
    a_failed_attempt_waits_for_the_next(catalog).await;
    a_cancelled_one_takes_no_more_results(catalog).await;
    a_condemned_part_is_not_recorded(catalog).await;
    analyses_are_listed_newest_first(catalog).await;
    analyses_go_with_their_capture(catalog).await;
}

async fn a_failed_attempt_waits_for_the_next(catalog: &dyn Catalog) {
    let capture = sealed(catalog, "ana-fails").await;
    let before = last(catalog).await;
    let id = queue(catalog, "ana-fails").await.id;
    let runner = Runner::begin(catalog).await;
    let failure = || Failure::new("AWAY", "näh");
    let again = |after| End::Again {
        after,
        failure: failure(),
    };
    let (_, lease) = runner.only(&[]).await;
    runner.record(lease, ending(again(Duration::ZERO))).await;
    let waiting = stored(catalog, id).await;
    assert_eq!(
        (waiting.state, waiting.failures),
        (AnalysisState::Queued, 1)
    );
    assert_eq!(runner.record(lease, Step::default()).await, Recorded::Lost);
    let (_, lease) = runner.only(&[]).await;
    runner.record(lease, storing(part(id, 1, 1))).await;
    assert_eq!(stored(catalog, id).await.failures, 0);
    runner.record(lease, ending(End::Released)).await;
    let (third, lease) = runner.only(&[]).await;
    assert_eq!((third.attempts, third.failures, third.records), (3, 0, 1));
    runner.record(lease, ending(End::Failed(failure()))).await;
    let failed = stored(catalog, id).await;
    assert_eq!(
        (failed.state, failed.ended),
        (AnalysisState::Failed, Some(NOW))
    );
    assert_eq!(failed.failure, Some(failure()));
    let (queued, started) = (kind::ANALYSIS_QUEUED, kind::ANALYSIS_STARTED);
    let failed = kind::ANALYSIS_FAILED;
    assert_eq!(
        told(catalog, before, &capture).await,
        [queued, started, queued, started, queued, started, failed]
    );
    // Later is later.
    let id = queue(catalog, "ana-fails").await.id;
    let (_, lease) = runner.only(&[]).await;
    runner.record(lease, ending(again(ALIVE))).await;
    assert_eq!(runner.claimed(&[]).await, []);
    catalog.cancel_analysis(id, NOW).await.unwrap();
}

async fn a_cancelled_one_takes_no_more_results(catalog: &dyn Catalog) {
    let capture = sealed(catalog, "ana-cancel").await;
    let before = last(catalog).await;
    let id = queue(catalog, "ana-cancel").await.id;
    let runner = Runner::begin(catalog).await;
    let (_, lease) = runner.only(&[]).await;
    runner.record(lease, storing(part(id, 1, 2))).await;
    let cancelled = catalog.cancel_analysis(id, NOW).await.unwrap().unwrap();
    assert_eq!(cancelled.state, AnalysisState::Cancelled);
    assert_eq!((cancelled.ended, cancelled.records), (Some(NOW), 2));
    assert_eq!(
        runner.record(lease, storing(part(id, 3, 3))).await,
        Recorded::Lost
    );
    let again = catalog.cancel_analysis(id, NOW).await.unwrap();
    assert_eq!(again, Some(cancelled));
    assert_eq!(catalog.analysis_parts(id, 0, 9).await.unwrap().len(), 1);
    assert_eq!(runner.claimed(&[]).await, []);
    let unknown = AnalysisId::generate();
    assert_eq!(catalog.cancel_analysis(unknown, NOW).await.unwrap(), None);
    assert_eq!(catalog.analysis(unknown).await.unwrap(), None);
    let kinds = [
        kind::ANALYSIS_QUEUED,
        kind::ANALYSIS_STARTED,
        kind::ANALYSIS_CANCELLED,
    ];
    assert_eq!(told(catalog, before, &capture).await, kinds);
}

async fn a_condemned_part_is_not_recorded(catalog: &dyn Catalog) {
    sealed(catalog, "ana-condemned").await;
    let id = queue(catalog, "ana-condemned").await.id;
    let runner = Runner::begin(catalog).await;
    let (_, lease) = runner.only(&[]).await;
    let (late, next) = (part(id, 1, 2), part(id, 1, 2));
    catalog.condemn_orphans(&[late.segment], NOW).await.unwrap();
    let both = Step {
        end: Some(End::Succeeded),
        ..storing(late)
    };
    assert_eq!(runner.record(lease, both).await, Recorded::Condemned);
    assert_eq!(stored(catalog, id).await.records, 0);
    assert_eq!(
        runner.record(lease, storing(next)).await,
        Recorded::Recorded
    );
    // What is recorded is nobody's orphan.
    catalog.condemn_orphans(&[next.segment], NOW).await.unwrap();
    let condemned = catalog.condemned(None, 10_000).await.unwrap();
    assert!(condemned.contains(&late.segment) && !condemned.contains(&next.segment));
    let owner = id.as_owner();
    let content = catalog.contents(&[owner]).await.unwrap();
    assert_eq!(content, [(owner, Content::Rows)]);
    runner.record(lease, ending(End::Succeeded)).await;
}

async fn analyses_are_listed_newest_first(catalog: &dyn Catalog) {
    let capture = sealed(catalog, "ana-listed").await;
    let mut ids = Vec::new();
    for _ in 0..3 {
        ids.push(queue(catalog, "ana-listed").await.id);
    }
    catalog.cancel_analysis(ids[1], NOW).await.unwrap();
    let of_capture = AnalysisQuery {
        capture: Some(capture.uid),
        limit: 9,
        ..AnalysisQuery::default()
    };
    let check = async |query: AnalysisQuery, wanted: &[AnalysisId]| {
        let listed = catalog.analyses(&query).await.unwrap();
        let listed: Vec<_> = listed.iter().map(|analysis| analysis.id).collect();
        assert_eq!(listed, wanted, "{query:?}");
    };
    check(of_capture, &[ids[2], ids[1], ids[0]]).await;
    let one = AnalysisQuery {
        limit: 1,
        after: Some(ids[2]),
        ..of_capture
    };
    check(one, &[ids[1]]).await;
    let queued = AnalysisQuery {
        state: Some(AnalysisState::Queued),
        capture: None,
        ..of_capture
    };
    check(queued, &[ids[2], ids[0]]).await;
    let nobodys = AnalysisQuery {
        capture: Some(Uid::generate()),
        ..of_capture
    };
    check(nobodys, &[]).await;
    for id in ids {
        catalog.cancel_analysis(id, NOW).await.unwrap();
    }
}

async fn analyses_go_with_their_capture(catalog: &dyn Catalog) {
    let capture = sealed(catalog, "ana-removed").await;
    let over = queue(catalog, "ana-removed").await.id;
    catalog.cancel_analysis(over, NOW).await.unwrap();
    let running = queue(catalog, "ana-removed").await.id;
    let runner = Runner::begin(catalog).await;
    let (_, lease) = runner.only(&[]).await;
    let held = part(running, 1, 1);
    runner.record(lease, storing(held)).await;
    let waiting = queue(catalog, "ana-removed").await.id;
    let before = last(catalog).await;
    catalog.delete(&capture.id, NOW).await.unwrap();

    for id in [over, running, waiting] {
        assert_eq!(catalog.analysis(id).await.unwrap(), None);
        let owner = id.as_owner();
        let content = catalog.contents(&[owner]).await.unwrap();
        assert_eq!(content, [(owner, Content::Gone)]);
    }
    assert_eq!(catalog.analysis_parts(running, 0, 9).await.unwrap(), []);
    let condemned = catalog.condemned(None, 10_000).await.unwrap();
    assert!(condemned.contains(&held.segment));
    assert_eq!(runner.record(lease, Step::default()).await, Recorded::Lost);
    // Who waits for an end of them is told of one.
    let (cancelled, deleted) = (kind::ANALYSIS_CANCELLED, kind::CAPTURE_DELETED);
    let kinds = [cancelled, cancelled, deleted];
    assert_eq!(told(catalog, before, &capture).await, kinds);
    let events = all_after(catalog, before).await;
    let ended: Vec<_> = events
        .iter()
        .filter_map(|event| match event.fact() {
            Ok(Fact::AnalysisCancelled(facts)) => Some(facts.analysis_id),
            _ => None,
        })
        .collect();
    assert_eq!(ended, [running.to_string(), waiting.to_string()]);
}
