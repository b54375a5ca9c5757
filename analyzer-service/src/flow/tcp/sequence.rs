//! One direction's sequence space: what of it was seen.
//!
//! Numbers wrap; two of them are compared as if they were less than 2^31 apart, so what
//! lies further behind is forgotten.

/// RFC 7323, 2.3: the largest window, 65,535 bytes shifted by 14. What is further away
/// is not of this connection, or not of this time.
const WINDOW_BYTES_MAX: i64 = 65_535 << 14;

/// Holes of a direction that are remembered; of more the lowest is given up, and what
/// fills it later counts as sent before. 8 bytes each, and only where there are any.
const HOLES_MAX: usize = 16;

#[derive(Debug, Default)]
pub(super) struct Sequence {
    begun: bool,
    has_acked: bool,
    /// A probe of a window of zero: whether its byte was taken shows later.
    is_probed: bool,
    /// The lowest that was seen; nothing below it was.
    start: u32,
    /// Behind the highest that was seen.
    next: u32,
    /// The highest that the peer acknowledged.
    acked: u32,
    holes: Option<Box<Holes>>,
    given_up_bytes: u64,
}

/// Ascending, all below `next`, none of them empty: first and behind the last.
#[derive(Debug, Default)]
struct Holes(Vec<(u32, u32)>);

#[derive(Clone, Copy, Debug)]
pub(super) struct Segment {
    pub(super) seq: u32,
    /// Bytes on the wire; SYN and FIN are one each.
    pub(super) length: u32,
    pub(super) has_syn: bool,
    /// Neither SYN nor FIN.
    pub(super) is_plain: bool,
    pub(super) peer_has_no_room: bool,
}

/// What a segment below the highest seen was.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Seen {
    /// It has bytes that were seen before.
    pub(super) is_repeated: bool,
    /// It has bytes below the highest that were not.
    pub(super) is_late: bool,
}

impl Sequence {
    /// The beginning is known from what the peer answers.
    pub(super) fn begin_at(&mut self, seq: u32) {
        if !self.begun {
            self.begun = true;
            self.start = seq;
            self.next = seq;
        }
    }

    pub(super) fn segment(&mut self, segment: Segment) -> Seen {
        let Segment { seq, length, .. } = segment;
        if segment.has_syn && !self.is_known(seq) {
            self.begin_anew();
        }
        self.begin_at(seq);
        let mut offset = ahead(seq, self.next);
        if self.is_probed && offset == 1 {
            self.next = seq;
            offset = 0;
        }
        if offset.abs() > WINDOW_BYTES_MAX {
            return Seen::default();
        }
        if segment.is_plain && length <= 1 {
            let is_probe = length == 1 && offset == 0 && segment.peer_has_no_room;
            self.is_probed |= is_probe;
            // One before what is next: a keep-alive (RFC 9293, 3.8.4).
            if is_probe || offset == -1 {
                return Seen::default();
            }
        }
        let end = offset + i64::from(length);
        if offset > 0 {
            self.add_hole(self.next, seq);
        }
        let seen = self.below(seq, offset, end.min(0) - offset);
        if end > 0 {
            self.is_probed = false;
            self.next = seq.wrapping_add(length);
            self.forget();
        }
        seen
    }

    /// The peer has all before `ack`. Answers how many gaps that shows: runs of bytes
    /// that the peer has and the capture does not, each told once.
    pub(super) fn acknowledge(&mut self, ack: u32) -> usize {
        let beyond = ahead(ack, self.next);
        if !self.begun || beyond.abs() > WINDOW_BYTES_MAX {
            return 0;
        }
        if self.is_probed && beyond == 1 {
            self.next = ack;
            self.is_probed = false;
            self.acked = ack;
            self.has_acked = true;
            return 0;
        }
        let before = self.acked().unwrap_or(self.start);
        if ahead(ack, before) <= 0 {
            return 0;
        }
        self.acked = ack;
        self.has_acked = true;
        let holes = self.holes.iter().flat_map(|holes| &holes.0);
        let of_them = holes.filter(|(from, _)| ahead(*from, before) >= 0 && ahead(ack, *from) > 0);
        of_them.count() + usize::from(beyond > 0)
    }

