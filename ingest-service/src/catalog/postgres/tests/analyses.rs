//! Several services that run analyses from one database.

use std::time::Duration;

use futures::future::join_all;

use super::{
    races::{deadlocks, services},
    *,
};
use crate::{
    catalog::{
        AnalysisLog as _, Claim, EventLog as _, InstanceId, Lease, QueueLimits, Queued, Recorded,
        Step,
    },
    domain::{
        analysis::{AnalysisId, End, NewAnalysis, Part},
        id::SegmentId,
    },
};
use conformance::{NOW, commit, create, of_count, segment};

const CAPTURES: usize = 3;
const ANALYSES: usize = 60;

async fn queue(catalog: &PostgresCatalog, capture: &str) -> AnalysisId {
    let new = NewAnalysis {
        capture_id: capture.parse().unwrap(),
        capture: None,
        request_id: None,
        options: Default::default(),
        max_duration: None,
    };
    let limits = QueueLimits {
        waiting_max: 1_000,
        of_capture_max: 1_000,
    };
    match catalog.queue_analysis(&new, limits, NOW).await.unwrap() {
        Queued::New(analysis) => analysis.id,
        other => panic!("{other:?}"),
    }
}

/// Runs what there is to run. What was claimed, and whether its results were taken.
async fn run_all(catalog: &PostgresCatalog) -> Vec<(AnalysisId, bool)> {
    let claim = Claim {
        owner: InstanceId::generate(),
        running: Vec::new(),
        limit: 3,
    };
    let alive = Duration::from_secs(3600);
    catalog.beat(claim.owner, alive).await.unwrap();
    let mut ran = Vec::new();
    loop {
        let claimed = catalog.claim_analyses(&claim, NOW).await.unwrap();
        if claimed.is_empty() {
            return ran;
        }
        for analysis in claimed {
            let lease = Lease {
                analysis: analysis.id,
                owner: claim.owner,
                attempt: analysis.attempts,
            };
            let part = Part {
                first: 1,
                last: 2,
                segment: SegmentId::generate(analysis.id.as_owner()),
                bytes: 1,
                raw_bytes: 1,
            };
            let step = Step {
                part: Some(part),
                end: Some(End::Succeeded),
                ..Step::default()
            };
            let recorded = catalog.record_analysis(lease, &step, NOW).await.unwrap();
            ran.push((analysis.id, recorded == Recorded::Recorded));
        }
    }
}

#[tokio::test]
#[ignore = "needs WEIR_TEST_POSTGRES"]
async fn an_analysis_is_claimed_by_one_of_several_services() {
    let url = database().await;
    let services = services(&url, 4).await;
    let names: Vec<_> = (0..CAPTURES).map(|n| format!("c{n}")).collect();
    for name in &names {
        let capture = create(&services[0], name, of_count(1)).await;
        commit(&services[0], segment(capture.uid, &[(0, b"a")])).await;
    }
    let mut queued = Vec::new();
    for n in 0..ANALYSES {
        let capture = n % CAPTURES;
        queued.push((queue(&services[n % 4], &names[capture]).await, capture));
    }
    let cancelled: Vec<_> = queued.iter().rev().step_by(7).collect();
    let runs = join_all(services.iter().map(run_all));
    let cancels = join_all(
        cancelled
            .iter()
            .map(|(id, _)| services[1].cancel_analysis(*id, NOW)),
    );
    let gone = names[0].parse().unwrap();
    let delete = services[2].delete(&gone, NOW);
    let (ran, cancelled, deleted) = tokio::join!(runs, cancels, delete);
    deleted.unwrap();
    for cancelled in cancelled {
        cancelled.unwrap();
    }

    let ran: Vec<_> = ran.into_iter().flatten().collect();
    let mut claimed: Vec<_> = ran.iter().map(|(id, _)| *id).collect();
    claimed.sort_unstable();
    claimed.dedup();
    assert_eq!(claimed.len(), ran.len(), "one was claimed twice");
    for (id, capture) in queued {
        let took = ran.iter().any(|(ran, took)| *ran == id && *took);
        let parts = services[3].analysis_parts(id, 0, 9).await.unwrap();
        match services[3].analysis(id).await.unwrap() {
            None => assert_eq!((capture, parts.len()), (0, 0)),
            Some(analysis) => {
                assert_ne!(capture, 0);
                assert!(analysis.state.is_over(), "{analysis:?}");
                assert_eq!(took, parts.len() == 1, "{analysis:?}");
            }
        }
    }
    assert_eq!(deadlocks(&url).await, 0);
}
