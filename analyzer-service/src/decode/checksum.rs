//! The Internet checksum (RFC 1071).

use std::net::IpAddr;

use etherparse::checksum::Sum16BitWords;

/// Whether a header that holds its own checksum has the right one.
pub(super) fn is_right(header: &[u8]) -> bool {
    Sum16BitWords::new().add_slice(header).ones_complement() == 0
}

/// Whether a whole TCP segment or UDP datagram holds the right checksum.
pub(super) fn is_right_with_addresses(
    source: IpAddr,
    target: IpAddr,
    protocol: u8,
    segment: &[u8],
) -> bool {
    let mut sum = Sum16BitWords::new();
    for address in [source, target] {
        sum = match address {
            IpAddr::V4(address) => sum.add_4bytes(address.octets()),
            IpAddr::V6(address) => sum.add_16bytes(address.octets()),
        };
    }
    let Ok(length) = u32::try_from(segment.len()) else {
        return true;
    };
    let sum = sum
        .add_4bytes(length.to_be_bytes())
        .add_2bytes([0, protocol]);
    sum.add_slice(segment).ones_complement() == 0
}
