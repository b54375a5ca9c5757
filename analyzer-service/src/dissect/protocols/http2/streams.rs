//! The requests and responses of one connection, by stream (RFC 9113, 8.1).

use std::collections::BTreeMap;

use super::{fields::Fields, side};
use crate::{
    dissect::{Context, Direction, Origin, Output},
    record::{Body, FlowRef, HttpTransaction, Time},
};

/// Streams of one connection at a time: servers commonly allow 100 to 250.
pub(super) const STREAMS_MAX: usize = 256;

#[derive(Debug, Default)]
pub(super) struct Streams {
    open: BTreeMap<u32, Box<Exchange>>,
    /// Position of the latest transaction.
    depth: u32,
    held_bytes: usize,
}

#[derive(Debug)]
struct Exchange {
    record: HttpTransaction,
    /// Who asks.
    requester: Direction,
    asked: Option<Time>,
    /// By direction: it says no more.
    ended: [bool; 2],
    is_grpc: bool,
    cut: bool,
    latest: Origin,
    cost: usize,
}

impl Streams {
    /// Header fields of a stream: a request's, a response's or trailers.
    pub(super) fn fields(
        &mut self,
        context: &Context<'_>,
        stream: u32,
        mut fields: Fields,
        ends: bool,
        out: &mut Output,
    ) {
        if let Some(user) = fields.login.take() {
            out.expose(context, "http", user);
        }
        // RFC 9110, 15.2: what is final is still to come.
        if (100..200).contains(&fields.status) {
            return;
        }
        let is_request = !fields.method.is_empty();
        if is_request && self.open.contains_key(&stream) {
            // Its number is used once: an earlier one was not seen to its end.
            self.close(stream, true, out);
        }
        let requester = match is_request {
            true => context.direction,
            false => context.direction.reverse(),
        };
        let exchange = self.open.entry(stream).or_insert_with(|| {
            self.depth = self.depth.saturating_add(1);
            Box::new(Exchange::new(context, requester, self.depth))
        });
        self.held_bytes -= exchange.cost;
        out.waiting.give_back(exchange.cost);
        exchange.fields(context, fields);
        self.held_bytes += exchange.cost;
        out.waiting.take(exchange.cost);
        self.seen(context, stream, ends, out);
        self.bound(out);
    }

    /// Bytes of a stream's content.
    pub(super) fn content(
        &mut self,
        context: &Context<'_>,
        stream: u32,
        bytes: u64,
        ends: bool,
        out: &mut Output,
    ) {
        if let Some(exchange) = self.open.get_mut(&stream) {
            let sum = match context.direction == exchange.requester {
                true => &mut exchange.record.request_body_bytes,
                false => &mut exchange.record.response_body_bytes,
            };
            *sum = sum.saturating_add(bytes);
            self.seen(context, stream, ends, out);
        }
    }

    /// One side wants no more of it.
    pub(super) fn reset(&mut self, context: &Context<'_>, stream: u32, out: &mut Output) {
        if let Some(exchange) = self.open.get_mut(&stream) {
            exchange.latest = Origin::of(context);
            self.close(stream, true, out);
        }
    }

    /// What comes of this direction cannot be told any more.
    pub(super) fn lost(&mut self) {
        self.open
            .values_mut()
            .for_each(|exchange| exchange.cut = true);
    }

    pub(super) fn end(&mut self, out: &mut Output) {
        while let Some((stream, _)) = self.open.first_key_value() {
            self.close(*stream, true, out);
        }
    }

    fn seen(&mut self, context: &Context<'_>, stream: u32, ends: bool, out: &mut Output) {
        let Some(exchange) = self.open.get_mut(&stream) else {
            return;
        };
        exchange.latest = Origin::of(context);
        exchange.ended[side(context.direction)] |= ends;
        if exchange.ended == [true; 2] {
            self.close(stream, false, out);
        }
    }

    fn close(&mut self, stream: u32, early: bool, out: &mut Output) {
        let Some(exchange) = self.open.remove(&stream) else {
            return;
        };
        self.held_bytes -= exchange.cost;
        out.waiting.give_back(exchange.cost);
        let Exchange {
            mut record,
            latest,
            cut,
            ..
        } = *exchange;
        record.incomplete = early || cut;
        out.emit_at(&latest, Body::Http(Box::new(record)));
    }

    fn bound(&mut self, out: &mut Output) {
        while self.open.len() > STREAMS_MAX
            || !self.open.is_empty() && !out.waiting.is_fair(self.open.len(), self.held_bytes)
        {
            let Some((oldest, _)) = self.open.first_key_value() else {
                return;
            };
            self.close(*oldest, true, out);
            out.dropped_transactions += 1;
        }
    }
}

impl Exchange {
    fn new(context: &Context<'_>, requester: Direction, depth: u32) -> Self {
        let asked = requester == context.direction;
        let mut ended = [false; 2];
        // Its request was not seen and will not come.
        ended[side(requester)] = !asked;
        Self {
            record: HttpTransaction {
                depth,
                version: "HTTP/2".into(),
                ..HttpTransaction::default()
            },
            requester,
            asked: asked.then_some(context.time),
            ended,
            is_grpc: false,
            cut: false,
            latest: Origin::of(context),
            cost: 0,
        }
    }

    fn fields(&mut self, context: &Context<'_>, fields: Fields) {
        let Fields {
            method,
            path,
            authority,
            user_agent,
            referrer,
            content_type,
            server,
            status,
            grpc_status,
            login: _,
        } = fields;
        self.is_grpc |= content_type.starts_with("application/grpc");
        let record = &mut self.record;
        if context.direction == self.requester {
            // Trailers have none of these.
            if !method.is_empty() {
                record.method = method.into();
                record.target = path;
                record.host = authority;
                record.user_agent = user_agent;
                record.referrer = referrer;
            }
        } else if status != 0 {
            record.status = status;
            record.content_type = content_type;
            record.server = server;
            record.response_time = self.asked.map(|asked| context.time.since(asked));
        }
        if self.is_grpc && context.direction != self.requester {
            record.grpc_status = grpc_status.or(record.grpc_status);
        }
        let texts: [&str; 7] = [
            &record.method,
            &record.target,
            &record.host,
            &record.user_agent,
            &record.referrer,
            &record.content_type,
            &record.server,
        ];
        let texts = texts.iter().map(|text| text.len()).sum::<usize>();
        self.cost = size_of::<Self>() + size_of::<FlowRef>() + texts;
    }
}
