//! Activity over time, drawn with block characters.

use std::time::Duration;

use weir_shared::proto::Timestamp;
use weir_shared::proto::analyzer::v1::TimeSeries;

use super::{
    text::{pad_left, width},
    units::{bytes, clock, counted, date, nanos, proto_span, short},
    view::{Tone, View},
};

/// Eighths of a cell, none to full.
const BLOCKS: [char; 9] = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
const BARS: [char; 9] = [' ', '▏', '▎', '▍', '▌', '▋', '▊', '▉', '█'];

/// Rows of the byte chart: enough to tell a burst from a plateau.
const ROWS: usize = 5;

/// Least columns of a chart, on however narrow a terminal.
const COLUMNS_MIN: usize = 16;

/// Buckets that a chart can use; the contract says at most 1,024.
const BUCKETS_MAX: usize = 4_096;

/// A share as a horizontal bar of at most `columns`; anything above nothing shows.
pub(super) fn bar(part: u64, whole: u64, columns: usize) -> String {
    let eighths = level(part, whole, columns * 8);
    let mut bar = "█".repeat(eighths / 8);
    if !eighths.is_multiple_of(8) {
        bar.push(BARS[eighths % 8]);
    }
    bar
}

/// `value` of `max` in steps of which `steps` are full; 0 only for nothing.
fn level(value: u64, max: u64, steps: usize) -> usize {
    if value == 0 || max == 0 {
        return 0;
    }
    let scaled = u128::from(value) * steps as u128 / u128::from(max);
    usize::try_from(scaled).unwrap_or(steps).clamp(1, steps)
}

/// The series in equal columns, or nothing when there is no course to show.
struct Course {
    start: i128,
    /// Nanoseconds of capture time per column.
    step: i128,
    bytes: Vec<u64>,
    packets: Vec<u64>,
    /// Cells that a column is wide.
    cells: usize,
}

impl Course {
    fn of(series: &TimeSeries, room: usize) -> Option<Self> {
        let n_buckets = last_used(&series.bytes).max(last_used(&series.packets));
        let bucket = series.bucket.as_ref().and_then(proto_span)?;
        if !(2..=BUCKETS_MAX).contains(&n_buckets) || bucket.is_zero() {
            return None;
        }
        // Whole buckets per column: columns of different spans would lie.
        let per_column = n_buckets.div_ceil(room);
        let sums = |values: &[u64]| -> Vec<u64> {
            let used = &values[..n_buckets.min(values.len())];
            let sum = |column: &[u64]| column.iter().fold(0, |sum: u64, &v| sum.saturating_add(v));
            used.chunks(per_column).map(sum).collect()
        };
        let n_columns = n_buckets.div_ceil(per_column);
        Some(Self {
            start: series.start_time.as_ref().map_or(0, nanos),
            step: i128::try_from(bucket.as_nanos()).ok()? * i128::try_from(per_column).ok()?,
            bytes: sums(&series.bytes),
            packets: sums(&series.packets),
            cells: (room / n_columns).max(1),
        })
    }

    fn columns(&self) -> usize {
        self.bytes.len().max(self.packets.len())
    }

    /// The time at the left edge of a column.
    fn edge(&self, column: usize) -> Timestamp {
        let at = self.start + self.step * column as i128;
        Timestamp {
            seconds: i64::try_from(at.div_euclid(1_000_000_000)).unwrap_or(i64::MAX),
            nanos: i32::try_from(at.rem_euclid(1_000_000_000)).unwrap_or(0),
        }
    }

    /// Value per second of the busiest column.
    fn peak_rate(&self, values: &[u64]) -> u64 {
        let peak = values.iter().max().copied().unwrap_or(0);
        let rate = i128::from(peak) * 1_000_000_000 / self.step.max(1);
        u64::try_from(rate).unwrap_or(u64::MAX)
    }
}

fn last_used(values: &[u64]) -> usize {
    values
        .iter()
        .rposition(|&v| v > 0)
        .map_or(0, |last| last + 1)
}

