//! The pieces of one datagram.

use std::cmp::Ordering;

use super::oddities::{CONFLICT, OVERLAP, SIZE_CONFLICT};
use crate::decode::{Fragment, Malformed};

/// Pieces of one datagram: eight times as many as a link of 576 bytes makes of the longest.
const PIECES_MAX: usize = 1_024;

/// What a piece costs beside its bytes: its place in the list, and the allocator's share.
const PIECE_COST: usize = 48;

/// A piece that was put together: its offset, and a hash of its bytes.
pub(super) type Known = (u32, u64);

/// The bounds do not let a datagram be put together.
#[derive(Debug)]
pub(super) struct PiecesLimit;

#[derive(Debug)]
struct Piece {
    start: usize,
    data: Box<[u8]>,
}

impl Piece {
    fn end(&self) -> usize {
        self.start + self.data.len()
    }
}

/// By their place, without overlaps: the bytes that come first stay.
#[derive(Debug, Default)]
pub(super) struct Pieces {
    list: Vec<Piece>,
    n_bytes: usize,
    /// Known from the last fragment.
    end: Option<usize>,
}

impl Pieces {
    /// Bytes of memory, about.
    pub(super) fn cost(&self) -> usize {
        self.n_bytes + self.list.len() * PIECE_COST
    }

    /// Whether a byte of `fragment` is here already and another one.
    pub(super) fn conflicts(&self, fragment: &Fragment<'_>) -> bool {
        let start = fragment.offset as usize;
        let mut shared = self
            .list
            .iter()
            .map(|piece| overlap(piece, start, fragment.data));
        shared.any(|shared| shared.is_some_and(|(theirs, ours)| theirs != ours))
    }

    /// Keeps what is new in `fragment`, which is all there and fits a datagram. Says what is
    /// odd about it beside the others.
    pub(super) fn add(
        &mut self,
        fragment: &Fragment<'_>,
        oddities: &mut Vec<Malformed>,
    ) -> Result<(), PiecesLimit> {
        let (start, data) = (fragment.offset as usize, fragment.data);
        let end = start + data.len();
        let last_end = self.list.last().map_or(0, Piece::end);
        let is_wrong = match (self.end, fragment.more) {
            (Some(known), true) => end > known,
            (Some(known), false) => end != known,
            (None, true) => false,
            (None, false) => end < last_end,
        };
        if is_wrong {
            // Where it ended first stays.
            oddities.push(SIZE_CONFLICT);
            return Ok(());
        }
        if !fragment.more {
            self.end = Some(end);
        }
        // The same fragment again is no oddity: captures on several interfaces have all twice.
        let is_again = |piece: &Piece| piece.start == start && *piece.data == *data;
        if self.list.iter().any(is_again) {
            return Ok(());
        }
        if self.conflicts(fragment) {
            oddities.push(CONFLICT);
        } else if self
            .list
            .iter()
            .any(|piece| overlap(piece, start, data).is_some())
        {
            oddities.push(OVERLAP);
        }
        self.fill(start, data)
    }

    /// Puts `data` where there is nothing yet.
    fn fill(&mut self, start: usize, data: &[u8]) -> Result<(), PiecesLimit> {
        let (mut at, end) = (start, start + data.len());
        let mut index = self.list.partition_point(|piece| piece.end() <= start);
        while at < end {
            let next = self.list.get(index).map(|piece| (piece.start, piece.end()));
            let gap_end = next.map_or(end, |(start, _)| start.min(end));
            if at < gap_end {
                if self.list.len() >= PIECES_MAX {
                    return Err(PiecesLimit);
                }
                let piece = Piece {
                    start: at,
                    data: data[at - start..gap_end - start].into(),
                };
                self.n_bytes += piece.data.len();
                self.list.insert(index, piece);
                index += 1;
            }
            at = next.map_or(end, |(_, next_end)| next_end.max(gap_end));
            index += 1;
        }
        Ok(())
    }

    /// The datagram, if this is all of it; and the offset of each piece, with the hash of its bytes.
    pub(super) fn take_whole(
        &mut self,
        hash: impl Fn(&[u8]) -> u64,
    ) -> Option<(Vec<u8>, Vec<Known>)> {
        // Without overlaps and gaps the bytes are as many as the end says.
        if self.end != Some(self.n_bytes) || self.list.is_empty() {
            return None;
        }
        let mut whole = Vec::with_capacity(self.n_bytes);
        let mut pieces = Vec::with_capacity(self.list.len());
        for piece in std::mem::take(self).list {
            // A datagram is shorter than 64 KiB.
            let offset = u32::try_from(piece.start).unwrap_or(u32::MAX);
            pieces.push((offset, hash(&piece.data)));
            whole.extend_from_slice(&piece.data);
        }
        Some((whole, pieces))
    }
}

/// The bytes of `piece` and of `data`, which lies at `start`, that share a place.
fn overlap<'p>(piece: &'p Piece, start: usize, data: &'p [u8]) -> Option<(&'p [u8], &'p [u8])> {
    let from = piece.start.max(start);
    let to = piece.end().min(start + data.len());
    match from.cmp(&to) {
        Ordering::Less => Some((
            &piece.data[from - piece.start..to - piece.start],
            &data[from - start..to - start],
        )),
        Ordering::Equal | Ordering::Greater => None,
    }
}
