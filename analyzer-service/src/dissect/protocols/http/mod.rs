//! HTTP/1 (RFC 9112): requests paired with responses in their order.

mod body;
mod exchange;
mod framing;
mod head;
mod login;
mod pairs;
mod side;

use body::Body;
use exchange::Moment;
use head::Look;
pub(super) use head::{Request, Response};
pub(super) use login::basic;
use pairs::Pairs;
use side::{Phase, Side};

use crate::{
    dissect::{
        Begins, Context, Direction, Dissector, Output, Reads, Registration, Scope, Taken,
        Transport, Verdict,
    },
    record::Kind,
};

pub(super) const REGISTRATION: Registration = Registration {
    name: "http",
    kind: Kind::Http,
    transport: Transport::Tcp,
    ports: &[
        80, 81, 591, 631, 1080, 2869, 3000, 3128, 3689, 5000, 5357, 5985, 8000, 8008, 8080, 8081,
        8088, 8118, 8123, 8180, 8888, 9080, 11371,
    ],
    begins: Begins::Later(head::begins),
    scope: Scope::Flow,
    reads: Reads::With(|| Box::new(Http::default())),
};

#[derive(Debug, Default)]
struct Http {
    /// Who asks: not the flow's client when the flow was joined in the middle
    /// and its ends were guessed.
    requester: Option<Direction>,
    requests: Side,
    responses: Side,
    pairs: Pairs,
    /// The request's body is a form whose front was not seen yet.
    has_form: bool,
    over: bool,
}

impl Dissector for Http {
    fn data(&mut self, context: &Context<'_>, data: &[u8], out: &mut Output) -> Taken {
        self.pairs.in_flow(context.flow);
        let requester = match self.requester {
            Some(requester) => requester,
            None => match head::look(data) {
                Look::Request => *self.requester.insert(context.direction),
                Look::Response => *self.requester.insert(context.direction.reverse()),
                Look::TooShort => return taken(head::line_ends(data), Verdict::Undecided),
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
        let exchange = match asks {
            true => self.pairs.asking(),
            false => self.pairs.answering(),
        };
        if let Some(exchange) = exchange.filter(|_| in_body) {
            exchange.gap(asks, bytes);
        }
        // Whole responses may be lost behind the one that a gap began in.
        if !in_body || !asks && skipped.is_none() {
            self.pairs.head_lost(asks, out);
        }
        if !asks && skipped != Some(false) {
            self.pairs.complete(&Moment::of(context), out);
        }
        self.verdict()
    }

    fn closed(&mut self, context: &Context<'_>, out: &mut Output) -> Verdict {
        let Some(requester) = self.requester else {
            return Verdict::NotMine;
        };
        if context.direction != requester {
            if let Phase::Body(Body::UntilClose) = self.responses.phase
                && let Some(current) = self.pairs.answering()
            {
                current.response_ended();
            }
            self.pairs.complete(&Moment::of(context), out);
            self.responses.phase = Phase::Lost;
            self.responses.closed = true;
        } else {
            self.requests.closed = true;
        }
        // Nothing comes any more, and nothing waits: it need not be kept until the flow ends.
        let sides = [&self.requests, &self.responses];
        self.over |= sides.iter().all(|side| side.begun && side.closed)
            && self.pairs.any()
            && !self.pairs.any_open();
        self.verdict()
    }

    fn end(&mut self, out: &mut Output) {
        self.pairs.end(&self.responses.last, out);
    }
}

impl Http {
    fn verdict(&self) -> Verdict {
        match self.over {
            true => Verdict::Done,
            false if self.pairs.any() => Verdict::Mine,
            false => Verdict::Undecided,
        }
    }

    /// Reads the requester's direction. Answers how many bytes are done with.
    fn requests(&mut self, context: &Context<'_>, data: &[u8], out: &mut Output) -> usize {
        self.requests.last = Moment::of(context);
        self.requests.begun = true;
        let mut at = 0;
        while let Some(rest) = data.get(at..).filter(|rest| !rest.is_empty()) {
            match &mut self.requests.phase {
                Phase::Lost if head::begins(rest) => self.requests.phase = Phase::Head,
                Phase::Lost => return data.len(),
                Phase::Body(body) => {
                    let step = body.read(rest);
                    at += step.taken;
                    if std::mem::take(&mut self.has_form)
                        && let Some(user) = login::form(&rest[..step.taken])
                    {
                        out.expose(context, REGISTRATION.name, user);
                    }
                    if let Some(asked) = self.pairs.asking() {
                        asked.request_body(step.body_bytes, step.done);
                    }
                    match step.end() {
                        body::End::More => return at,
                        body::End::Done => self.requests.phase = Phase::Head,
                        body::End::Broken => self.requests.lose("chunked request body", out),
                    }
                }
                Phase::Head if head::line_ends(rest) > 0 => at += head::line_ends(rest),
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
        self.responses.begun = true;
        let mut at = 0;
        while let Some(rest) = data.get(at..).filter(|rest| !rest.is_empty()) {
            match &mut self.responses.phase {
                Phase::Lost if head::begins(rest) => self.responses.phase = Phase::Head,
                Phase::Lost => return data.len(),
                Phase::Body(body) => {
                    let step = body.read(rest);
                    at += step.taken;
                    if let Some(current) = self.pairs.answering() {
                        current.response_body(step.body_bytes, step.done);
                    }
                    match step.end() {
                        body::End::More => return at,
                        body::End::Done => self.responses.phase = Phase::Head,
                        body::End::Broken => self.responses.lose("chunked response body", out),
                    }
                    self.pairs.complete(&Moment::of(context), out);
                }
                Phase::Head if head::line_ends(rest) > 0 => at += head::line_ends(rest),
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
                        // What follows is another protocol's.
                        return at;
                    }
                }
            }
        }
        at
    }

    fn request(&mut self, context: &Context<'_>, mut request: Request, out: &mut Output) {
        self.has_form = request.is_form;
        if let Some(user) = request.login.take() {
            out.expose(context, REGISTRATION.name, user);
        }
        match self.pairs.ask(context, request, out) {
            Ok(body) => self.requests.phase = body.map_or(Phase::Head, Phase::Body),
            Err(_) => self.requests.lose("invalid length of a request", out),
        }
    }

    fn response(&mut self, context: &Context<'_>, response: Response, out: &mut Output) {
        let (behind, over) = self.pairs.answer(context, response, out);
        self.over = over;
        match behind {
            Ok(Some(body)) if !over => self.responses.phase = Phase::Body(body),
            Err(_) if !over => self.responses.lose("invalid length of a response", out),
            _ => {}
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
