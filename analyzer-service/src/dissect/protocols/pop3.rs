//! POP3 (RFC 1939).

use crate::dissect::{
    Registration, Transport,
    text::{first_line, says},
};

pub(super) const REGISTRATION: Registration =
    Registration::named("pop3", Transport::Tcp, &[110], begins, may_be);

/// A greeting that says so: others say `+OK` as well.
fn begins(data: &[u8]) -> bool {
    data.starts_with(b"+OK ") && says(first_line(data), b"POP3")
}

fn may_be(data: &[u8]) -> bool {
    let words = [
        &b"+OK"[..],
        b"-ERR",
        b"USER ",
        b"CAPA\r\n",
        b"AUTH",
        b"APOP ",
    ];
    words.iter().any(|word| data.starts_with(word))
}
