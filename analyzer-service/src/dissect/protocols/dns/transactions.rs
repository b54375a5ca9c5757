//! Questions that wait for their answers.

use super::{
    Message, Question,
    answered::Answered,
    codes,
    message::same_name,
    queue::{Match, Queue},
};
use crate::{
    dissect::{Context, Origin, Output},
    record::{Body, DnsAnswer, DnsTransaction, Endpoint, Time},
};

/// Queries and their answers.
#[derive(Debug)]
pub(in super::super) struct Transactions {
    transport: &'static str,
    queries_max: usize,
    waiting: Queue,
    answered: Answered,
}

/// A question of a query.
#[derive(Clone, Debug)]
pub(in super::super) struct Waiting {
    pub(in super::super) origin: Origin,
    pub(super) asker: Endpoint,
    pub(super) id: u16,
    pub(in super::super) question: Question,
    opcode: u8,
    recursion_desired: bool,
    truncated: bool,
}

impl Transactions {
    pub(in super::super) fn new(
        transport: &'static str,
        matched_by: Match,
        queries_max: usize,
    ) -> Self {
        Self {
            transport,
            queries_max,
            waiting: Queue::new(matched_by),
            answered: Answered::default(),
        }
    }

    /// Takes a query, or answers one by [`Match::Asker`].
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
            let mut message = message;
            let question = std::mem::take(&mut message.questions).into_iter().next();
            if let Some(question) = question {
                self.wait(Waiting::new(context, &message, question), out);
            }
        }
    }

    pub(in super::super) fn wait(&mut self, waiting: Waiting, out: &mut Output) {
        self.waiting.push(waiting, &mut out.waiting);
        while (self.waiting.len() > self.queries_max
            || !out
                .waiting
                .is_fair(self.waiting.len(), self.waiting.bytes()))
            && let Some(oldest) = self.waiting.pop_oldest_if(|_| true, &mut out.waiting)
        {
            out.dropped_transactions += 1;
            oldest.emit_unanswered(self.transport, out);
        }
    }

    /// Those asked before `time` will get no answer.
    pub(in super::super) fn expire(&mut self, time: Time, out: &mut Output) {
        let is_late = |waiting: &Waiting| waiting.origin.time < time;
        while let Some(oldest) = self.waiting.pop_oldest_if(is_late, &mut out.waiting) {
            oldest.emit_unanswered(self.transport, out);
        }
    }

    /// Takes out the first `most` that ask for one of these names and types.
    /// For [`Match::Name`].
    pub(in super::super) fn take<'n>(
        &mut self,
        most: usize,
        names: impl Iterator<Item = (&'n str, u16)>,
        out: &mut Output,
    ) -> Vec<Waiting> {
        let mut asked: Vec<_> = names
            .flat_map(|(name, kind)| self.waiting.of_name(name, kind).take(most))
            .collect();
        asked.sort_unstable();
        asked.dedup();
        let first = asked.into_iter().take(most);
        first
            .filter_map(|arrival| self.waiting.remove(arrival, &mut out.waiting))
            .map(|arrived| arrived.waiting)
            .collect()
    }

    /// All that wait go out unanswered.
    pub(in super::super) fn end(&mut self, out: &mut Output) {
        while let Some(waiting) = self.waiting.pop_oldest_if(|_| true, &mut out.waiting) {
            waiting.emit_unanswered(self.transport, out);
        }
        self.answered.end(out);
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
        let found = self.waiting.of_asker(message.id, asker, question.as_ref());
        let query = match found {
            Some(arrival) => self.waiting.remove(arrival, &mut out.waiting),
            None => self.answered.of(message.id, asker, question.as_ref()),
        };
        let answers = answers.into_iter().map(|(_, answer)| answer).collect();
        let Some(query) = query else {
            let record = unasked(message, question, answers, self.transport);
            return out.emit(context, Body::Dns(Box::new(record)));
        };
        query
            .waiting
            .emit_answered(context, message, answers, self.transport, out);
        self.answered.remember(query, out);
    }
}

impl Waiting {
    /// One for each question of a query.
    pub(in super::super) fn all(
        context: &Context<'_>,
        message: &Message,
    ) -> impl Iterator<Item = Self> {
        let questions = message.questions.iter();
        questions.map(move |question| Self::new(context, message, question.clone()))
    }

    fn new(context: &Context<'_>, message: &Message, question: Question) -> Self {
        Self {
            origin: Origin::of(context),
            asker: context.sender(),
            id: message.id,
            question,
            opcode: message.flags.opcode(),
            recursion_desired: message.flags.recursion_desired(),
            truncated: message.flags.truncated(),
        }
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

    /// With this id, of this asker, and with this question if one is given.
    pub(super) fn is_of(&self, id: u16, asker: Endpoint, question: Option<&Question>) -> bool {
        self.id == id
            && self.asker == asker
            && question.is_none_or(|question| self.question.matches(question))
    }

    /// Whether it asks for exactly this.
    pub(super) fn asks(&self, name: &str, record_type: u16) -> bool {
        self.question.record_type == record_type && same_name(&self.question.name, name)
    }

    /// What it holds.
    pub(super) fn cost(&self) -> usize {
        size_of::<Self>() + self.question.name.len()
    }

    fn emit_unanswered(&self, transport: &'static str, out: &mut Output) {
        let record = self.record(transport);
        out.emit_at(&self.origin, Body::Dns(Box::new(record)));
    }

    fn record(&self, transport: &'static str) -> DnsTransaction {
        DnsTransaction {
            id: self.id,
            query_name: self.question.name.clone(),
            query_type: codes::record_type(self.question.record_type),
            query_class: codes::class(self.question.class),
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
            codes::record_type(question.record_type),
            codes::class(question.class),
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
