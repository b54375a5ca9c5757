//! SNMP (RFC 3416 and before).

use crate::dissect::{Registration, Transport};

pub(super) const REGISTRATION: Registration =
    Registration::named("snmp", Transport::Udp, &[161, 162], begins, begins);

/// A sequence of a version and, up to version 2, a community; version 3 has a header.
fn begins(data: &[u8]) -> bool {
    let Some(([0x30, length], rest)) = data.split_first_chunk() else {
        return false;
    };
    // BER's long form: so many bytes of length follow.
    let more = match length {
        0x81..=0x84 => usize::from(length & 0x7f),
        _ => 0,
    };
    let version = rest.get(more..).and_then(|rest| rest.first_chunk());
    matches!(version, Some([2, 1, 0 | 1, 4] | [2, 1, 3, 0x30]))
}
