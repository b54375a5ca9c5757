//! Link-Local Multicast Name Resolution (RFC 4795): asked by multicast, answered
//! by unicast and so in another flow. One instance sees the whole capture.

use std::time::Duration;

use super::dns::{Message, Transactions};
use crate::{
    dissect::{Context, Dissector, Output, Registration, Scope, Taken, Transport, Verdict},
    record::{Kind, Time},
};

pub(super) const REGISTRATION: Registration = Registration {
    name: "llmnr",
    kind: Kind::Dns,
    transport: Transport::Udp,
    ports: &[5355],
    begins: None,
    scope: Scope::Capture,
    new: || Box::new(Llmnr(Transactions::new("llmnr", QUERIES_MAX))),
};

/// Questions of the whole capture that wait for an answer.
const QUERIES_MAX: usize = 1_024;

/// RFC 4795, 7: askers give up after three times a second at most.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(5);

#[derive(Debug)]
struct Llmnr(Transactions);

impl Dissector for Llmnr {
    fn data(&mut self, context: &Context<'_>, data: &[u8], out: &mut Output) -> Taken {
        let oldest = i128::try_from(ANSWER_TIME_MAX.as_nanos()).unwrap_or(0);
        self.0.expire(Time(context.time.0 - oldest), out);
        if let Some(message) = Message::parse(data, out) {
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
