//! HTTP/2 in clear (RFC 9113): with prior knowledge, or upgraded from HTTP/1. Streams
//! become the same records as HTTP/1's transactions; of gRPC calls the target names the
//! method, and the trailers have its status.
//!
//! Header fields are compressed against what was sent before, so a direction in which
//! header fields are missing cannot be read on.

mod fields;
mod frames;
mod hpack;
mod streams;

use fields::Fields;
use frames::{Frame, Frames, PREFACE, Step};
use hpack::Decoder;
use streams::Streams;

use crate::{
    dissect::{
        Begins, Context, Direction, Dissector, Malformed, Output, Reads, Registration, Scope,
        Taken, Transport, Verdict,
    },
    record::Kind,
};

pub(super) const REGISTRATION: Registration = Registration {
    name: "http2",
    kind: Kind::Http,
    transport: Transport::Tcp,
    ports: &[],
    begins: Begins::Later(frames::begins),
    scope: Scope::Flow,
    reads: Reads::With(|| Box::new(Http2::default())),
};

#[derive(Debug, Default)]
struct Http2 {
    sides: [Side; 2],
    streams: Streams,
    /// Of the room that transactions wait in, beside that of the streams.
    held_bytes: usize,
}

#[derive(Debug, Default)]
struct Side {
    begun: bool,
    frames: Frames,
    decoder: Decoder,
    lost: bool,
}

const MALFORMED_FRAME: Malformed = Malformed {
    code: "malformed-http2",
    message: "frame invalid",
};

const MALFORMED_FIELDS: Malformed = Malformed {
    code: "malformed-http2",
    message: "header fields invalid",
};

impl Dissector for Http2 {
    fn data(&mut self, context: &Context<'_>, data: &[u8], out: &mut Output) -> Taken {
        let mut bytes = 0;
        let mut need = 0;
        let at = side(context.direction);
        let side = &mut self.sides[at];
        if !side.begun && !side.lost {
            // A server's direction has no preface.
            let length = data.len().min(PREFACE.len());
            if data[..length] == PREFACE[..length] {
                if length < PREFACE.len() {
                    return Taken {
                        bytes: 0,
                        need: PREFACE.len(),
                        verdict: Verdict::Mine,
                    };
                }
                bytes = length;
            }
            side.begun = true;
        }
        while !self.sides[at].lost {
            let rest = data.get(bytes..).unwrap_or_default();
            match self.sides[at].frames.next(rest) {
                Step::Need(more) => {
                    need = more;
                    break;
                }
                Step::Nonsense => {
                    out.malformed.push(MALFORMED_FRAME);
                    self.lose(at);
                }
                Step::Frame(taken, frame) => {
                    bytes += taken;
                    self.frame(context, frame, out);
                }
            }
        }
        if self.sides[at].lost {
            bytes = data.len();
        }
        self.hold(out);
        Taken {
            bytes,
            need,
            verdict: self.verdict(),
        }
    }

    fn gap(&mut self, context: &Context<'_>, missing: u64, _out: &mut Output) -> Verdict {
        let at = side(context.direction);
        // Content that is missing was counted with its frame.
        if !self.sides[at].frames.skip(missing) {
            self.lose(at);
        }
        self.verdict()
    }

    fn closed(&mut self, context: &Context<'_>, _out: &mut Output) -> Verdict {
        self.sides[side(context.direction)].lost = true;
        self.verdict()
    }

    fn end(&mut self, out: &mut Output) {
        self.streams.end(out);
        out.waiting.give_back(std::mem::take(&mut self.held_bytes));
    }
}

impl Http2 {
    fn verdict(&self) -> Verdict {
        match self.sides.iter().all(|side| side.lost) {
            true => Verdict::Done,
            false => Verdict::Mine,
        }
    }

    fn lose(&mut self, at: usize) {
        self.sides[at].lost = true;
        self.streams.lost();
    }

    fn frame(&mut self, context: &Context<'_>, frame: Frame, out: &mut Output) {
        let at = side(context.direction);
        match frame {
            Frame::Other => {}
            Frame::TableSize(bytes) => self.sides[1 - at].decoder.allow(bytes),
            Frame::Data {
                stream,
                bytes,
                ends,
            } => {
                self.streams.content(context, stream, bytes, ends, out);
            }
            Frame::Reset { stream } => self.streams.reset(context, stream, out),
            Frame::Block {
                stream,
                fields: block,
                ends,
            } => {
                let mut fields = Fields::default();
                let decoder = &mut self.sides[at].decoder;
                let decoded = decoder.decode(&block, |name, value| fields.add(name, value));
                if decoded.is_ok() {
                    self.streams.fields(context, stream, fields, ends, out);
                } else {
                    out.malformed.push(MALFORMED_FIELDS);
                    self.lose(at);
                }
            }
        }
    }

    /// The tables are needed for what follows; without room for them nothing can be read on.
    fn hold(&mut self, out: &mut Output) {
        let sides = self.sides.iter();
        let sides = sides.map(|side| side.decoder.held_bytes() + side.frames.held_bytes());
        let bytes = size_of::<Self>() + sides.sum::<usize>();
        out.waiting.give_back(self.held_bytes);
        out.waiting.take(bytes);
        self.held_bytes = bytes;
        if !out.waiting.is_fair(1, bytes) {
            out.dropped_transactions += 1;
            for side in &mut self.sides {
                *side = Side {
                    lost: true,
                    ..Side::default()
                };
            }
            self.streams.lost();
        }
    }
}

fn side(direction: Direction) -> usize {
    usize::from(direction == Direction::ToClient)
}

#[cfg(test)]
mod tests;
