//! Flows whose protocol is known by name alone.

use super::{AppSlot, Context, Dissectors, Output, Reads, Segment};
use crate::dissect::Direction;

impl Dissectors {
    /// One of the first segments of a flow that no dissector reads.
    pub(super) fn opening(
        &self,
        slot: &mut AppSlot,
        context: &Context<'_>,
        segment: &Segment<'_>,
        out: &mut Output,
    ) {
        let Some(row) = slot.latest().and_then(|row| self.rows.get(row)) else {
            return;
        };
        let Reads::Logins(_, logins) = row.reads else {
            return;
        };
        let login = slot.login.get_or_insert_default();
        let Segment { seq, payload, .. } = *segment;
        if context.direction == Direction::ToServer && !login.follow(seq, payload.len()) {
            return;
        }
        if let Some(user) = logins(login, context.direction, payload) {
            out.expose(context, row.name, user);
        }
    }
}