/// Draws bytes as a chart, packets as one row below, times on the axis.
/// Returns whether there was anything to draw.
pub(super) fn activity(series: &TimeSeries, view: View, out: &mut String) -> bool {
    const LABEL: usize = 9;
    let room = view
        .chart_columns()
        .saturating_sub(LABEL + 4)
        .max(COLUMNS_MIN);
    let Some(course) = Course::of(series, room) else {
        return false;
    };
    let peak = format!("{}/s", bytes(course.peak_rate(&course.bytes)));
    for row in (0..ROWS).rev() {
        let label = match row {
            _ if row == ROWS - 1 => peak.as_str(),
            0 => "0",
            _ => "",
        };
        line(
            out,
            view,
            label,
            '┤',
            &chart_row(&course.bytes, course.cells, row, ROWS),
        );
    }
    let packets = chart_row(&course.packets, course.cells, 0, 1);
    axis(&course, LABEL, view, out);
    line(out, view, "packets", ' ', &packets);
    let per_second = short(course.peak_rate(&course.packets));
    let note = format!(
        "one column is {}; at most {per_second} packets/s",
        step_text(course.step)
    );
    out.push_str(&format!("  {}\n", view.paint(Tone::Faint, &note)));
    if series.outside_packets > 0 {
        let note = format!(
            "not drawn: {}, more than a year from the first",
            counted(series.outside_packets, "packet")
        );
        out.push_str(&format!("  {}\n", view.paint(Tone::Warning, &note)));
    }
    true
}

fn step_text(step: i128) -> String {
    super::units::span(u64::try_from(step).map_or(Duration::MAX, Duration::from_nanos))
}

fn line(out: &mut String, view: View, label: &str, edge: char, cells: &str) {
    const LABEL: usize = 9;
    let label = pad_left(label, LABEL);
    let cells = view.paint(Tone::Accent, cells.trim_end());
    let text = format!("  {label} {edge}{cells}");
    out.push_str(text.trim_end());
    out.push('\n');
}

/// One of `rows` rows, counted from below.
fn chart_row(values: &[u64], cells: usize, row: usize, rows: usize) -> String {
    let max = values.iter().max().copied().unwrap_or(0);
    let mut text = String::new();
    for &value in values {
        let filled = level(value, max, rows * 8).saturating_sub(row * 8).min(8);
        text.extend(std::iter::repeat_n(BLOCKS[filled], cells));
    }
    text
}

/// The line below the chart, and the times at its ends and in its middle.
fn axis(course: &Course, label: usize, view: View, out: &mut String) {
    let n = course.columns();
    let cells = n * course.cells;
    out.push_str(&format!("  {} └{}\n", " ".repeat(label), "─".repeat(cells)));
    let texts = [0, n / 2, n].map(|column| tick(course, column));
    let [first, middle, last] = &texts;
    let mut times = first.clone();
    let middle_at = (n / 2 * course.cells).saturating_sub(width(middle) / 2);
    let last_at = cells.saturating_sub(width(last));
    // A time that would touch its neighbour is left out.
    let gap = 2;
    if middle_at >= width(first) + gap && middle_at + width(middle) + gap <= last_at {
        times = pad(times, middle_at) + middle;
    }
    times = pad(times, last_at.max(width(first) + gap)) + last;
    let times = view.paint(Tone::Faint, &times);
    out.push_str(&format!("  {}  {times}\n", " ".repeat(label)));
}

fn pad(mut text: String, columns: usize) -> String {
    text.push_str(&" ".repeat(columns.saturating_sub(width(&text))));
    text
}

fn tick(course: &Course, column: usize) -> String {
    const DAY: i128 = 86_400 * 1_000_000_000;
    const SECOND: i128 = 1_000_000_000;
    let at = course.edge(column);
    let whole = course.step * course.columns() as i128;
    match whole {
        _ if whole >= 20 * DAY => date(&at),
        _ if whole >= DAY => format!("{} {}", &date(&at)[5..], &clock(&at, 0)[..5]),
        _ if course.step < SECOND => clock(&at, 3),
        _ => clock(&at, 0),
    }
}

#[cfg(test)]
mod tests;
