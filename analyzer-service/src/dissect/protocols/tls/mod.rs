//! TLS (RFC 5246, RFC 8446): what its first, unencrypted messages say.
//!
//! A handshake goes out when it is established, at a fatal alert, or at the
//! flow's end. Established means, as far as encryption lets one see: up to TLS 1.2
//! a Finished from both sides or application data; in TLS 1.3, where the server
//! encrypts at once, a record of the client behind the ServerHello that is too
//! long to be an alert; where one direction is not in the capture, a number of
//! encrypted records.

mod certificate;
mod fingerprint;
mod handshake;
mod hello;
mod names;
mod records;

pub(in super::super) use fingerprint::Fingerprints;
pub(super) use fingerprint::{Carrier, of_client};
pub(super) use hello::ClientHello;
use hello::ServerHello;
use records::{Records, Unit};

use crate::{
    dissect::{
        Begins, Context, Direction, Dissector, Malformed, Origin, Output, Reads, Registration,
        Scope, Taken, Transport, Verdict,
    },
    record::{Kind, TlsHandshake},
};

pub(super) const REGISTRATION: Registration = Registration {
    name: "tls",
    kind: Kind::Tls,
    transport: Transport::Tcp,
    ports: &[
        261, 443, 448, 465, 563, 614, 636, 684, 695, 832, 853, 854, 989, 990, 992, 993, 994, 995,
        1443, 2083, 2376, 2484, 3269, 3424, 4116, 4843, 5061, 5223, 5349, 5671, 5986, 6443, 6514,
        6619, 6697, 7202, 8443, 8883, 9443, 10161, 10162, 11751, 12013, 12109, 14143, 15002, 16995,
        41230,
    ],
    begins: Begins::Later(records::begins),
    scope: Scope::Flow,
    reads: Reads::With(|| Box::new(Tls::default())),
};

/// An encrypted alert of TLS 1.3: level, description, type, and the longest tag.
const ALERT_BYTES_MAX: usize = 2 + 1 + 16;

/// Encrypted records without a sight of the other hello after which it will not come:
/// more than a server's encrypted flight or a client's early data.
const ONE_SIDED_RECORDS_MAX: u32 = 16;

#[derive(Debug, Default)]
struct Tls {
    client: Side,
    server: Side,
    record: TlsHandshake,
    /// To see whether the server resumed it (RFC 5246, 7.3).
    session_id: Vec<u8>,
    /// The packet that said most lately something about the handshake.
    latest: Option<Origin>,
    /// A HelloRetryRequest came: both say hello once more.
    retry: bool,
    recognised: bool,
    over: bool,
    /// Of the room that transactions wait in.
    held_bytes: usize,
}

#[derive(Debug, Default)]
struct Side {
    records: Records,
    recognised: bool,
    hello_seen: bool,
    /// Up to TLS 1.2 all that follows is encrypted.
    cipher_changed: bool,
    finished: bool,
    encrypted_records: u32,
    lost: bool,
}

impl Dissector for Tls {
    fn data(&mut self, context: &Context<'_>, data: &[u8], out: &mut Output) -> Taken {
        let mut bytes = 0;
        let mut need = 0;
        while !self.over && !self.side(context).lost {
            let rest = data.get(bytes..).unwrap_or_default();
            let (taken, unit) = self.side(context).records.next(rest);
            bytes += taken;
            match unit {
                Unit::Need(more) => {
                    need = more;
                    break;
                }
                Unit::Nonsense if !self.recognised => {
                    return Taken {
                        bytes: 0,
                        need: 0,
                        verdict: Verdict::NotMine,
                    };
                }
                Unit::Nonsense => {
                    let side = self.side(context);
                    side.lost = true;
                    // Joined in the middle of a record, it is no fault of the sender.
                    if side.recognised {
                        out.malformed.push(MALFORMED_RECORD);
                    }
                }
                unit => {
                    self.recognised = true;
                    self.side(context).recognised = true;
                    self.unit(context, unit, out);
                }
            }
        }
        if self.over || self.side(context).lost {
            bytes = data.len();
        }
        Taken {
            bytes,
            need,
            verdict: self.verdict(),
        }
    }

