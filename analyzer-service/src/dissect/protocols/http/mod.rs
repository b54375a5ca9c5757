//! HTTP/1 (RFC 9112): requests paired with responses in their order.

mod body;
mod exchange;
mod head;
mod side;

use std::collections::VecDeque;

use body::Body;
use exchange::{Exchange, Moment};
use head::Look;
pub(super) use head::{Request, Response};
use side::{Phase, Side};

use crate::{
    dissect::{
        Context, Direction, Dissector, Output, Registration, Scope, Taken, Transport, Verdict,
    },
    record::{FlowRef, Kind},
};

pub(super) const REGISTRATION: Registration = Registration {
    name: "http",
    kind: Kind::Http,
    transport: Transport::Tcp,
    ports: &[
        80, 81, 591, 631, 1080, 2869, 3000, 3128, 3689, 5000, 5357, 5985, 8000, 8008, 8080, 8081,
        8088, 8118, 8123, 8180, 8888, 9080, 11371,
    ],
    begins: Some(head::begins),
    scope: Scope::Flow,
    new: || Box::new(Http::default()),
};

/// Requests of one connection that wait for their response: deeper pipelines
/// than any client's.
const REQUESTS_MAX: usize = 64;

#[derive(Debug, Default)]
struct Http {
    /// Of the first packet; needed when the flow ends.
    flow: Option<FlowRef>,
    /// Who asks: not the flow's client when the flow was joined in the middle
    /// and its ends were guessed.
    requester: Option<Direction>,
    requests: Side,
    responses: Side,
    /// Requests whose response has not begun, oldest first.
    waiting: VecDeque<Exchange>,
    /// The one whose response is being read.
    current: Option<Exchange>,
    depth: u32,
    /// Responses to come of requests that were given up.
    orphans: usize,
    over: bool,
}

impl Dissector for Http {
    fn data(&mut self, context: &Context<'_>, data: &[u8], out: &mut Output) -> Taken {
        self.flow.get_or_insert(*context.flow);
        let requester = match self.requester {
            Some(requester) => requester,
            None => match head::look(data) {
                Look::Request => *self.requester.insert(context.direction),
                Look::Response => *self.requester.insert(context.direction.reverse()),
                Look::TooShort => return taken(0, Verdict::Undecided),
                Look::Neither => return taken(0, Verdict::NotMine),
            },
        };
        let bytes = match context.direction == requester {
            true => self.requests(context, data, out),
            false => self.responses(context, data, out),
        };
        taken(bytes, self.verdict())
    }

    fn gap(&mut self, context: &Context<'_>, missing: u64, out: &mut Output) -> Verdict {
        let Some(requester) = self.requester else {
            return Verdict::NotMine;
        };
        let asks = context.direction == requester;
        let side = match asks {
            true => &mut self.requests,
            false => &mut self.responses,
        };
        side.last = Moment::of(context);
        side.searched = 0;
        let skipped = match &mut side.phase {
            Phase::Body(body) => body.skip(missing),
            Phase::Head | Phase::Lost => None,
        };
        let in_body = matches!(side.phase, Phase::Body(_));
        match skipped {
            Some(true) => side.phase = Phase::Head,
            Some(false) => {}
            None => side.phase = Phase::Lost,
        }
        let bytes = skipped.map_or(0, |_| missing);
        match in_body {
            true if asks => self.waiting.back_mut().or(self.current.as_mut()),
            true => self.current.as_mut(),
            false => None,
        }
        .into_iter()
        .for_each(|exchange| exchange.gap(asks, bytes));
        if !in_body {
            // A head was lost: which response belongs to which request is a guess.
            let open = self.waiting.iter_mut().chain(&mut self.current);
            open.for_each(|exchange| exchange.gap(asks, 0));
        }
        if !asks && skipped != Some(false) {
            self.complete(&Moment::of(context), out);
        }
        self.verdict()
    }

    fn closed(&mut self, context: &Context<'_>, out: &mut Output) -> Verdict {
        let Some(requester) = self.requester else {
            return Verdict::NotMine;
        };
        if context.direction != requester {
            if let Phase::Body(Body::UntilClose) = self.responses.phase
                && let Some(current) = &mut self.current
            {
                current.response_ended();
            }
            let last = self.responses.last;
            self.complete(&last, out);
            self.responses.phase = Phase::Lost;
        }
        self.verdict()
    }

    fn end(&mut self, out: &mut Output) {
        let last = self.responses.last;
        self.complete(&last, out);
        let Some(flow) = self.flow else { return };
        for exchange in self.waiting.drain(..) {
            let at = exchange.asked;
            exchange.emit(&at, flow, out);
        }
    }
}

