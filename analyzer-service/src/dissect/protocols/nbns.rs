//! NetBIOS name service (RFC 1002, 4.2).

use crate::dissect::{Registration, Transport};

pub(super) const REGISTRATION: Registration =
    Registration::named("nbns", Transport::Udp, &[137], begins, begins);

/// Behind a header like that of DNS.
const NAME_AT: usize = 12;

/// Whether the first name is one of NetBIOS: 16 bytes in 32 letters from A to P.
pub(super) fn begins(data: &[u8]) -> bool {
    let name = data.get(NAME_AT..).and_then(<[u8]>::split_first_chunk);
    let Some(([32, letters @ ..], [0, ..])) = name as Option<(&[u8; 33], &[u8])> else {
        return false;
    };
    letters.iter().all(|letter| (b'A'..=b'P').contains(letter))
}
