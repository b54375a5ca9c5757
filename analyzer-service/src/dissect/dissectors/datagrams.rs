//! UDP flows.

use std::mem;

use super::{super::tcp::side, AppSlot, Context, Dissectors, Output, State, Verdict};

impl Dissectors {
    /// One datagram of a UDP flow. Answers the name of the protocol it carries,
    /// for the protocol hierarchy.
    pub fn datagram(
        &mut self,
        slot: &mut AppSlot,
        context: &Context<'_>,
        payload: &[u8],
        out: &mut Output,
    ) -> Option<&'static str> {
        if payload.is_empty() {
            return None;
        }
        if matches!(slot.state, State::New | State::Watching(_)) {
            self.claim_datagrams(slot, context, payload);
        }
        let (row, dissector) = match &mut slot.state {
            State::Datagrams(row, dissector) => (*row, dissector),
            State::Shared(row) => (*row, self.shared.get_mut(row.index())?.as_mut()?),
            _ => return self.name_of(slot.latest()?),
        };
        match dissector.data(context, payload, out).verdict {
            Verdict::Undecided => return None,
            Verdict::Mine => {}
            Verdict::Done => {
                dissector.end(out);
                slot.state = State::Settled;
            }
            Verdict::NotMine => {
                // The capture's own instance goes on with other flows.
                if let State::Datagrams(_, dissector) = &mut slot.state {
                    dissector.end(out);
                }
                slot.refused.insert(row);
                slot.state = State::Watching([false; 2]);
                // Whose it is instead. Each row refuses it once, so this ends.
                return self.datagram(slot, context, payload, out);
            }
        }
        slot.recognise(row);
        self.name_of(row)
    }

    /// Looks at the datagram of an unclaimed flow, once for each direction.
    fn claim_datagrams(&mut self, slot: &mut AppSlot, context: &Context<'_>, payload: &[u8]) {
        let side = side(context.direction);
        let mut looked = match slot.state {
            State::Watching(looked) => looked,
            _ => [false; 2],
        };
        if mem::replace(&mut looked[side], true) {
            return;
        }
        let claims = slot.claims();
        let Some(row) = self.rows.of_datagrams(context.flow, payload, claims) else {
            slot.state = match looked {
                [true, true] => State::Settled,
                _ => State::Watching(looked),
            };
            return;
        };
        slot.state = if self.shared[row.index()].is_some() {
            State::Shared(row)
        } else if let Some(dissector) = row.dissector(&self.rows) {
            State::Datagrams(row, dissector)
        } else {
            slot.recognise(row);
            State::Settled
        };
    }
}