    /// Bytes that were never seen: of holes, and what the peer has of what lies behind
    /// the highest seen.
    pub(super) fn missed_bytes(&self) -> u64 {
        let holes = self.holes.iter().flat_map(|holes| &holes.0);
        let in_holes: u64 = holes.map(|hole| length(*hole)).sum();
        let acked = self.acked().map_or(0, |acked| ahead(acked, self.next));
        self.given_up_bytes + in_holes + u64::try_from(acked).unwrap_or(0)
    }

    /// Unless it is too long ago.
    fn acked(&self) -> Option<u32> {
        let is_near = ahead(self.acked, self.next).abs() <= WINDOW_BYTES_MAX;
        (self.has_acked && is_near).then_some(self.acked)
    }

    fn is_known(&self, seq: u32) -> bool {
        self.begun && ahead(seq, self.start) >= -1 && ahead(seq, self.next) <= 0
    }

    /// Another connection attempt, or another connection.
    fn begin_anew(&mut self) {
        *self = Self {
            given_up_bytes: self.missed_bytes(),
            ..Self::default()
        };
    }

    /// The part of a segment that is below `next`: `bytes` of it, from `seq`.
    fn below(&mut self, seq: u32, offset: i64, bytes: i64) -> Seen {
        if bytes <= 0 {
            return Seen::default();
        }
        let mut fresh = self.fill(offset, offset + bytes);
        let under = ahead(self.start, seq);
        if under > 0 {
            fresh += under.min(bytes);
            self.start = seq;
        }
        Seen {
            is_repeated: fresh < bytes,
            is_late: fresh > 0,
        }
    }

    fn add_hole(&mut self, from: u32, to: u32) {
        let holes = &mut self.holes.get_or_insert_default().0;
        holes.push((from, to));
        self.given_up_bytes += bound(holes);
    }

    /// Fills what holes there are in `from..to`, by their offsets from `next`. Answers
    /// how many bytes that were.
    fn fill(&mut self, from: i64, to: i64) -> i64 {
        let next = self.next;
        let Some(holes) = &mut self.holes else {
            return 0;
        };
        let mut filled = 0;
        let mut left = Vec::with_capacity(holes.0.len() + 1);
        for (start, end) in holes.0.drain(..) {
            let (first, last) = (ahead(start, next), ahead(end, next));
            let (cut_from, cut_to) = (from.clamp(first, last), to.clamp(first, last));
            filled += cut_to - cut_from;
            let pieces = [(first, cut_from), (cut_to, last)];
            let pieces = match cut_from < cut_to {
                true => &pieces[..],
                false => &[(first, last)],
            };
            let rest = pieces.iter().filter(|(a, b)| a < b);
            left.extend(rest.map(|(a, b)| (at(next, *a), at(next, *b))));
        }
        self.given_up_bytes += bound(&mut left);
        self.holes = (!left.is_empty()).then(|| Box::new(Holes(left)));
        filled
    }

    /// What is so far behind that it could be taken for what lies ahead.
    fn forget(&mut self) {
        if ahead(self.next, self.start) > WINDOW_BYTES_MAX {
            self.start = at(self.next, -WINDOW_BYTES_MAX);
        }
        let Some(holes) = &mut self.holes else {
            return;
        };
        let next = self.next;
        let is_old = |hole: &(u32, u32)| ahead(next, hole.0) > WINDOW_BYTES_MAX;
        let old = holes.0.extract_if(.., |hole| is_old(hole));
        self.given_up_bytes += old.map(length).sum::<u64>();
    }
}

/// Answers how many bytes were in the holes that were too many.
fn bound(holes: &mut Vec<(u32, u32)>) -> u64 {
    let n_over = holes.len().saturating_sub(HOLES_MAX);
    holes.drain(..n_over).map(length).sum()
}

fn length((from, to): (u32, u32)) -> u64 {
    to.wrapping_sub(from).into()
}

/// How far `seq` is ahead of `from`; negative when it lies behind.
fn ahead(seq: u32, from: u32) -> i64 {
    seq.wrapping_sub(from).cast_signed().into()
}

/// The number `offset` ahead of `from`.
fn at(from: u32, offset: i64) -> u32 {
    let low = u32::try_from(offset & i64::from(u32::MAX)).unwrap_or(0);
    from.wrapping_add(low)
}

#[cfg(test)]
mod tests;
