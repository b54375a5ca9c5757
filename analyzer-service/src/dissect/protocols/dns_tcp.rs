//! DNS over TCP (RFC 1035, 4.2.2; RFC 7766): each message behind its length.

use super::dns::{self, FLOW_QUERIES_MAX, Match, Message, Transactions};
use crate::{
    dissect::{
        Begins, Context, Direction, Dissector, Output, Reads, Registration, Scope, Taken,
        Transport, Verdict,
    },
    record::Kind,
};

pub(super) const REGISTRATION: Registration = Registration {
    name: "dns",
    kind: Kind::Dns,
    transport: Transport::Tcp,
    ports: &[53],
    begins: Begins::First(begins),
    scope: Scope::Flow,
    reads: Reads::With(|| {
        Box::new(DnsTcp {
            transactions: Transactions::new("tcp", Match::Asker, FLOW_QUERIES_MAX),
            recognised: false,
            lost: [false; 2],
        })
    }),
};

/// RFC 1035, 4.1.1.
const HEADER_BYTES: usize = 12;

/// One message, behind its length.
fn begins(data: &[u8]) -> bool {
    data.split_first_chunk().is_some_and(|(length, message)| {
        usize::from(u16::from_be_bytes(*length)) == message.len() && dns::begins(message)
    })
}

#[derive(Debug)]
struct DnsTcp {
    transactions: Transactions,
    recognised: bool,
    /// Behind a gap nothing tells where a message begins.
    lost: [bool; 2],
}

impl DnsTcp {
    fn verdict(&self) -> Verdict {
        match (self.recognised, self.lost) {
            (_, [true, true]) => Verdict::Done,
            (true, _) => Verdict::Mine,
            (false, _) => Verdict::Undecided,
        }
    }
}

impl Dissector for DnsTcp {
    fn data(&mut self, context: &Context<'_>, data: &[u8], out: &mut Output) -> Taken {
        let mut bytes = 0;
        let mut need = 0;
        if self.lost[side(context)] {
            bytes = data.len();
        }
        while let Some((length, rest)) = data.get(bytes..).and_then(<[u8]>::split_first_chunk) {
            let length = usize::from(u16::from_be_bytes(*length));
            if length < HEADER_BYTES && !self.recognised {
                return Taken {
                    bytes: 0,
                    need: 0,
                    verdict: Verdict::NotMine,
                };
            }
            let Some(message) = rest.get(..length) else {
                need = 2 + length;
                break;
            };
            self.recognised = true;
            if let Some(message) = Message::parse(message, out) {
                self.transactions.message(context, message, out);
            }
            bytes += 2 + length;
        }
        Taken {
            bytes,
            need,
            verdict: self.verdict(),
        }
    }

    fn gap(&mut self, context: &Context<'_>, _missing: u64, _out: &mut Output) -> Verdict {
        self.lost[side(context)] = true;
        self.verdict()
    }

    fn closed(&mut self, _context: &Context<'_>, _out: &mut Output) -> Verdict {
        self.verdict()
    }

    fn end(&mut self, out: &mut Output) {
        self.transactions.end(out);
    }
}

fn side(context: &Context<'_>) -> usize {
    usize::from(context.direction == Direction::ToClient)
}
