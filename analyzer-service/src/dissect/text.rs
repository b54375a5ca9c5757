//! Text from the wire, for people and for JSON: bounded, and never invalid.

use std::fmt::Write;

/// Longest text kept; then comes an ellipsis.
pub const TEXT_BYTES_MAX: usize = 1_024;

/// `bytes` as text: what is not UTF-8 as `\xNN`, at most [`TEXT_BYTES_MAX`], then `…`.
#[must_use]
pub fn wire_text(bytes: &[u8]) -> String {
    // Each byte makes at least one of text: the rest could not be kept.
    let front = bytes.get(..TEXT_BYTES_MAX + 1).unwrap_or(bytes);
    // A character cut by that is beyond the bound too.
    let mut text = String::with_capacity(front.len());
    push(&mut text, front);
    shorten(text)
}

/// Appends `bytes`; what is not UTF-8 as `\xNN`.
pub fn push(text: &mut String, bytes: &[u8]) {
    // Nearly all: checked a word at a time, and copied at once.
    if let Ok(valid) = str::from_utf8(bytes) {
        return text.push_str(valid);
    }
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        for byte in chunk.invalid() {
            // Writing to a string cannot fail.
            write!(text, "\\x{byte:02x}").unwrap_or_default();
        }
    }
}

/// At most [`TEXT_BYTES_MAX`] of `text`, then `…`.
#[must_use]
pub fn shorten(mut text: String) -> String {
    if text.len() > TEXT_BYTES_MAX {
        let end = (0..=TEXT_BYTES_MAX)
            .rev()
            .find(|at| text.is_char_boundary(*at));
        text.truncate(end.unwrap_or(0));
        text.push('…');
    }
    text
}

/// Lower-case hexadecimal, as long as text may be.
#[must_use]
pub fn hexadecimal(bytes: &[u8]) -> String {
    let front = bytes.get(..TEXT_BYTES_MAX / 2 + 1).unwrap_or(bytes);
    let digit = |four: u8| char::from(b"0123456789abcdef"[usize::from(four)]);
    let mut text = String::with_capacity(2 * front.len());
    for byte in front {
        text.push(digit(byte >> 4));
        text.push(digit(byte & 15));
    }
    shorten(text)
}

/// Longest line looked at for what it says.
const LINE_BYTES_MAX: usize = 512;

/// What stands before the first line end; all there is of a longer one.
#[must_use]
pub fn first_line(data: &[u8]) -> &[u8] {
    let front = &data[..data.len().min(LINE_BYTES_MAX)];
    let end = front.iter().position(|byte| *byte == b'\n');
    front[..end.unwrap_or(front.len())].trim_ascii_end()
}

/// Whether a line says `word`, in upper or lower case.
#[must_use]
pub fn says(line: &[u8], word: &[u8]) -> bool {
    let front = &line[..line.len().min(LINE_BYTES_MAX)];
    let mut places = front.windows(word.len());
    places.any(|place| place.eq_ignore_ascii_case(word))
}

/// Whether a reply begins with this code (RFC 959, 4.2).
#[must_use]
pub fn has_code(data: &[u8], code: &[u8; 3]) -> bool {
    data.starts_with(code) && matches!(data.get(3), Some(b' ' | b'-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(bytes: &[u8], expected: &str) {
        assert_eq!(wire_text(bytes), expected);
    }

    #[test]
    fn valid_text_is_kept() {
        check("dvě".as_bytes(), "dvě");
    }

    #[test]
    fn invalid_bytes_are_escaped() {
        check(b"a\xff\xfeb\xc3", r"a\xff\xfeb\xc3");
    }

    #[test]
    fn long_text_ends_in_an_ellipsis() {
        check(&[b'a'; TEXT_BYTES_MAX], &"a".repeat(TEXT_BYTES_MAX));
        let expected = format!("{}…", "a".repeat(TEXT_BYTES_MAX));
        check(&[b'a'; TEXT_BYTES_MAX + 1], &expected);
        check(&[b'a'; 1 << 20], &expected);
    }

    #[test]
    fn a_character_is_never_cut() {
        let long = format!("{}é", "a".repeat(TEXT_BYTES_MAX - 1));
        check(
            long.as_bytes(),
            &format!("{}…", "a".repeat(TEXT_BYTES_MAX - 1)),
        );
    }

    #[test]
    fn hexadecimal_is_bounded_too() {
        assert_eq!(hexadecimal(&[0, 255]), "00ff");
        assert_eq!(hexadecimal(&[7; 600]), format!("{}…", "07".repeat(512)));
    }
}
