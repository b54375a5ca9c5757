use super::*;
use crate::dissect::protocols::quic::packet::PacketKind;

/// Protects a client's packet: `bytes` end with its payload, in the clear.
pub(in super::super) fn seal(
    version: Version,
    connection_id: &[u8],
    header: &[u8],
    number: u8,
    payload: &[u8],
) -> Vec<u8> {
    let keys = Keys::derive(&packet(version, connection_id)).unwrap();
    let mut iv = keys.iv;
    iv[11] ^= number;
    let mut sealed = payload.to_vec();
    let nonce = Nonce::assume_unique_for_key(iv);
    let aad = [header, &[number]].concat();
    keys.payload
        .seal_in_place_append_tag(nonce, Aad::from(&aad), &mut sealed)
        .unwrap();
    // One byte of packet number: the sample begins three behind it.
    let mask = keys.header.0.new_mask(&sealed[3..19]).unwrap();
    let mut whole = [&aad[..], &sealed].concat();
    whole[0] ^= mask[0] & 0x0f;
    whole[header.len()] ^= mask[1];
    whole
}

fn packet(version: Version, connection_id: &[u8]) -> Long<'_> {
    Long {
        version,
        kind: PacketKind::Initial,
        connection_id,
        bytes: &[],
        number_at: 0,
    }
}

fn check(version: Version, [key, iv, header]: [&str; 3]) {
    let connection_id = [0x83, 0x94, 0xc8, 0xf0, 0x3e, 0x51, 0x57, 0x08];
    let secrets = secrets(&packet(version, &connection_id)).unwrap();
    let hex = crate::dissect::text::hexadecimal;
    assert_eq!(
        [hex(&secrets.key), hex(&secrets.iv), hex(&secrets.header)],
        [key, iv, header]
    );
}

#[test]
fn keys_are_those_of_the_rfc_s_examples() {
    // RFC 9001, A.1.
    let v1 = [
        "1f369613dd76d5467730efcbe3b1a22d",
        "fa044b2f42a3fd3b46fb255c",
        "9f50449e04a0e810283a1e9933adedd2",
    ];
    check(Version::V1, v1);
    // RFC 9369, A.1.
    let v2 = [
        "8b1a0bc121284290a29e0971b5cd045d",
        "91f73e2351d8fa91660e909f",
        "45b95e15235d6f45a6b19cbcb0294ba9",
    ];
    check(Version::V2, v2);
}
