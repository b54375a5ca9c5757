//! One message (RFC 2131, 2) and those of its options (RFC 2132) that are told.
//!
//! The parser is our own, as that of DNS is: what comes before the damage is kept.

use std::{net::Ipv4Addr, time::Duration};

use crate::dissect::text::wire_text;

/// Up to the options; with the magic cookie.
const HEADER_BYTES: usize = 240;

/// RFC 2131, 3.
const COOKIE: [u8; 4] = [0x63, 0x82, 0x53, 0x63];

const HARDWARE_BYTES_MAX: usize = 16;

/// Options of one message that are looked at.
const OPTIONS_MAX: usize = 256;

const PAD: u8 = 0;
const HOST_NAME: u8 = 12;
const REQUESTED_ADDRESS: u8 = 50;
const LEASE_TIME: u8 = 51;
const OVERLOAD: u8 = 52;
const MESSAGE_TYPE: u8 = 53;
const SERVER_ID: u8 = 54;
const CLIENT_NAME: u8 = 81;
const END: u8 = 255;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Message {
    pub(super) transaction: u32,
    pub(super) hardware: Vec<u8>,
    /// RFC 2132, 9.6; zero when it is none, as of plain BOOTP.
    pub(super) kind: u8,
    /// What the server gives, or zero.
    pub(super) assigned: Option<Ipv4Addr>,
    pub(super) requested: Option<Ipv4Addr>,
    pub(super) server: Option<Ipv4Addr>,
    pub(super) host_name: String,
    pub(super) lease: Option<Duration>,
    /// An option is cut or has a wrong length.
    pub(super) is_broken: bool,
}

/// Whether a datagram is one, whatever the port.
pub(super) fn begins(data: &[u8]) -> bool {
    let front = matches!(data.first_chunk(), Some([1 | 2, _, 0..=16, _]));
    front && data.get(HEADER_BYTES - COOKIE.len()..HEADER_BYTES) == Some(&COOKIE)
}

impl Message {
    /// None when it is no DHCP.
    pub(super) fn parse(data: &[u8]) -> Option<Self> {
        if !begins(data) {
            return None;
        }
        let (header, options) = data.split_at_checked(HEADER_BYTES)?;
        let address = |at: usize| ipv4(header.get(at..at + 4)?);
        let transaction = header.get(4..8)?.first_chunk()?;
        let length = usize::from(header[2]).min(HARDWARE_BYTES_MAX);
        let mut message = Self {
            transaction: u32::from_be_bytes(*transaction),
            hardware: header.get(28..28 + length)?.to_vec(),
            assigned: address(16),
            ..Self::default()
        };
        let overload = message.options(options);
        // RFC 2132, 9.3: more of them where a file's and the server's name would be.
        if overload & 1 != 0 {
            message.options(header.get(108..236)?);
        }
        if overload & 2 != 0 {
            message.options(header.get(44..108)?);
        }
        Some(message)
    }

    /// Answers what the overload option says.
    fn options(&mut self, mut rest: &[u8]) -> u8 {
        let mut overload = 0;
        for _ in 0..OPTIONS_MAX {
            let (content, behind) = match rest {
                [] | [END, ..] => break,
                [PAD, behind @ ..] => (&[][..], behind),
                [_, length, behind @ ..] if usize::from(*length) <= behind.len() => {
                    behind.split_at(usize::from(*length))
                }
                [_, ..] => {
                    self.is_broken = true;
                    break;
                }
            };
            match (rest[0], content) {
                (HOST_NAME, name) => self.host_name = text(name),
                // RFC 4702, 2.1: flags and two codes that mean nothing any more.
                (CLIENT_NAME, [flags, _, _, name @ ..]) if self.host_name.is_empty() => {
                    self.host_name = client_name(*flags, name);
                }
                (REQUESTED_ADDRESS, address) => self.requested = ipv4(address),
                (SERVER_ID, address) => self.server = ipv4(address),
                (MESSAGE_TYPE, &[kind]) => self.kind = kind,
                (OVERLOAD, &[which]) => overload = which,
                (LEASE_TIME, &[a, b, c, d]) => {
                    let seconds = u32::from_be_bytes([a, b, c, d]);
                    self.lease = Some(Duration::from_secs(seconds.into()));
                }
                (MESSAGE_TYPE | OVERLOAD | LEASE_TIME, _) => self.is_broken = true,
                _ => {}
            }
            rest = behind;
        }
        overload
    }
}

/// Some clients send a zero behind it.
fn text(name: &[u8]) -> String {
    let end = name.iter().position(|byte| *byte == 0);
    wire_text(&name[..end.unwrap_or(name.len())])
}

/// RFC 4702, 2.3: as in DNS, or as text.
fn client_name(flags: u8, mut name: &[u8]) -> String {
    if flags & 4 == 0 {
        return text(name);
    }
    let mut labels = Vec::new();
    while let Some((length, rest)) = name.split_first()
        && *length > 0
        && let Some((label, behind)) = rest.split_at_checked(usize::from(*length))
    {
        labels.push(label);
        name = behind;
    }
    wire_text(&labels.join(&b'.'))
}

/// None for the unspecified address too.
fn ipv4(bytes: &[u8]) -> Option<Ipv4Addr> {
    let address = Ipv4Addr::from(<[u8; 4]>::try_from(bytes).ok()?);
    (!address.is_unspecified()).then_some(address)
}

/// RFC 2132, 9.6 and those added since; the number when unnamed.
pub(super) fn kind_name(kind: u8) -> String {
    let name = match kind {
        1 => "DISCOVER",
        2 => "OFFER",
        3 => "REQUEST",
        4 => "DECLINE",
        5 => "ACK",
        6 => "NAK",
        7 => "RELEASE",
        8 => "INFORM",
        9 => "FORCERENEW",
        10 => "LEASEQUERY",
        11 => "LEASEUNASSIGNED",
        12 => "LEASEUNKNOWN",
        13 => "LEASEACTIVE",
        _ => return kind.to_string(),
    };
    name.to_owned()
}
