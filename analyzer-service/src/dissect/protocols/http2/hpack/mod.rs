//! Header compression (RFC 7541).
//!
//! Our own: of the decoders there are, some panic on data that is cut, and the one that
//! does not builds its Huffman table for each string.

mod huffman;
mod tables;

use std::{borrow::Cow, collections::VecDeque};

use tables::STATIC;

/// RFC 9113, 6.5.2: a table's size until the reader of its headers says otherwise.
const TABLE_BYTES_DEFAULT: usize = 4_096;

/// Largest dynamic table followed: what browsers ask for. A sender that uses a larger one
/// cannot be read on.
pub(super) const TABLE_BYTES_MAX: usize = 64 << 10;

/// RFC 7541, 4.1: what a field counts beside its bytes.
const FIELD_OVERHEAD_BYTES: usize = 32;

/// Fields of one block. A byte may stand for one of 64 KiB.
const FIELDS_MAX: usize = 1_024;

/// Bytes of an integer: up to 2^28, as other decoders.
const INTEGER_BYTES_MAX: usize = 5;

/// What cannot be decoded; the table is of no use from there on.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Broken;

/// Name and value.
type Field = (Cow<'static, [u8]>, Box<[u8]>);

/// Of one direction.
#[derive(Debug)]
pub(super) struct Decoder {
    /// The newest first.
    table: VecDeque<Field>,
    table_bytes: usize,
    /// What the sender uses.
    bytes_max: usize,
    /// What it may use.
    allowed: usize,
}

impl Default for Decoder {
    fn default() -> Self {
        Self {
            table: VecDeque::new(),
            table_bytes: 0,
            bytes_max: TABLE_BYTES_DEFAULT,
            allowed: TABLE_BYTES_DEFAULT,
        }
    }
}

impl Decoder {
    /// The reader of these headers allows the sender a table of this size.
    pub(super) fn allow(&mut self, bytes: u32) {
        let bytes = usize::try_from(bytes).unwrap_or(usize::MAX);
        self.allowed = bytes.min(TABLE_BYTES_MAX);
    }

    /// Shows each field of a block.
    pub(super) fn decode(
        &mut self,
        mut block: &[u8],
        mut show: impl FnMut(&[u8], &[u8]),
    ) -> Result<(), Broken> {
        for _ in 0..FIELDS_MAX {
            let Some(first) = block.first() else {
                return Ok(());
            };
            if first & 0x80 != 0 {
                let index = integer(&mut block, 7)?;
                let (name, value) = self.field(index)?;
                show(name, value);
            } else if first & 0xe0 == 0x20 {
                let bytes = integer(&mut block, 5)?;
                if bytes > self.allowed.max(self.bytes_max) {
                    return Err(Broken);
                }
                self.bytes_max = bytes;
                self.evict();
            } else {
                let indexed = first & 0x40 != 0;
                let index = integer(&mut block, if indexed { 6 } else { 4 })?;
                let name = match index {
                    0 => Name::Sent(string(&mut block)?),
                    index => Name::Known(self.name(index)?),
                };
                let value = string(&mut block)?;
                show(name.bytes(), &value);
                if indexed {
                    self.insert(name.kept(), value.into_owned().into());
                }
            }
        }
        Err(Broken)
    }

    /// What it takes in memory.
    pub(super) fn held_bytes(&self) -> usize {
        self.table_bytes
    }

    fn field(&self, index: usize) -> Result<(&[u8], &[u8]), Broken> {
        let at = index.checked_sub(1).ok_or(Broken)?;
        if let Some((name, value)) = STATIC.get(at) {
            return Ok((name.as_bytes(), value.as_bytes()));
        }
        let (name, value) = self.table.get(at - STATIC.len()).ok_or(Broken)?;
        Ok((name, value))
    }

    /// Of a field in the tables.
    fn name(&self, index: usize) -> Result<Cow<'static, [u8]>, Broken> {
        let at = index.checked_sub(1).ok_or(Broken)?;
        if let Some((name, _)) = STATIC.get(at) {
            return Ok(name.as_bytes().into());
        }
        let (name, _) = self.table.get(at - STATIC.len()).ok_or(Broken)?;
        Ok(name.clone())
    }

    fn insert(&mut self, name: Cow<'static, [u8]>, value: Box<[u8]>) {
        self.table_bytes += name.len() + value.len() + FIELD_OVERHEAD_BYTES;
        self.table.push_front((name, value));
        self.evict();
    }

    fn evict(&mut self) {
        while self.table_bytes > self.bytes_max
            && let Some((name, value)) = self.table.pop_back()
        {
            self.table_bytes -= name.len() + value.len() + FIELD_OVERHEAD_BYTES;
        }
    }
}

/// Of a field whose value is told.
enum Name<'a> {
    Sent(Cow<'a, [u8]>),
    /// From the tables.
    Known(Cow<'static, [u8]>),
}

impl Name<'_> {
    fn bytes(&self) -> &[u8] {
        match self {
            Self::Sent(name) | Self::Known(name) => name,
        }
    }

    fn kept(self) -> Cow<'static, [u8]> {
        match self {
            Self::Sent(name) => Cow::Owned(name.into_owned()),
            Self::Known(name) => name,
        }
    }
}

/// RFC 7541, 5.1: in the low bits of the first byte and, if need be, those behind it.
fn integer(data: &mut &[u8], prefix_bits: u32) -> Result<usize, Broken> {
    let (first, rest) = data.split_first().ok_or(Broken)?;
    *data = rest;
    let prefix_max = (1usize << prefix_bits) - 1;
    let mut value = usize::from(*first) & prefix_max;
    if value < prefix_max {
        return Ok(value);
    }
    for n in 0..INTEGER_BYTES_MAX - 1 {
        let (byte, rest) = data.split_first().ok_or(Broken)?;
        *data = rest;
        value += usize::from(byte & 0x7f) << (7 * n);
        if byte & 0x80 == 0 {
            return Ok(value);
        }
    }
    Err(Broken)
}

/// RFC 7541, 5.2.
fn string<'a>(data: &mut &'a [u8]) -> Result<Cow<'a, [u8]>, Broken> {
    let coded = data.first().ok_or(Broken)? & 0x80 != 0;
    let length = integer(data, 7)?;
    let (string, rest) = data.split_at_checked(length).ok_or(Broken)?;
    *data = rest;
    match coded {
        true => huffman::decode(string).map(Cow::Owned).ok_or(Broken),
        false => Ok(Cow::Borrowed(string)),
    }
}

#[cfg(test)]
mod tests;
