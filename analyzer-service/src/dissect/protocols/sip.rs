//! SIP over UDP (RFC 3261).

use crate::dissect::{Registration, Transport, text::first_line};

pub(super) const REGISTRATION: Registration =
    Registration::named("sip", Transport::Udp, &[5060], begins, begins);

const VERSION: &[u8] = b"SIP/2.0";

/// A status line, or a request line.
pub(super) fn begins(data: &[u8]) -> bool {
    if data.starts_with(VERSION) {
        return data.get(VERSION.len()) == Some(&b' ');
    }
    let is_method = data.first().is_some_and(u8::is_ascii_uppercase);
    is_method && first_line(data).ends_with(VERSION)
}
