//! IMAP (RFC 9051).

use crate::dissect::{
    Registration, Transport,
    text::{first_line, says},
};

pub(super) const REGISTRATION: Registration =
    Registration::named("imap", Transport::Tcp, &[143], begins, may_be);

/// A greeting that says so.
fn begins(data: &[u8]) -> bool {
    let line = first_line(data);
    may_be(data) && (says(line, b"IMAP") || says(line, b"[CAPABILITY "))
}

fn may_be(data: &[u8]) -> bool {
    let greetings = [&b"* OK"[..], b"* PREAUTH", b"* BYE"];
    greetings.iter().any(|greeting| data.starts_with(greeting))
}
