//! A flow that is over, in few words.

use super::Entry;
use crate::record::{Counters, FlowRef, Time};

/// What detectors look at of a flow that is over.
#[derive(Clone, Copy, Debug)]
pub struct Outline {
    pub flow: FlowRef,
    pub totals: Totals,
}

/// What was counted of a flow that was never cut.
#[derive(Clone, Copy, Debug)]
pub struct Totals {
    /// Of its earliest packet.
    pub start: Time,
    /// From 1.
    pub first_packet: u64,
    /// What the client sent.
    pub client: Counters,
    pub server: Counters,
    /// All TCP flags seen; none where no whole header was.
    pub client_flags: u16,
    pub server_flags: u16,
    pub midstream: bool,
    /// It carries a tunnel.
    pub is_carrier: bool,
}

impl Entry {
    /// None for a flow that was cut: what is left of it tells too little.
    #[must_use]
    pub fn totals(&self) -> Option<Totals> {
        let part = &self.part;
        (part.number == 1).then_some(Totals {
            start: part.start,
            first_packet: part.first_packet,
            client: part.to_server,
            server: part.to_client,
            client_flags: part.client_flags,
            server_flags: part.server_flags,
            midstream: self.midstream,
            is_carrier: self.is_carrier,
        })
    }
}
