//! SVCB and HTTPS records (RFC 9460).

use std::{
    fmt::Write,
    net::{Ipv4Addr, Ipv6Addr},
};

use base64::{Engine, engine::general_purpose::STANDARD};

use super::wire::Wire;
use crate::dissect::text::{hexadecimal, wire_text};

pub(super) fn text(data: &mut Wire<'_>) -> Option<String> {
    let mut text = format!("{} {}", data.u16()?, data.name()?);
    while !data.is_empty() {
        let key = data.u16()?;
        let length = data.u16()?;
        let mut value = data.part(usize::from(length))?;
        match name(key) {
            Some(name) => write!(text, " {name}").ok()?,
            None => write!(text, " key{key}").ok()?,
        }
        if !value.is_empty() {
            write!(text, "={}", parameter(key, &mut value)?).ok()?;
        }
        if !value.is_empty() {
            return None;
        }
    }
    Some(text)
}

/// IANA's "Service Parameter Keys (SvcParamKeys)".
fn name(key: u16) -> Option<&'static str> {
    Some(match key {
        0 => "mandatory",
        1 => "alpn",
        2 => "no-default-alpn",
        3 => "port",
        4 => "ipv4hint",
        5 => "ech",
        6 => "ipv6hint",
        7 => "dohpath",
        8 => "ohttp",
        _ => return None,
    })
}

fn parameter(key: u16, value: &mut Wire<'_>) -> Option<String> {
    Some(match key {
        0 => list(value, |value| {
            let key = value.u16()?;
            Some(name(key).map_or_else(|| format!("key{key}"), str::to_owned))
        })?,
        1 => list(value, |value| value.string().map(wire_text))?,
        3 => value.u16()?.to_string(),
        4 => list(value, |value| {
            value
                .u32()
                .map(|bits| Ipv4Addr::from_bits(bits).to_string())
        })?,
        5 => STANDARD.encode(value.rest()),
        6 => list(value, |value| {
            let bytes = <[u8; 16]>::try_from(value.take(16)?).ok()?;
            Some(Ipv6Addr::from(bytes).to_string())
        })?,
        7 => wire_text(value.rest()),
        _ => hexadecimal(value.rest()),
    })
}

fn list(value: &mut Wire<'_>, item: impl Fn(&mut Wire<'_>) -> Option<String>) -> Option<String> {
    let mut items = Vec::new();
    while !value.is_empty() {
        items.push(item(value)?);
    }
    Some(items.join(","))
}
