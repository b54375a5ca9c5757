//! Background analyses: queued, claimed, recorded, cancelled, removed.

mod ends;
mod previews;

use super::{
    events::{all_after, last},
    *,
};
use crate::{
    catalog::{AnalysisQuery, Claim, InstanceId, Lease, QueueLimits, Queued, Recorded, Step},
    domain::{
        analysis::{
            Analysis, AnalysisId, AnalysisState, Differs, End, Failure, Found, NewAnalysis, Part,
        },
        event::{Fact, Position, kind},
    },
};

const ALIVE: Duration = Duration::from_secs(3600);

const LIMITS: QueueLimits = QueueLimits {
    waiting_max: 100,
    of_capture_max: 100,
};

pub(super) async fn suite(catalog: &dyn Catalog) {
    a_request_is_one_analysis(catalog).await;
    what_can_not_be_analyzed_is_not_queued(catalog).await;
    an_analysis_is_claimed_recorded_and_ends(catalog).await;
    what_a_dead_instance_ran_is_taken_over(catalog).await;
    what_an_instance_lost_on_the_way_is_its_again(catalog).await;
    ends::suite(catalog).await;
    previews::suite(catalog).await;
}

async fn sealed(catalog: &dyn Catalog, id: &str) -> Capture {
    let mut spec = spec(id, of_count(1));
    spec.labels = [("site".into(), "öst".into())].into();
    let capture = catalog.create(&spec, times(), OPEN_MAX).await.unwrap();
    slots_of(commit(catalog, segment(capture.uid, &[(0, b"a")])).await).1
}

fn wanted(capture: &str, request_id: &str) -> NewAnalysis {
    NewAnalysis {
        capture_id: capture.parse().unwrap(),
        capture: None,
        request_id: (!request_id.is_empty()).then(|| request_id.to_owned()),
        options: b"\0options"[..].into(),
        max_duration: Some(Duration::from_secs(9)),
    }
}

async fn queue(catalog: &dyn Catalog, capture: &str) -> Analysis {
    let new = wanted(capture, "");
    match catalog.queue_analysis(&new, LIMITS, NOW).await.unwrap() {
        Queued::New(analysis) => *analysis,
        other => panic!("{other:?}"),
    }
}

/// A service that is alive, and what it runs.
struct Runner<'a> {
    catalog: &'a dyn Catalog,
    id: InstanceId,
}

impl<'a> Runner<'a> {
    async fn begin(catalog: &'a dyn Catalog) -> Self {
        let id = InstanceId::generate();
        catalog.beat(id, ALIVE).await.unwrap();
        Self { catalog, id }
    }

    fn claim(&self, running: &[AnalysisId]) -> Claim {
        Claim {
            owner: self.id,
            running: running.to_vec(),
            limit: 9,
        }
    }

    async fn claimed(&self, running: &[AnalysisId]) -> Vec<Analysis> {
        let claim = self.claim(running);
        let there_are_some = self
            .catalog
            .active_analyses(&claim)
            .await
            .unwrap()
            .claimable;
        let claimed = self.catalog.claim_analyses(&claim, NOW).await.unwrap();
        assert_eq!(there_are_some, !claimed.is_empty());
        claimed
    }

    /// The only one that there is to claim.
    async fn only(&self, running: &[AnalysisId]) -> (Analysis, Lease) {
        let mut claimed = self.claimed(running).await;
        assert_eq!(claimed.len(), 1, "{claimed:?}");
        let analysis = claimed.remove(0);
        let lease = Lease {
            analysis: analysis.id,
            owner: self.id,
            attempt: analysis.attempts,
        };
        (analysis, lease)
    }

    async fn record(&self, lease: Lease, step: Step) -> Recorded {
        let recorded = self.catalog.record_analysis(lease, &step, NOW);
        recorded.await.unwrap()
    }
}

fn part(id: AnalysisId, first: u64, last: u64) -> Part {
    Part {
        first,
        last,
        segment: SegmentId::generate(id.as_owner()),
        bytes: 10,
        raw_bytes: 100,
    }
}

fn storing(part: Part) -> Step {
    Step {
        part: Some(part),
        ..Step::default()
    }
}

fn ending(end: End) -> Step {
    Step {
        end: Some(end),
        ..Step::default()
    }
}

async fn stored(catalog: &dyn Catalog, id: AnalysisId) -> Analysis {
    catalog.analysis(id).await.unwrap().unwrap()
}

