//! SSH (RFC 4253): identification lines and the first key exchange, which both sides
//! send in clear, with the fingerprints HASSH and HASSHServer (Salesforce).

mod kexinit;

use kexinit::KexInit;

use crate::{
    dissect::{
        Begins, Context, Direction, Dissector, Malformed, Origin, Output, Reads, Registration,
        Scope, Taken, Transport, Verdict, text::wire_text,
    },
    record::{Body, Kind, SshHandshake},
};

pub(super) const REGISTRATION: Registration = Registration {
    name: "ssh",
    kind: Kind::Ssh,
    transport: Transport::Tcp,
    ports: &[22],
    begins: Begins::First(|data| data.starts_with(PREFIX)),
    scope: Scope::Flow,
    reads: Reads::With(|| Box::new(Ssh::default())),
};

const PREFIX: &[u8] = b"SSH-";

/// Longest line read. RFC 4253, 4.2 allows an identification of 255 bytes.
const LINE_BYTES_MAX: usize = 1_024;

/// Lines that a server may say before it identifies itself (RFC 4253, 4.2).
const LINES_MAX: u8 = 32;

/// RFC 4253, 6.1: longest packet that an implementation must read.
const PACKET_BYTES_MAX: usize = 35_000;

/// Packets before the key exchange (RFC 4253, 11: ignored and debug messages).
const PACKETS_MAX: u8 = 8;

const LENGTH_BYTES: usize = 4;

#[derive(Debug, Default)]
struct Ssh {
    client: Side,
    server: Side,
    /// The packet that said most lately something.
    latest: Option<Origin>,
    over: bool,
    /// Of the room that transactions wait in.
    held_bytes: usize,
}

#[derive(Debug, Default)]
struct Side {
    phase: Phase,
    banner: String,
    hassh: String,
    lines: u8,
    packets: u8,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Phase {
    #[default]
    Lines,
    Packets,
    /// Nothing more to be had of it.
    Over,
}

/// What one line or packet at the front of some bytes is.
enum Step {
    /// Done with so many bytes.
    Taken(usize),
    /// Not before so many are there.
    Need(usize),
    /// It is no SSH.
    Nonsense,
}

const MALFORMED: Malformed = Malformed {
    code: "malformed-ssh",
    message: "identification or key exchange cut or invalid",
};

impl Dissector for Ssh {
    fn data(&mut self, context: &Context<'_>, data: &[u8], out: &mut Output) -> Taken {
        let mut bytes = 0;
        let mut need = 0;
        loop {
            let rest = data.get(bytes..).unwrap_or_default();
            let is_server = context.direction == Direction::ToClient;
            let is_known = self.is_known();
            let side = self.side(context.direction);
            let step = match side.phase {
                Phase::Over => {
                    bytes = data.len();
                    break;
                }
                Phase::Lines => side.line(rest, is_server),
                Phase::Packets => side.packet(rest, is_server),
            };
            match step {
                Step::Taken(taken) => bytes += taken,
                Step::Need(more) => {
                    need = more;
                    break;
                }
                Step::Nonsense if !is_known => {
                    return Taken {
                        bytes: 0,
                        need: 0,
                        verdict: Verdict::NotMine,
                    };
                }
                Step::Nonsense => {
                    side.phase = Phase::Over;
                    out.malformed.push(MALFORMED);
                }
            }
            if self.is_known() {
                self.latest = Some(Origin::of(context));
            }
        }
        self.hold(out);
        Taken {
            bytes,
            need,
            verdict: self.verdict(out),
        }
    }

    fn gap(&mut self, context: &Context<'_>, _missing: u64, out: &mut Output) -> Verdict {
        self.side(context.direction).phase = Phase::Over;
        self.verdict(out)
    }

    fn closed(&mut self, context: &Context<'_>, out: &mut Output) -> Verdict {
        self.side(context.direction).phase = Phase::Over;
        self.verdict(out)
    }

    fn end(&mut self, out: &mut Output) {
        self.emit(out);
    }
}

impl Ssh {
    fn side(&mut self, direction: Direction) -> &mut Side {
        match direction {
            Direction::ToServer => &mut self.client,
            Direction::ToClient => &mut self.server,
        }
    }

