//! DNS over UDP (RFC 1035), and what DNS over TCP, mDNS and LLMNR share with it.
//!
//! The parser is our own. hickory-proto and simple-dns refuse a whole message for
//! one bad name or record, and a capture is full of those: here all that comes
//! before the damage is kept and the damage is a finding. They also build owned
//! names and typed data where this wants text once.

mod answered;
pub(super) mod codes;
mod looks;
mod message;
mod name;
mod queue;
mod rdata;
mod svcb;
mod transactions;
mod wire;

pub(super) use looks::begins;
pub(super) use message::{Message, Question};
pub(super) use queue::Match;
pub(super) use transactions::{Transactions, Waiting, unasked};

use std::time::Duration;

use crate::{
    dissect::{
        Begins, Context, Dissector, Output, Reads, Registration, Scope, Taken, Transport, Verdict,
    },
    record::{Kind, Time},
};

pub(super) const REGISTRATION: Registration = Registration {
    name: "dns",
    kind: Kind::Dns,
    transport: Transport::Udp,
    ports: &[53],
    begins: Begins::First(begins),
    scope: Scope::Flow,
    reads: Reads::With(|| {
        Box::new(Datagrams {
            transactions: Transactions::new("udp", Match::Asker, FLOW_QUERIES_MAX),
            answer_time_max: None,
            read: Transactions::message,
        })
    }),
};

/// Queries of one flow that wait for an answer; a resolver that keeps its port
/// has a few in flight.
pub(super) const FLOW_QUERIES_MAX: usize = 256;

/// Reads datagrams of one message each: DNS, mDNS or LLMNR.
#[derive(Debug)]
pub(super) struct Datagrams {
    pub(super) transactions: Transactions,
    /// Nobody waits longer; none where the flow's end says so.
    pub(super) answer_time_max: Option<Duration>,
    pub(super) read: fn(&mut Transactions, &Context<'_>, Message, &mut Output),
}

impl Dissector for Datagrams {
    fn data(&mut self, context: &Context<'_>, data: &[u8], out: &mut Output) -> Taken {
        if let Some(longest) = self.answer_time_max {
            let longest = i128::try_from(longest.as_nanos()).unwrap_or(0);
            self.transactions
                .expire(Time(context.time.0 - longest), out);
        }
        if let Some(message) = Message::parse(data, out) {
            (self.read)(&mut self.transactions, context, message, out);
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
        self.transactions.end(out);
    }
}

#[cfg(test)]
mod tests;
