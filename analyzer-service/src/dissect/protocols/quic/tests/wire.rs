//! Packets as bytes.

use super::super::{keys::tests::seal, packet::Version};

/// Lengths that these tests need: two bytes.
fn varint(number: usize) -> [u8; 2] {
    let number = u16::try_from(number).unwrap();
    assert!(number < 1 << 14);
    (number | 1 << 14).to_be_bytes()
}

pub(super) fn crypto(offset: usize, data: &[u8]) -> Vec<u8> {
    [&[6], &varint(offset)[..], &varint(data.len()), data].concat()
}

pub(super) fn ack() -> Vec<u8> {
    vec![2, 5, 0, 1, 0, 1, 0]
}

fn header(version: Version, kind: u8, connection_id: &[u8]) -> Vec<u8> {
    let (number, kind) = match version {
        Version::V1 => (1u32, kind),
        Version::V2 => (0x6b33_43cf, (kind + 1) % 4),
    };
    let length = [u8::try_from(connection_id.len()).unwrap()];
    let first = [0xc0 | kind << 4];
    [
        &first[..],
        &number.to_be_bytes(),
        &length,
        connection_id,
        &[2, 8, 8],
    ]
    .concat()
}

/// A client's, padded to a minimal one.
pub(super) fn initial(version: Version, connection_id: &[u8], frames: &[Vec<u8>]) -> Vec<u8> {
    initial_from(version, connection_id, connection_id, frames)
}

/// The same, of a client that began with another connection id.
pub(super) fn initial_from(
    version: Version,
    keys_of: &[u8],
    connection_id: &[u8],
    frames: &[Vec<u8>],
) -> Vec<u8> {
    let mut payload = frames.concat();
    payload.resize(payload.len().max(32), 0);
    let token = [3, 9, 9, 9];
    let length = varint(1 + payload.len() + 16);
    let header = [&header(version, 0, connection_id)[..], &token, &length].concat();
    seal(version, keys_of, &header, 2, &payload)
}

pub(super) fn handshake(version: Version, connection_id: &[u8]) -> Vec<u8> {
    [
        &header(version, 2, connection_id)[..],
        &varint(40),
        &[7; 40],
    ]
    .concat()
}

pub(super) fn retry(version: Version) -> Vec<u8> {
    [&header(version, 3, b"")[..], &[1; 30]].concat()
}
