//! What is odd about fragments: findings, by the names of their codes.

use std::net::IpAddr;

use crate::decode::{Fragment, Ip, Malformed};

/// A datagram has at most so many bytes (RFC 791, 3.1; RFC 8200, 3).
const DATAGRAM_BYTES_MAX: u64 = 65_535;
/// ... of which an IPv4 header takes these at least.
const IPV4_HEADER_BYTES: u64 = 20;

/// Shorter fragments that are not the last are made to hide something: no link is so narrow,
/// and the longest TCP header has 60 bytes (RFC 1858).
const FRAGMENT_BYTES_MIN: u64 = 64;

pub(super) const CONFLICT: Malformed = Malformed {
    code: "fragment-conflict",
    message: "fragments overlap and do not agree",
};

pub(super) const OVERLAP: Malformed = Malformed {
    code: "fragment-overlap",
    message: "fragments overlap, and agree",
};

pub(super) const SIZE_CONFLICT: Malformed = Malformed {
    code: "fragment-size-conflict",
    message: "fragments do not agree where their datagram ends",
};

pub(super) const OVERSIZE: Malformed = Malformed {
    code: "fragment-oversize",
    message: "a fragment reaches beyond the longest datagram",
};

const MISALIGNED: Malformed = Malformed {
    code: "fragment-misaligned",
    message: "a fragment that others follow is no multiple of eight bytes",
};

const TINY: Malformed = Malformed {
    code: "fragment-tiny",
    message: "a fragment that others follow is too short to be any link's",
};

/// What is odd about a fragment by itself.
pub(super) fn oddities(ip: &Ip<'_>, fragment: &Fragment<'_>) -> Vec<Malformed> {
    let header = match ip.source {
        IpAddr::V4(_) => IPV4_HEADER_BYTES,
        IpAddr::V6(_) => 0,
    };
    let end = u64::from(fragment.offset).saturating_add(fragment.length);
    let found = [
        (end.saturating_add(header) > DATAGRAM_BYTES_MAX).then_some(OVERSIZE),
        (fragment.more && !fragment.length.is_multiple_of(8)).then_some(MISALIGNED),
        (fragment.more && fragment.length < FRAGMENT_BYTES_MIN).then_some(TINY),
    ];
    found.into_iter().flatten().collect()
}
