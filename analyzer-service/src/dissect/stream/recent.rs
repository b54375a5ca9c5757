//! Digests of what was delivered last, to tell its repetition from something else.

use crate::dissect::budget::Budget;

/// Segments of a direction that are remembered: who wants to confuse an analysis sends
/// the two versions of a segment close to each other.
const SEGMENTS_MAX: usize = 4;

/// Bytes of a direction that are digested: heads and handshakes, whose meaning
/// somebody might want to hide, not the bulk of a transfer.
const DIGESTED_BYTES_MAX: u32 = 64 << 10;

#[derive(Debug)]
pub(super) struct Recent {
    segments: [Delivered; SEGMENTS_MAX],
    /// Where the next one goes.
    at: u8,
    bytes_left: u32,
}

/// Of a segment that was delivered as it came; without bytes when there is none.
#[derive(Clone, Copy, Debug, Default)]
struct Delivered {
    /// The low bits of its position.
    seq: u32,
    bytes: u32,
    digest: u32,
}

impl Default for Recent {
    fn default() -> Self {
        Self {
            segments: Default::default(),
            at: 0,
            bytes_left: DIGESTED_BYTES_MAX,
        }
    }
}

impl Recent {
    pub(super) fn add(&mut self, seq: u32, payload: &[u8], budget: &Budget) {
        let Ok(bytes) = u32::try_from(payload.len()) else {
            return;
        };
        let Some(left) = self.bytes_left.checked_sub(bytes) else {
            return;
        };
        self.bytes_left = left;
        let digest = budget.digest(payload);
        self.segments[usize::from(self.at)] = Delivered { seq, bytes, digest };
        let is_last = usize::from(self.at) + 1 == SEGMENTS_MAX;
        self.at = if is_last { 0 } else { self.at + 1 };
    }

    /// Whether `payload` repeats one of them whole, with other bytes.
    pub(super) fn differs(&self, seq: u32, payload: &[u8], budget: &Budget) -> bool {
        // The single byte of a keep-alive may be any.
        payload.len() > 1
            && self.segments.iter().any(|segment| {
                let from = segment.seq.wrapping_sub(seq) as usize;
                let again = payload
                    .get(from..)
                    .and_then(|rest| rest.get(..segment.bytes as usize));
                let again = again.filter(|bytes| !bytes.is_empty());
                again.is_some_and(|bytes| budget.digest(bytes) != segment.digest)
            })
    }
}
