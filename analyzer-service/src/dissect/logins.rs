//! Logins in clear, in the openings of text protocols. A secret is looked at to see that
//! there is one; nothing keeps it.

use base64::{
    Engine,
    alphabet::STANDARD,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};

use super::{Context, Direction, Output, text::wire_text};
use crate::record::FlowRef;

/// Longest name of a user that is told. What is longer is mostly a token: a secret.
pub(super) const USER_BYTES_MAX: usize = 64;

/// Longest line that is looked at: SASL's messages have a few hundred bytes.
const LINE_BYTES_MAX: usize = 2_048;

const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Looks at a segment for a login, going by what came before. Answers who logged in, or
/// tried to: empty when that can't be told.
pub type Logins = fn(&mut Login, Direction, &[u8]) -> Option<String>;

/// A password or the like that went over the wire in clear. It is not in here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exposed {
    pub flow: FlowRef,
    /// From 1.
    pub packet_number: u64,
    /// As in `Flow.services`.
    pub protocol: &'static str,
    /// Whose it is; empty when that can't be told without telling the secret.
    pub user: String,
}

/// What a client said of itself so far.
#[derive(Debug, Default)]
pub struct Login {
    user: Vec<u8>,
    awaits: Awaits,
    /// Sequence number of the client's next byte, once it said something.
    next: Option<u32>,
}

/// What a client's next line is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Awaits {
    #[default]
    Command,
    /// RFC 4616.
    Plain,
    /// draft-murchison-sasl-login: first this, then the secret.
    LoginUser,
    LoginSecret,
}

impl Login {
    /// The client's next segment begins at `seq`. False when it came before: again, or late.
    pub(super) fn follow(&mut self, seq: u32, n_bytes: usize) -> bool {
        let ahead = self
            .next
            .map_or(0, |next| seq.wrapping_sub(next).cast_signed());
        if ahead < 0 {
            return false;
        }
        if ahead > 0 && self.awaits == Awaits::LoginUser {
            // The line that is missing, or comes later, was the user: this is the secret.
            self.user.clear();
            self.awaits = Awaits::LoginSecret;
        }
        // A segment is shorter than a window.
        let n_bytes = u32::try_from(n_bytes).unwrap_or_default();
        self.next = Some(seq.wrapping_add(n_bytes));
        true
    }

    /// The server does not go on with what the client began.
    pub(super) fn refused(&mut self) {
        self.awaits = Awaits::Command;
    }

    /// USER and PASS (RFC 959, 4.1.1; RFC 1939, 7).
    pub(super) fn user_and_pass(&mut self, line: &[u8]) -> Option<String> {
        if let Some(user) = behind(line, b"USER ") {
            self.user = user.iter().take(USER_BYTES_MAX + 1).copied().collect();
            return None;
        }
        let secret = behind(line, b"PASS ")?;
        (!secret.is_empty()).then(|| told(&self.user))
    }

    /// What follows AUTH or AUTHENTICATE: a mechanism of SASL (RFC 4422) and perhaps its
    /// first message.
    pub(super) fn sasl(&mut self, rest: &[u8]) -> Option<String> {
        let mut words = rest.split(|byte| *byte == b' ');
        let mechanism = words.next()?;
        // RFC 4954, 4: "=" is an empty message.
        let first = words.next().filter(|first| !first.is_empty());
        self.awaits = if mechanism.eq_ignore_ascii_case(b"PLAIN") {
            Awaits::Plain
        } else if mechanism.eq_ignore_ascii_case(b"LOGIN") {
            Awaits::LoginUser
        } else {
            // Others tell no secret.
            return None;
        };
        self.answer(first?)
    }

    /// Whether the next line is no command.
    pub(super) fn is_asked(&self) -> bool {
        self.awaits != Awaits::Command
    }

    /// What the client says when SASL asks.
    pub(super) fn answer(&mut self, line: &[u8]) -> Option<String> {
        let awaits = std::mem::take(&mut self.awaits);
        if line == b"*" {
            return None;
        }
        match awaits {
            Awaits::Command => None,
            Awaits::Plain => {
                let message = decoded(line)?;
                let mut parts = message.split(|byte| *byte == 0).skip(1);
                let (user, secret) = (parts.next()?, parts.next()?);
                (!secret.is_empty()).then(|| told(user))
            }
            Awaits::LoginUser => {
                self.user = decoded(line).unwrap_or_default();
                self.awaits = Awaits::LoginSecret;
                None
            }
            Awaits::LoginSecret => (!line.is_empty()).then(|| told(&self.user)),
        }
    }
}

impl Output {
    /// A login in clear, in this context's packet.
    pub fn expose(&mut self, context: &Context<'_>, protocol: &'static str, user: String) {
        self.exposed.push(Exposed {
            flow: *context.flow,
            packet_number: context.packet_number,
            protocol,
            user,
        });
    }
}

/// Lines that are not empty, without their ends.
pub(super) fn lines(data: &[u8]) -> impl Iterator<Item = &[u8]> {
    let lines = data.split(|byte| *byte == b'\n');
    let lines = lines.filter(|line| line.len() <= LINE_BYTES_MAX);
    lines
        .map(<[u8]>::trim_ascii_end)
        .filter(|line| !line.is_empty())
}

/// What follows `word`, in upper or lower case, at the front of a line.
pub(super) fn behind<'a>(line: &'a [u8], word: &[u8]) -> Option<&'a [u8]> {
    let (front, rest) = line.split_at_checked(word.len())?;
    front.eq_ignore_ascii_case(word).then_some(rest)
}

/// The bytes that base64 stands for, padded or not.
pub(super) fn decoded(text: &[u8]) -> Option<Vec<u8>> {
    BASE64.decode(text).ok()
}

/// The name of a user as it may be told.
pub(super) fn told(user: &[u8]) -> String {
    match user.len() > USER_BYTES_MAX {
        true => String::new(),
        false => wire_text(user),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_sasl(lines: &[&str], expected: Option<&str>) {
        let mut login = Login::default();
        let mut said = login.sasl(lines[0].as_bytes());
        for line in &lines[1..] {
            assert!(login.is_asked(), "in front of {line}");
            said = login.answer(line.as_bytes());
        }
        assert_eq!(said.as_deref(), expected, "{lines:?}");
    }

    #[test]
    fn sasl_tells_who() {
        check_sasl(&["PLAIN AGFsaWNlAHNlY3JldA=="], Some("alice"));
        check_sasl(&["plain", "AGFsaWNlAHNlY3JldA"], Some("alice"));
        check_sasl(&["LOGIN", "YWxpY2U=", "c2VjcmV0"], Some("alice"));
        check_sasl(&["LOGIN YWxpY2U=", "c2VjcmV0"], Some("alice"));
    }

    #[test]
    fn what_is_no_login_is_none() {
        check_sasl(&["CRAM-MD5"], None);
        check_sasl(&["PLAIN", "*"], None);
        check_sasl(&["PLAIN AGFsaWNlAA=="], None);
        check_sasl(&["PLAIN =="], None);
        check_sasl(&["PLAIN ////"], None);
        check_sasl(&["LOGIN YWxpY2U=", "*"], None);
    }

    #[test]
    fn a_long_user_is_a_token() {
        let mut login = Login::default();
        let line = [b"USER ".as_slice(), &[b'x'; USER_BYTES_MAX + 1]].concat();
        assert_eq!(login.user_and_pass(&line), None);
        assert_eq!(login.user_and_pass(b"pass y"), Some(String::new()));
    }
}
