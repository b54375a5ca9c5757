//! Questions that wait for their answers.

use std::collections::VecDeque;

use super::{Message, Question, codes};
use crate::{
    dissect::{Context, Origin, Output, budget::WAITING_TEXT_BYTES_MAX},
    record::{Body, DnsAnswer, DnsTransaction, Endpoint, Time},
};

/// Answered questions that are remembered, for an answer that comes in several
/// messages (zone transfers) or twice.
const ANSWERED_MAX: usize = 4;

/// Matches by id, question and asker.
#[derive(Debug)]
pub(in super::super) struct Transactions {
    transport: &'static str,
    queries_max: usize,
    /// Oldest first.
    waiting: VecDeque<Waiting>,
    answered: VecDeque<Waiting>,
}

/// A question of a query.
#[derive(Clone, Debug)]
pub(in super::super) struct Waiting {
    pub(in super::super) origin: Origin,
    pub(in super::super) asker: Endpoint,
    id: u16,
    pub(in super::super) question: Question,
    opcode: u8,
    recursion_desired: bool,
    truncated: bool,
}

impl Transactions {
    pub(in super::super) fn new(transport: &'static str, queries_max: usize) -> Self {
        Self {
            transport,
            queries_max,
            waiting: VecDeque::new(),
            answered: VecDeque::new(),
        }
    }

    /// Takes a query, or answers one.
    pub(in super::super) fn message(
        &mut self,
        context: &Context<'_>,
        message: Message,
        out: &mut Output,
    ) {
        if message.flags.is_response() {
            self.response(context, message, out);
        } else {
            // By RFC 9619 there is no other.
            if let Some(waiting) = Waiting::all(context, &message).next() {
                self.wait(waiting, out);
            }
        }
    }

    pub(in super::super) fn wait(&mut self, waiting: Waiting, out: &mut Output) {
        out.waiting_text_bytes += waiting.question.name.len();
        self.waiting.push_back(waiting);
        while (self.waiting.len() > self.queries_max
            || out.waiting_text_bytes > WAITING_TEXT_BYTES_MAX)
            && let Some(oldest) = self.waiting.pop_front()
        {
            out.dropped_transactions += 1;
            oldest.no_longer_waits(out);
            oldest.emit_unanswered(self.transport, out);
        }
    }

    /// Those asked before `time` will get no answer.
    pub(in super::super) fn expire(&mut self, time: Time, out: &mut Output) {
        while let Some(oldest) = self.waiting.pop_front_if(|first| first.origin.time < time) {
            oldest.no_longer_waits(out);
            oldest.emit_unanswered(self.transport, out);
        }
    }

    /// Takes out the first `most` that wait and are of interest.
    pub(in super::super) fn take(
        &mut self,
        most: usize,
        wanted: impl Fn(&Waiting) -> bool,
        out: &mut Output,
    ) -> Vec<Waiting> {
        let mut taken = Vec::new();
        self.waiting.retain(|waiting| {
            let take = taken.len() < most && wanted(waiting);
            if take {
                waiting.no_longer_waits(out);
                taken.push(waiting.clone());
            }
            !take
        });
        taken
    }

    /// All that wait go out unanswered.
    pub(in super::super) fn end(&mut self, out: &mut Output) {
        for waiting in self.waiting.drain(..) {
            waiting.no_longer_waits(out);
            waiting.emit_unanswered(self.transport, out);
        }
    }

    /// The answers belong to the first question: by RFC 9619 there is no other.
    fn response(&mut self, context: &Context<'_>, mut message: Message, out: &mut Output) {
        let question = std::mem::take(&mut message.questions).into_iter().next();
        let answers = std::mem::take(&mut message.answers);
        self.answer(context, &message, question, answers, out);
    }

