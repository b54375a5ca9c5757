//! A record's data as zone files write it.

use std::{fmt::Write, net::Ipv6Addr};

use base64::{Engine, engine::general_purpose::STANDARD};

use super::{codes, svcb, wire::Wire};
use crate::dissect::text::{self, hexadecimal, shorten};

/// The data's text, and whether it fits its type; hexadecimal when it does
/// not, or has no text form.
pub(super) fn text(record_type: u16, data: &mut Wire<'_>, raw: &[u8]) -> (String, bool) {
    if !has_text(record_type) {
        return (hexadecimal(raw), true);
    }
    match typed(record_type, data) {
        Some(text) if data.is_empty() => (shorten(text), true),
        // RFC 2136, 2.4: an update deletes with empty data.
        _ => (hexadecimal(raw), raw.is_empty()),
    }
}

fn has_text(record_type: u16) -> bool {
    matches!(
        record_type,
        1..=9 | 12..=18 | 21 | 24 | 25 | 28 | 33 | 35 | 36 | 39 | 43 | 44 | 46..=48 | 50..=53
            | 59 | 60 | 64 | 65 | 99 | 108 | 109 | 256 | 257 | 32768 | 32769
    )
}

fn typed(record_type: u16, data: &mut Wire<'_>) -> Option<String> {
    Some(match record_type {
        1 => dotted(data.take(4)?),
        28 => Ipv6Addr::from(<[u8; 16]>::try_from(data.take(16)?).ok()?).to_string(),
        2..=5 | 7..=9 | 12 | 39 => data.name()?,
        6 => soa(data)?,
        13 | 16 | 99 => strings(data)?,
        14 | 17 => format!("{} {}", data.name()?, data.name()?),
        15 | 18 | 21 | 36 => format!("{} {}", data.u16()?, data.name()?),
        24 | 46 => signature(data)?,
        25 | 48 | 60 => key(data)?,
        33 => {
            let (priority, weight, port) = (data.u16()?, data.u16()?, data.u16()?);
            format!("{priority} {weight} {port} {}", data.name()?)
        }
        35 => naptr(data)?,
        43 | 59 | 32768 | 32769 => {
            let (tag, algorithm, digest) = (data.u16()?, data.u8()?, data.u8()?);
            format!("{tag} {algorithm} {digest} {}", hexadecimal(data.rest()))
        }
        44 => format!("{} {} {}", data.u8()?, data.u8()?, hexadecimal(data.rest())),
        47 => format!("{}{}", data.name()?, types(data)?),
        50 => nsec3(data)?,
        51 => nsec3_parameters(data)?,
        52 | 53 => {
            let (usage, selector, matching) = (data.u8()?, data.u8()?, data.u8()?);
            format!("{usage} {selector} {matching} {}", hexadecimal(data.rest()))
        }
        64 | 65 => svcb::text(data)?,
        108 => hyphenated(data.take(6)?),
        109 => hyphenated(data.take(8)?),
        256 => format!("{} {} {}", data.u16()?, data.u16()?, quoted(data.rest())),
        257 => {
            let (flags, tag) = (data.u8()?, text::wire_text(data.string()?));
            format!("{flags} {tag} {}", quoted(data.rest()))
        }
        _ => return None,
    })
}

/// An IPv4 address, without the detour over a formatter: most answers are one.
fn dotted(octets: &[u8]) -> String {
    let mut text = String::with_capacity("255.255.255.255".len());
    for octet in octets {
        if !text.is_empty() {
            text.push('.');
        }
        for unit in [100, 10, 1] {
            if *octet >= unit || unit == 1 {
                text.push(char::from(b'0' + octet / unit % 10));
            }
        }
    }
    text
}

fn soa(data: &mut Wire<'_>) -> Option<String> {
    let mut text = format!("{} {}", data.name()?, data.name()?);
    for _ in 0..5 {
        write!(text, " {}", data.u32()?).ok()?;
    }
    Some(text)
}

fn strings(data: &mut Wire<'_>) -> Option<String> {
    // Enough for one: its quotes come, its length byte goes.
    let mut text = String::with_capacity(data.clone().rest().len() + QUOTES_BYTES);
    while !data.is_empty() {
        if !text.is_empty() {
            text.push(' ');
        }
        push_quoted(&mut text, data.string()?);
    }
    Some(text)
}

