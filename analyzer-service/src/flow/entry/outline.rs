//! A flow that is over, in few words.

use super::Entry;
use crate::record::{Counters, FlowRef, Time};

/// What detectors look at of a flow that is over.
#[derive(Clone, Copy, Debug)]
pub struct Outline {
    pub flow: FlowRef,
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
}

/// What was counted of a flow that was never cut.
#[derive(Clone, Copy, Debug)]
pub struct Totals {
    start: Time,
    first_packet: u64,
    client: Counters,
    server: Counters,
    client_flags: u16,
    server_flags: u16,
    midstream: bool,
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
        })
    }
}

impl Totals {
    /// Of the flow that they are of.
    #[must_use]
    pub fn outline(self, flow: FlowRef) -> Outline {
        let Self {
            start,
            first_packet,
            client,
            server,
            client_flags,
            server_flags,
            midstream,
        } = self;
        Outline {
            flow,
            start,
            first_packet,
            client,
            server,
            client_flags,
            server_flags,
            midstream,
        }
    }
}
