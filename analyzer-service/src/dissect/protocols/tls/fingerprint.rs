//! Fingerprints of hellos: JA3 and JA3S (Salesforce), JA4 of the client (FoxIO, BSD
//! licence). All three leave out the values reserved by RFC 8701, which clients choose
//! at random; JA3S has none to leave out.

use std::{
    fmt::{Display, Write},
    sync::Arc,
};

use md5::Md5;
use sha2::{Digest, Sha256};

use super::{
    hello::{ALPN, ClientHello, Numbers, SERVER_NAME, ServerHello},
    names::TLS_1_3,
};
use crate::dissect::{known::Known, text::hexadecimal};

/// What carries the handshake: the first letter of a JA4.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Carrier {
    Tcp,
    Quic,
}

/// Of a `ClientHello`.
#[derive(Debug)]
pub(in crate::dissect) struct Fingerprints {
    pub(in super::super) ja3: String,
    pub(in super::super) ja4: String,
}

/// What the fingerprints of most hellos depend on fits.
const KEY_BYTES_USUAL: usize = 256;

/// Many hellos are of the same client: those seen before cost a look.
pub(in super::super) fn of_client(
    hello: &ClientHello<'_>,
    carrier: Carrier,
    known: &mut Known<Fingerprints>,
) -> Arc<Fingerprints> {
    // All that they depend on; each list behind its length.
    let mut key = Vec::with_capacity(KEY_BYTES_USUAL);
    key.push(carrier as u8);
    key.extend(hello.version.to_be_bytes());
    key.extend(hello.legacy_version.to_be_bytes());
    for list in [&hello.cipher_suites, &hello.extensions] {
        key.extend(list.len().to_be_bytes());
        for value in list {
            key.extend(value.to_be_bytes());
        }
    }
    for list in [
        hello.groups.as_bytes(),
        hello.signature_algorithms.as_bytes(),
        hello.point_formats,
        hello.first_protocol,
    ] {
        key.extend(list.len().to_be_bytes());
        key.extend(list);
    }
    known.get(&key, |_| Fingerprints {
        ja3: ja3(hello),
        ja4: ja4(hello, carrier),
    })
}

/// Counts in a JA4 have two digits.
const COUNT_MAX: usize = 99;

/// Hex digits of a digest that a JA4 keeps.
const DIGEST_DIGITS: usize = 12;

/// MD5 of version, cipher suites, extensions, groups and point formats, in lower-case hex.
fn ja3(hello: &ClientHello<'_>) -> String {
    let mut text = hello.legacy_version.to_string();
    for list in [&hello.cipher_suites, &hello.extensions] {
        text.push(',');
        join_real(&mut text, list.iter().copied());
    }
    text.push(',');
    join_real(&mut text, hello.groups.iter());
    text.push(',');
    join(&mut text, '-', hello.point_formats);
    hexadecimal(&Md5::digest(text))
}

/// JA3S. Servers that answer alike are as many as there are kinds of them.
pub(super) fn of_server(hello: &ServerHello<'_>, known: &mut Known<String>) -> Arc<String> {
    let mut key = Vec::with_capacity(KEY_BYTES_USUAL);
    let numbers = [hello.legacy_version, hello.cipher_suite].into_iter();
    for number in numbers.chain(hello.extensions.iter().copied()) {
        key.extend(number.to_be_bytes());
    }
    known.get(&key, |_| ja3s(hello))
}

/// MD5 of version, cipher suite and extensions, in lower-case hex.
fn ja3s(hello: &ServerHello<'_>) -> String {
    let mut text = format!("{},{},", hello.legacy_version, hello.cipher_suite);
    join(&mut text, '-', &hello.extensions);
    hexadecimal(&Md5::digest(text))
}

/// As `FoxIO`'s technical details of JA4 say.
fn ja4(hello: &ClientHello<'_>, carrier: Carrier) -> String {
    let real = |values: &[u16]| -> Vec<u16> {
        let values = values.iter().copied();
        values.filter(|value| !is_reserved(*value)).collect()
    };
    let mut suites = real(&hello.cipher_suites);
    let mut extensions = real(&hello.extensions);
    let mut text = String::from(match carrier {
        Carrier::Tcp => "t",
        Carrier::Quic => "q",
    });
    text.push_str(version(hello.version));
    text.push(match extensions.contains(&SERVER_NAME) {
        true => 'd',
        false => 'i',
    });
    for list in [&suites, &extensions] {
        push(&mut text, format_args!("{:02}", list.len().min(COUNT_MAX)));
    }
    text.push_str(&protocol(hello.first_protocol));
    suites.sort_unstable();
    text.push('_');
    text.push_str(&digest(&suites, Numbers::default()));
    extensions.retain(|kind| ![SERVER_NAME, ALPN].contains(kind));
    extensions.sort_unstable();
    text.push('_');
    text.push_str(&digest(&extensions, hello.signature_algorithms));
    text
}

fn version(number: u16) -> &'static str {
    match number {
        0x0002 => "s2",
        0x0300 => "s3",
        0x0301 => "10",
        0x0302 => "11",
        0x0303 => "12",
        TLS_1_3 => "13",
        _ => "00",
    }
}

/// First and last character of the first protocol; of its hexadecimal form when they are
/// no letters or digits.
fn protocol(name: &[u8]) -> String {
    let (Some(&first), Some(&last)) = (name.first(), name.last()) else {
        return "00".to_owned();
    };
    match first.is_ascii_alphanumeric() && last.is_ascii_alphanumeric() {
        true => [first, last].map(char::from).iter().collect(),
        false => format!("{:x}{:x}", first >> 4, last & 0xf),
    }
}

