//! The Internet checksum (RFC 1071).

use std::{net::IpAddr, sync::LazyLock};

use pulp::Arch;

/// Whether a header that holds its own checksum has the right one.
pub(super) fn is_right(header: &[u8]) -> bool {
    is_complete(sum(header))
}

/// Whether a whole TCP segment or UDP datagram holds the right checksum.
pub(super) fn is_right_with_addresses(
    source: IpAddr,
    target: IpAddr,
    protocol: u8,
    segment: &[u8],
) -> bool {
    let addresses = [source, target].map(|address| match address {
        IpAddr::V4(address) => sum(&address.octets()),
        IpAddr::V6(address) => sum(&address.octets()),
    });
    let Ok(length) = u32::try_from(segment.len()) else {
        return true;
    };
    let rest = sum(&length.to_be_bytes()) + sum(&[0, protocol]);
    is_complete(addresses[0] + addresses[1] + rest + sum(segment))
}

/// Summed at once: as the halves of four words of 64 bits, which the compiler adds side by side.
const BLOCK_BYTES: usize = 32;

/// From here on it is worth a call of what is built for AVX2, where the processor has that.
const WIDE_BYTES: usize = 4 * BLOCK_BYTES;

/// What the processor can do.
static ARCH: LazyLock<Arch> = LazyLock::new(Arch::new);

fn sum(bytes: &[u8]) -> u64 {
    if bytes.len() < WIDE_BYTES {
        return sum_words(bytes);
    }
    ARCH.dispatch(
        #[inline(always)]
        || sum_words(bytes),
    )
}

/// In the machine's byte order, which the sum does not depend on (RFC 1071, 2), and four
/// bytes at a time. Takes 32 GiB to overflow.
#[inline(always)]
fn sum_words(bytes: &[u8]) -> u64 {
    let (blocks, rest) = bytes.as_chunks::<BLOCK_BYTES>();
    let mut halves = [[0_u64; 4]; 2];
    for block in blocks {
        let (words, _) = block.as_chunks::<8>();
        for (at, word) in words.iter().enumerate() {
            let word = u64::from_ne_bytes(*word);
            halves[0][at] += word & u64::from(u32::MAX);
            halves[1][at] += word >> 32;
        }
    }
    let (words, rest) = rest.as_chunks::<4>();
    let words = words
        .iter()
        .map(|word| u64::from(u32::from_ne_bytes(*word)));
    // Without a copy of so few bytes, which would be a call.
    let last = match *rest {
        [a] => u32::from_ne_bytes([a, 0, 0, 0]),
        [a, b] => u32::from_ne_bytes([a, b, 0, 0]),
        [a, b, c] => u32::from_ne_bytes([a, b, c, 0]),
        _ => 0,
    };
    halves.as_flattened().iter().sum::<u64>() + words.sum::<u64>() + u64::from(last)
}

/// The sum over data that holds its own checksum is all ones.
fn is_complete(mut sum: u64) -> bool {
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    sum == 0xffff
}

#[cfg(test)]
mod tests {
    use etherparse::checksum::Sum16BitWords;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn etherparse_agrees(mut data in prop::collection::vec(any::<u8>(), 2..200), wrong in 0..2_u8) {
            data[..2].fill(0);
            let checksum = Sum16BitWords::new().add_slice(&data).ones_complement();
            data[..2].copy_from_slice(&checksum.to_ne_bytes());
            data[0] ^= wrong;
            let theirs = Sum16BitWords::new().add_slice(&data).ones_complement() == 0;
            prop_assert_eq!(is_right(&data), theirs);
            prop_assert_eq!(theirs, wrong == 0);
        }
    }
}
