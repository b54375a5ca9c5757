//! Where an axis has its marks, and what they say.

use super::text::{DAY, HOUR, MINUTE, SECOND, moment};

/// Marks of the axis of amounts, the one at zero aside.
const AMOUNTS_MAX: u32 = 5;
/// Of the axis of time.
const TIMES_MAX: u128 = 8;
/// Room of a character and between two marks, pixels.
const CHAR_PIXELS: u128 = 8;
const GAP_PIXELS: u128 = 24;

/// Round amounts from zero to at least `peak`.
pub(super) fn amounts(peak: u64) -> Vec<f64> {
    let peak = u128::from(peak.max(1));
    let step = (0..)
        .flat_map(|power| [1, 2, 5].map(|digit| digit * 10_u128.pow(power)))
        .find(|step| peak.div_ceil(*step) <= AMOUNTS_MAX.into())
        .unwrap_or(peak);
    #[allow(clippy::cast_precision_loss, reason = "three digits are shown")]
    (0..=peak.div_ceil(step))
        .map(|mark| (mark * step) as f64)
        .collect()
}

/// A mark of the axis of time.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Mark {
    /// After the axis' begin.
    pub(super) offset_ns: u128,
    pub(super) label: String,
}

/// Marks at round times of UTC, as many as have room.
pub(super) fn times(start_ns: i128, span_ns: u128, width: u32) -> Vec<Mark> {
    let is_one_day = moment(start_ns, "%F") == moment(end(start_ns, span_ns), "%F");
    let step = steps().find(|step| {
        let format = format_of(*step, is_one_day);
        let room = moment(start_ns, format).len() as u128 * CHAR_PIXELS + GAP_PIXELS;
        let marks = (span_ns / step).saturating_add(1);
        marks <= TIMES_MAX && marks * room <= u128::from(width)
    });
    let Some(step) = step else {
        return Vec::new();
    };
    let format = format_of(step, is_one_day);
    let Ok(wide) = i128::try_from(step) else {
        return Vec::new();
    };
    let first = start_ns.rem_euclid(wide);
    let first = if first == 0 { 0 } else { wide - first }.unsigned_abs();
    (0..TIMES_MAX)
        .map(|mark| first + mark * step)
        .take_while(|offset| *offset <= span_ns)
        .map(|offset_ns| Mark {
            offset_ns,
            label: moment(end(start_ns, offset_ns), format).to_owned(),
        })
        .collect()
}

/// What the axis of time says of its days.
pub(super) fn days(start_ns: i128, span_ns: u128) -> String {
    let first = moment(start_ns, "%F");
    let last = moment(end(start_ns, span_ns), "%F");
    match first == last {
        true => format!("UTC, {first}"),
        false => format!("UTC, {first} to {last}"),
    }
}

pub(super) fn end(start_ns: i128, span_ns: u128) -> i128 {
    start_ns.saturating_add(i128::try_from(span_ns).unwrap_or(i128::MAX))
}

/// Round spans, ascending.
fn steps() -> impl Iterator<Item = u128> {
    let below = (0..9).flat_map(|power| [1, 2, 5].map(|digit| digit * 10_u128.pow(power)));
    let seconds = [1, 2, 5, 10, 15, 30].map(|count| count * SECOND);
    let minutes = [1, 2, 5, 10, 15, 30].map(|count| count * MINUTE);
    let hours = [1, 2, 3, 6, 12].map(|count| count * HOUR);
    let days = [1, 2, 7, 14, 30, 60, 120, 365].map(|count| count * DAY);
    let years = (0..15).flat_map(|power| [1, 2, 5].map(|d| d * 10_u128.pow(power) * 1_000 * DAY));
    below
        .chain(seconds)
        .chain(minutes)
        .chain(hours)
        .chain(days)
        .chain(years)
}

fn format_of(step: u128, is_one_day: bool) -> &'static str {
    match step {
        step if step >= DAY => "%F",
        step if step >= MINUTE && is_one_day => "%H:%M",
        step if step >= MINUTE => "%m-%d %H:%M",
        step if step >= SECOND => "%H:%M:%S",
        step if step >= 1_000_000 => "%H:%M:%S%.3f",
        step if step >= 1_000 => "%H:%M:%S%.6f",
        _ => "%H:%M:%S%.9f",
    }
}
