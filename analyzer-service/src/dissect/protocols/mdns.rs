//! Multicast DNS (RFC 6762). Answers go to everybody, name no question, and are in
//! another flow than it: one instance sees the whole capture.

use std::time::Duration;

use super::dns::{Message, Question, Transactions, Waiting, codes, unasked};
use crate::{
    dissect::{Context, Dissector, Output, Registration, Scope, Taken, Transport, Verdict},
    record::{Body, DnsAnswer, Kind, Time},
};

pub(super) const REGISTRATION: Registration = Registration {
    name: "mdns",
    kind: Kind::Dns,
    transport: Transport::Udp,
    ports: &[5353],
    begins: None,
    scope: Scope::Capture,
    new: || Box::new(Mdns(Transactions::new(TRANSPORT, QUERIES_MAX))),
};

const TRANSPORT: &str = "mdns";

/// Questions of the whole capture that wait for an answer.
const QUERIES_MAX: usize = 1_024;

/// An answer that comes later is an announcement: responders wait at most half
/// a second (RFC 6762, 6), and most questions get no answer at all.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(5);

/// Questions that one message answers: the same may wait from many hosts.
const ANSWERED_MAX: usize = 16;

#[derive(Debug)]
struct Mdns(Transactions);

impl Dissector for Mdns {
    fn data(&mut self, context: &Context<'_>, data: &[u8], out: &mut Output) -> Taken {
        let oldest = i128::try_from(ANSWER_TIME_MAX.as_nanos()).unwrap_or(0);
        self.0.expire(Time(context.time.0 - oldest), out);
        if let Some(mut message) = Message::parse(data, out) {
            for question in &mut message.questions {
                question.class &= !codes::MDNS_TOP_BIT;
            }
            if message.flags.is_response() {
                self.response(context, message, out);
            } else {
                for waiting in Waiting::all(context, &message) {
                    self.0.wait(waiting, out);
                }
            }
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

impl Mdns {
    /// Completes every question that an answer is for; the other answers are an
    /// announcement.
    fn response(&mut self, context: &Context<'_>, mut message: Message, out: &mut Output) {
        let answers = std::mem::take(&mut message.answers);
        let mut announced = vec![true; answers.len()];
        let wanted = |waiting: &Waiting| answers.iter().any(|answer| is_for(answer, waiting));
        let asked = self.0.take(ANSWERED_MAX, wanted, out);
        for waiting in asked {
            let mut matching = Vec::new();
            for (answer, announced) in answers.iter().zip(&mut announced) {
                if is_for(answer, &waiting) {
                    *announced = false;
                    matching.push(answer.1.clone());
                }
            }
            waiting.emit_answered(context, &message, matching, TRANSPORT, out);
        }
        let mut rest = answers.into_iter().zip(announced);
        let rest: Vec<_> = rest.by_ref().filter(|(_, left)| *left).collect();
        let Some(((record_type, first), _)) = rest.first() else {
            return;
        };
        let question = Question {
            name: first.name.clone(),
            record_type: *record_type,
            class: 1,
        };
        let rest = rest.into_iter().map(|((_, answer), _)| answer).collect();
        let record = unasked(&message, Some(question), rest, TRANSPORT);
        out.emit(context, Body::Dns(Box::new(record)));
    }
}

fn is_for((record_type, answer): &(u16, DnsAnswer), waiting: &Waiting) -> bool {
    let asked = &waiting.question;
    (asked.record_type == *record_type || asked.record_type == codes::ANY)
        && asked.name.eq_ignore_ascii_case(&answer.name)
}
