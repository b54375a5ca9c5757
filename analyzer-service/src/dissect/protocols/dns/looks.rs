//! Whether bytes are surely a DNS message, for flows on other ports than its own. Many
//! binary protocols have small numbers where it has its counts: all of the question must
//! make sense, and there must be just one.

use super::super::nbns;

const HEADER_BYTES: usize = 12;

/// Records of a section that a message on an odd port may have.
const RECORDS_MAX: u16 = 64;

/// Of a query: OPT and TSIG.
const QUERY_ADDITIONALS_MAX: u16 = 2;

/// RFC 1035, 2.3.4.
const NAME_BYTES_MAX: usize = 255;

pub(in super::super) fn begins(data: &[u8]) -> bool {
    let (fields, _) = data.as_chunks::<2>();
    let Some([_, flags, 1, answers, authorities, additionals]) = fields
        .first_chunk()
        .map(|fields| fields.map(u16::from_be_bytes))
    else {
        return false;
    };
    // A standard query, and no bit that must be zero.
    if flags & 0x7840 != 0 {
        return false;
    }
    let is_query = flags & 0x8000 == 0;
    let counts = match is_query {
        true => {
            (answers, authorities) == (0, 0)
                && additionals <= QUERY_ADDITIONALS_MAX
                && flags & 0xf == 0
        }
        false => [answers, authorities, additionals]
            .iter()
            .all(|n| *n <= RECORDS_MAX),
    };
    let question = counts.then(|| question(data)).flatten();
    let ends = question.is_some_and(|end| match answers | authorities | additionals {
        0 => end == data.len(),
        _ => end < data.len(),
    });
    ends && !nbns::begins(data)
}

/// Where the question ends.
fn question(data: &[u8]) -> Option<usize> {
    let mut at = HEADER_BYTES;
    loop {
        let length = usize::from(*data.get(at)?);
        at += 1;
        if length == 0 {
            break;
        }
        // No pointers: there is nothing before it.
        let label = data.get(at..at + length).filter(|_| length < 64)?;
        if !label.iter().all(u8::is_ascii_graphic) || at > HEADER_BYTES + NAME_BYTES_MAX {
            return None;
        }
        at += length;
    }
    let &[a, b, c, d] = data.get(at..)?.first_chunk()?;
    let kind = u16::from_be_bytes([a, b]);
    let class = u16::from_be_bytes([c, d]);
    // Up to SVCB and HTTPS, those of zones, and CAA.
    let is_known = matches!(kind, 1..=65 | 251..=257) && matches!(class, 1 | 3 | 255);
    is_known.then_some(at + 4)
}
