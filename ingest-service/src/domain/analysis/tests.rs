use super::*;

fn analysis(state: AnalysisState) -> Analysis {
    Analysis {
        id: AnalysisId::generate(),
        capture: Uid::generate(),
        capture_id: "c".parse().unwrap(),
        labels: BTreeMap::new(),
        request_id: None,
        options: Bytes::from_static(b"o"),
        max_duration: None,
        state,
        attempts: 3,
        failures: 1,
        records: 7,
        parts: 2,
        failure: None,
        created: Timestamp(1),
        started: Some(Timestamp(2)),
        ended: None,
        traceparent: None,
        found: Found::default(),
    }
}

const NOW: Timestamp = Timestamp(9);

#[test]
fn an_end_is_one_for_ever() {
    let failure = || Failure::new("X", "y");
    let again = End::Again {
        after: Duration::ZERO,
        failure: failure(),
    };
    for (end, wanted, failures) in [
        (End::Succeeded, AnalysisState::Succeeded, 1),
        (End::Failed(failure()), AnalysisState::Failed, 1),
        (again, AnalysisState::Queued, 2),
        (End::Released, AnalysisState::Queued, 1),
    ] {
        let mut ended = analysis(AnalysisState::Running);
        ended.end(end, NOW);
        assert_eq!((ended.state, ended.failures), (wanted, failures));
        assert_eq!(ended.ended, wanted.is_over().then_some(NOW));
        let was_over = wanted.is_over();
        assert_eq!(ended.cancel(Timestamp(10)), !was_over);
        assert_eq!(ended.state == AnalysisState::Cancelled, !was_over);
        assert_eq!(ended.failure.is_some(), wanted == AnalysisState::Failed);
    }
}

#[test]
fn one_that_kills_its_runners_is_not_begun_for_ever() {
    let mut poisoned = analysis(AnalysisState::Queued);
    poisoned.failures = 0;
    poisoned.claim(NOW);
    let mut deaths = 0;
    while poisoned.state == AnalysisState::Running {
        poisoned.claim(NOW);
        deaths += 1;
    }
    assert_eq!(deaths, DEATHS_MAX);
    assert_eq!(poisoned.state, AnalysisState::Failed);
    assert_eq!(poisoned.failure.unwrap().reason, "ABANDONED");

    // What leaves results goes on.
    let mut slow = analysis(AnalysisState::Running);
    for n in 0..u64::from(DEATHS_MAX) * 3 {
        slow.claim(NOW);
        slow.stored(&Part {
            first: n + 8,
            last: n + 8,
            segment: SegmentId::generate(slow.id.as_owner()),
            bytes: 1,
            raw_bytes: 1,
        });
    }
    assert_eq!(slow.state, AnalysisState::Running);
}

#[test]
fn a_request_is_the_same_when_it_asks_for_the_same() {
    let there = analysis(AnalysisState::Running);
    let same = NewAnalysis {
        capture_id: there.capture_id.clone(),
        capture: None,
        request_id: Some("r".to_owned()),
        options: there.options.clone(),
        max_duration: None,
    };
    assert_eq!(there.is_asked_for(there.capture, &same), Ok(()));
    for (field, capture, new) in [
        ("capture_id", Uid::generate(), same.clone()),
        (
            "options",
            there.capture,
            NewAnalysis {
                options: Bytes::new(),
                ..same.clone()
            },
        ),
        (
            "max_duration",
            there.capture,
            NewAnalysis {
                max_duration: Some(Duration::from_secs(1)),
                ..same.clone()
            },
        ),
    ] {
        assert_eq!(there.is_asked_for(capture, &new), Err(Differs { field }));
    }
}

#[test]
fn texts_of_a_failure_are_bounded_and_can_be_kept() {
    let failure = Failure::new(&"X".repeat(100), &"\0ä".repeat(1000));
    assert_eq!(failure.reason.len(), REASON_BYTES_MAX);
    assert!(failure.message.len() <= MESSAGE_BYTES_MAX);
    assert!(failure.message.starts_with(" ä ä"));
}