    fn is_known(&self) -> bool {
        !self.client.banner.is_empty() || !self.server.banner.is_empty()
    }

    fn verdict(&mut self, out: &mut Output) -> Verdict {
        let all = self.client.phase == Phase::Over && self.server.phase == Phase::Over;
        if all || self.over {
            self.emit(out);
            return match self.is_known() {
                true => Verdict::Done,
                false => Verdict::NotMine,
            };
        }
        match self.is_known() {
            true => Verdict::Mine,
            false => Verdict::Undecided,
        }
    }

    /// What is known waits for the rest; without room for that it goes out as it is.
    fn hold(&mut self, out: &mut Output) {
        out.waiting.give_back(self.held_bytes);
        let texts = [&self.client, &self.server].map(|side| side.banner.len() + side.hassh.len());
        self.held_bytes = size_of::<Self>() + texts.iter().sum::<usize>();
        out.waiting.take(self.held_bytes);
        if !out.waiting.is_fair(1, self.held_bytes) {
            out.dropped_transactions += 1;
            self.over = true;
        }
    }

    /// Once; nothing when nobody has identified himself.
    fn emit(&mut self, out: &mut Output) {
        out.waiting.give_back(std::mem::take(&mut self.held_bytes));
        if let Some(origin) = self.latest.take() {
            let record = SshHandshake {
                client_banner: self.client.banner.clone(),
                server_banner: self.server.banner.clone(),
                hassh: std::mem::take(&mut self.client.hassh),
                hassh_server: std::mem::take(&mut self.server.hassh),
            };
            out.emit_at(&origin, Body::Ssh(Box::new(record)));
        }
    }
}

impl Side {
    fn line(&mut self, rest: &[u8], is_server: bool) -> Step {
        let front = &rest[..rest.len().min(LINE_BYTES_MAX)];
        let Some(end) = front.iter().position(|byte| *byte == b'\n') else {
            // Only a server may say something else first.
            let may_be = is_server || PREFIX.iter().zip(front).all(|(a, b)| a == b);
            return match may_be && front.len() < LINE_BYTES_MAX && !front.contains(&0) {
                true => Step::Need(front.len() + 1),
                false => Step::Nonsense,
            };
        };
        let line = front[..end].trim_ascii_end();
        if line.starts_with(PREFIX) {
            self.banner = wire_text(line);
            self.phase = Phase::Packets;
            return Step::Taken(end + 1);
        }
        self.lines += 1;
        match is_server && self.lines < LINES_MAX && !line.contains(&0) {
            true => Step::Taken(end + 1),
            false => Step::Nonsense,
        }
    }

    /// RFC 4253, 6: length, length of the padding, message, padding.
    fn packet(&mut self, rest: &[u8], is_server: bool) -> Step {
        let Some((length, packet)) = rest.split_first_chunk() else {
            return Step::Need(LENGTH_BYTES);
        };
        let length = usize::try_from(u32::from_be_bytes(*length)).unwrap_or(usize::MAX);
        if !(2..=PACKET_BYTES_MAX).contains(&length) {
            return Step::Nonsense;
        }
        let Some(packet) = packet.get(..length) else {
            return Step::Need(LENGTH_BYTES + length);
        };
        let message = packet.split_first().and_then(|(padding, message)| {
            let bytes = message.len().checked_sub(usize::from(*padding))?;
            message.get(..bytes)
        });
        let Some(message) = message else {
            return Step::Nonsense;
        };
        match KexInit::parse(message) {
            kexinit::Parsed::KexInit(init) => {
                self.hassh = init.hassh(is_server);
                self.phase = Phase::Over;
            }
            kexinit::Parsed::Broken => return Step::Nonsense,
            kexinit::Parsed::Other => {
                self.packets += 1;
                if self.packets == PACKETS_MAX {
                    self.phase = Phase::Over;
                }
            }
        }
        Step::Taken(LENGTH_BYTES + length)
    }
}

#[cfg(test)]
mod tests;
