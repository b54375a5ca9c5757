//! One direction of a TCP connection, put in order.
//!
//! In-order segments pass through without a copy. Others are held until the hole
//! before them is filled, or given up as a gap. Of bytes that came twice the first
//! win, as they do at most receivers; whether the second ones are others is told, as far
//! as [`Recent`] and what is held can tell. A segment more than a window away is
//! not of this connection and is ignored.

mod held;
mod recent;

use std::ops::Range;

use self::{held::Held, recent::Recent};
use super::{Segment, budget::Budget};

/// Held per direction: more than a usual receive buffer's worth of reordering.
pub(super) const HELD_BYTES_MAX: usize = 256 << 10;

/// Bytes on the wire behind a hole, captured or not, after which it is given up:
/// with a short snap length few bytes are held however far the sender went on.
pub(super) const PASSED_BYTES_MAX: i64 = 1 << 20;

/// RFC 7323, 2.3: the largest window, 65,535 bytes shifted by 14.
const WINDOW_BYTES_MAX: i64 = 65_535 << 14;

/// Holes given up that are remembered, to tell bytes dropped from bytes repeated.
const GIVEN_UP_MAX: usize = 8;

/// What comes next in a direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Piece<'a> {
    /// Never empty.
    Data(&'a [u8]),
    /// So many bytes will never come. Never zero.
    Gap(u64),
    /// The sender's FIN; the last piece.
    Closed,
}

/// Positions are sequence numbers that do not wrap: their low 32 bits are the
/// header's.
#[derive(Debug, Default)]
pub(super) struct Stream {
    /// Of the next byte to deliver; none before the first segment.
    next: Option<i64>,
    begun: bool,
    /// Where the sender's data ends.
    end: Option<i64>,
    closed: bool,
    recent: Recent,
    /// Of a direction in which something came out of order.
    disorder: Option<Box<Disorder>>,
}

#[derive(Debug, Default)]
struct Disorder {
    held: Held,
    given_up: Vec<Range<i64>>,
}

/// What was odd about a segment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Oddity {
    /// Bytes that came too late, into a hole that a bound made the analysis give up.
    pub(super) late_bytes: u64,
    /// It has other bytes than came before at the same place.
    pub(super) is_conflicting: bool,
}

impl Stream {
    /// A direction whose next byte has this sequence number.
    pub(super) fn starting_at(seq: u32) -> Self {
        Self {
            next: Some(i64::from(seq)),
            ..Self::default()
        }
    }

