//! A TCP flow that a dissector reads: both directions put in order, what a
//! dissector left over kept for it until more has come.

use super::{
    Context, Direction, Dissector, Malformed, Output, Segment, Taken, Verdict,
    budget::Budget,
    rows::{Claims, Row, Rows},
    stream::{Piece, Stream},
};

/// Left over in one direction. Holds the longest DNS message over TCP (65,537
/// bytes) and any ClientHello.
pub(super) const CARRY_BYTES_MAX: usize = 128 << 10;

/// Receivers differ in which of the two they take: a way to show an analysis something
/// else than the receiver sees.
const OVERLAP_CONFLICT: Malformed = Malformed {
    code: "tcp-overlap-conflict",
    message: "a segment repeats sequence numbers with other bytes than before",
};

#[derive(Debug)]
pub(super) struct TcpFlow {
    reader: Reader,
    streams: [Stream; 2],
}

/// The dissector and what it left over.
#[derive(Debug)]
struct Reader {
    /// None while the first bytes have not come: they choose it.
    dissector: Option<(Row, Box<dyn Dissector>)>,
    claims: Claims,
    carries: [Carry; 2],
    verdict: Verdict,
}

#[derive(Debug, Default)]
struct Carry {
    bytes: Vec<u8>,
    /// The dissector wants to see no fewer.
    need: usize,
}

impl TcpFlow {
    /// Both directions go on from `next`, or from their first segment.
    pub(super) fn new(
        dissector: Option<(Row, Box<dyn Dissector>)>,
        claims: Claims,
        next: [Option<u32>; 2],
    ) -> Self {
        Self {
            reader: Reader {
                dissector,
                claims,
                carries: Default::default(),
                verdict: Verdict::Undecided,
            },
            streams: next.map(|seq| seq.map_or_else(Stream::default, Stream::starting_at)),
        }
    }

    pub(super) fn segment(
        &mut self,
        context: &Context<'_>,
        segment: &Segment<'_>,
        rows: &Rows,
        budget: &mut Budget,
        out: &mut Output,
    ) -> Verdict {
        let Self { reader, streams } = self;
        let stream = &mut streams[side(context.direction)];
        let oddity = stream.segment(segment, budget, |piece, budget| {
            reader.piece(context, piece, rows, budget, out);
        });
        out.dropped_bytes += oddity.late_bytes;
        if oddity.is_conflicting {
            out.malformed.push(OVERLAP_CONFLICT);
        }
        reader.verdict
    }

    /// Whose flow it is; none while no bytes have come in order.
    pub(super) fn row(&self) -> Option<Row> {
        self.reader.dissector.as_ref().map(|(row, _)| *row)
    }

    /// Nothing of either direction is to come.
    pub(super) fn is_over(&self) -> bool {
        self.streams.iter().all(Stream::is_over)
    }

    /// Delivers what is held.
    pub(super) fn flush(
        &mut self,
        context: &Context<'_>,
        rows: &Rows,
        budget: &mut Budget,
        out: &mut Output,
    ) {
        let Self { reader, streams } = self;
        for direction in [Direction::ToServer, Direction::ToClient] {
            let context = Context {
                direction,
                ..*context
            };
            streams[side(direction)].flush(budget, |piece, budget| {
                reader.piece(&context, piece, rows, budget, out);
            });
        }
    }

    /// What the dissector that is done left over of this direction: it may be the next
    /// protocol's first bytes.
    pub(super) fn rest(&mut self, direction: Direction, budget: &mut Budget) -> Vec<u8> {
        let carry = &mut self.reader.carries[side(direction)];
        budget.give_back(carry.bytes.len());
        std::mem::take(&mut carry.bytes)
    }

    /// Shows the dissector what another one left over, in front of what is to come.
    pub(super) fn begin_with(
        &mut self,
        context: &Context<'_>,
        rest: &[u8],
        rows: &Rows,
        budget: &mut Budget,
        out: &mut Output,
    ) -> Verdict {
        self.reader
            .piece(context, Piece::Data(rest), rows, budget, out);
        self.reader.verdict
    }

