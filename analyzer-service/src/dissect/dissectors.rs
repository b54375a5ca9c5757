//! Which dissector reads which flow: what the flow table calls.

use super::{
    Context, Dissector, Output, Reads, Registration, Scope, Verdict,
    budget::Budget,
    protocols::TABLE,
    rows::{Row, Rows},
    slot::{AppSlot, Look, State},
    tcp::{TcpFlow, side},
};
use crate::record::{KindSet, Services};

mod datagrams;
mod openings;

/// One TCP segment, as its header tells it.
#[derive(Clone, Copy, Debug)]
pub struct Segment<'a> {
    pub seq: u32,
    pub flags: TcpFlags,
    /// What of the payload is in the capture.
    pub payload: &'a [u8],
    /// Payload bytes that the snap length cut off.
    pub missing: u32,
}

/// The flags that matter to a stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TcpFlags {
    pub syn: bool,
    pub fin: bool,
    pub rst: bool,
}

/// The dissectors of one analysis.
#[derive(Debug)]
pub struct Dissectors {
    rows: Rows,
    /// The capture-scoped ones, at their row's place.
    shared: Vec<Option<Box<dyn Dissector>>>,
    budget: Budget,
}

impl Dissectors {
    /// Those that emit one of `kinds`.
    #[must_use]
    pub fn new(kinds: KindSet) -> Self {
        Self::of(TABLE, kinds)
    }

    /// One row of the table, for whoever tries them one by one.
    #[must_use]
    pub fn alone(row: &'static Registration) -> Self {
        Self::of(std::slice::from_ref(row), KindSet::all())
    }

    fn of(table: &'static [Registration], kinds: KindSet) -> Self {
        let rows = Rows::new(table, kinds);
        let shared =
            rows.iter()
                .map(|row| match (row.scope, row.reads) {
                    (Scope::Capture, Reads::With(new)) => Some(new()),
                    (Scope::Capture, Reads::NameAlone(_) | Reads::Logins(..))
                    | (Scope::Flow, _) => None,
                })
                .collect();
        Self {
            rows,
            shared,
            budget: Budget::default(),
        }
    }

