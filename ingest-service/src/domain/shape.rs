//! The lengths of a whole capture's chunks in two numbers: enough to say
//! whether a `chunk_bytes` that is declared late fits.

use super::{capture::SizeFacts, id::ChunkIndex};

/// Of a capture that is complete.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Length of every chunk but the last, bytes; `None` when they differ, or
    /// there is none. Of a single chunk: its own.
    pub uniform: Option<u32>,
    /// Length of the last chunk, bytes; zero when there is none.
    pub last: u32,
}

impl Shape {
    /// What [`SizeFacts`] says of these chunks, as far as a declaration asks:
    /// several of other lengths are told as two.
    #[must_use]
    pub fn size_facts(self, chunks: u32, chunk_bytes: u32) -> SizeFacts {
        let Some(highest) = chunks.checked_sub(1) else {
            return SizeFacts::default();
        };
        let uniform = match self.uniform {
            Some(bytes) if highest > 0 => bytes,
            // One chunk: it is the last, of any length.
            Some(_) => chunk_bytes,
            None => {
                return SizeFacts {
                    largest: self.last,
                    others: 2,
                    other: Some(ChunkIndex(highest)),
                };
            }
        };
        let is_other = self.last != chunk_bytes;
        let others = u32::from(is_other) + if uniform == chunk_bytes { 0 } else { 2 };
        SizeFacts {
            largest: self.last.max(if highest > 0 { uniform } else { 0 }),
            others,
            other: is_other.then_some(ChunkIndex(highest)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Against the lengths themselves.
    #[track_caller]
    fn check(lengths: &[u32]) {
        let uniform = match lengths {
            [] => None,
            [one] => Some(*one),
            [most @ .., _last] => most.iter().all(|l| *l == most[0]).then_some(most[0]),
        };
        let shape = Shape {
            uniform,
            last: lengths.last().copied().unwrap_or(0),
        };
        let chunks = u32::try_from(lengths.len()).unwrap();
        for chunk_bytes in 1..6 {
            let facts = shape.size_facts(chunks, chunk_bytes);
            let others = lengths.iter().filter(|l| **l != chunk_bytes).count();
            let other = lengths.iter().rposition(|l| *l != chunk_bytes);
            let fits = |largest: u32, others: usize, is_last: bool| {
                largest <= chunk_bytes && (others == 0 || (others == 1 && is_last))
            };
            let largest = lengths.iter().max().copied().unwrap_or(0);
            let expected = fits(
                largest,
                others,
                other.is_some_and(|o| o + 1 == lengths.len()),
            );
            let is_last = facts.other.is_some_and(|o| o.0 + 1 == chunks);
            let told = fits(facts.largest, facts.others as usize, is_last);
            assert_eq!(told, expected, "{lengths:?} of {chunk_bytes}");
        }
    }

    #[test]
    fn it_tells_of_a_late_chunk_size_what_the_lengths_tell() {
        for lengths in [
            &[][..],
            &[3],
            &[3, 3],
            &[3, 2],
            &[2, 3],
            &[3, 3, 3, 1],
            &[3, 1, 3],
            &[1, 3, 3],
            &[3, 3, 2, 2],
            &[4, 4, 5],
        ] {
            check(lengths);
        }
    }
}