/// What was told of one capture.
async fn told(catalog: &dyn Catalog, after: Position, capture: &Capture) -> Vec<String> {
    let events = all_after(catalog, after).await.into_iter();
    let of_capture = events.filter(|event| event.capture == capture.uid);
    of_capture.map(|event| event.kind).collect()
}

async fn a_request_is_one_analysis(catalog: &dyn Catalog) {
    let capture = sealed(catalog, "ana-request").await;
    let before = last(catalog).await;
    let new = wanted("ana-request", "once");
    let Queued::New(first) = catalog.queue_analysis(&new, LIMITS, NOW).await.unwrap() else {
        panic!("not new");
    };
    assert_eq!(first.state, AnalysisState::Queued);
    assert_eq!(
        (first.capture, &first.labels),
        (capture.uid, &capture.labels)
    );
    assert_eq!(stored(catalog, first.id).await, *first);
    let again = catalog.queue_analysis(&new, LIMITS, NOW).await.unwrap();
    assert_eq!(again, Queued::There(first.clone()));

    sealed(catalog, "ana-other").await;
    for (field, new) in [
        ("capture_id", wanted("ana-other", "once")),
        (
            "options",
            NewAnalysis {
                options: b"other"[..].into(),
                ..new.clone()
            },
        ),
        (
            "max_duration",
            NewAnalysis {
                max_duration: None,
                ..new.clone()
            },
        ),
    ] {
        let differs = catalog.queue_analysis(&new, LIMITS, NOW).await.unwrap();
        assert_eq!(differs, Queued::Differs(Differs { field }));
    }
    assert_eq!(
        told(catalog, before, &capture).await,
        [kind::ANALYSIS_QUEUED]
    );
    let events = all_after(catalog, before).await;
    let fact = events.iter().find(|e| e.kind == kind::ANALYSIS_QUEUED);
    assert_eq!(fact.unwrap().fact().unwrap(), first.fact());
    catalog.cancel_analysis(first.id, NOW).await.unwrap();
}

async fn what_can_not_be_analyzed_is_not_queued(catalog: &dyn Catalog) {
    let check = async |new: &NewAnalysis, limits: QueueLimits, wanted: Queued| {
        let queued = catalog.queue_analysis(new, limits, NOW).await.unwrap();
        assert_eq!(queued, wanted);
    };
    let capture = sealed(catalog, "ana-refused").await;
    create(catalog, "ana-receiving", of_count(1)).await;
    check(&wanted("ana-nobody", ""), LIMITS, Queued::CaptureUnknown).await;
    check(
        &wanted("ana-receiving", ""),
        LIMITS,
        Queued::CaptureNotSealed,
    )
    .await;
    let earlier = NewAnalysis {
        capture: Some(Uid::generate()),
        ..wanted("ana-refused", "")
    };
    check(&earlier, LIMITS, Queued::CaptureUnknown).await;

    let waiting = queue(catalog, "ana-refused").await;
    let new = NewAnalysis {
        capture: Some(capture.uid),
        ..wanted("ana-refused", "")
    };
    let one_waits = QueueLimits {
        waiting_max: 1,
        ..LIMITS
    };
    check(&new, one_waits, Queued::TooManyWait).await;
    catalog.cancel_analysis(waiting.id, NOW).await.unwrap();
    let one_of_each = QueueLimits {
        of_capture_max: 1,
        ..one_waits
    };
    check(&new, one_of_each, Queued::TooManyOfCapture).await;
    let queued = catalog.queue_analysis(&new, one_waits, NOW).await.unwrap();
    let Queued::New(queued) = queued else {
        panic!("{queued:?}");
    };
    catalog.cancel_analysis(queued.id, NOW).await.unwrap();
}