    /// One segment of a TCP flow, also without payload. Answers the name of the
    /// protocol it carries; none for a segment without payload.
    pub fn segment(
        &mut self,
        slot: &mut AppSlot,
        context: &Context<'_>,
        segment: &Segment<'_>,
        out: &mut Output,
    ) -> Option<&'static str> {
        match &mut slot.state {
            State::New if self.rows.any_tcp() => {
                slot.state = State::Looking(Look::default());
                self.look(slot, context, segment, out);
            }
            State::New => slot.state = State::Settled,
            State::Looking(_) => self.look(slot, context, segment, out),
            State::Stream(_) => self.read(slot, context, segment, out),
            State::Settled | State::Watching(_) | State::Datagrams(..) | State::Shared(_) => {}
        }
        if segment.payload.is_empty() {
            return None;
        }
        self.name_of(slot.latest()?)
    }

    /// The flow is over, or is no longer followed. Must be called before its slot
    /// is dropped: what waits goes out, and the bytes held are given back.
    /// `context` names the flow's latest packet.
    pub fn end(&mut self, slot: &mut AppSlot, context: &Context<'_>, out: &mut Output) {
        match &mut slot.state {
            State::Datagrams(_, dissector) => dissector.end(out),
            State::Stream(flow) => {
                flow.flush(context, &self.rows, &mut self.budget, out);
                flow.give_up(&mut self.budget, out);
            }
            _ => {}
        }
        slot.state = State::Settled;
    }

    /// The services of a flow, in the order recognised.
    #[must_use]
    pub fn services(&self, slot: &AppSlot) -> Services {
        let rows = slot.services.iter().flatten();
        rows.filter_map(|row| self.rows.get(*row))
            .map(|row| row.name)
            .collect()
    }

    /// The capture is over: what capture-scoped dissectors hold goes out.
    pub fn finish(&mut self, out: &mut Output) {
        for dissector in self.shared.iter_mut().flatten() {
            dissector.end(out);
        }
    }

    #[cfg(test)]
    pub(super) fn held_bytes(&self) -> usize {
        self.budget.held()
    }

    fn name_of(&self, row: Row) -> Option<&'static str> {
        self.rows.get(row).map(|row| row.name)
    }

    /// Looks at the segment of an unclaimed flow.
    fn look(
        &mut self,
        slot: &mut AppSlot,
        context: &Context<'_>,
        segment: &Segment<'_>,
        out: &mut Output,
    ) {
        let claims = slot.claims();
        let State::Looking(look) = &mut slot.state else {
            return;
        };
        let side = side(context.direction);
        let seq = segment.seq.wrapping_add(u32::from(segment.flags.syn));
        if segment.flags.syn && !look.begun[side] {
            look.next[side] = Some(seq);
        }
        if segment.payload.is_empty() || segment.flags.rst {
            return;
        }
        let in_order = look.next[side].is_none_or(|next| next == seq);
        // First bytes out of order: those still to come decide.
        let decide = in_order || look.begun[side];
        let row = decide
            .then(|| {
                let first = !look.begun[side];
                self.rows
                    .of_stream(context.flow, segment.payload, first, claims)
            })
            .flatten();
        if decide && row.is_none() {
            look.miss(side, seq, segment);
            self.opening(slot, context, segment, out);
            return slot.looked_in_vain();
        }
        if look.begun[side] {
            look.next[side] = Some(seq);
        }
        let dissector = row.and_then(|row| Some((row, row.dissector(&self.rows)?)));
        if let (Some(row), None) = (row, &dissector) {
            look.miss(side, seq, segment);
            slot.recognise(row);
            slot.done.insert(row);
            self.opening(slot, context, segment, out);
            return slot.looked_in_vain();
        }
        let flow = TcpFlow::new(dissector, claims, look.next);
        slot.state = State::Stream(Box::new(flow));
        self.read(slot, context, segment, out);
    }

    /// Hands the segment of a claimed flow to its dissector.
    fn read(
        &mut self,
        slot: &mut AppSlot,
        context: &Context<'_>,
        segment: &Segment<'_>,
        out: &mut Output,
    ) {
        let State::Stream(flow) = &mut slot.state else {
            return;
        };
        let verdict = flow.segment(context, segment, &self.rows, &mut self.budget, out);
        self.follow(slot, context, verdict, out);
    }

    /// Does what the dissector of a claimed flow wants after some bytes.
    fn follow(
        &mut self,
        slot: &mut AppSlot,
        context: &Context<'_>,
        verdict: Verdict,
        out: &mut Output,
    ) {
        let State::Stream(flow) = &mut slot.state else {
            return;
        };
        let row = flow.row();
        let mut rest = Vec::new();
        let mut next = [None; 2];
        let over = matches!(verdict, Verdict::Done | Verdict::NotMine);
        if verdict == Verdict::Done && flow.is_over() {
            flow.give_up(&mut self.budget, out);
            slot.state = State::Settled;
        } else if over {
            if verdict == Verdict::Done {
                rest = flow.rest(context.direction, &mut self.budget);
            }
            next = flow.give_up(&mut self.budget, out);
            let begun = [true; 2];
            slot.state = State::Looking(Look { next, begun });
            slot.looked_in_vain();
        }
        let Some(row) = row else { return };
        match verdict {
            Verdict::Undecided => {}
            Verdict::Mine => slot.recognise(row),
            Verdict::Done => {
                slot.recognise(row);
                slot.done.insert(row);
            }
            Verdict::NotMine => slot.refused.insert(row),
        }
        if !rest.is_empty() {
            self.hand_on(slot, context, &rest, next, out);
        }
    }

    /// Bytes behind those of a protocol that is done: an upgrade's first ones.
    fn hand_on(
        &mut self,
        slot: &mut AppSlot,
        context: &Context<'_>,
        rest: &[u8],
        next: [Option<u32>; 2],
        out: &mut Output,
    ) {
        let claims = slot.claims();
        let row = self.rows.of_stream(context.flow, rest, false, claims);
        let dissector = row.and_then(|row| Some((row, row.dissector(&self.rows)?)));
        if dissector.is_none() {
            return;
        }
        let mut flow = TcpFlow::new(dissector, claims, next);
        let verdict = flow.begin_with(context, rest, &self.rows, &mut self.budget, out);
        slot.state = State::Stream(Box::new(flow));
        // Each turn has one protocol less that may have it, and fewer bytes.
        self.follow(slot, context, verdict, out);
    }
}

#[cfg(test)]
mod tests;
