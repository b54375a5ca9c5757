//! Frames (RFC 9113, 4 and 6) of one direction.

/// RFC 9113, 3.4.
pub(super) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

pub(super) const HEADER_BYTES: usize = 9;

/// Longest frame read whole, and longest block of header fields. Common servers refuse
/// fields of more than 16 KiB.
const READ_BYTES_MAX: usize = 64 << 10;

/// RFC 9113, 4.2: what a frame may have without being allowed more.
const FRAME_BYTES_DEFAULT: usize = 16 << 10;

const END_STREAM: u8 = 0x1;
const ACK: u8 = 0x1;
const END_HEADERS: u8 = 0x4;
const PADDED: u8 = 0x8;
const PRIORITY: u8 = 0x20;

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PUSH_PROMISE: u8 = 5;
const CONTINUATION: u8 = 9;

/// RFC 9113, 6.5.2.
const HEADER_TABLE_SIZE: u16 = 1;

/// What a direction brings.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Frame {
    /// So many bytes of a stream's content, its padding aside.
    Data {
        stream: u32,
        bytes: u64,
        ends: bool,
    },
    /// A whole block of header fields.
    Block {
        stream: u32,
        fields: Vec<u8>,
        ends: bool,
    },
    Reset {
        stream: u32,
    },
    /// What the other direction's header table may be.
    TableSize(u32),
    Other,
}

/// What is at the front of some bytes.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Done with so many bytes.
    Frame(usize, Frame),
    /// Not before so many bytes are there; zero for any.
    Need(usize),
    Nonsense,
}

#[derive(Debug, Default)]
pub(super) struct Frames {
    /// Of the current frame, nobody wants it.
    skip: usize,
    /// A block that goes on: its stream, and whether that ends with it.
    block: Option<(u32, bool, Vec<u8>)>,
}

#[derive(Clone, Copy, Debug)]
struct Header {
    length: usize,
    kind: u8,
    flags: u8,
    stream: u32,
}

/// Whether bytes begin a connection, from either side.
pub(super) fn begins(data: &[u8]) -> bool {
    if data.starts_with(PREFACE) {
        return true;
    }
    // A server's first frame: its settings, known or reserved ones (RFC 9113, 6.5.2).
    let Some(header) = header(data) else {
        return false;
    };
    let settings = data[HEADER_BYTES..].get(..header.length);
    header.kind == SETTINGS
        && header.flags == 0
        && header.stream == 0
        && header.length % 6 == 0
        && settings.is_some_and(|settings| {
            let (settings, _) = settings.as_chunks::<6>();
            settings
                .iter()
                .all(|[high, low, ..]| *high != 0 || *low != 0)
        })
}

fn header(data: &[u8]) -> Option<Header> {
    let (&[a, b, c, kind, flags, d, e, f, g], _) = data.split_first_chunk()?;
    Some(Header {
        length: usize::try_from(u32::from_be_bytes([0, a, b, c])).ok()?,
        kind,
        flags,
        stream: u32::from_be_bytes([d & 0x7f, e, f, g]),
    })
}

impl Frames {
    pub(super) fn next(&mut self, data: &[u8]) -> Step {
        if self.skip > 0 {
            let taken = self.skip.min(data.len());
            self.skip -= taken;
            return match taken {
                0 => Step::Need(0),
                _ => Step::Frame(taken, Frame::Other),
            };
        }
        let Some(header) = header(data) else {
            return match data.len() {
                0 => Step::Need(0),
                _ => Step::Need(HEADER_BYTES),
            };
        };
        let content = &data[HEADER_BYTES..];
        // RFC 9113, 6.10: nothing may come between the parts of a block.
        if self.block.is_some() != (header.kind == CONTINUATION) {
            return Step::Nonsense;
        }
        match header.kind {
            DATA => self.data(header, content),
            HEADERS | PUSH_PROMISE | CONTINUATION | RST_STREAM | SETTINGS => {
                if header.length > READ_BYTES_MAX {
                    return Step::Nonsense;
                }
                match content.get(..header.length) {
                    Some(content) => self.whole(header, content),
                    None => Step::Need(HEADER_BYTES + header.length),
                }
            }
            _ => {
                // Extensions may have any; but what is long and unknown is something else.
                if header.length > FRAME_BYTES_DEFAULT {
                    return Step::Nonsense;
                }
                self.skip = header.length;
                Step::Frame(HEADER_BYTES, Frame::Other)
            }
        }
    }

