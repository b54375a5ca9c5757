//! Multicast DNS (RFC 6762). Answers go to everybody, name no question, and are in
//! another flow than it: one instance sees the whole capture.

use std::time::Duration;

use ahash::RandomState;
use hashbrown::HashMap;

use super::dns::{Datagrams, Match, Message, Question, Transactions, Waiting, codes, unasked};
use crate::{
    dissect::{Begins, Context, Output, Reads, Registration, Scope, Transport},
    record::{Body, DnsAnswer, Kind},
};

pub(super) const REGISTRATION: Registration = Registration {
    name: "mdns",
    kind: Kind::Dns,
    transport: Transport::Udp,
    ports: &[5353],
    begins: Begins::Anyhow,
    scope: Scope::Capture,
    reads: Reads::With(|| {
        Box::new(Datagrams {
            transactions: Transactions::new(TRANSPORT, Match::Name, QUERIES_MAX),
            answer_time_max: Some(ANSWER_TIME_MAX),
            read: message,
        })
    }),
};

const TRANSPORT: &str = "mdns";

/// Questions of the whole capture that wait for an answer.
const QUERIES_MAX: usize = 1_024;

/// An answer that comes later is an announcement: responders wait at most half
/// a second (RFC 6762, 6), and most questions get no answer at all.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(5);

/// Questions that one message answers: the same may wait from many hosts.
const ANSWERED_MAX: usize = 16;

fn message(
    transactions: &mut Transactions,
    context: &Context<'_>,
    mut message: Message,
    out: &mut Output,
) {
    for question in &mut message.questions {
        question.class &= !codes::MDNS_TOP_BIT;
    }
    if message.flags.is_response() {
        return response(transactions, context, message, out);
    }
    for waiting in Waiting::all(context, &message) {
        transactions.wait(waiting, out);
    }
}

/// Completes every question that an answer is for; the other answers are an
/// announcement.
fn response(
    transactions: &mut Transactions,
    context: &Context<'_>,
    mut message: Message,
    out: &mut Output,
) {
    let answers = std::mem::take(&mut message.answers);
    let mut announced = vec![true; answers.len()];
    let by_name = ByName::of(&answers);
    for waiting in transactions.take(ANSWERED_MAX, by_name.questions(), out) {
        let mut matching = Vec::new();
        for at in by_name.answers(&waiting.question) {
            announced[at] = false;
            matching.push(answers[at].1.clone());
        }
        waiting.emit_answered(context, &message, matching, TRANSPORT, out);
    }
    let rest = answers.into_iter().zip(announced);
    let rest: Vec<_> = rest.filter(|(_, left)| *left).collect();
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

/// Places of a message's answers by their names in lower case, with their types.
struct ByName(HashMap<String, Vec<(u16, usize)>, RandomState>);

impl ByName {
    fn of(answers: &[(u16, DnsAnswer)]) -> Self {
        let mut by_name = HashMap::with_hasher(RandomState::new());
        for (at, (record_type, answer)) in answers.iter().enumerate() {
            let name = answer.name.to_ascii_lowercase();
            let places: &mut Vec<_> = by_name.entry(name).or_default();
            places.push((*record_type, at));
        }
        Self(by_name)
    }

    /// What they answer, each once.
    fn questions(&self) -> impl Iterator<Item = (&str, u16)> {
        self.0.iter().flat_map(|(name, places)| {
            let mut types: Vec<u16> = places.iter().map(|(record_type, _)| *record_type).collect();
            types.push(codes::ANY);
            types.sort_unstable();
            types.dedup();
            types
                .into_iter()
                .map(move |record_type| (&name[..], record_type))
        })
    }

    /// Places of the answers to this question.
    fn answers(&self, asked: &Question) -> impl Iterator<Item = usize> {
        let places = self.0.get(&asked.name.to_ascii_lowercase());
        let is_for =
            |record_type| asked.record_type == record_type || asked.record_type == codes::ANY;
        let places = places.into_iter().flatten();
        places
            .filter(move |(record_type, _)| is_for(*record_type))
            .map(|(_, at)| *at)
    }
}
