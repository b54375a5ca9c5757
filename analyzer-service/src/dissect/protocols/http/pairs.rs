//! Requests and responses of one connection, paired in their order.

use std::collections::VecDeque;

use super::{
    body::Body,
    exchange::{Exchange, Moment},
    framing::InvalidLength,
    head::{Request, Response},
};
use crate::{
    dissect::{Context, Output},
    record::FlowRef,
};

/// Requests of one connection that wait for their response: deeper pipelines
/// than any client's.
pub(super) const REQUESTS_MAX: usize = 64;

/// What comes behind a head.
pub(super) type Behind = Result<Option<Body>, InvalidLength>;

/// Exchanges are boxed: most connections have none or one at a time.
#[derive(Debug, Default)]
pub(super) struct Pairs {
    /// Of the first packet; needed when the flow ends.
    flow: Option<FlowRef>,
    /// Requests whose response has not begun, oldest first.
    waiting: VecDeque<Box<Exchange>>,
    /// The one whose response is being read.
    current: Option<Box<Exchange>>,
    /// Position of the latest transaction.
    depth: u32,
    /// Position of the one whose request came last.
    asked: u32,
    /// Responses to come of requests that were given up.
    orphans: usize,
    /// By all of the transactions here.
    held_bytes: usize,
}

impl Pairs {
    pub(super) fn in_flow(&mut self, flow: &FlowRef) {
        self.flow.get_or_insert(*flow);
    }

    /// Whether there was any transaction.
    pub(super) fn any(&self) -> bool {
        self.depth > 0
    }

    /// Whether any has still to go out.
    pub(super) fn any_open(&self) -> bool {
        self.current.is_some() || !self.waiting.is_empty()
    }

    /// Takes a request. Answers what comes behind its head.
    pub(super) fn ask(
        &mut self,
        context: &Context<'_>,
        request: Request,
        out: &mut Output,
    ) -> Behind {
        self.depth = self.depth.saturating_add(1);
        self.asked = self.depth;
        let behind = request.body();
        let whole = matches!(behind, Ok(None));
        let exchange = Exchange::asked(context, request, whole, self.depth);
        self.hold(&exchange, out);
        self.waiting.push_back(Box::new(exchange));
        while (self.waiting.len() > REQUESTS_MAX || !self.is_fair(out))
            && let Some(oldest) = self.waiting.pop_front()
        {
            let at = oldest.asked;
            self.send(oldest, &at, out);
            out.dropped_transactions += 1;
            self.orphans += 1;
        }
        behind
    }

    /// Takes a response. Answers what comes behind its head, and whether the connection
    /// speaks something else from here on.
    pub(super) fn answer(
        &mut self,
        context: &Context<'_>,
        response: Response,
        out: &mut Output,
    ) -> (Behind, bool) {
        if (100..200).contains(&response.status) && response.status != 101 {
            return (Ok(None), false);
        }
        let asked = match self.orphans {
            0 => self.waiting.pop_front(),
            _ => {
                self.orphans -= 1;
                None
            }
        };
        let mut exchange = match asked {
            Some(asked) => {
                self.give_back(&asked, out);
                asked
            }
            None => {
                self.depth = self.depth.saturating_add(1);
                Box::new(Exchange::unasked(context, self.depth))
            }
        };
        let behind = response.body(exchange.method());
        let over = exchange.switches(response.status);
        exchange.answered(context, response, over || matches!(behind, Ok(None)));
        self.hold(&exchange, out);
        self.current = Some(exchange);
        let body_follows = matches!(behind, Ok(Some(_))) && !over;
        if body_follows && self.is_fair(out) {
            return (behind, over);
        }
        out.dropped_transactions += u64::from(body_follows);
        self.complete(&Moment::of(context), out);
        (behind, over)
    }

    /// The one whose request is being read, unless it has gone out.
    pub(super) fn asking(&mut self) -> Option<&mut Exchange> {
        let asked = self.asked;
        let latest = self.waiting.back_mut().or(self.current.as_mut());
        latest
            .map(Box::as_mut)
            .filter(|exchange| exchange.depth() == asked)
    }

    /// The one whose response is being read, unless it has gone out.
    pub(super) fn answering(&mut self) -> Option<&mut Exchange> {
        self.current.as_deref_mut()
    }

    /// Which response belongs to which request is a guess from here on. Clients ask again when
    /// they were answered (pipelines are rare): of the requests that wait, all but the last one
    /// were answered in what is lost.
    pub(super) fn head_lost(&mut self, asks: bool, out: &mut Output) {
        let open = self.waiting.iter_mut().chain(&mut self.current);
        open.for_each(|exchange| exchange.gap(asks, 0));
        while !asks
            && self.waiting.len() > 1
            && let Some(oldest) = self.waiting.pop_front()
        {
            let at = oldest.asked;
            self.send(oldest, &at, out);
        }
    }

    /// The current transaction goes out, whole or not.
    pub(super) fn complete(&mut self, at: &Moment, out: &mut Output) {
        if let Some(exchange) = self.current.take() {
            self.send(exchange, at, out);
        }
    }

    /// All go out, the current one at this moment.
    pub(super) fn end(&mut self, at: &Moment, out: &mut Output) {
        self.complete(at, out);
        while let Some(exchange) = self.waiting.pop_front() {
            let at = exchange.asked;
            self.send(exchange, &at, out);
        }
    }

    fn send(&mut self, exchange: Box<Exchange>, at: &Moment, out: &mut Output) {
        self.give_back(&exchange, out);
        if let Some(flow) = self.flow {
            exchange.emit(at, flow, out);
        }
    }

    fn is_fair(&self, out: &Output) -> bool {
        let n = self.waiting.len() + usize::from(self.current.is_some());
        out.waiting.is_fair(n, self.held_bytes)
    }

    fn hold(&mut self, exchange: &Exchange, out: &mut Output) {
        self.held_bytes += exchange.cost();
        out.waiting.take(exchange.cost());
    }

    fn give_back(&mut self, exchange: &Exchange, out: &mut Output) {
        self.held_bytes -= exchange.cost();
        out.waiting.give_back(exchange.cost());
    }
}
