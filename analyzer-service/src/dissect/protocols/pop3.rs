//! POP3 (RFC 1939).

use crate::dissect::{
    Direction, Login, Registration, Transport,
    logins::{behind, lines},
    text::{first_line, says},
};

pub(super) const REGISTRATION: Registration =
    Registration::named("pop3", Transport::Tcp, &[110], begins, may_be).with_logins(logins);

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

/// USER and PASS, or AUTH (RFC 5034).
fn logins(login: &mut Login, from: Direction, data: &[u8]) -> Option<String> {
    if from != Direction::ToServer {
        if lines(data).any(|line| behind(line, b"-ERR").is_some()) {
            login.refused();
        }
        return None;
    }
    let users = lines(data).filter_map(|line| match behind(line, b"AUTH ") {
        _ if login.is_asked() => login.answer(line),
        Some(rest) => login.sasl(rest),
        None => login.user_and_pass(line),
    });
    users.last()
}
