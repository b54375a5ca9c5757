//! Events and dead letters as lines and tables.

use weir_shared::proto::{
    Timestamp,
    event::v1::{AnalysisFacts, CaptureFacts, Event, event::Data},
    ingest::v1::DeadLetter,
};

use super::{
    table::{Table, left, right},
    text::escape,
    units::{bytes, clock, counted, date},
    view::View,
};

/// Columns of the longest type and of a usual id: what comes later is no reason
/// to draw what came before again.
const TYPE_COLUMNS: usize = 26;
const CAPTURE_COLUMNS: usize = 34;

/// One line, ended by a newline: events come one by one.
pub(crate) fn line(event: &Event) -> String {
    let time = event.time.as_ref().map_or(String::new(), second);
    let kind = escape(&event.r#type);
    let capture = escape(&event.subject);
    let about = event.data.as_ref().map_or(String::new(), about);
    let line = format!("{time}  {kind:TYPE_COLUMNS$}  {capture:CAPTURE_COLUMNS$}  {about}");
    format!("{}\n", line.trim_end())
}

fn about(data: &Data) -> String {
    match data {
        Data::CaptureCreated(created) => capture(created.capture.as_ref()),
        Data::CaptureSealed(sealed) => capture(sealed.capture.as_ref()),
        Data::CaptureDeleted(deleted) => capture(deleted.capture.as_ref()),
        Data::CaptureExpired(expired) => capture(expired.capture.as_ref()),
        Data::AnalysisQueued(queued) => analysis(queued.analysis.as_ref()),
        Data::AnalysisStarted(started) => analysis(started.analysis.as_ref()),
        Data::AnalysisSucceeded(succeeded) => analysis(succeeded.analysis.as_ref()),
        Data::AnalysisFailed(failed) => {
            let (reason, message) = (escape(&failed.reason), escape(&failed.message));
            format!(
                "{}: {message} ({reason})",
                analysis(failed.analysis.as_ref())
            )
        }
        Data::AnalysisCancelled(cancelled) => analysis(cancelled.analysis.as_ref()),
    }
}

fn capture(facts: Option<&CaptureFacts>) -> String {
    let Some(facts) = facts else {
        return String::new();
    };
    let size = format!(
        "{} in {}",
        bytes(facts.size_bytes),
        counted(facts.chunk_count.into(), "chunk")
    );
    match facts.file_name.is_empty() {
        true => size,
        false => format!("{}, {size}", escape(&facts.file_name)),
    }
}

fn analysis(facts: Option<&AnalysisFacts>) -> String {
    let Some(facts) = facts else {
        return String::new();
    };
    let id = escape(&facts.analysis_id);
    format!("analysis {id}, {}", counted(facts.records, "record"))
}

/// One row for each; empty for none.
pub(crate) fn dead_letters(letters: &[DeadLetter], view: View) -> String {
    let mut out = String::new();
    if letters.is_empty() {
        return out;
    }
    let mut table = Table::new([
        left("handler"),
        left("event"),
        left("type"),
        left("capture").shrinks_to(12),
        right("attempts"),
        left("given up (UTC)"),
        left("error").shrinks_to(20),
    ]);
    for letter in letters {
        table.row([
            escape(&letter.handler),
            escape(&letter.event_id),
            escape(&letter.r#type),
            escape(&letter.capture_id),
            letter.attempts.to_string(),
            letter.time.as_ref().map_or(String::new(), second),
            escape(&letter.error),
        ]);
    }
    table.draw(view, &mut out);
    out
}

/// One with its history.
pub(crate) fn dead_letter(letter: &DeadLetter, view: View) -> String {
    let mut out = dead_letters(std::slice::from_ref(letter), view);
    for attempt in &letter.history {
        let time = attempt.time.as_ref().map_or(String::new(), second);
        out.push_str(&format!("  {time}  {}\n", escape(&attempt.error)));
    }
    if let Some(event) = &letter.event {
        out.push_str(&line(event));
    }
    out
}

fn second(time: &Timestamp) -> String {
    format!("{} {}", date(time), clock(time, 0))
}

#[cfg(test)]
mod tests {
    use weir_shared::proto::event::v1::{AnalysisFailed, CaptureSealed};

    use super::*;

    fn event(kind: &str, data: Option<Data>) -> Event {
        Event {
            r#type: kind.to_owned(),
            subject: "a\u{1b}".to_owned(),
            time: Some(Timestamp {
                seconds: 1_700_000_000,
                nanos: 999_999_999,
            }),
            data,
            ..Event::default()
        }
    }

    #[test]
    fn an_event_is_one_line_that_a_terminal_obeys_nothing_of() {
        let sealed = CaptureSealed {
            capture: Some(CaptureFacts {
                file_name: "x.pcap".to_owned(),
                size_bytes: 1_500,
                chunk_count: 2,
                ..CaptureFacts::default()
            }),
        };
        let failed = AnalysisFailed {
            analysis: Some(AnalysisFacts {
                analysis_id: "0199".to_owned(),
                records: 1,
                ..AnalysisFacts::default()
            }),
            reason: "DEADLINE".to_owned(),
            message: "too\nlong".to_owned(),
        };
        for (kind, data, wanted) in [
            (
                "weir.capture.sealed.v1",
                Some(Data::CaptureSealed(sealed)),
                "x.pcap, 1.5 kB in 2 chunks\n",
            ),
            (
                "weir.analysis.failed.v1",
                Some(Data::AnalysisFailed(failed)),
                "analysis 0199, 1 record: too\\x0along (DEADLINE)\n",
            ),
            (
                "weir.capture.sealed.v2",
                None,
                "weir.capture.sealed.v2      a\\x1b\n",
            ),
        ] {
            let line = line(&event(kind, data));
            assert!(line.starts_with("2023-11-14 22:13:20  weir."), "{line}");
            assert!(line.ends_with(wanted), "{line}");
        }
    }
}
