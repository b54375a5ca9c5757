//! The two hellos (RFC 8446, 4.1), by tls-parser. Extensions are walked here: one
//! that is malformed must not hide the others.

use std::borrow::Cow;

use tls_parser::{
    TlsExtension, parse_tls_extension_alpn_content, parse_tls_extension_sni_content,
    parse_tls_handshake_client_hello, parse_tls_handshake_server_hello,
};

use super::names::{TLS_1_3, protocol};
use crate::dissect::text::wire_text;

/// As many as browsers send: room for them is made at once.
const EXTENSIONS_USUAL: usize = 20;

/// Of a client's offers, kept.
const PROTOCOLS_MAX: usize = 64;

pub(super) const SERVER_NAME: u16 = 0;
const SUPPORTED_GROUPS: u16 = 10;
const POINT_FORMATS: u16 = 11;
const SIGNATURE_ALGORITHMS: u16 = 13;
pub(super) const ALPN: u16 = 16;
const PRE_SHARED_KEY: u16 = 41;
const SUPPORTED_VERSIONS: u16 = 43;

/// RFC 8446, 4.1.3: the random of a HelloRetryRequest, SHA-256 of its name.
const RETRY_RANDOM: [u8; 32] = [
    0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8, 0x91,
    0xc2, 0xa2, 0x11, 0x16, 0x7a, 0xbb, 0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c,
];

/// What the message says; what only fingerprints need lies where it came.
#[derive(Debug, Default)]
pub(in super::super) struct ClientHello<'a> {
    pub(in super::super) server_name: String,
    pub(in super::super) protocols: Vec<Cow<'static, str>>,
    /// Highest offered.
    pub(super) version: u16,
    /// What the message's own version field says.
    pub(super) legacy_version: u16,
    pub(super) session_id: &'a [u8],
    /// All lists below in the order of the message, reserved values (RFC 8701) included.
    pub(super) cipher_suites: Vec<u16>,
    pub(super) extensions: Vec<u16>,
    pub(super) groups: Numbers<'a>,
    pub(super) point_formats: &'a [u8],
    pub(super) signature_algorithms: Numbers<'a>,
    /// The first protocol as sent.
    pub(super) first_protocol: &'a [u8],
}

/// Numbers of two bytes.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Numbers<'a>(&'a [[u8; 2]]);

impl<'a> Numbers<'a> {
    /// What is left over at the end is no number.
    pub(super) fn new(content: &'a [u8]) -> Self {
        Self(content.as_chunks().0)
    }

    pub(super) fn iter(self) -> impl Iterator<Item = u16> {
        self.0.iter().map(|pair| u16::from_be_bytes(*pair))
    }

    pub(super) fn as_bytes(self) -> &'a [u8] {
        self.0.as_flattened()
    }
}

#[derive(Debug, Default)]
pub(super) struct ServerHello<'a> {
    pub(super) is_retry: bool,
    pub(super) version: u16,
    /// What the message's own version field says.
    pub(super) legacy_version: u16,
    /// Types, in the order of the message.
    pub(super) extensions: Vec<u16>,
    pub(super) cipher_suite: u16,
    pub(super) protocol: Cow<'static, str>,
    pub(super) session_id: &'a [u8],
    pub(super) pre_shared_key: bool,
}

