//! NTP (RFC 5905).

use crate::dissect::{Registration, Transport};

pub(super) const REGISTRATION: Registration =
    Registration::named("ntp", Transport::Udp, &[123], is_answer, may_be);

/// RFC 5905, 7.3.
const HEADER_BYTES: usize = 48;

/// Seconds that a server's clock was set before it answers, at most.
const AGE_SECONDS_MAX: u32 = 1 << 20;

/// A server's answer: its three times are close to each other, which chance hardly does.
fn is_answer(data: &[u8]) -> bool {
    let seconds = |at: usize| {
        let bytes = data.get(at..).and_then(|rest| rest.first_chunk());
        bytes.map_or(0, |bytes| u32::from_be_bytes(*bytes))
    };
    let [set, received, sent] = [16, 32, 40].map(seconds);
    data.len() == HEADER_BYTES
        && matches!(data[0] & 0x3f, 0x1c | 0x24)
        && (1..16).contains(&data[1])
        && set != 0
        && sent.wrapping_sub(received) <= 1
        && received.wrapping_sub(set) < AGE_SECONDS_MAX
}

/// Any mode of versions 1 to 4.
fn may_be(data: &[u8]) -> bool {
    let version_and_mode = data.first().map(|first| (first >> 3 & 7, first & 7));
    // Control and private messages (RFC 9327) are shorter.
    let bytes_min = match version_and_mode {
        Some((_, 6..)) => 8,
        _ => HEADER_BYTES,
    };
    matches!(version_and_mode, Some((1..=4, 1..))) && data.len() >= bytes_min
}
