//! The ClientHello, put together from CRYPTO frames that come in any order.

use std::ops::Range;

/// Longest ClientHello read. Those with post-quantum keys have some 2 KiB.
const HELLO_BYTES_MAX: usize = 16 << 10;

/// Parts with holes between them, kept. Some browsers cut their hello into a dozen frames
/// and shuffle them.
const PARTS_MAX: usize = 64;

const CLIENT_HELLO: u8 = 1;
const HEADER_BYTES: usize = 4;

#[derive(Debug, Default)]
pub(super) struct Hello {
    bytes: Vec<u8>,
    /// What of `bytes` has come, in order and apart.
    parts: Vec<Range<usize>>,
    /// It goes beyond a bound.
    lost: bool,
}

/// What is known of the message.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Message<'a> {
    ToCome,
    /// Without its header.
    Whole(&'a [u8]),
    /// It is another, or longer than any.
    Never,
}

impl Hello {
    pub(super) fn add(&mut self, offset: u64, data: &[u8]) {
        let start = usize::try_from(offset).unwrap_or(usize::MAX);
        let end = start.saturating_add(data.len());
        if end > HELLO_BYTES_MAX {
            self.lost = true;
            return;
        }
        if data.is_empty() {
            return;
        }
        if self.bytes.len() < end {
            self.bytes.resize(end, 0);
        }
        // What comes twice is the same, or the handshake fails.
        self.bytes[start..end].copy_from_slice(data);
        let apart = |part: &Range<usize>| part.end < start || part.start > end;
        let mut whole = start..end;
        for part in self.parts.iter().filter(|part| !apart(part)) {
            whole = whole.start.min(part.start)..whole.end.max(part.end);
        }
        self.parts.retain(apart);
        let at = self.parts.partition_point(|part| part.start < whole.start);
        self.parts.insert(at, whole);
        self.lost |= self.parts.len() > PARTS_MAX;
    }

    pub(super) fn message(&self) -> Message<'_> {
        let front = self.parts.first().filter(|part| part.start == 0);
        let data = front.and_then(|part| self.bytes.get(part.clone()));
        let data = data.unwrap_or_default();
        if let Some((&[kind, high, middle, low], body)) = data.split_first_chunk() {
            let length = u32::from_be_bytes([0, high, middle, low]);
            let length = usize::try_from(length).unwrap_or(usize::MAX);
            if kind != CLIENT_HELLO || length > HELLO_BYTES_MAX - HEADER_BYTES {
                return Message::Never;
            }
            if let Some(body) = body.get(..length) {
                return Message::Whole(body);
            }
        }
        match self.lost {
            true => Message::Never,
            false => Message::ToCome,
        }
    }

    pub(super) fn held_bytes(&self) -> usize {
        self.bytes.capacity() + self.parts.capacity() * size_of::<Range<usize>>()
    }
}

#[cfg(test)]
mod tests {
    use super::{
        Message::{Never, ToCome, Whole},
        *,
    };

    /// What is told after each of these frames.
    fn check(frames: &[(u64, &[u8])], expected: &[Message<'_>]) {
        let mut hello = Hello::default();
        for ((offset, data), expected) in frames.iter().zip(expected) {
            hello.add(*offset, data);
            assert_eq!(hello.message(), *expected, "{offset} {data:?}");
        }
        assert_eq!(frames.len(), expected.len());
    }

    #[test]
    fn frames_come_in_any_order_and_twice() {
        check(&[(0, &[1, 0, 0, 2, 7, 8, 9])], &[Whole(&[7, 8])]);
        check(
            &[
                (5, &[8]),
                (1, &[0, 0]),
                (5, &[8]),
                (2, &[0, 2, 7]),
                (0, &[1]),
            ],
            &[ToCome, ToCome, ToCome, ToCome, Whole(&[7, 8])],
        );
    }

    #[test]
    fn another_message_is_none() {
        check(&[(0, &[2, 0, 0, 0])], &[Never]);
        check(&[(0, &[1, 1, 0, 0])], &[Never]);
    }

    #[test]
    fn what_is_held_is_bounded() {
        check(&[(HELLO_BYTES_MAX as u64, &[1])], &[Never]);
        check(&[(u64::MAX, &[1])], &[Never]);
        let mut hello = Hello::default();
        for n in 0..10 * PARTS_MAX as u64 {
            hello.add(2 + 2 * n, &[0]);
            if hello.message() == Never {
                break;
            }
        }
        assert_eq!(hello.parts.len(), PARTS_MAX + 1);
    }
}