impl<'a> ClientHello<'a> {
    /// The message without its header; none when it is cut or invalid.
    pub(in super::super) fn parse(body: &'a [u8]) -> Option<Self> {
        let (_, parsed) = parse_tls_handshake_client_hello(body).ok()?;
        let mut hello = Self {
            version: parsed.version.0,
            legacy_version: parsed.version.0,
            session_id: parsed.session_id.unwrap_or_default(),
            cipher_suites: parsed.ciphers.iter().map(|suite| suite.0).collect(),
            extensions: Vec::with_capacity(EXTENSIONS_USUAL),
            ..Self::default()
        };
        for (kind, content) in extensions(parsed.ext.unwrap_or_default()) {
            hello.extensions.push(kind);
            match kind {
                SERVER_NAME if hello.server_name.is_empty() => {
                    hello.server_name = server_name(content).unwrap_or_default();
                }
                ALPN => {
                    hello.protocols = protocols(content);
                    hello.first_protocol = first_protocol(content).unwrap_or_default();
                }
                SUPPORTED_GROUPS => {
                    hello.groups = Numbers::new(content.get(2..).unwrap_or_default());
                }
                POINT_FORMATS => {
                    hello.point_formats = content.get(1..).unwrap_or_default();
                }
                SIGNATURE_ALGORITHMS => {
                    let numbers = Numbers::new(content.get(2..).unwrap_or_default());
                    hello.signature_algorithms = numbers;
                }
                SUPPORTED_VERSIONS => {
                    let offered = highest_version(content.get(1..).unwrap_or_default());
                    hello.version = offered.unwrap_or(hello.version);
                }
                _ => {}
            }
        }
        Some(hello)
    }
}

impl<'a> ServerHello<'a> {
    pub(super) fn parse(body: &'a [u8]) -> Option<Self> {
        let (_, parsed) = parse_tls_handshake_server_hello(body).ok()?;
        let mut hello = Self {
            is_retry: parsed.random == RETRY_RANDOM,
            version: parsed.version.0,
            legacy_version: parsed.version.0,
            cipher_suite: parsed.cipher.0,
            session_id: parsed.session_id.unwrap_or_default(),
            ..Self::default()
        };
        for (kind, content) in extensions(parsed.ext.unwrap_or_default()) {
            hello.extensions.push(kind);
            match (kind, content) {
                (ALPN, _) => {
                    hello.protocol = protocols(content).into_iter().next().unwrap_or_default();
                }
                (SUPPORTED_VERSIONS, &[high, low]) => {
                    hello.version = u16::from_be_bytes([high, low]);
                }
                (PRE_SHARED_KEY, _) => hello.pre_shared_key = true,
                _ => {}
            }
        }
        Some(hello)
    }
}

/// Type and content of each extension, as far as they are whole.
fn extensions(mut rest: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    std::iter::from_fn(move || {
        let (&[high, low, long, short], behind) = rest.split_first_chunk()?;
        let length = usize::from(u16::from_be_bytes([long, short]));
        let (content, behind) = behind.split_at_checked(length)?;
        rest = behind;
        Some((u16::from_be_bytes([high, low]), content))
    })
}

/// RFC 6066, 3: the first host name.
fn server_name(content: &[u8]) -> Option<String> {
    let (_, TlsExtension::SNI(names)) = parse_tls_extension_sni_content(content).ok()? else {
        return None;
    };
    let mut names = names.into_iter().filter(|(kind, _)| kind.0 == 0);
    names.next().map(|(_, name)| wire_text(name))
}

fn protocols(content: &[u8]) -> Vec<Cow<'static, str>> {
    match parse_tls_extension_alpn_content(content) {
        Ok((_, TlsExtension::ALPN(names))) => {
            let names = names.into_iter().take(PROTOCOLS_MAX);
            names.map(protocol).collect()
        }
        _ => Vec::new(),
    }
}

/// RFC 7301, 3.1: behind the list's length, behind its own.
fn first_protocol(content: &[u8]) -> Option<&[u8]> {
    let (&[_, _, length], rest) = content.split_first_chunk()?;
    rest.get(..usize::from(length))
}

/// Those reserved to keep peers tolerant (RFC 8701) and unknown ones aside. A draft
/// of TLS 1.3 is newer than TLS 1.2, but not than the real one.
fn highest_version(content: &[u8]) -> Option<u16> {
    let versions = Numbers::new(content).iter();
    let known = |version: &u16| matches!(version, 0x0300..=TLS_1_3 | 0x7f00..=0x7fff);
    let age = |version: &u16| (*version == TLS_1_3, *version);
    versions.filter(known).max_by_key(age)
}