impl Http {
    fn verdict(&self) -> Verdict {
        match self.over {
            true => Verdict::Done,
            false if self.depth > 0 => Verdict::Mine,
            false => Verdict::Undecided,
        }
    }

    /// Reads the requester's direction. Answers how many bytes are done with.
    fn requests(&mut self, context: &Context<'_>, data: &[u8], out: &mut Output) -> usize {
        self.requests.last = Moment::of(context);
        let mut at = 0;
        while let Some(rest) = data.get(at..).filter(|rest| !rest.is_empty()) {
            match &mut self.requests.phase {
                Phase::Lost if head::begins(rest) => self.requests.phase = Phase::Head,
                Phase::Lost => return data.len(),
                Phase::Body(body) => {
                    let step = body.read(rest);
                    at += step.taken;
                    if let Some(asked) = self.waiting.back_mut().or(self.current.as_mut()) {
                        asked.request_body(step.body_bytes, step.done);
                    }
                    match step.end() {
                        body::End::More => return at,
                        body::End::Done => self.requests.phase = Phase::Head,
                        body::End::Broken => self.requests.lose("chunked request body", out),
                    }
                }
                Phase::Head => {
                    let Some(length) = self.requests.head_length(rest) else {
                        return self.requests.unfinished(at, rest, out);
                    };
                    at += length;
                    match Request::parse(&rest[..length]) {
                        Some(request) => self.request(context, request, out),
                        None => {
                            self.requests.lose("request head", out);
                            return data.len();
                        }
                    }
                }
            }
        }
        at
    }

    /// Reads the other direction. Answers how many bytes are done with.
    fn responses(&mut self, context: &Context<'_>, data: &[u8], out: &mut Output) -> usize {
        self.responses.last = Moment::of(context);
        let mut at = 0;
        while let Some(rest) = data.get(at..).filter(|rest| !rest.is_empty()) {
            match &mut self.responses.phase {
                Phase::Lost if head::begins(rest) => self.responses.phase = Phase::Head,
                Phase::Lost => return data.len(),
                Phase::Body(body) => {
                    let step = body.read(rest);
                    at += step.taken;
                    if let Some(current) = &mut self.current {
                        current.response_body(step.body_bytes, step.done);
                    }
                    match step.end() {
                        body::End::More => return at,
                        body::End::Done => self.responses.phase = Phase::Head,
                        body::End::Broken => self.responses.lose("chunked response body", out),
                    }
                    self.complete(&Moment::of(context), out);
                }
                Phase::Head => {
                    let Some(length) = self.responses.head_length(rest) else {
                        return self.responses.unfinished(at, rest, out);
                    };
                    at += length;
                    match Response::parse(&rest[..length]) {
                        Some(response) => self.response(context, response, out),
                        None => {
                            self.responses.lose("response head", out);
                            return data.len();
                        }
                    }
                    if self.over {
                        return data.len();
                    }
                }
            }
        }
        at
    }

    fn request(&mut self, context: &Context<'_>, request: Request, out: &mut Output) {
        self.depth = self.depth.saturating_add(1);
        let body = request.body();
        let exchange = Exchange::asked(context, request, body.is_none(), self.depth);
        self.requests.phase = body.map_or(Phase::Head, Phase::Body);
        if self.waiting.len() == REQUESTS_MAX
            && let Some(oldest) = self.waiting.pop_front()
        {
            let at = oldest.asked;
            oldest.emit(&at, *context.flow, out);
            out.dropped_transactions += 1;
            self.orphans += 1;
        }
        self.waiting.push_back(exchange);
    }

    fn response(&mut self, context: &Context<'_>, response: Response, out: &mut Output) {
        if (100..200).contains(&response.status) && response.status != 101 {
            return;
        }
        let exchange = match self.orphans {
            0 => self.waiting.pop_front(),
            _ => {
                self.orphans -= 1;
                None
            }
        };
        let mut exchange = exchange.unwrap_or_else(|| {
            self.depth = self.depth.saturating_add(1);
            Exchange::unasked(context, self.depth)
        });
        let body = response.body(exchange.method());
        self.over = exchange.switches(response.status);
        exchange.answered(context, response, body.is_none() || self.over);
        self.current = Some(exchange);
        match body {
            Some(body) if !self.over => self.responses.phase = Phase::Body(body),
            _ => self.complete(&Moment::of(context), out),
        }
    }

    /// The current transaction goes out, whole or not.
    fn complete(&mut self, at: &Moment, out: &mut Output) {
        if let (Some(exchange), Some(flow)) = (self.current.take(), self.flow) {
            exchange.emit(at, flow, out);
        }
    }
}

fn taken(bytes: usize, verdict: Verdict) -> Taken {
    Taken {
        bytes,
        need: 0,
        verdict,
    }
}

#[cfg(test)]
mod tests;
