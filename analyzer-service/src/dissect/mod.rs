//! Application protocols. Sync, pure and total: no input makes one fail.
//!
//! A protocol is one file in `protocols/` with a `pub(crate) const REGISTRATION:
//! Registration`. build.rs collects them into [`table`]: adding a protocol
//! touches no other file.

use std::fmt::Debug;

use crate::record::{Body, Endpoint, FlowRef, Kind, Record, Time};

/// One row of the table of dissectors.
#[derive(Debug)]
pub struct Registration {
    /// Lower case, as in `Flow.services` and, being tshark's filter name, in
    /// the protocol hierarchy.
    pub name: &'static str,
    /// What it emits; skipped when nobody asked for that kind.
    pub kind: Kind,
    pub transport: Transport,
    /// A flow with one of these at either end is given to it.
    pub ports: &'static [u16],
    pub scope: Scope,
    pub new: fn() -> Box<dyn Dissector>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    Tcp,
    Udp,
}

/// How many flows one instance serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// An instance for each flow.
    Flow,
    /// One for the whole capture: questions and answers are in different flows
    /// (mDNS, LLMNR).
    Capture,
}

/// Who sent the bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    ToServer,
    ToClient,
}

/// The packet that brought the bytes.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    pub time: Time,
    /// From 1.
    pub packet_number: u64,
    pub flow: &'a FlowRef,
    pub direction: Direction,
}

impl Context<'_> {
    /// The end that sent this packet.
    #[must_use]
    pub fn sender(&self) -> Endpoint {
        match self.direction {
            Direction::ToServer => self.flow.client,
            Direction::ToClient => self.flow.server,
        }
    }
}

/// Whether a dissector wants more of its flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Not decided yet: hold the service name back.
    Undecided,
    /// It is this protocol.
    Mine,
    /// It is this protocol, and no more is needed.
    Done,
    /// It is not this protocol.
    NotMine,
}

/// Reads one application protocol.
pub trait Dissector: Debug + Send {
    /// The next bytes of this direction in order (TCP), or one datagram's
    /// payload (UDP). Empty for a TCP direction that ended.
    fn data(&mut self, context: &Context<'_>, data: &[u8], out: &mut Output) -> Verdict;

    /// `missing` bytes of this direction will never come: lost, or dropped by a bound.
    fn gap(&mut self, context: &Context<'_>, missing: u64, out: &mut Output) -> Verdict;

    /// The flow is over: what waits goes out now, as incomplete or unanswered.
    fn end(&mut self, context: &Context<'_>, out: &mut Output);
}

/// Where records go. Bounded by the caller, which drains it after every packet.
#[derive(Debug, Default)]
pub struct Output {
    pub records: Vec<Record>,
    /// Transactions given up because too many waited.
    pub dropped_transactions: u64,
}

impl Output {
    /// A record completed by this context's packet.
    pub fn emit(&mut self, context: &Context<'_>, body: Body) {
        self.records.push(Record {
            time: context.time,
            packet_number: context.packet_number,
            flow: Some(*context.flow),
            body,
        });
    }
}
