//! FTP, its control connection (RFC 959).

use crate::dissect::{
    Registration, Transport,
    text::{first_line, has_code, says},
};

pub(super) const REGISTRATION: Registration =
    Registration::named("ftp", Transport::Tcp, &[21], begins, may_be);

/// A greeting that says so.
fn begins(data: &[u8]) -> bool {
    has_code(data, b"220") && says(first_line(data), b"FTP")
}

fn may_be(data: &[u8]) -> bool {
    let command = [&b"USER "[..], b"AUTH ", b"FEAT\r\n"];
    let command = command.iter().any(|word| data.starts_with(word));
    command
        || [b"220", b"120", b"421"]
            .iter()
            .any(|code| has_code(data, code))
}
