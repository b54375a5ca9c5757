//! SMTP (RFC 5321).

use crate::dissect::{
    Direction, Login, Registration, Transport,
    logins::{behind, lines},
    text::{first_line, has_code, says},
};

pub(super) const REGISTRATION: Registration =
    Registration::named("smtp", Transport::Tcp, &[25, 587, 2525], begins, may_be)
        .with_logins(logins);

/// A greeting that says so, or a client's.
fn begins(data: &[u8]) -> bool {
    is_hello(data) || has_code(data, b"220") && says(first_line(data), b"SMTP")
}

fn may_be(data: &[u8]) -> bool {
    is_hello(data)
        || [b"220", b"421", b"554"]
            .iter()
            .any(|code| has_code(data, code))
}

fn is_hello(data: &[u8]) -> bool {
    [&b"EHLO "[..], b"HELO "].iter().any(|word| {
        let front = data.get(..word.len());
        front.is_some_and(|front| front.eq_ignore_ascii_case(word))
    })
}

/// RFC 4954.
fn logins(login: &mut Login, from: Direction, data: &[u8]) -> Option<String> {
    if from != Direction::ToServer {
        if lines(data).any(|line| matches!(line, [b'4' | b'5', _, _, b' ', ..])) {
            login.refused();
        }
        return None;
    }
    let users = lines(data).filter_map(|line| match login.is_asked() {
        true => login.answer(line),
        false => login.sasl(behind(line, b"AUTH ")?),
    });
    users.last()
}
