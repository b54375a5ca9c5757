//! SMB, all versions (MS-SMB, MS-SMB2), over TCP or NetBIOS sessions (RFC 1002, 4.3).

use crate::dissect::{Registration, Transport};

pub(super) const REGISTRATION: Registration =
    Registration::named("smb", Transport::Tcp, &[139, 445], begins, may_be);

/// A session message with an SMB header: of version 1, of those since, encrypted or packed.
fn begins(data: &[u8]) -> bool {
    let header = data.split_first_chunk::<4>();
    let header = header.and_then(|(length, rest)| Some((length[0], rest.first_chunk()?)));
    matches!(header, Some((0, [0xfc..=0xff, b'S', b'M', b'B'])))
}

/// A NetBIOS session is asked for first, or answered.
fn may_be(data: &[u8]) -> bool {
    begins(data) || matches!(data, [0x81..=0x83, 0 | 1, ..])
}