    fn answer(
        &mut self,
        context: &Context<'_>,
        message: &Message,
        question: Option<Question>,
        answers: Vec<(u16, DnsAnswer)>,
        out: &mut Output,
    ) {
        let asker = context.receiver();
        // Errors may come without the question.
        let matches = |waiting: &Waiting| {
            waiting.id == message.id
                && waiting.asker == asker
                && (question.as_ref()).is_none_or(|question| waiting.question.matches(question))
        };
        let query = match self.waiting.iter().position(matches) {
            Some(at) => self
                .waiting
                .remove(at)
                .inspect(|query| query.no_longer_waits(out)),
            None => self.answered.iter().rfind(|query| matches(query)).cloned(),
        };
        let answers = answers.into_iter().map(|(_, answer)| answer).collect();
        let Some(query) = query else {
            let record = unasked(message, question, answers, self.transport);
            return out.emit(context, Body::Dns(Box::new(record)));
        };
        query.emit_answered(context, message, answers, self.transport, out);
        self.answered
            .retain(|known| known.origin != query.origin || known.id != query.id);
        if self.answered.len() == ANSWERED_MAX {
            self.answered.pop_front();
        }
        self.answered.push_back(query);
    }
}

impl Waiting {
    /// One for each question of a query.
    pub(in super::super) fn all(
        context: &Context<'_>,
        message: &Message,
    ) -> impl Iterator<Item = Self> {
        let (origin, asker) = (Origin::of(context), context.sender());
        message.questions.iter().map(move |question| Self {
            origin,
            asker,
            id: message.id,
            question: question.clone(),
            opcode: message.flags.opcode(),
            recursion_desired: message.flags.recursion_desired(),
            truncated: message.flags.truncated(),
        })
    }

    /// Completed by the answer's packet, but of the question's flow.
    pub(in super::super) fn emit_answered(
        &self,
        context: &Context<'_>,
        message: &Message,
        answers: Vec<DnsAnswer>,
        transport: &'static str,
        out: &mut Output,
    ) {
        let record = DnsTransaction {
            response_code: message.response_code(),
            answers,
            response_time: Some(context.time.since(self.origin.time)),
            truncated: self.truncated || message.flags.truncated(),
            authoritative: message.flags.authoritative(),
            recursion_available: message.flags.recursion_available(),
            ..self.record(transport)
        };
        let origin = Origin {
            flow: self.origin.flow,
            ..Origin::of(context)
        };
        out.emit_at(&origin, Body::Dns(Box::new(record)));
    }

    fn no_longer_waits(&self, out: &mut Output) {
        let bytes = self.question.name.len();
        out.waiting_text_bytes = out.waiting_text_bytes.saturating_sub(bytes);
    }

    fn emit_unanswered(&self, transport: &'static str, out: &mut Output) {
        let record = self.record(transport);
        out.emit_at(&self.origin, Body::Dns(Box::new(record)));
    }

    fn record(&self, transport: &'static str) -> DnsTransaction {
        DnsTransaction {
            id: self.id,
            query_name: self.question.name.clone(),
            query_type: codes::record_type(self.question.record_type).into_owned(),
            query_class: codes::class(self.question.class).into_owned(),
            opcode: self.opcode,
            recursion_desired: self.recursion_desired,
            truncated: self.truncated,
            transport,
            query_seen: true,
            ..DnsTransaction::default()
        }
    }
}

/// An answer whose question is not in the capture.
pub(in super::super) fn unasked(
    message: &Message,
    question: Option<Question>,
    answers: Vec<DnsAnswer>,
    transport: &'static str,
) -> DnsTransaction {
    let (name, record_type, class) = match question {
        Some(question) => (
            question.name,
            codes::record_type(question.record_type).into_owned(),
            codes::class(question.class).into_owned(),
        ),
        None => Default::default(),
    };
    DnsTransaction {
        id: message.id,
        query_name: name,
        query_type: record_type,
        query_class: class,
        response_code: message.response_code(),
        answers,
        response_time: None,
        truncated: message.flags.truncated(),
        opcode: message.flags.opcode(),
        authoritative: message.flags.authoritative(),
        recursion_desired: message.flags.recursion_desired(),
        recursion_available: message.flags.recursion_available(),
        transport,
        query_seen: false,
    }
}
