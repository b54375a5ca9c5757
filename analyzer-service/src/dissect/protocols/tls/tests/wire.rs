//! Handshakes as bytes.

pub(super) const HANDSHAKE: u8 = 22;

pub(super) fn sized<const N: usize>(bytes: &[u8]) -> Vec<u8> {
    let length = (bytes.len() as u64).to_be_bytes();
    [&length[8 - N..], bytes].concat()
}

pub(super) fn extension(kind: u16, content: &[u8]) -> Vec<u8> {
    [&kind.to_be_bytes()[..], &sized::<2>(content)].concat()
}

pub(super) fn record(content: u8, bytes: &[u8]) -> Vec<u8> {
    [&[content, 3, 3][..], &sized::<2>(bytes)].concat()
}

pub(super) fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    [&[kind][..], &sized::<3>(body)].concat()
}

/// The handshake message: a name, two protocols, TLS 1.3 and a reserved version.
pub(in super::super::super) fn client_hello_message(name: &str) -> Vec<u8> {
    let host = [&[0][..], &sized::<2>(name.as_bytes())].concat();
    let protocols = [sized::<1>(b"h2"), sized::<1>(b"http/1.1")].concat();
    let extensions = [
        extension(0, &sized::<2>(&host)),
        extension(16, &sized::<2>(&protocols)),
        extension(43, &sized::<1>(&[0x7a, 0x7a, 3, 4, 3, 3])),
    ];
    let body = [
        &[3, 3][..],
        &[1; 32],
        &sized::<1>(&[9; 32]),
        &sized::<2>(&[0x13, 1, 0xc0, 0x2f]),
        &sized::<1>(&[0]),
        &sized::<2>(&extensions.concat()),
    ];
    message(1, &body.concat())
}

/// In one record.
pub(in super::super::super) fn client_hello(name: &str) -> Vec<u8> {
    record(HANDSHAKE, &client_hello_message(name))
}

pub(super) fn server_hello(
    version: u16,
    session: &[u8],
    cipher: u16,
    extensions: &[Vec<u8>],
) -> Vec<u8> {
    server_hello_with(&[2; 32], version, session, cipher, extensions)
}

pub(super) fn server_hello_with(
    random: &[u8; 32],
    version: u16,
    session: &[u8],
    cipher: u16,
    extensions: &[Vec<u8>],
) -> Vec<u8> {
    let body = [
        &version.to_be_bytes()[..],
        random,
        &sized::<1>(session),
        &cipher.to_be_bytes(),
        &[0],
        &sized::<2>(&extensions.concat()),
    ];
    record(HANDSHAKE, &message(2, &body.concat()))
}

pub(super) fn server_hello_1_3() -> Vec<u8> {
    server_hello(0x0303, &[9; 32], 0x1301, &[extension(43, &[3, 4])])
}

pub(super) fn change_cipher() -> Vec<u8> {
    record(20, &[1])
}