    /// Passes over a gap; false when it does not end in the current frame.
    pub(super) fn skip(&mut self, missing: u64) -> bool {
        let left = usize::try_from(missing).ok();
        let left = left.and_then(|missing| self.skip.checked_sub(missing));
        if let Some(left) = left {
            self.skip = left;
        }
        left.is_some()
    }

    pub(super) fn held_bytes(&self) -> usize {
        self.block
            .as_ref()
            .map_or(0, |(.., fields)| fields.capacity())
    }

    fn data(&mut self, header: Header, content: &[u8]) -> Step {
        let padded = header.flags & PADDED != 0;
        let padding = match (padded, content.first()) {
            (false, _) => 0,
            (true, None) => return Step::Need(HEADER_BYTES + 1),
            (true, Some(padding)) => 1 + usize::from(*padding),
        };
        let Some(bytes) = header.length.checked_sub(padding) else {
            return Step::Nonsense;
        };
        self.skip = header.length;
        let frame = Frame::Data {
            stream: header.stream,
            bytes: bytes as u64,
            ends: header.flags & END_STREAM != 0,
        };
        Step::Frame(HEADER_BYTES, frame)
    }

    fn whole(&mut self, header: Header, content: &[u8]) -> Step {
        let frame = match header.kind {
            SETTINGS if header.flags & ACK == 0 => settings(content),
            SETTINGS => Some(Frame::Other),
            RST_STREAM => Some(Frame::Reset {
                stream: header.stream,
            }),
            _ => self.part(header, content),
        };
        match frame {
            Some(frame) => Step::Frame(HEADER_BYTES + header.length, frame),
            None => Step::Nonsense,
        }
    }

    /// A part of a block.
    fn part(&mut self, header: Header, mut content: &[u8]) -> Option<Frame> {
        let mut stream = header.stream;
        if header.kind != CONTINUATION {
            if header.flags & PADDED != 0 {
                let (padding, rest) = content.split_first()?;
                content = rest.get(..rest.len().checked_sub(usize::from(*padding))?)?;
            }
            if header.kind == PUSH_PROMISE {
                let (promised, rest) = content.split_first_chunk()?;
                stream = u32::from_be_bytes(*promised) & 0x7fff_ffff;
                content = rest;
            } else if header.flags & PRIORITY != 0 {
                content = content.get(5..)?;
            }
            let ends = header.kind == HEADERS && header.flags & END_STREAM != 0;
            self.block = Some((stream, ends, Vec::new()));
        }
        let (of_stream, _, fields) = self.block.as_mut()?;
        if *of_stream != stream || fields.len() + content.len() > READ_BYTES_MAX {
            return None;
        }
        fields.extend_from_slice(content);
        if header.flags & END_HEADERS == 0 {
            return Some(Frame::Other);
        }
        let (stream, ends, fields) = self.block.take()?;
        Some(Frame::Block {
            stream,
            fields,
            ends,
        })
    }
}

fn settings(content: &[u8]) -> Option<Frame> {
    let (settings, odd) = content.as_chunks::<6>();
    let size = settings.iter().rev().find_map(|[high, low, value @ ..]| {
        let setting = u16::from_be_bytes([*high, *low]);
        (setting == HEADER_TABLE_SIZE).then(|| u32::from_be_bytes(*value))
    });
    odd.is_empty()
        .then(|| size.map_or(Frame::Other, Frame::TableSize))
}
