//! One DNS message (RFC 1035, 4).

use std::borrow::Cow;

use smallvec::SmallVec;

use super::{codes, rdata, wire::Wire};
use crate::{
    dissect::{Malformed, Output},
    record::DnsAnswer,
};

/// Questions read from one message. Unicast messages have one; mDNS
/// asks some at once.
const QUESTIONS_MAX: usize = 64;

/// What lies in the message itself. By RFC 9619 a unicast message has no more.
const QUESTIONS_USUAL: usize = 1;

/// Most messages have no more: room for them is made at once.
const ANSWERS_USUAL: usize = 8;

/// Text kept of one message's answers: compressed names grow hundredfold.
const ANSWERS_TEXT_BYTES_MAX: usize = 256 << 10;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(in super::super) struct Message {
    pub(in super::super) id: u16,
    pub(in super::super) flags: Flags,
    pub(in super::super) questions: SmallVec<[Question; QUESTIONS_USUAL]>,
    /// Of the answer section, with their types' numbers.
    pub(in super::super) answers: Vec<(u16, DnsAnswer)>,
    /// With the upper bits of an OPT record.
    response_code: u16,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) struct Flags(u16);

#[derive(Clone, Debug, PartialEq, Eq)]
pub(in super::super) struct Question {
    pub(in super::super) name: String,
    pub(in super::super) record_type: u16,
    pub(in super::super) class: u16,
}

impl Flags {
    pub(in super::super) fn is_response(self) -> bool {
        self.0 & 0x8000 != 0
    }

    pub(in super::super) fn opcode(self) -> u8 {
        u8::try_from(self.0 >> 11 & 0xf).unwrap_or(0)
    }

    pub(in super::super) fn authoritative(self) -> bool {
        self.0 & 0x400 != 0
    }

    pub(in super::super) fn truncated(self) -> bool {
        self.0 & 0x200 != 0
    }

    pub(in super::super) fn recursion_desired(self) -> bool {
        self.0 & 0x100 != 0
    }

    pub(in super::super) fn recursion_available(self) -> bool {
        self.0 & 0x80 != 0
    }
}

impl Question {
    /// Resolvers vary the case of names on purpose.
    pub(in super::super) fn matches(&self, other: &Self) -> bool {
        self.record_type == other.record_type
            && self.class == other.class
            && same_name(&self.name, &other.name)
    }
}

/// Names compare without case (RFC 4343).
pub(in super::super) fn same_name(left: &str, right: &str) -> bool {
    #[cfg(test)]
    super::tests::NAMES_COMPARED.with(|n| n.set(n.get() + 1));
    left.eq_ignore_ascii_case(right)
}

impl Message {
    /// Reads as far as the message makes sense; where it does not, says so.
    /// None when not even the questions can be read.
    pub(in super::super) fn parse(bytes: &[u8], out: &mut Output) -> Option<Self> {
        let mut wire = Wire::new(bytes);
        let Some((message, [answers, authorities, additionals])) = Self::head(&mut wire) else {
            malformed(out, "cut or invalid in the header or a question");
            return None;
        };
        let mut message = message;
        if message.answers(&mut wire, answers, out).is_none() {
            malformed(out, "cut or invalid in an answer");
        } else if message
            .options(&mut wire, authorities, additionals)
            .is_none()
        {
            malformed(out, "cut or invalid behind the answers");
        }
        Some(message)
    }

    pub(in super::super) fn response_code(&self) -> Cow<'static, str> {
        codes::response_code(self.response_code)
    }

    /// Header and questions, and the counts of the other sections.
    fn head(wire: &mut Wire<'_>) -> Option<(Self, [u16; 3])> {
        let id = wire.u16()?;
        let flags = Flags(wire.u16()?);
        let questions = wire.u16()?;
        let counts = [wire.u16()?, wire.u16()?, wire.u16()?];
        let mut message = Self {
            id,
            flags,
            questions: SmallVec::new(),
            answers: Vec::new(),
            response_code: flags.0 & 0xf,
        };
        for _ in 0..questions {
            let question = Question {
                name: wire.name()?,
                record_type: wire.u16()?,
                class: wire.u16()?,
            };
            if message.questions.len() < QUESTIONS_MAX {
                message.questions.push(question);
            }
        }
        Some((message, counts))
    }

    fn answers(&mut self, wire: &mut Wire<'_>, count: u16, out: &mut Output) -> Option<()> {
        let mut text_bytes = 0;
        self.answers
            .reserve_exact(usize::from(count).min(ANSWERS_USUAL));
        for _ in 0..count {
            let name = wire.name()?;
            let record_type = wire.u16()?;
            let _class = wire.u16()?;
            let ttl = wire.u32()?;
            let length = wire.u16()?;
            let mut data = wire.part(usize::from(length))?;
            if text_bytes > ANSWERS_TEXT_BYTES_MAX {
                continue;
            }
            let raw = data.clone().rest();
            let (data, valid) = rdata::text(record_type, &mut data, raw);
            if !valid {
                malformed(out, "data of an answer does not fit its type");
            }
            text_bytes += name.len() + data.len();
            let answer = DnsAnswer {
                name,
                record_type: codes::record_type(record_type),
                ttl,
                data,
            };
            self.answers.push((record_type, answer));
        }
        if text_bytes > ANSWERS_TEXT_BYTES_MAX {
            out.malformed.push(Malformed {
                code: "oversized-dns",
                message: "answers beyond 256 KiB of text were left out",
            });
        }
        Some(())
    }

    /// Walks over the other sections for the OPT record (RFC 6891, 6.1.3).
    fn options(&mut self, wire: &mut Wire<'_>, authorities: u16, additionals: u16) -> Option<()> {
        for _ in 0..u32::from(authorities) + u32::from(additionals) {
            wire.skip_name()?;
            let record_type = wire.u16()?;
            let _payload_bytes = wire.u16()?;
            let extension = wire.u32()? >> 24;
            let length = wire.u16()?;
            wire.take(usize::from(length))?;
            if record_type == 41 {
                let upper = u16::try_from(extension).unwrap_or(0);
                self.response_code |= upper << 4;
            }
        }
        Some(())
    }
}

fn malformed(out: &mut Output, message: &'static str) {
    out.malformed.push(Malformed {
        code: "malformed-dns",
        message,
    });
}