    /// The dissector emits what waits; what is held is given back. Answers where
    /// each direction goes on.
    pub(super) fn give_up(&mut self, budget: &mut Budget, out: &mut Output) -> [Option<u32>; 2] {
        if let Some((_, mut dissector)) = self.reader.dissector.take() {
            dissector.end(out);
        }
        for carry in &mut self.reader.carries {
            budget.give_back(carry.bytes.len());
            *carry = Carry::default();
        }
        let next = [self.streams[0].next_seq(), self.streams[1].next_seq()];
        for stream in &mut self.streams {
            stream.release(budget);
        }
        next
    }
}

impl Reader {
    fn piece(
        &mut self,
        context: &Context<'_>,
        piece: Piece<'_>,
        rows: &Rows,
        budget: &mut Budget,
        out: &mut Output,
    ) {
        if matches!(self.verdict, Verdict::Done | Verdict::NotMine) {
            return;
        }
        if let (None, Piece::Data(data)) = (&self.dissector, piece) {
            let row = rows.of_stream(context.flow, data, true, self.claims);
            self.dissector = row.and_then(|row| Some((row, row.dissector(rows)?)));
        }
        let Some((_, dissector)) = &mut self.dissector else {
            self.verdict = Verdict::NotMine;
            return;
        };
        let carry = &mut self.carries[side(context.direction)];
        let verdict = match piece {
            Piece::Data(data) => {
                carry.show(data, budget, |data| dissector.data(context, data, out))
            }
            Piece::Gap(missing) => {
                let missing = missing + carry.clear(budget);
                Some(dissector.gap(context, missing, out))
            }
            Piece::Closed => {
                carry.clear(budget);
                Some(dissector.closed(context, out))
            }
        };
        self.verdict = verdict.unwrap_or(self.verdict);
        if carry.bytes.len() > CARRY_BYTES_MAX || !carry.bytes.is_empty() && budget.is_overdrawn() {
            let dropped = carry.clear(budget);
            out.dropped_bytes += dropped;
            self.verdict = dissector.gap(context, dropped, out);
        }
    }
}

impl Carry {
    /// Shows what was left over and `data` behind it, unless that is too little:
    /// no verdict then. What is not taken is kept.
    fn show(
        &mut self,
        data: &[u8],
        budget: &mut Budget,
        mut dissect: impl FnMut(&[u8]) -> Taken,
    ) -> Option<Verdict> {
        if self.bytes.len() + data.len() < self.need {
            self.keep(data, budget);
            return None;
        }
        let taken = if self.bytes.is_empty() {
            // Shown where it lies, without a copy.
            let taken = dissect(data);
            self.keep(data.get(taken.bytes..).unwrap_or_default(), budget);
            taken
        } else {
            self.keep(data, budget);
            let taken = dissect(&self.bytes);
            self.remove(taken.bytes, budget);
            taken
        };
        self.need = taken.need;
        Some(taken.verdict)
    }

    fn keep(&mut self, data: &[u8], budget: &mut Budget) {
        self.bytes.extend_from_slice(data);
        budget.take(data.len());
    }

    fn remove(&mut self, bytes: usize, budget: &mut Budget) {
        if bytes >= self.bytes.len() {
            self.clear(budget);
        } else {
            self.bytes.drain(..bytes);
            budget.give_back(bytes);
        }
    }

    /// Frees the memory too: most messages fit a segment.
    fn clear(&mut self, budget: &mut Budget) -> u64 {
        let bytes = self.bytes.len();
        budget.give_back(bytes);
        *self = Self::default();
        bytes as u64
    }
}

pub(super) fn side(direction: Direction) -> usize {
    match direction {
        Direction::ToServer => 0,
        Direction::ToClient => 1,
    }
}
