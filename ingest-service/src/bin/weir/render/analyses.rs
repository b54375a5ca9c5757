//! Background analyses as tables.

use weir_shared::proto::{
    Timestamp,
    ingest::v1::{Analysis, AnalysisState},
};

use super::{
    table::{Table, left, right},
    text::escape,
    units::{between, bytes, count, date_time, share, span},
    view::{Tone, View},
};

/// One row per analysis; empty for none.
pub(crate) fn list(analyses: &[Analysis], view: View) -> String {
    let mut out = String::new();
    if analyses.is_empty() {
        return out;
    }
    let mut table = Table::new([
        left("analysis"),
        left("capture").shrinks_to(12),
        left("state"),
        right("read"),
        right("records"),
        right("attempts"),
        left("created (UTC)"),
        right("took"),
    ]);
    for analysis in analyses {
        table.row([
            escape(&analysis.analysis_id),
            escape(&analysis.capture_id),
            state(analysis, view),
            read(analysis),
            count(analysis.records),
            count(analysis.attempts.into()),
            minute(analysis.create_time.as_ref()),
            took(analysis).unwrap_or_default(),
        ]);
    }
    table.draw(view, &mut out);
    out
}

/// All that is to be said of one, but for its summary.
pub(crate) fn one(analysis: &Analysis, view: View) -> String {
    let mut lines = vec![
        ("analysis", escape(&analysis.analysis_id)),
        ("capture", escape(&analysis.capture_id)),
        ("state", state(analysis, view)),
    ];
    if !analysis.failure_reason.is_empty() {
        let (reason, message) = (&analysis.failure_reason, &analysis.failure_message);
        lines.push((
            "because",
            format!("{} ({})", escape(message), escape(reason)),
        ));
    }
    if !analysis.request_id.is_empty() {
        lines.push(("request", escape(&analysis.request_id)));
    }
    match (&analysis.progress, &analysis.summary) {
        // The last progress is of some moment before the end.
        (_, Some(summary)) if analysis.state() == AnalysisState::Succeeded => {
            lines.push(("read", format!("all, {} packets", count(summary.packets))));
        }
        (Some(progress), _) => {
            let (read, of) = (progress.bytes_read, progress.size_bytes);
            let packets = count(progress.packets);
            let read = format!("{} of {}, {packets} packets", bytes(read), bytes(of));
            lines.push(("read", read));
        }
        (None, _) => {}
    }
    lines.push(("records", count(analysis.records)));
    lines.push(("attempts", count(analysis.attempts.into())));
    for (name, time) in [
        ("created", &analysis.create_time),
        ("started", &analysis.start_time),
        ("ended", &analysis.end_time),
    ] {
        if let Some(time) = time {
            lines.push((name, format!("{} UTC", date_time(time))));
        }
    }
    if let Some(took) = took(analysis) {
        lines.push(("took", took));
    }
    let lines = lines.iter();
    lines
        .map(|(name, value)| format!("{name:<9} {value}\n"))
        .collect()
}

fn state(analysis: &Analysis, view: View) -> String {
    match analysis.state() {
        AnalysisState::Queued => "queued".to_owned(),
        AnalysisState::Running => "running".to_owned(),
        AnalysisState::Succeeded => view.paint(Tone::Good, "succeeded"),
        AnalysisState::Failed => view.paint(Tone::Warning, "failed"),
        AnalysisState::Cancelled => view.paint(Tone::Warning, "cancelled"),
        AnalysisState::Unspecified => "unknown".to_owned(),
    }
}

fn read(analysis: &Analysis) -> String {
    match (&analysis.progress, analysis.state()) {
        (_, AnalysisState::Succeeded) => "all".to_owned(),
        (Some(progress), _) => share(progress.bytes_read, progress.size_bytes),
        (None, _) => String::new(),
    }
}

/// Its last attempt, once it is over.
fn took(analysis: &Analysis) -> Option<String> {
    let (start, end) = (analysis.start_time.as_ref()?, analysis.end_time.as_ref()?);
    Some(span(between(start, end)))
}

fn minute(time: Option<&Timestamp>) -> String {
    let text = time.map(date_time).unwrap_or_default();
    text.get(..16).unwrap_or(&text).to_owned()
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};
    use weir_shared::proto::analyzer::v1::{Progress, Summary};

    use super::*;

    const PLAIN: View = View {
        columns: None,
        color: false,
    };

    fn at(seconds: i64) -> Option<Timestamp> {
        Some(Timestamp {
            seconds: 1_700_000_000 + seconds,
            nanos: 0,
        })
    }

    fn analysis(state: AnalysisState) -> Analysis {
        Analysis {
            analysis_id: "0192b9c0-7f00-7000-8000-000000000001".to_owned(),
            capture_id: "c\x1b".to_owned(),
            state: state.into(),
            records: 12_345,
            attempts: 2,
            create_time: at(0),
            start_time: at(1),
            end_time: at(3),
            progress: Some(Progress {
                bytes_read: 1_000,
                size_bytes: 4_000,
                packets: 7,
                ..Default::default()
            }),
            ..Default::default()
        }
    }

    #[track_caller]
    fn check(drawn: &str, wanted: &Expect) {
        wanted.assert_eq(drawn);
    }

    #[test]
    fn a_list_has_a_row_for_each() {
        let waiting = Analysis {
            progress: None,
            start_time: None,
            end_time: None,
            records: 0,
            attempts: 0,
            ..analysis(AnalysisState::Queued)
        };
        let all = [
            waiting,
            analysis(AnalysisState::Succeeded),
            analysis(AnalysisState::Cancelled),
        ];
        check(&list(&[], PLAIN), &expect![[""]]);
        let wanted = expect![[r#"
            all:
              analysis                              capture  state       read  records  attempts  created (UTC)       took
              0192b9c0-7f00-7000-8000-000000000001  c\x1b    queued                  0         0  2023-11-14 22:13
              0192b9c0-7f00-7000-8000-000000000001  c\x1b    succeeded    all   12,345         2  2023-11-14 22:13  2.00 s
              0192b9c0-7f00-7000-8000-000000000001  c\x1b    cancelled  25.0%   12,345         2  2023-11-14 22:13  2.00 s
        "#]];
        // Expectations lose what all their lines are indented by.
        check(&format!("all:\n{}", list(&all, PLAIN)), &wanted);
    }

    #[test]
    fn one_that_succeeded_has_read_all() {
        let succeeded = Analysis {
            summary: Some(Summary {
                packets: 1_985,
                ..Default::default()
            }),
            ..analysis(AnalysisState::Succeeded)
        };
        let told = one(&succeeded, PLAIN);
        assert!(told.contains("\nread      all, 1,985 packets\n"), "{told}");
    }

    #[test]
    fn one_is_told_with_why_it_failed() {
        let failed = Analysis {
            failure_reason: "DEADLINE".to_owned(),
            failure_message: "too long\x1b".to_owned(),
            request_id: "r1".to_owned(),
            ..analysis(AnalysisState::Failed)
        };
        check(
            &one(&failed, PLAIN),
            &expect![[r#"
            analysis  0192b9c0-7f00-7000-8000-000000000001
            capture   c\x1b
            state     failed
            because   too long\x1b (DEADLINE)
            request   r1
            read      1.0 kB of 4.0 kB, 7 packets
            records   12,345
            attempts  2
            created   2023-11-14 22:13:20.000000 UTC
            started   2023-11-14 22:13:21.000000 UTC
            ended     2023-11-14 22:13:23.000000 UTC
            took      2.00 s
        "#]],
        );
    }
}
