//! Flows whose protocol is known by name alone.

use super::{AppSlot, Context, Dissectors, Output, Reads};

impl Dissectors {
    /// One of the first segments of a flow that no dissector reads.
    pub(super) fn opening(
        &self,
        slot: &mut AppSlot,
        context: &Context<'_>,
        payload: &[u8],
        out: &mut Output,
    ) {
        let Some(row) = slot.latest().and_then(|row| self.rows.get(row)) else {
            return;
        };
        let Reads::Logins(_, logins) = row.reads else {
            return;
        };
        let login = slot.login.get_or_insert_default();
        if let Some(user) = logins(login, context.direction, payload) {
            out.expose(context, row.name, user);
        }
    }
}