fn digest(values: &[u16], behind: Numbers<'_>) -> String {
    let hex = |value: u16| format!("{value:04x}");
    if values.is_empty() {
        return "0".repeat(DIGEST_DIGITS);
    }
    let mut text = String::new();
    join(&mut text, ',', values.iter().copied().map(hex));
    let mut behind = behind
        .iter()
        .filter(|value| !is_reserved(*value))
        .peekable();
    if behind.peek().is_some() {
        text.push('_');
        join(&mut text, ',', behind.map(hex));
    }
    let mut digest = hexadecimal(&Sha256::digest(text));
    digest.truncate(DIGEST_DIGITS);
    digest
}

/// RFC 8701: 0x0a0a, 0x1a1a and so on.
fn is_reserved(value: u16) -> bool {
    value & 0x0f0f == 0x0a0a && value >> 8 == value & 0xff
}

fn join_real(text: &mut String, values: impl Iterator<Item = u16>) {
    join(text, '-', values.filter(|value| !is_reserved(*value)));
}

fn join(text: &mut String, between: char, values: impl IntoIterator<Item = impl Display>) {
    for (n, value) in values.into_iter().enumerate() {
        if n > 0 {
            text.push(between);
        }
        push(text, format_args!("{value}"));
    }
}

fn push(text: &mut String, what: std::fmt::Arguments<'_>) {
    // Writing to a string cannot fail.
    text.write_fmt(what).unwrap_or_default();
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of FoxIO's technical details, its extensions in their order.
    fn example() -> ClientHello<'static> {
        ClientHello {
            version: TLS_1_3,
            legacy_version: 0x0303,
            cipher_suites: vec![
                0x4a4a, 0x1301, 0x1302, 0x1303, 0xc02b, 0xc02f, 0xc02c, 0xc030, 0xcca9, 0xcca8,
                0xc013, 0xc014, 0x009c, 0x009d, 0x002f, 0x0035,
            ],
            extensions: vec![
                0x3a3a, 0x001b, 0x0000, 0x0033, 0x0010, 0x4469, 0x0017, 0x002d, 0x000d, 0x0005,
                0x0023, 0x0012, 0x002b, 0xff01, 0x000b, 0x000a, 0x0015,
            ],
            signature_algorithms: Numbers::new(&[4, 3, 8, 4, 4, 1, 5, 3, 8, 5, 5, 1, 8, 6, 6, 1]),
            first_protocol: b"h2",
            ..ClientHello::default()
        }
    }

    #[test]
    fn ja4_is_that_of_the_specification_s_example() {
        let expected = "13d1516h2_8daaf6152771_e5627efa2ab1";
        assert_eq!(ja4(&example(), Carrier::Tcp), format!("t{expected}"));
        assert_eq!(ja4(&example(), Carrier::Quic), format!("q{expected}"));
    }

    #[test]
    fn reserved_values_count_nowhere() {
        let algorithms = [
            10, 10, 4, 3, 8, 4, 4, 1, 5, 3, 0x8a, 0x8a, 8, 5, 5, 1, 8, 6, 6, 1,
        ];
        let with = ClientHello {
            signature_algorithms: Numbers::new(&algorithms),
            ..example()
        };
        assert_eq!(ja4(&with, Carrier::Tcp), ja4(&example(), Carrier::Tcp));
    }

    #[test]
    fn protocols_that_are_no_text_are_told_by_their_digits() {
        for (name, expected) in [
            (&b""[..], "00"),
            (b"h", "hh"),
            (b"http/1.1", "h1"),
            (b"\xab", "ab"),
            (b"\xab\xcd", "ad"),
            (b"\x30\xab", "3b"),
        ] {
            assert_eq!(protocol(name), expected, "{name:?}");
        }
    }

    #[test]
    fn a_hello_of_nothing_has_zeros() {
        let empty = ClientHello::default();
        let expected = "t00i000000_000000000000_000000000000";
        assert_eq!(ja4(&empty, Carrier::Tcp), expected);
    }

    #[test]
    fn ja3_is_that_of_its_authors_examples() {
        let with = ClientHello {
            legacy_version: 769,
            cipher_suites: vec![47, 53, 5, 10, 49161, 49162, 49171, 49172, 50, 56, 19, 4],
            extensions: vec![0, 10, 11],
            groups: Numbers::new(&[0, 23, 0, 24, 0, 25]),
            point_formats: &[0],
            ..ClientHello::default()
        };
        assert_eq!(ja3(&with), "ada70206e40642a3e4461f35503241d5");
        let without = ClientHello {
            legacy_version: 769,
            cipher_suites: vec![4, 5, 10, 9, 100, 98, 3, 6, 19, 18, 99],
            ..ClientHello::default()
        };
        assert_eq!(ja3(&without), "de350869b8c85de67a350c8d186f11e6");
    }

    /// `printf 769,47,65281-0-11-35-5-16 | md5sum`.
    #[test]
    fn ja3s_is_the_digest_of_its_numbers() {
        let hello = ServerHello {
            legacy_version: 769,
            cipher_suite: 47,
            extensions: vec![65281, 0, 11, 35, 5, 16],
            ..ServerHello::default()
        };
        assert_eq!(ja3s(&hello), "836ce314215654b5b1f85f97c73e506f");
    }
}
