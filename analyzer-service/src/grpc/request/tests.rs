use super::*;

const INLINE_MAX: usize = 4;

fn stored(extents: Vec<pb::Extent>) -> Option<pb::analyze_request::Source> {
    Some(pb::analyze_request::Source::Stored(pb::StoredCapture {
        capture_id: "c".into(),
        extents,
    }))
}

fn extent(object: &str, offset: u64, length: u64) -> pb::Extent {
    pb::Extent {
        object: object.into(),
        offset,
        length,
        crc32c: 0,
    }
}

fn with_options(options: pb::AnalysisOptions) -> pb::AnalyzeRequest {
    pb::AnalyzeRequest {
        source: stored(vec![]),
        options: Some(options),
    }
}

fn seconds(seconds: i64, nanos: i32) -> Option<pbjson_types::Duration> {
    Some(pbjson_types::Duration { seconds, nanos })
}

#[track_caller]
fn check_refused(request: pb::AnalyzeRequest, text: &str) {
    let error = parse(request, INLINE_MAX).expect_err(text);
    assert_eq!(error.to_string(), text);
}

#[track_caller]
fn check_source(source: Option<pb::analyze_request::Source>, text: &str) {
    check_refused(
        pb::AnalyzeRequest {
            source,
            options: None,
        },
        text,
    );
}

#[test]
fn sources_that_make_no_sense_are_refused_by_name() {
    check_source(None, "source: not set");
    check_source(
        Some(pb::analyze_request::Source::Inline(Bytes::from_static(
            b"12345",
        ))),
        "the inline capture has 5 bytes, more than 4",
    );
    for key in ["", "/etc/passwd", "../../etc/passwd", "seg/../../x"] {
        let good = extent("seg/a", 0, 1);
        check_source(
            stored(vec![good, extent(key, 0, 1)]),
            "extent 1: not an object key",
        );
    }
    for length in [0, SEGMENT_BYTES_MAX + 1, u64::MAX] {
        check_source(
            stored(vec![extent("seg/a", 0, length)]),
            "extent 0: the length is not 1 byte to 8 MiB",
        );
    }
    check_source(
        stored(vec![extent("seg/a", u64::MAX, 1)]),
        "extent 0: the end is past the largest offset",
    );
    check_source(
        stored(vec![extent("seg/a", 0, 1); EXTENTS_PER_MESSAGE_MAX + 1]),
        "stored.extents: more than 10000: send a manifest",
    );
    let manifest = |object: &str, sha256: &'static [u8]| {
        Some(pb::analyze_request::Source::Manifest(pb::ManifestRef {
            capture_id: "c".into(),
            object: object.into(),
            sha256: Bytes::from_static(sha256),
        }))
    };
    check_source(
        manifest("..", &[0; 32]),
        "manifest.object: not an object key",
    );
    check_source(
        manifest("manifest/a", b"short"),
        "manifest.sha256: not 32 bytes",
    );
}

#[test]
fn options_that_make_no_sense_are_refused_by_name() {
    let wrong = "negative, or nanos not below 1,000,000,000";
    for (seconds_, nanos) in [(-1, 0), (0, -1), (1, 1_000_000_000), (i64::MIN, 0)] {
        check_refused(
            with_options(pb::AnalysisOptions {
                idle_timeout: seconds(seconds_, nanos),
                ..Default::default()
            }),
            &format!("options.idle_timeout: {wrong}"),
        );
    }
    let kinds = |record_kinds| pb::AnalysisOptions {
        record_kinds,
        ..Default::default()
    };
    check_refused(
        with_options(kinds(vec![1, 0])),
        "options.record_kinds: unknown kind 0",
    );
    check_refused(
        with_options(kinds(vec![99])),
        "options.record_kinds: unknown kind 99",
    );
    check_refused(
        with_options(pb::AnalysisOptions {
            filter: "port 53 or port http or ftp and 80 or or".into(),
            ..Default::default()
        }),
        "the filter makes no sense at byte 38: expected a condition",
    );
}

#[test]
fn unset_options_mean_the_documented_defaults() {
    let parsed = parse(with_options(pb::AnalysisOptions::default()), INLINE_MAX).unwrap();
    assert_eq!(parsed.progress_interval, Duration::from_millis(250));
    assert_eq!(parsed.options.idle_timeout, Some(Duration::from_secs(120)));
    assert_eq!(parsed.options.active_timeout, None);
    assert_eq!(parsed.options.packet_limit, None);
    assert_eq!(parsed.options.kinds, KindSet::all());
}

#[test]
fn zero_means_never_where_the_contract_says_so() {
    let options = pb::AnalysisOptions {
        idle_timeout: seconds(0, 0),
        active_timeout: seconds(0, 0),
        interim_interval: seconds(0, 0),
        progress_interval: seconds(0, 0),
        ..Default::default()
    };
    let parsed = parse(with_options(options), INLINE_MAX).unwrap();
    assert_eq!(parsed.options.idle_timeout, None);
    assert_eq!(parsed.options.active_timeout, None);
    assert_eq!(parsed.options.interim_interval, None);
    assert_eq!(parsed.progress_interval, PROGRESS_INTERVAL_MIN);
}
