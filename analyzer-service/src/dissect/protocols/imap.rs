//! IMAP (RFC 9051).

use crate::dissect::{
    Direction, Login, Registration, Transport,
    logins::{behind, lines, told},
    text::{first_line, says},
};

pub(super) const REGISTRATION: Registration =
    Registration::named("imap", Transport::Tcp, &[143], begins, may_be).with_logins(logins);

/// A greeting that says so.
fn begins(data: &[u8]) -> bool {
    let line = first_line(data);
    may_be(data) && (says(line, b"IMAP") || says(line, b"[CAPABILITY "))
}

fn may_be(data: &[u8]) -> bool {
    let greetings = [&b"* OK"[..], b"* PREAUTH", b"* BYE"];
    greetings.iter().any(|greeting| data.starts_with(greeting))
}

/// LOGIN and AUTHENTICATE (RFC 9051, 6.2), behind a tag.
fn logins(login: &mut Login, from: Direction, data: &[u8]) -> Option<String> {
    if from != Direction::ToServer {
        if lines(data).any(is_refusal) {
            login.refused();
        }
        return None;
    }
    let users = lines(data).filter_map(|line| {
        if login.is_asked() {
            return login.answer(line);
        }
        let tag = line.iter().position(|byte| *byte == b' ')?;
        let command = &line[tag + 1..];
        match behind(command, b"AUTHENTICATE ") {
            Some(rest) => login.sasl(rest),
            None => user(behind(command, b"LOGIN ")?),
        }
    });
    users.last()
}

/// NO or BAD behind the tag of a command.
fn is_refusal(line: &[u8]) -> bool {
    let behind_tag = line.splitn(2, |byte| *byte == b' ').last();
    let answer = behind_tag.unwrap_or_default();
    let is_untagged = matches!(line.first(), Some(b'*' | b'+'));
    !is_untagged
        && [&b"NO"[..], b"BAD"]
            .iter()
            .any(|word| behind(answer, word).is_some())
}

/// Of a user and a secret, each an atom or quoted. Not of literals, which come in lines of
/// their own.
fn user(rest: &[u8]) -> Option<String> {
    let (user, secret) = match rest.strip_prefix(b"\"") {
        Some(quoted) => {
            let end = quoted.iter().position(|byte| *byte == b'"')?;
            (&quoted[..end], quoted.get(end + 1..)?)
        }
        None => {
            let end = rest.iter().position(|byte| *byte == b' ')?;
            (&rest[..end], &rest[end..])
        }
    };
    let secret = secret.trim_ascii();
    let is_literal = user.starts_with(b"{");
    (!secret.is_empty() && !is_literal).then(|| told(user))
}
