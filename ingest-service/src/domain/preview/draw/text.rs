//! Texts of a picture: harmless, short enough, and numbers with units.

use std::sync::OnceLock;

use chrono::DateTime;
use plotters::{
    coord::Shift,
    prelude::{DrawingArea, DrawingBackend, FontStyle, RGBColor, TextStyle},
    style::{Color as _, IntoFont as _, register_font},
};

use super::{super::sketch::Unit, Undrawn};

/// Of the font below first; Verdana has its widths.
const FAMILY: &str = "DejaVu Sans, Verdana, sans-serif";

/// Characters of a text from outside that are looked at: more than fit at any size.
const CHARS_MAX: usize = 200;

/// The font is part of the program: a bare system has none.
pub(super) fn load_font() -> Result<(), Undrawn> {
    static LOADED: OnceLock<bool> = OnceLock::new();
    let load = || register_font(FAMILY, FontStyle::Normal, dejavu::sans::regular()).is_ok();
    match LOADED.get_or_init(load) {
        true => Ok(()),
        false => Err(Undrawn("the font can't be read".to_owned())),
    }
}

pub(super) fn style(size: u32, color: RGBColor) -> TextStyle<'static> {
    TextStyle {
        color: color.to_backend_color(),
        ..TextStyle::from((FAMILY, size).into_font())
    }
}

/// Without what a picture can't show or XML can't say, and what turns text round.
pub(super) fn clean(text: &str) -> String {
    let cut: String = text.chars().take(CHARS_MAX).map(harmless).collect();
    match text.chars().nth(CHARS_MAX) {
        Some(_) => cut + "…",
        None => cut,
    }
}

fn harmless(c: char) -> char {
    match c {
        '\u{200b}'..='\u{200f}'
        | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}'
        | '\u{feff}'
        | '\u{fff9}'..='\u{fffb}'
        | '\u{fffe}'
        | '\u{ffff}' => char::REPLACEMENT_CHARACTER,
        c if c.is_control() => char::REPLACEMENT_CHARACTER,
        c => c,
    }
}

/// As much of a text as has room, pixels.
pub(super) fn fit<DB: DrawingBackend>(
    area: &DrawingArea<DB, Shift>,
    text: &str,
    style: &TextStyle<'_>,
    room: u32,
) -> Result<String, Undrawn> {
    let mut kept = clean(text);
    let mut is_cut = false;
    loop {
        let shown = match is_cut {
            true => format!("{}…", kept.trim_end()),
            false => kept.clone(),
        };
        let (width, _) = area
            .estimate_text_size(&shown, style)
            .map_err(Undrawn::of)?;
        if width <= room || kept.is_empty() {
            return Ok(shown);
        }
        kept.pop();
        is_cut = true;
    }
}

/// `177 kB`, `1.2 M`: three digits.
pub(super) fn amount(value: f64, unit: Unit) -> String {
    let suffix = match unit {
        Unit::Bytes => "B",
        Unit::Packets => "",
    };
    let mut value = value;
    let mut prefixes = ["", "k", "M", "G", "T", "P", "E"].into_iter().peekable();
    let mut prefix = prefixes.next().unwrap_or_default();
    // What rounds to four digits is the next prefix's.
    while value >= 999.5
        && let Some(next) = prefixes.next()
    {
        value /= 1_000.0;
        prefix = next;
    }
    let digits = match value {
        v if v >= 99.95 || prefix.is_empty() => 0,
        v if v >= 9.995 => 1,
        _ => 2,
    };
    let mut number = format!("{value:.digits$}");
    if number.contains('.') {
        number.truncate(number.trim_end_matches('0').trim_end_matches('.').len());
    }
    format!("{number} {prefix}{suffix}").trim_end().to_owned()
}

/// `177 kB`, `1.2 M packets`
pub(super) fn counted(value: u64, unit: Unit) -> String {
    #[allow(clippy::cast_precision_loss, reason = "three digits are shown")]
    let amount = amount(value as f64, unit);
    match unit {
        Unit::Bytes => amount,
        Unit::Packets if value == 1 => "1 packet".to_owned(),
        Unit::Packets => format!("{amount} packets"),
    }
}

pub(super) const SECOND: u128 = 1_000_000_000;
pub(super) const MINUTE: u128 = 60 * SECOND;
pub(super) const HOUR: u128 = 60 * MINUTE;
pub(super) const DAY: u128 = 24 * HOUR;

/// `100 ms`, `2 h 30 min`: at most two units.
pub(super) fn span(ns: u128) -> String {
    const UNITS: [(&str, u128); 7] = [
        ("d", DAY),
        ("h", HOUR),
        ("min", MINUTE),
        ("s", SECOND),
        ("ms", 1_000_000),
        ("µs", 1_000),
        ("ns", 1),
    ];
    let mut left = ns;
    let mut parts = Vec::new();
    for (name, size) in UNITS {
        let count = left / size;
        left %= size;
        if count > 0 {
            parts.push(format!("{count} {name}"));
        }
        // The unit after the first one, whether it has something or not.
        if parts.len() == 2 || (parts.len() == 1 && count == 0) {
            break;
        }
    }
    match parts.is_empty() {
        true => "0 s".to_owned(),
        false => parts.join(" "),
    }
}

/// A moment in UTC; empty for what is in no calendar.
pub(super) fn moment(ns: i128, format: &str) -> String {
    let second = i64::try_from(ns.div_euclid(1_000_000_000)).ok();
    let nanos = u32::try_from(ns.rem_euclid(1_000_000_000)).unwrap_or(0);
    let moment = second.and_then(|second| DateTime::from_timestamp(second, nanos));
    moment.map_or(String::new(), |moment| moment.format(format).to_string())
}
