use super::*;

fn capture_facts() -> CaptureFacts {
    CaptureFacts {
        capture_id: "c1".to_owned(),
        uid: Uid::generate().to_string(),
        labels: [("site".to_owned(), "\"näh\"\n".to_owned())].into(),
        size_bytes: u64::MAX,
        sha256: Some("00".repeat(32)),
        sealed_us: Some(-1),
        analyze_on_seal: Some(false),
        ..CaptureFacts::default()
    }
}

fn analysis_facts() -> AnalysisFacts {
    AnalysisFacts {
        analysis_id: "a1".to_owned(),
        failure: Some(("DEADLINE".to_owned(), "too long".to_owned())),
        ..AnalysisFacts::default()
    }
}

#[test]
fn a_fact_is_read_as_it_was_written() {
    let facts = [
        Fact::CaptureCreated(capture_facts()),
        Fact::CaptureSealed(capture_facts()),
        Fact::CaptureDeleted(capture_facts()),
        Fact::CaptureExpired(capture_facts()),
        Fact::AnalysisQueued(analysis_facts()),
        Fact::AnalysisStarted(analysis_facts()),
        Fact::AnalysisSucceeded(analysis_facts()),
        Fact::AnalysisFailed(analysis_facts()),
        Fact::AnalysisCancelled(analysis_facts()),
    ];
    let kinds: Vec<_> = facts.iter().map(Fact::kind).collect();
    assert_eq!(kinds, kind::ALL);
    for fact in facts {
        let read = Fact::decode(fact.kind(), &fact.encode());
        assert_eq!(read.expect("our own"), fact);
    }
}

#[test]
fn what_can_not_be_read_is_named() {
    for (kind, data, named) in [
        ("weir.capture.sealed.v2", "{}", "weir.capture.sealed.v2"),
        ("", "{}", "known are weir.capture.created.v1"),
        ("weir.capture.sealed.v1", "{}", "missing field `capture_id`"),
        ("weir.capture.sealed.v1", "\u{0}", "line 1 column 1"),
    ] {
        let error = Fact::decode(kind, data).expect_err(data).to_string();
        assert!(error.contains(named), "{error}");
    }
}

#[test]
fn a_family_is_the_type_without_its_version() {
    for (kind, family) in [
        ("weir.capture.sealed.v1", "weir.capture.sealed"),
        ("weir.capture.sealed.v12", "weir.capture.sealed"),
        ("weir.capture.sealed", "weir.capture.sealed"),
        ("weir.capture.sealed.v", "weir.capture.sealed.v"),
        ("weir.capture.vx", "weir.capture.vx"),
        ("", ""),
    ] {
        assert_eq!(kind::family(kind), family);
    }
}