    /// Takes one segment and delivers what it completes.
    pub(super) fn segment(
        &mut self,
        segment: &Segment<'_>,
        budget: &mut Budget,
        mut deliver: impl FnMut(Piece<'_>, &mut Budget),
    ) -> Oddity {
        // RFC 9293, 3.5.3: a reset may carry text, which is no stream data.
        let (payload, missing) = match segment.flags.rst {
            true => (&[][..], 0),
            false => (segment.payload, i64::from(segment.missing)),
        };
        let seq = segment.seq.wrapping_add(u32::from(segment.flags.syn));
        if self.begins_anew(seq, segment.flags.syn) {
            self.release(budget);
        }
        let next = self.place(seq, segment.flags.syn);
        let start = position(next, seq);
        let end = start + length(payload.len()) + missing;
        if self.closed || (start - next).abs() > WINDOW_BYTES_MAX {
            return Oddity::default();
        }
        if segment.flags.fin && end >= next && self.end.is_none() {
            self.end = Some(end);
        }
        let mut oddity = Oddity::default();
        if start < next {
            oddity.late_bytes = self.late_bytes(start, end.min(next));
            oddity.is_conflicting = self.recent.differs(seq, payload, budget);
        }
        if end > next {
            if start <= next && !self.is_holding() {
                self.pass(start, payload, end, budget, &mut deliver);
            } else {
                let held = &mut self.disorder.get_or_insert_default().held;
                oddity.is_conflicting |= held.add(start.max(next), start, payload, end, budget);
                self.drain(budget, &mut deliver);
                self.enforce(budget, &mut deliver);
            }
        }
        self.close(budget, &mut deliver);
        oddity
    }

    /// No more will come: delivers what is held, with its gaps.
    pub(super) fn flush(
        &mut self,
        budget: &mut Budget,
        mut deliver: impl FnMut(Piece<'_>, &mut Budget),
    ) {
        while self.give_up_hole(budget, &mut deliver).is_some() {}
        self.close(budget, &mut deliver);
    }

    /// Sequence number of the next byte.
    pub(super) fn next_seq(&self) -> Option<u32> {
        self.next.map(sequence)
    }

    /// Nothing is ever delivered any more: it had data, and has closed behind all of it.
    pub(super) fn is_over(&self) -> bool {
        self.begun && self.closed && !self.is_holding()
    }

    /// Gives back what is held; nothing is delivered any more.
    pub(super) fn release(&mut self, budget: &mut Budget) {
        let held = self.disorder.as_ref().map_or(0, |of| of.held.bytes);
        budget.give_back(held);
        *self = Self::default();
    }

    /// A new attempt, before any data, with another number: what is held belongs
    /// to the one before.
    fn begins_anew(&self, seq: u32, syn: bool) -> bool {
        syn && !self.begun && self.next.is_some_and(|next| sequence(next) != seq)
    }

    /// Where the stream is, begun by this segment if by none before.
    fn place(&mut self, seq: u32, syn: bool) -> i64 {
        match self.next {
            Some(next) if self.begun || !syn => next,
            // Repeated or, before any data, a new attempt with another number.
            _ => *self.next.insert(i64::from(seq)),
        }
    }

    /// The in-order path: nothing is held, nothing is copied.
    fn pass(
        &mut self,
        start: i64,
        payload: &[u8],
        end: i64,
        budget: &mut Budget,
        deliver: &mut impl FnMut(Piece<'_>, &mut Budget),
    ) {
        let next = self.next.unwrap_or(start);
        let fresh = payload.get(index(next - start)..).unwrap_or_default();
        self.begun = true;
        self.next = Some(end);
        if !fresh.is_empty() {
            self.recent.add(sequence(start), payload, budget);
            deliver(Piece::Data(fresh), budget);
        }
        let cut = end - next - length(fresh.len());
        if cut > 0 {
            deliver(Piece::Gap(cut.unsigned_abs()), budget);
        }
    }

    /// Delivers what is held and now in order.
    fn drain(&mut self, budget: &mut Budget, deliver: &mut impl FnMut(Piece<'_>, &mut Budget)) {
        while let (Some(disorder), Some(start)) = (&mut self.disorder, self.next) {
            let Some(chunk) = disorder.held.take(start, budget) else {
                return;
            };
            self.begun = true;
            self.next = Some(start + chunk.wire_bytes());
            if !chunk.bytes.is_empty() {
                self.recent.add(sequence(start), &chunk.bytes, budget);
                deliver(Piece::Data(&chunk.bytes), budget);
            }
            if chunk.missing > 0 {
                deliver(Piece::Gap(chunk.missing.unsigned_abs()), budget);
            }
        }
    }

    /// Gives holes up until the bounds hold again.
    fn enforce(&mut self, budget: &mut Budget, deliver: &mut impl FnMut(Piece<'_>, &mut Budget)) {
        while let Some(Disorder { held, .. }) = self.disorder.as_deref()
            && (held.bytes > HELD_BYTES_MAX
                || held.passed_bytes > PASSED_BYTES_MAX
                || budget.is_overdrawn())
        {
            let Some(hole) = self.give_up_hole(budget, deliver) else {
                return;
            };
            let given_up = &mut self.disorder.get_or_insert_default().given_up;
            if given_up.len() == GIVEN_UP_MAX {
                given_up.remove(0);
            }
            given_up.push(hole);
        }
    }

    /// Declares the first hole a gap and delivers what lies behind it.
    fn give_up_hole(
        &mut self,
        budget: &mut Budget,
        deliver: &mut impl FnMut(Piece<'_>, &mut Budget),
    ) -> Option<Range<i64>> {
        let start = self.disorder.as_ref()?.held.first()?;
        let hole = self.next.unwrap_or(start)..start;
        self.begun = true;
        self.next = Some(start);
        deliver(Piece::Gap((hole.end - hole.start).unsigned_abs()), budget);
        self.drain(budget, deliver);
        Some(hole)
    }

    fn is_holding(&self) -> bool {
        self.disorder.as_ref().is_some_and(|of| !of.held.is_empty())
    }

    fn close(&mut self, budget: &mut Budget, deliver: &mut impl FnMut(Piece<'_>, &mut Budget)) {
        let ended = self.end.is_some_and(|end| self.next >= Some(end));
        if ended && !self.closed {
            self.closed = true;
            deliver(Piece::Closed, budget);
        }
    }

    fn late_bytes(&self, start: i64, end: i64) -> u64 {
        let given_up = self.disorder.iter().flat_map(|of| &of.given_up);
        let late = given_up.map(|hole| {
            let bytes = hole.end.min(end) - hole.start.max(start);
            bytes.max(0).unsigned_abs()
        });
        late.sum()
    }
}

/// The position nearest to `next` that has this sequence number.
fn position(next: i64, seq: u32) -> i64 {
    next + i64::from(seq.wrapping_sub(sequence(next)).cast_signed())
}

fn sequence(position: i64) -> u32 {
    u32::try_from(position & i64::from(u32::MAX)).unwrap_or(0)
}

fn length(bytes: usize) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}

/// An offset into a payload; what lies before it is its start.
fn index(offset: i64) -> usize {
    usize::try_from(offset).unwrap_or(0)
}

#[cfg(test)]
mod tests;