    fn gap(&mut self, context: &Context<'_>, missing: u64, _out: &mut Output) -> Verdict {
        // Behind a gap that ends in another record, nothing tells where one begins.
        let side = self.side(context);
        side.lost |= !side.records.skip(missing);
        self.verdict()
    }

    fn closed(&mut self, context: &Context<'_>, _out: &mut Output) -> Verdict {
        self.side(context).lost = true;
        self.verdict()
    }

    fn end(&mut self, out: &mut Output) {
        self.emit(out);
    }
}

const MALFORMED_RECORD: Malformed = Malformed {
    code: "malformed-tls",
    message: "no TLS record where one should be",
};

const MALFORMED_HELLO: Malformed = Malformed {
    code: "malformed-tls",
    message: "hello cut or invalid",
};

const MALFORMED_CHAIN: Malformed = Malformed {
    code: "malformed-tls",
    message: "certificate message cut or invalid",
};

const MALFORMED_CERTIFICATE: Malformed = Malformed {
    code: "malformed-certificate",
    message: "not an X.509 certificate",
};

impl Tls {
    fn side(&mut self, context: &Context<'_>) -> &mut Side {
        match context.direction {
            Direction::ToServer => &mut self.client,
            Direction::ToClient => &mut self.server,
        }
    }

    fn verdict(&self) -> Verdict {
        match self.recognised {
            _ if self.over || self.client.lost && self.server.lost => Verdict::Done,
            true => Verdict::Mine,
            false => Verdict::Undecided,
        }
    }

    fn unit(&mut self, context: &Context<'_>, unit: Unit<'_>, out: &mut Output) {
        match unit {
            Unit::ClientHello(body) => match ClientHello::parse(&body) {
                Some(hello) => {
                    self.client_hello(context, hello, out);
                    self.hold(out);
                }
                None => out.malformed.push(MALFORMED_HELLO),
            },
            Unit::ServerHello(body) => match ServerHello::parse(&body) {
                Some(hello) => {
                    self.server_hello(context, hello, out);
                    self.hold(out);
                }
                None => out.malformed.push(MALFORMED_HELLO),
            },
            Unit::Certificate(body) => {
                // What a client proves itself with is no server's.
                if context.direction == Direction::ToClient {
                    self.certificates(context, &body, out);
                }
            }
            Unit::CipherChange => {
                // In TLS 1.3 it means nothing and hellos may follow (RFC 8446, D.4).
                let hello_to_come = self.retry && !self.side(context).hello_seen;
                let side = self.side(context);
                side.cipher_changed = true;
                side.records.encrypted = !hello_to_come;
            }
            Unit::Encrypted => {
                let side = self.side(context);
                side.finished = side.cipher_changed;
                self.encrypted(context);
            }
            Unit::Application(bytes) => self.application(context, bytes),
            Unit::Alert { fatal, description } => {
                if fatal && self.record.alert.is_empty() {
                    self.record.alert = names::alert(description);
                    self.latest = Some(Origin::of(context));
                    self.emit(out);
                    self.over = true;
                }
            }
            Unit::Need(_) | Unit::Nonsense | Unit::Other => {}
        }
        if self.record.established {
            self.emit(out);
            self.over = true;
        }
    }

    /// A handshake message that cannot be read.
    fn encrypted(&mut self, context: &Context<'_>) {
        if self.client.finished && self.server.finished && self.hello_seen() {
            self.latest = Some(Origin::of(context));
            self.record.established = true;
        }
    }

    fn application(&mut self, context: &Context<'_>, bytes: usize) {
        if !self.hello_seen() {
            // Joined in the middle: there is nothing to tell.
            self.over = true;
            return;
        }
        let side = self.side(context);
        side.encrypted_records += 1;
        let many = side.encrypted_records >= ONE_SIDED_RECORDS_MAX;
        let from_client = context.direction == Direction::ToServer;
        let established = match (self.record.server_hello_seen, self.is_tls_1_3()) {
            (true, false) => true,
            (true, true) => from_client && bytes > ALERT_BYTES_MAX || many,
            (false, _) => many,
        };
        if established {
            self.latest = Some(Origin::of(context));
            self.record.established = true;
        }
    }
}

#[cfg(test)]
pub(super) mod tests;