/// RFC 4034, 3.2.
fn signature(data: &mut Wire<'_>) -> Option<String> {
    let covered = codes::record_type(data.u16()?);
    let (algorithm, labels, ttl) = (data.u8()?, data.u8()?, data.u32()?);
    let (expiration, inception, tag) = (data.u32()?, data.u32()?, data.u16()?);
    let signer = data.name()?;
    let signature = STANDARD.encode(data.rest());
    Some(format!(
        "{covered} {algorithm} {labels} {ttl} {expiration} {inception} {tag} {signer} {signature}"
    ))
}

/// RFC 4034, 2.2.
fn key(data: &mut Wire<'_>) -> Option<String> {
    let (flags, protocol, algorithm) = (data.u16()?, data.u8()?, data.u8()?);
    let key = STANDARD.encode(data.rest());
    Some(format!("{flags} {protocol} {algorithm} {key}"))
}

fn naptr(data: &mut Wire<'_>) -> Option<String> {
    let (order, preference) = (data.u16()?, data.u16()?);
    let flags = quoted(data.string()?);
    let service = quoted(data.string()?);
    let expression = quoted(data.string()?);
    let replacement = data.name()?;
    Some(format!(
        "{order} {preference} {flags} {service} {expression} {replacement}"
    ))
}

/// RFC 5155, 3.3.
fn nsec3(data: &mut Wire<'_>) -> Option<String> {
    let parameters = nsec3_parameters(data)?;
    let next = base32_hex(data.string()?);
    Some(format!("{parameters} {next}{}", types(data)?))
}

fn nsec3_parameters(data: &mut Wire<'_>) -> Option<String> {
    let (hash, flags, iterations) = (data.u8()?, data.u8()?, data.u16()?);
    let salt = match data.string()? {
        [] => "-".to_owned(),
        salt => hexadecimal(salt),
    };
    Some(format!("{hash} {flags} {iterations} {salt}"))
}

/// RFC 4034, 4.1.2.
const BITMAP_BYTES_MAX: usize = 32;

/// RFC 4034, 4.1.2: the types of a bitmap, each with a space before it. Of no more
/// windows than the text has room for.
pub(super) fn types(data: &mut Wire<'_>) -> Option<String> {
    let mut types = String::new();
    while !data.is_empty() {
        let window = u16::from(data.u8()?) << 8;
        let bitmap = data.string()?;
        if bitmap.len() > BITMAP_BYTES_MAX {
            return None;
        }
        if types.len() > text::TEXT_BYTES_MAX {
            continue;
        }
        for (at, byte) in (0u16..).zip(bitmap) {
            for bit in (0..8).filter(|bit| byte & 0x80 >> bit != 0) {
                let number = window.checked_add(at * 8 + bit)?;
                write!(types, " {}", codes::record_type(number)).ok()?;
            }
        }
    }
    Some(types)
}

/// RFC 4648, 7, lower case, without padding.
fn base32_hex(bytes: &[u8]) -> String {
    let digit = |five: u8| char::from(b"0123456789abcdefghijklmnopqrstuv"[usize::from(five & 31)]);
    let mut text = String::new();
    for group in bytes.chunks(5) {
        let mut bits = [0u8; 8];
        bits[3..3 + group.len()].copy_from_slice(group);
        let bits = u64::from_be_bytes(bits);
        let digits = (group.len() * 8).div_ceil(5);
        for at in 0..digits {
            let five = bits >> (35 - 5 * at) & 31;
            text.push(digit(u8::try_from(five).unwrap_or(0)));
        }
    }
    text
}

fn hyphenated(bytes: &[u8]) -> String {
    let parts: Vec<_> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    parts.join("-")
}

/// In quotation marks; those inside, and backslashes, get a backslash.
pub(super) fn quoted(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() + QUOTES_BYTES);
    push_quoted(&mut text, bytes);
    text
}

const QUOTES_BYTES: usize = 2;

fn push_quoted(text: &mut String, bytes: &[u8]) {
    text.push('"');
    push_escaped(text, bytes, [b'"', b'\\']);
    text.push('"');
}

/// Appends `bytes`; each of `special`, ASCII, gets a backslash.
pub(super) fn push_escaped(text: &mut String, bytes: &[u8], special: [u8; 2]) {
    // Without a way out in the middle: so many bytes are looked at at once.
    let [one, other] = special;
    let is_special = |byte: &u8| (*byte == one) | (*byte == other);
    let is_any = bytes.iter().fold(false, |any, byte| any | is_special(byte));
    if !is_any {
        return text::push(text, bytes);
    }
    for part in bytes.split_inclusive(is_special) {
        let (front, last) = part.split_at(part.len() - 1);
        text::push(text, front);
        if last.iter().any(is_special) {
            text.push('\\');
        }
        text::push(text, last);
    }
}
