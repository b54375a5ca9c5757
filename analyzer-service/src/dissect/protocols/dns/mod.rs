//! DNS over UDP (RFC 1035), and what DNS over TCP, mDNS and LLMNR share with it.
//!
//! The parser is our own. hickory-proto and simple-dns refuse a whole message for
//! one bad name or record, and a capture is full of those: here all that comes
//! before the damage is kept and the damage is a finding. They also build owned
//! names and typed data where this wants text once.

pub(super) mod codes;
mod message;
mod name;
mod rdata;
mod svcb;
mod transactions;
mod wire;

pub(super) use message::{Message, Question};
pub(super) use transactions::{Transactions, Waiting, unasked};

use crate::{
    dissect::{Context, Dissector, Output, Registration, Scope, Taken, Transport, Verdict},
    record::Kind,
};

pub(super) const REGISTRATION: Registration = Registration {
    name: "dns",
    kind: Kind::Dns,
    transport: Transport::Udp,
    ports: &[53],
    begins: None,
    scope: Scope::Flow,
    new: || Box::new(Dns(Transactions::new("udp", FLOW_QUERIES_MAX))),
};

/// Queries of one flow that wait for an answer; a resolver that keeps its port
/// has a few in flight.
pub(super) const FLOW_QUERIES_MAX: usize = 256;

#[derive(Debug)]
struct Dns(Transactions);

impl Dissector for Dns {
    fn data(&mut self, context: &Context<'_>, data: &[u8], out: &mut Output) -> Taken {
        let message = Message::parse(data, out);
        if let Some(message) = message {
            self.0.message(context, message, out);
        }
        Taken {
            bytes: data.len(),
            need: 0,
            verdict: Verdict::Mine,
        }
    }

    fn gap(&mut self, _context: &Context<'_>, _missing: u64, _out: &mut Output) -> Verdict {
        Verdict::Mine
    }

    fn closed(&mut self, _context: &Context<'_>, _out: &mut Output) -> Verdict {
        Verdict::Mine
    }

    fn end(&mut self, out: &mut Output) {
        self.0.end(out);
    }
}

#[cfg(test)]
mod tests;
