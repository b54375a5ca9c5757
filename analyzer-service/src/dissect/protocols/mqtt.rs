//! MQTT versions 3.1 to 5 (OASIS).

use crate::dissect::{Direction, Login, Registration, Transport, logins::told};

pub(super) const REGISTRATION: Registration =
    Registration::named("mqtt", Transport::Tcp, &[1883], begins, begins).with_logins(logins);

const CONNECT: u8 = 0x10;

/// Bytes of the remaining length, at most.
const LENGTH_BYTES_MAX: usize = 4;

/// Flags of a CONNECT packet (version 5, 3.1.2.3).
const HAS_USER: u8 = 0x80;
const HAS_PASSWORD: u8 = 0x40;
const HAS_WILL: u8 = 0x04;

/// The version whose packets have properties.
const VERSION_5: u8 = 5;

/// A client's first packet: it names the protocol.
fn begins(data: &[u8]) -> bool {
    behind_length(data)
        .is_some_and(|rest| rest.starts_with(b"\0\x04MQTT") || rest.starts_with(b"\0\x06MQIsdp"))
}

/// What follows the fixed header of a CONNECT packet.
fn behind_length(data: &[u8]) -> Option<&[u8]> {
    let (&CONNECT, rest) = data.split_first()? else {
        return None;
    };
    number(rest).map(|(_, rest)| rest)
}

/// A variable byte integer (1.5.5), and what follows it.
fn number(data: &[u8]) -> Option<(usize, &[u8])> {
    let last = data.iter().position(|byte| byte & 0x80 == 0)?;
    if last >= LENGTH_BYTES_MAX {
        return None;
    }
    let (digits, rest) = data.split_at_checked(last + 1)?;
    let digits = digits.iter().rev();
    let value = digits.fold(0, |value, digit| value << 7 | usize::from(digit & 0x7f));
    Some((value, rest))
}

/// Bytes behind their length (1.5.4), and what follows them.
fn text(data: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = data.split_first_chunk()?;
    rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))
}

/// A CONNECT packet with a password.
fn logins(_: &mut Login, from: Direction, data: &[u8]) -> Option<String> {
    if from != Direction::ToServer {
        return None;
    }
    let (_, rest) = text(behind_length(data)?)?;
    let (&[version, flags, _, _], rest) = rest.split_first_chunk()?;
    if flags & HAS_PASSWORD == 0 {
        return None;
    }
    let user = match flags & HAS_USER {
        0 => None,
        _ => user(version, flags, rest),
    };
    Some(user.map(told).unwrap_or_default())
}

/// Behind the client's name and its will (3.1.3).
fn user(version: u8, flags: u8, rest: &[u8]) -> Option<&[u8]> {
    let properties = |rest| match version {
        VERSION_5 => {
            let (length, rest) = number(rest)?;
            rest.get(length..)
        }
        _ => Some(rest),
    };
    let (_, mut rest) = text(properties(rest)?)?;
    if flags & HAS_WILL != 0 {
        let (_, message) = text(properties(rest)?)?;
        (_, rest) = text(message)?;
    }
    text(rest).map(|(user, _)| user)
}
