//! Text from the wire, made harmless, and text cut to a width.

use std::fmt::Write as _;

/// Replaces what a terminal would obey, or a reader would not see: control
/// characters (C0, DEL and C1, so escape sequences in both forms), characters
/// that reorder or hide text, and line separators.
pub(crate) fn escape(text: &str) -> String {
    if !text.chars().any(is_unsafe) {
        return text.to_owned();
    }
    let mut safe = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        match u32::from(c) {
            _ if !is_unsafe(c) => safe.push(c),
            code @ 0..=0xff => push(&mut safe, format_args!("\\x{code:02x}")),
            code => push(&mut safe, format_args!("\\u{{{code:x}}}")),
        }
    }
    safe
}

/// Writing into a `String` cannot fail.
fn push(text: &mut String, piece: std::fmt::Arguments<'_>) {
    _ = text.write_fmt(piece);
}

/// Whether a character must not reach a terminal as it is.
pub(crate) fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{061c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e007f}')
}

/// Columns that a text takes, wide characters as two, colors as none.
pub(crate) fn width(text: &str) -> usize {
    console::measure_text_width(text)
}

/// The text in at most `columns`, with an ellipsis where something was cut.
pub(crate) fn fit(text: &str, columns: usize) -> String {
    console::truncate_str(text, columns, "…").into_owned()
}

/// The first `columns` at most, then spaces up to `columns`.
pub(crate) fn pad_right(text: &str, columns: usize) -> String {
    let mut padded = fit(text, columns);
    let spaces = columns.saturating_sub(width(&padded));
    padded.extend(std::iter::repeat_n(' ', spaces));
    padded
}

/// Spaces up to `columns`, then the text.
pub(crate) fn pad_left(text: &str, columns: usize) -> String {
    let fitted = fit(text, columns);
    let mut padded = " ".repeat(columns.saturating_sub(width(&fitted)));
    padded.push_str(&fitted);
    padded
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, want: &str) {
        assert_eq!(escape(text), want);
    }

    #[test]
    fn controls_of_both_sets_are_spelled_out() {
        check("a\x1b[2Jb\x07", r"a\x1b[2Jb\x07");
        check("a\u{9b}2J\x7f\t\r\n", r"a\x9b2J\x7f\x09\x0d\x0a");
    }

    #[test]
    fn what_reorders_or_hides_text_is_spelled_out() {
        check("moc.\u{202e}evil\u{200b}", r"moc.\u{202e}evil\u{200b}");
    }

    #[test]
    fn readable_text_of_any_language_stays() {
        check("bücher.example 例え.テスト", "bücher.example 例え.テスト");
    }

    #[test]
    fn wide_characters_count_double() {
        assert_eq!(pad_right("例え", 6), "例え  ");
        assert_eq!(pad_right("例えば", 4), "例… ");
        assert_eq!(pad_left("7", 3), "  7");
    }
}
