//! Which dissector reads which flow: what the flow table calls.

use super::{
    Context, Dissector, Output, Registration, Scope, Verdict,
    budget::Budget,
    protocols::TABLE,
    rows::Rows,
    slot::{AppSlot, Look, State},
    tcp::{TcpFlow, side},
};
use crate::record::KindSet;

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

    fn of(table: &'static [Registration], kinds: KindSet) -> Self {
        let rows = Rows::new(table, kinds);
        let shared = rows
            .iter()
            .map(|row| (row.scope == Scope::Capture).then(row.new))
            .collect();
        Self {
            rows,
            shared,
            budget: Budget::default(),
        }
    }

    /// One datagram of a UDP flow. Answers the name of the protocol it carries,
    /// for the protocol hierarchy.
    pub fn datagram(
        &mut self,
        slot: &mut AppSlot,
        context: &Context<'_>,
        payload: &[u8],
        out: &mut Output,
    ) -> Option<&'static str> {
        if matches!(slot.state, State::New) {
            slot.state = self.claim_datagrams(context);
        }
        let (row, dissector) = match &mut slot.state {
            State::Datagrams(row, dissector) => (*row, dissector),
            State::Shared(row) => (*row, self.shared.get_mut(row.index())?.as_mut()?),
            _ => return None,
        };
        if payload.is_empty() {
            return None;
        }
        match dissector.data(context, payload, out).verdict {
            Verdict::Undecided => return None,
            Verdict::Mine => {}
            verdict @ (Verdict::Done | Verdict::NotMine) => {
                dissector.end(out);
                slot.state = State::Settled;
                if verdict == Verdict::NotMine {
                    return None;
                }
            }
        }
        slot.recognise(row);
        self.rows.get(row).map(|row| row.name)
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
            State::Settled | State::Datagrams(..) | State::Shared(_) => {}
        }
        if segment.payload.is_empty() {
            return None;
        }
        let row = slot.services.iter().rev().flatten().next()?;
        self.rows.get(*row).map(|row| row.name)
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
    pub fn services(&self, slot: &AppSlot) -> Vec<&'static str> {
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

    fn claim_datagrams(&self, context: &Context<'_>) -> State {
        let Some(row) = self.rows.of_datagrams(context.flow) else {
            return State::Settled;
        };
        if self.shared[row.index()].is_some() {
            return State::Shared(row);
        }
        row.dissector(&self.rows)
            .map_or(State::Settled, |dissector| State::Datagrams(row, dissector))
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
            .then(|| self.rows.of_stream(context.flow, segment.payload, claims))
            .flatten();
        if decide && row.is_none() {
            look.miss(side, seq, segment);
            return slot.looked_in_vain();
        }
        if look.begun[side] {
            look.next[side] = Some(seq);
        }
        let dissector = row.and_then(|row| Some((row, row.dissector(&self.rows)?)));
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
        let row = flow.row();
        let over = matches!(verdict, Verdict::Done | Verdict::NotMine);
        if over {
            let next = flow.give_up(&mut self.budget, out);
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
    }
}

#[cfg(test)]
mod tests;
