//! QUIC versions 1 and 2 (RFC 9000, RFC 9369): the ClientHello in a connection's first
//! packets, whose keys everybody can derive (RFC 9001, 5.2).
//!
//! A flow is read until its ClientHello has come, from as many packets as it takes, and
//! not any further. Who of the two is the client is what the keys say, not the ports. A
//! packet that the snap length cut cannot be opened.

mod frames;
mod hello;
mod keys;
mod packet;

use frames::frames;
use hello::{Hello, Message};
use keys::Keys;
use packet::{Long, PacketKind};

use super::tls::{Carrier, ClientHello, of_client};
use crate::{
    dissect::{
        Begins, Context, Direction, Dissector, Malformed, Output, Reads, Registration, Scope,
        Taken, Transport, Verdict,
    },
    record::{Body, Kind, QuicHandshake},
};

pub(super) const REGISTRATION: Registration = Registration {
    name: "quic",
    kind: Kind::Quic,
    transport: Transport::Udp,
    ports: &[],
    begins: Begins::First(packet::begins),
    scope: Scope::Flow,
    reads: Reads::With(|| Box::new(Quic::default())),
};

/// Times that keys are derived for one flow: for the client's first connection id, after
/// a Retry, after another version was agreed on, and for packets of the server until the
/// client is known.
const DERIVATIONS_MAX: u8 = 8;

/// Datagrams of one flow that are looked at. A client sends its hello in one to four, and
/// again when they are lost.
const DATAGRAMS_MAX: u8 = 32;

/// Packets of one datagram (RFC 9000, 12.2). Endpoints send at most one of each kind.
const PACKETS_PER_DATAGRAM_MAX: usize = 8;

#[derive(Debug, Default)]
struct Quic {
    /// Once one of its packets was opened.
    client: Option<Direction>,
    keys: Option<Keys>,
    derivations: u8,
    datagrams: u8,
    hello: Hello,
    over: bool,
    /// Of the room that transactions wait in.
    held_bytes: usize,
}

const MALFORMED_FRAME: Malformed = Malformed {
    code: "malformed-quic",
    message: "frame of an Initial packet cut or invalid",
};

const MALFORMED_HELLO: Malformed = Malformed {
    code: "malformed-quic",
    message: "ClientHello invalid, or longer than any",
};

impl Dissector for Quic {
    fn data(&mut self, context: &Context<'_>, data: &[u8], out: &mut Output) -> Taken {
        self.datagrams += 1;
        let mut rest = data;
        for _ in 0..PACKETS_PER_DATAGRAM_MAX {
            let Some((packet, behind)) = packet::next(rest) else {
                break;
            };
            rest = behind;
            if packet.kind == PacketKind::Initial && !self.over {
                self.initial(context, &packet, out);
            }
        }
        if self.datagrams >= DATAGRAMS_MAX {
            self.over = true;
        }
        self.hold(out);
        Taken {
            bytes: data.len(),
            need: 0,
            verdict: match self.over {
                true => Verdict::Done,
                false => Verdict::Mine,
            },
        }
    }

    fn gap(&mut self, _context: &Context<'_>, _missing: u64, _out: &mut Output) -> Verdict {
        Verdict::Mine
    }

    fn closed(&mut self, _context: &Context<'_>, _out: &mut Output) -> Verdict {
        Verdict::Mine
    }

    fn end(&mut self, out: &mut Output) {
        out.waiting.give_back(std::mem::take(&mut self.held_bytes));
    }
}

impl Quic {
    fn initial(&mut self, context: &Context<'_>, packet: &Long<'_>, out: &mut Output) {
        if self
            .client
            .is_some_and(|client| client != context.direction)
        {
            return;
        }
        let Some(payload) = self.open(packet) else {
            return;
        };
        self.client = Some(context.direction);
        let hello = &mut self.hello;
        if frames(&payload, |offset, data| hello.add(offset, data)).is_none() {
            out.malformed.push(MALFORMED_FRAME);
        }
        let parsed = match self.hello.message() {
            Message::ToCome => return,
            Message::Whole(body) => ClientHello::parse(body),
            Message::Never => None,
        };
        self.over = true;
        let Some(hello) = parsed else {
            out.malformed.push(MALFORMED_HELLO);
            return;
        };
        let record = QuicHandshake {
            version: packet.version.name(),
            ja4: of_client(&hello, Carrier::Quic, &mut out.fingerprints)
                .ja4
                .clone(),
            server_name: hello.server_name,
            client_alpn: hello.protocols,
        };
        out.emit(context, Body::Quic(Box::new(record)));
    }

    /// The payload of a packet that the client sent: by the keys at hand, or by those of
    /// its own connection id, which a client's packets have until the server has named
    /// another, and again after a Retry.
    fn open(&mut self, packet: &Long<'_>) -> Option<Vec<u8>> {
        if let Some(keys) = &self.keys
            && let Some(payload) = keys.open(packet)
        {
            return Some(payload);
        }
        let is_known = self.keys.as_ref().is_some_and(|keys| keys.are_of(packet));
        if is_known || self.derivations == DERIVATIONS_MAX {
            return None;
        }
        self.derivations += 1;
        let keys = Keys::derive(packet)?;
        let payload = keys.open(packet)?;
        self.keys = Some(keys);
        Some(payload)
    }

    /// What is known waits for the rest; without room for that it is given up.
    fn hold(&mut self, out: &mut Output) {
        out.waiting.give_back(self.held_bytes);
        self.held_bytes = size_of::<Self>() + self.hello.held_bytes();
        out.waiting.take(self.held_bytes);
        if !self.over && !out.waiting.is_fair(1, self.held_bytes) {
            out.dropped_transactions += 1;
            self.over = true;
        }
    }
}

#[cfg(test)]
mod tests;
