//! Domain names (RFC 1035, 3.1 and 4.1.4).

use super::{rdata::push_escaped, wire::Wire};

/// RFC 1035, 2.3.4: with the length bytes and the root's.
const NAME_BYTES_MAX: usize = 255;

/// Most names fit this many, which saves growing their text.
const NAME_BYTES_USUAL: usize = 32;

/// Pointers followed for one name. A name of 255 bytes has at most 127 labels, and
/// a writer needs no more than one pointer for each.
const POINTERS_MAX: usize = 127;

impl Wire<'_> {
    /// The name here, as text without the last dot; the root is `.`. A dot or
    /// backslash inside a label gets a backslash (RFC 1035, 5.1). None when it is
    /// too long, cut, or its pointers are too many or do not lead strictly back, as
    /// they do whenever a name is written once.
    pub(super) fn name(&mut self) -> Option<String> {
        let mut name = String::with_capacity(NAME_BYTES_USUAL);
        self.labels(|label| push_label(&mut name, label))?;
        if name.is_empty() {
            name.push('.');
        }
        Some(name)
    }

    /// Passes over the name here; none as [`name`](Self::name).
    pub(super) fn skip_name(&mut self) -> Option<()> {
        self.labels(|_| {})
    }

    #[inline]
    fn labels(&mut self, mut each: impl FnMut(&[u8])) -> Option<()> {
        let mut bytes = 1;
        let mut pointers = 0;
        let mut end = None;
        // Labels are read from here; a pointer must lead before `start`.
        let mut label = self.clone();
        let mut start = self.at;
        loop {
            let length = usize::from(label.u8()?);
            match length >> 6 {
                0 if length == 0 => break,
                0 => {
                    bytes += 1 + length;
                    if bytes > NAME_BYTES_MAX {
                        return None;
                    }
                    each(label.take(length)?);
                }
                3 => {
                    let low = usize::from(label.u8()?);
                    end.get_or_insert(label.at);
                    let to = (length & 0x3f) << 8 | low;
                    pointers += 1;
                    if to >= start || pointers > POINTERS_MAX {
                        return None;
                    }
                    start = to;
                    label.at = to;
                    label.end = label.message.len();
                }
                // RFC 6891, 5: extended labels are no longer a thing.
                _ => return None,
            }
        }
        self.at = end.unwrap_or(label.at);
        Some(())
    }
}

fn push_label(name: &mut String, label: &[u8]) {
    if !name.is_empty() {
        name.push('.');
    }
    push_escaped(name, label, [b'.', b'\\']);
}
