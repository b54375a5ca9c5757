//! The record layer and the handshake messages in it (RFC 8446, 5.1 and 4).

use std::borrow::Cow;

const HEADER_BYTES: usize = 5;

/// RFC 5246, 6.2.3: 2^14 and room for what encryption adds.
const RECORD_BYTES_MAX: usize = (1 << 14) + 2_048;

const MESSAGE_HEADER_BYTES: usize = 4;

/// Longest message read. Hellos with post-quantum keys have some 2 KiB, chains of
/// certificates some 10.
const MESSAGE_BYTES_MAX: usize = 64 << 10;

/// Records that one hello may be spread over. Whole records would need 4; each
/// more is read again with every segment, so a hello in single bytes is refused.
const RECORDS_PER_MESSAGE_MAX: usize = 64;

const CHANGE_CIPHER_SPEC: u8 = 20;
const ALERT: u8 = 21;
const HANDSHAKE: u8 = 22;
const APPLICATION_DATA: u8 = 23;
const HEARTBEAT: u8 = 24;

const CLIENT_HELLO: u8 = 1;
const SERVER_HELLO: u8 = 2;
const CERTIFICATE: u8 = 11;

/// Cuts one direction into what the dissector wants to know.
#[derive(Debug, Default)]
pub(super) struct Records {
    /// Of the current record, still to come.
    left: usize,
    /// The current record's type.
    content: u8,
    /// Of a handshake message nobody wants, still to come.
    skip: usize,
    /// Handshake records cannot be read from here on.
    pub(super) encrypted: bool,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Unit<'a> {
    /// Not before so many bytes are there.
    Need(usize),
    /// No record begins here.
    Nonsense,
    /// Without the message's header.
    ClientHello(Cow<'a, [u8]>),
    ServerHello(Cow<'a, [u8]>),
    /// The chain of one side.
    Certificate(Cow<'a, [u8]>),
    CipherChange,
    /// A handshake record that cannot be read.
    Encrypted,
    /// So many bytes.
    Application(usize),
    Alert {
        fatal: bool,
        description: u8,
    },
    Other,
}

/// Whether a segment begins with a hello, whatever the port.
pub(super) fn begins(data: &[u8]) -> bool {
    let hello = data
        .get(HEADER_BYTES)
        .is_none_or(|kind| matches!(*kind, CLIENT_HELLO | SERVER_HELLO));
    matches!(header(data), Some((HANDSHAKE, MESSAGE_HEADER_BYTES..))) && hello
}

/// Type and length of a record.
fn header(data: &[u8]) -> Option<(u8, usize)> {
    let (&[content, major, minor, high, low], _) = data.split_first_chunk()?;
    let bytes = usize::from(u16::from_be_bytes([high, low]));
    let valid = (CHANGE_CIPHER_SPEC..=HEARTBEAT).contains(&content)
        && major == 3
        && minor <= 4
        && bytes <= RECORD_BYTES_MAX;
    valid.then_some((content, bytes))
}

impl Records {
    /// What is next in `data`, and how many of its bytes are done with.
    pub(super) fn next<'a>(&mut self, data: &'a [u8]) -> (usize, Unit<'a>) {
        let mut at = 0;
        loop {
            let rest = data.get(at..).unwrap_or_default();
            if self.left == 0 {
                match self.begin(rest) {
                    Ok(unit) => {
                        at += HEADER_BYTES;
                        if let Some(unit) = unit {
                            return (at, unit);
                        }
                        continue;
                    }
                    Err(unit) => return (at, unit),
                }
            }
            if rest.is_empty() {
                return (at, Unit::Need(0));
            }
            let readable = self.content == HANDSHAKE && !self.encrypted;
            if readable && self.skip == 0 {
                let (taken, unit) = self.message(rest);
                at += taken;
                if let Some(unit) = unit {
                    return (at, unit);
                }
            } else if self.content == ALERT && self.left == 2 && !self.encrypted {
                let Some((&[level, description], _)) = rest.split_first_chunk() else {
                    return (at, Unit::Need(2));
                };
                self.left = 0;
                let fatal = level == 2;
                return (at + 2, Unit::Alert { fatal, description });
            } else {
                let taken = self.left.min(rest.len());
                let taken = match readable {
                    true => taken.min(self.skip),
                    false => taken,
                };
                self.left -= taken;
                self.skip -= taken.min(self.skip);
                at += taken;
            }
        }
    }

    /// Passes over a gap; false when it does not end in the current record.
    pub(super) fn skip(&mut self, missing: u64) -> bool {
        let Ok(missing) = usize::try_from(missing) else {
            return false;
        };
        let readable = self.content == HANDSHAKE && !self.encrypted;
        if missing > self.left || readable && missing > self.skip {
            return false;
        }
        self.left -= missing;
        self.skip -= missing.min(self.skip);
        true
    }

    /// Begins a record, of which the header alone may tell enough.
    fn begin(&mut self, rest: &[u8]) -> Result<Option<Unit<'static>>, Unit<'static>> {
        let Some((content, bytes)) = header(rest) else {
            return Err(match rest.len() < HEADER_BYTES && may_begin(rest) {
                true => Unit::Need(HEADER_BYTES),
                false => Unit::Nonsense,
            });
        };
        self.content = content;
        self.left = bytes;
        Ok(match content {
            CHANGE_CIPHER_SPEC => Some(Unit::CipherChange),
            APPLICATION_DATA => Some(Unit::Application(bytes)),
            HANDSHAKE if self.encrypted => Some(Unit::Encrypted),
            // Of no interest, but it must end: an empty record would go on for ever.
            _ if bytes == 0 => Some(Unit::Other),
            _ => None,
        })
    }

    /// The handshake message at the front of the current record's content.
    fn message<'a>(&mut self, rest: &'a [u8]) -> (usize, Option<Unit<'a>>) {
        let header = match self.gather(rest, MESSAGE_HEADER_BYTES) {
            Ok(header) => header,
            Err(need) => return (0, Some(need)),
        };
        let &[kind, high, middle, low] = header.content.as_ref() else {
            return (0, Some(Unit::Nonsense));
        };
        let bytes = u32::from_be_bytes([0, high, middle, low]);
        let bytes = usize::try_from(bytes).unwrap_or(usize::MAX);
        if !matches!(kind, CLIENT_HELLO | SERVER_HELLO | CERTIFICATE) || bytes > MESSAGE_BYTES_MAX {
            self.left = header.left;
            self.skip = bytes;
            return (header.taken, None);
        }
        let mut whole = match self.gather(rest, MESSAGE_HEADER_BYTES + bytes) {
            Ok(whole) => whole,
            Err(need) => return (0, Some(need)),
        };
        self.left = whole.left;
        let body = match &mut whole.content {
            Cow::Borrowed(content) => Cow::Borrowed(&content[MESSAGE_HEADER_BYTES..]),
            Cow::Owned(content) => Cow::Owned(content.split_off(MESSAGE_HEADER_BYTES)),
        };
        let unit = match kind {
            CLIENT_HELLO => Unit::ClientHello(body),
            SERVER_HELLO => Unit::ServerHello(body),
            _ => Unit::Certificate(body),
        };
        (whole.taken, Some(unit))
    }

    /// The next `bytes` of handshake content, from as many records as it takes;
    /// copied only when from several.
    fn gather<'a>(&self, rest: &'a [u8], bytes: usize) -> Result<Gathered<'a>, Unit<'a>> {
        if bytes <= self.left
            && let Some(content) = rest.get(..bytes)
        {
            return Ok(Gathered {
                content: Cow::Borrowed(content),
                taken: bytes,
                left: self.left - bytes,
            });
        }
        let mut content = Vec::new();
        let mut n_records = 1;
        let (mut at, mut left) = (0, self.left);
        loop {
            let wanted = bytes - content.len();
            let part = rest.get(at..).unwrap_or_default();
            let part = &part[..part.len().min(left).min(wanted)];
            content.extend_from_slice(part);
            at += part.len();
            left -= part.len();
            if content.len() == bytes {
                return Ok(Gathered {
                    content: Cow::Owned(content),
                    taken: at,
                    left,
                });
            }
            if left > 0 {
                return Err(Unit::Need(at + bytes - content.len()));
            }
            let next = rest.get(at..).unwrap_or_default();
            n_records += 1;
            match header(next) {
                Some(_) if n_records > RECORDS_PER_MESSAGE_MAX => return Err(Unit::Nonsense),
                Some((HANDSHAKE, more)) => {
                    at += HEADER_BYTES;
                    left = more;
                }
                None if next.len() < HEADER_BYTES && may_begin(next) => {
                    return Err(Unit::Need(at + HEADER_BYTES));
                }
                // RFC 8446, 5.1: nothing may come between.
                _ => return Err(Unit::Nonsense),
            }
        }
    }
}

struct Gathered<'a> {
    content: Cow<'a, [u8]>,
    taken: usize,
    /// Of the last record it came from.
    left: usize,
}

/// Whether a header that is not whole yet may be one.
fn may_begin(data: &[u8]) -> bool {
    let content = data
        .first()
        .is_none_or(|content| (CHANGE_CIPHER_SPEC..=HEARTBEAT).contains(content));
    let major = data.get(1).is_none_or(|major| *major == 3);
    let minor = data.get(2).is_none_or(|minor| *minor <= 4);
    content && major && minor
}
