//! RDP (MS-RDPBCGR, 2.2.1.1): the X.224 connection that it begins with.

use crate::dissect::{Registration, Transport, text::says};

pub(super) const REGISTRATION: Registration =
    Registration::named("rdp", Transport::Tcp, &[3389], begins, is_connection);

/// Of TPKT (RFC 1006, 6).
const TPKT_BYTES: usize = 4;

/// A request with RDP's cookie or negotiation, or an answer to that.
fn begins(data: &[u8]) -> bool {
    // Kind, flags, length 8.
    let negotiation = data.len().checked_sub(8).map(|at| &data[at..]);
    let negotiates = matches!(negotiation, Some([1..=3, _, 8, 0, ..]));
    is_connection(data) && (negotiates || says(data, b"mstshash="))
}

fn is_connection(data: &[u8]) -> bool {
    let Some(([3, 0, high, low, length, 0xd0 | 0xe0], _)) = data.split_first_chunk() else {
        return false;
    };
    let whole = usize::from(u16::from_be_bytes([*high, *low]));
    whole == data.len() && TPKT_BYTES + 1 + usize::from(*length) == whole
}
