//! Stored captures as a table.

use weir_shared::proto::Timestamp;
use weir_shared::proto::ingest::v1::{Capture, CaptureState};

use super::{
    table::{Table, left, right},
    text::escape,
    units::{bytes, clock, count, date},
    view::{Tone, View},
};

/// One row per capture; empty for none.
pub(crate) fn captures(captures: &[Capture], view: View) -> String {
    let mut out = String::new();
    if captures.is_empty() {
        return out;
    }
    let mut table = Table::new([
        left("capture"),
        left("state"),
        right("bytes"),
        right("chunks"),
        left("created (UTC)"),
        left("expires (UTC)"),
        left("file").shrinks_to(12),
        left("labels").shrinks_to(12),
    ]);
    for capture in captures {
        table.row(row(capture, view));
    }
    table.draw(view, &mut out);
    out
}

fn row(capture: &Capture, view: View) -> [String; 8] {
    let state = match capture.state() {
        CaptureState::Sealed => view.paint(Tone::Good, "sealed"),
        CaptureState::Sealing => "sealing".to_owned(),
        CaptureState::Receiving => view.paint(Tone::Warning, "receiving"),
        CaptureState::Unspecified => "unknown".to_owned(),
    };
    let sealed = capture.state() == CaptureState::Sealed;
    let of = |known: Option<String>| known.map_or(String::new(), |whole| format!(" of {whole}"));
    let (of_bytes, of_chunks) = match sealed {
        true => (String::new(), String::new()),
        false => (
            of(capture.size_bytes.map(bytes)),
            of(capture.chunk_count.map(|n| count(n.into()))),
        ),
    };
    let mut labels: Vec<_> = capture
        .labels
        .iter()
        .map(|(k, v)| format!("{k}={v}"))
        .collect();
    labels.sort();
    [
        escape(&capture.capture_id),
        state,
        format!("{}{of_bytes}", bytes(capture.bytes_durable)),
        format!("{}{of_chunks}", count(capture.chunks_durable.into())),
        minute(capture.create_time.as_ref()),
        minute(capture.expire_time.as_ref()),
        escape(&capture.file_name),
        escape(&labels.join(" ")),
    ]
}

fn minute(time: Option<&Timestamp>) -> String {
    time.map_or(String::new(), |time| {
        format!("{} {}", date(time), &clock(time, 0)[..5])
    })
}
