//! FTP, its control connection (RFC 959).

use crate::dissect::{
    Direction, Login, Registration, Transport,
    logins::lines,
    text::{first_line, has_code, says},
};

pub(super) const REGISTRATION: Registration =
    Registration::named("ftp", Transport::Tcp, &[21], begins, may_be).with_logins(logins);

/// Users whose password is no secret (RFC 1635).
const ANONYMOUS: [&str; 2] = ["anonymous", "ftp"];

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

fn logins(login: &mut Login, from: Direction, data: &[u8]) -> Option<String> {
    if from != Direction::ToServer {
        return None;
    }
    let users = lines(data).filter_map(|line| login.user_and_pass(line));
    let is_somebody = |user: &String| {
        let mut anonymous = ANONYMOUS.iter();
        !anonymous.any(|name| user.eq_ignore_ascii_case(name))
    };
    users.filter(is_somebody).last()
}
