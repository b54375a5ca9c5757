//! One JSON object a line.

use std::io;

use serde::Serialize;
use serde_json::ser::Formatter;

use crate::render::text::is_unsafe;

/// Appends the value and a newline; on an error nothing is appended.
pub(super) fn line(value: &impl Serialize, out: &mut Vec<u8>) -> serde_json::Result<()> {
    let begin = out.len();
    let mut serializer = serde_json::Serializer::with_formatter(&mut *out, Harmless);
    match value.serialize(&mut serializer) {
        Ok(()) => out.push(b'\n'),
        Err(error) => {
            out.truncate(begin);
            return Err(error);
        }
    }
    Ok(())
}

/// Compact JSON that also escapes what serde_json leaves as it is and a
/// terminal obeys: DEL, C1 controls, and characters that reorder text.
struct Harmless;

impl Formatter for Harmless {
    fn write_string_fragment<W: ?Sized + io::Write>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        let mut rest = fragment;
        while let Some(at) = rest.find(is_unsafe) {
            let (before, from) = rest.split_at(at);
            writer.write_all(before.as_bytes())?;
            let mut chars = from.chars();
            if let Some(c) = chars.next() {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    write!(writer, "\\u{unit:04x}")?;
                }
            }
            rest = chars.as_str();
        }
        writer.write_all(rest.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_control_character_is_left_and_the_text_is_the_same() {
        let text = "a\x1b[2J\u{9b}2J\u{7f}\u{202e}ü例\u{e0041}\n";
        let mut out = Vec::new();
        line(&text, &mut out).unwrap();
        let written = String::from_utf8(out).unwrap();
        assert_eq!(
            written,
            "\"a\\u001b[2J\\u009b2J\\u007f\\u202eü例\\udb40\\udc41\\n\"\n"
        );
        assert_eq!(serde_json::from_str::<String>(&written).unwrap(), text);
    }
}