async fn an_analysis_is_claimed_recorded_and_ends(catalog: &dyn Catalog) {
    let capture = sealed(catalog, "ana-runs").await;
    let before = last(catalog).await;
    let id = queue(catalog, "ana-runs").await.id;
    let runner = Runner::begin(catalog).await;
    let (begun, lease) = runner.only(&[]).await;
    assert_eq!((begun.id, begun.attempts), (id, 1));
    assert_eq!(
        (begun.state, begun.started),
        (AnalysisState::Running, Some(NOW))
    );
    assert_eq!(runner.claimed(&[id]).await, []);
    let active = catalog.active_analyses(&runner.claim(&[id])).await.unwrap();
    assert_eq!((active.queued, active.running), (0, 1));

    let (one, two) = (part(id, 1, 5), part(id, 6, 6));
    let told_first = Found {
        capture_info: Some(b"info"[..].into()),
        progress: Some(b"p1"[..].into()),
        summary: None,
    };
    let first = Step {
        found: told_first.clone(),
        ..storing(one)
    };
    assert_eq!(runner.record(lease, first).await, Recorded::Recorded);
    assert_eq!(
        runner.record(lease, Step::default()).await,
        Recorded::Recorded
    );
    let now = stored(catalog, id).await;
    assert_eq!((now.records, now.parts, &now.found), (5, 1, &told_first));
    // Neither again nor with a gap.
    for wrong in [part(id, 1, 5), part(id, 5, 6), part(id, 7, 8)] {
        let recorded = catalog.record_analysis(lease, &storing(wrong), NOW).await;
        assert!(recorded.is_err(), "{wrong:?}");
    }
    let end = Step {
        part: Some(two),
        found: Found {
            progress: Some(b"p2"[..].into()),
            summary: Some(b"sum"[..].into()),
            ..Found::default()
        },
        end: Some(End::Succeeded),
    };
    assert_eq!(runner.record(lease, end.clone()).await, Recorded::Recorded);
    let now = stored(catalog, id).await;
    assert_eq!(
        (now.state, now.ended),
        (AnalysisState::Succeeded, Some(NOW))
    );
    assert_eq!((now.records, now.parts), (6, 2));
    assert_eq!(now.found.capture_info.as_deref(), Some(&b"info"[..]));
    assert_eq!(now.found.progress.as_deref(), Some(&b"p2"[..]));
    assert_eq!(now.found.summary.as_deref(), Some(&b"sum"[..]));
    assert_eq!(runner.record(lease, end).await, Recorded::Lost);

    let parts = async |after, limit| catalog.analysis_parts(id, after, limit).await.unwrap();
    assert_eq!(parts(0, 9).await, [one, two]);
    assert_eq!(parts(0, 1).await, [one]);
    assert_eq!(parts(4, 9).await, [one, two]);
    assert_eq!(parts(5, 9).await, [two]);
    assert_eq!(parts(6, 9).await, []);
    assert_eq!(parts(u64::MAX, 9).await, []);
    let kinds = [
        kind::ANALYSIS_QUEUED,
        kind::ANALYSIS_STARTED,
        kind::ANALYSIS_SUCCEEDED,
    ];
    assert_eq!(told(catalog, before, &capture).await, kinds);
}

async fn what_a_dead_instance_ran_is_taken_over(catalog: &dyn Catalog) {
    sealed(catalog, "ana-dies").await;
    let id = queue(catalog, "ana-dies").await.id;
    let (dies, lives) = (Runner::begin(catalog).await, Runner::begin(catalog).await);
    let (_, lost) = dies.only(&[]).await;
    dies.record(lost, storing(part(id, 1, 3))).await;
    assert_eq!(lives.claimed(&[]).await, []);
    catalog.leave(dies.id).await.unwrap();
    let (taken, lease) = lives.only(&[]).await;
    assert_eq!((taken.id, taken.attempts, taken.records), (id, 2, 3));

    // What the dead one still has to say is too late, also when it comes back.
    catalog.beat(dies.id, ALIVE).await.unwrap();
    assert_eq!(
        dies.record(lost, storing(part(id, 4, 4))).await,
        Recorded::Lost
    );
    assert_eq!(dies.claimed(&[]).await, []);
    assert_eq!(
        lives.record(lease, storing(part(id, 4, 9))).await,
        Recorded::Recorded
    );
    lives.record(lease, ending(End::Succeeded)).await;
    assert_eq!(stored(catalog, id).await.records, 9);
}

async fn what_an_instance_lost_on_the_way_is_its_again(catalog: &dyn Catalog) {
    sealed(catalog, "ana-lost").await;
    let id = queue(catalog, "ana-lost").await.id;
    let runner = Runner::begin(catalog).await;
    let (_, lost) = runner.only(&[]).await;
    assert_eq!(runner.claimed(&[id]).await, []);
    let (again, lease) = runner.only(&[AnalysisId::generate()]).await;
    assert_eq!((again.id, again.attempts), (id, 2));
    assert_eq!(runner.record(lost, Step::default()).await, Recorded::Lost);
    runner.record(lease, ending(End::Succeeded)).await;
}
