//! From text to words and signs.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::{FilterError, names};

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Token<'t> {
    pub(super) what: What<'t>,
    /// Byte of the filter.
    pub(super) at: usize,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum What<'t> {
    /// A keyword, or a name of something.
    Word(&'t str),
    /// A name of something though it looks like a keyword: `\tcp`.
    Escaped(&'t str),
    Number(u32),
    /// An IPv4 address or the beginning of one: its value, and how many bits it has.
    Dotted(u32, u32),
    Ipv6(Ipv6Addr),
    Mac([u8; 6]),
    Not,
    And,
    Or,
    /// `(`, `)`, `[`, `]`, `:`, `/`, and what calculates and compares.
    Sign(&'static str),
}

/// Longest first, so that the first that fits is the one.
const SIGNS: [&str; 21] = [
    "<<", ">>", "<=", ">=", "==", "!=", "<", ">", "=", "(", ")", "[", "]", ":", "/", "+", "-", "*",
    "%", "&", "|",
];

pub(super) fn tokens(text: &str) -> Result<Vec<Token<'_>>, FilterError> {
    let mut tokens = Vec::new();
    let mut at = 0;
    // Ends: every round takes at least one byte.
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        let (what, n_bytes) = next(rest, at)?;
        if let Some(what) = what {
            tokens.push(Token { what, at });
        }
        at += n_bytes.max(1);
    }
    Ok(tokens)
}

/// The first token of `rest`, which is not empty, and its length; none for white space.
fn next(rest: &str, at: usize) -> Result<(Option<What<'_>>, usize), FilterError> {
    if rest.starts_with([' ', '\t', '\n', '\r']) {
        return Ok((None, 1));
    }
    if let Some(found) = address(rest) {
        return Ok((Some(found.0), found.1));
    }
    if rest.starts_with(|first: char| first.is_ascii_alphanumeric()) {
        let word = word(rest);
        return Ok((Some(meaning(word, at)?), word.len()));
    }
    if let Some(escaped) = rest.strip_prefix('\\') {
        let is_end = |c: char| c.is_ascii_whitespace() || "!()\\".contains(c);
        let name = escaped.split(is_end).next().unwrap_or_default();
        if !name.is_empty() {
            return Ok((Some(What::Escaped(name)), 1 + name.len()));
        }
    }
    for (sign, what) in [("&&", What::And), ("||", What::Or)] {
        if rest.starts_with(sign) {
            return Ok((Some(what), sign.len()));
        }
    }
    if let Some(sign) = SIGNS.iter().find(|sign| rest.starts_with(**sign)) {
        return Ok((Some(What::Sign(sign)), sign.len()));
    }
    if rest.starts_with('^') {
        return Ok((Some(What::Sign("^")), 1));
    }
    if rest.starts_with('!') {
        return Ok((Some(What::Not), 1));
    }
    let odd = rest.chars().next().unwrap_or_default();
    Err(FilterError::new(at, format!("{odd:?} means nothing here")))
}

/// Letters and digits, and what may stand between them.
fn word(rest: &str) -> &str {
    let is_inside = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    let end = rest.find(|c| !is_inside(c)).unwrap_or(rest.len());
    let word = rest.get(..end).unwrap_or_default();
    // "len-" is a word and a sign; libpcap takes "len-1" for one word, so do we.
    word.trim_end_matches(['-', '_'])
}

/// An IPv6 or MAC address at the start. In `ip[2:2]` there is none.
fn address(rest: &str) -> Option<(What<'static>, usize)> {
    let is_inside = |c: char| c.is_ascii_hexdigit() || ":.-".contains(c);
    let end = rest.find(|c| !is_inside(c)).unwrap_or(rest.len());
    let text = rest.get(..end)?;
    if text.contains(':')
        && let Ok(address) = text.parse()
    {
        return Some((What::Ipv6(address), end));
    }
    for (sign, groups, digits_max) in [(':', 6, 2), ('-', 6, 2), ('.', 6, 2), ('.', 3, 4)] {
        if let Some(mac) = mac(text, sign, groups, digits_max) {
            return Some((What::Mac(mac), end));
        }
    }
    None
}

fn mac(text: &str, sign: char, groups: usize, digits_max: usize) -> Option<[u8; 6]> {
    if text.split(sign).count() != groups {
        return None;
    }
    let mut bytes = Vec::with_capacity(6);
    for group in text.split(sign) {
        // With four digits to a group all of them are written.
        if group.is_empty() || group.len() > digits_max || (digits_max == 4 && group.len() != 4) {
            return None;
        }
        let value = u16::from_str_radix(group, 16).ok()?;
        let [high, low] = value.to_be_bytes();
        if digits_max == 4 {
            bytes.push(high);
        }
        bytes.push(low);
    }
    bytes.try_into().ok()
}

fn meaning(word: &str, at: usize) -> Result<What<'_>, FilterError> {
    if let Some(value) = names::constant(word) {
        return Ok(What::Number(value));
    }
    if word.starts_with(|first: char| first.is_ascii_digit()) {
        if word
            .bytes()
            .all(|byte| byte.is_ascii_digit() || byte == b'.')
            && word.contains('.')
        {
            return dotted(word, at);
        }
        if let Some(value) = number(word, at)? {
            return Ok(What::Number(value));
        }
    }
    Ok(match word {
        "not" => What::Not,
        "and" => What::And,
        "or" => What::Or,
        _ => What::Word(word),
    })
}

/// Decimal, octal with a 0 in front, hexadecimal with a 0x; none for "80-90".
fn number(word: &str, at: usize) -> Result<Option<u32>, FilterError> {
    let hexadecimal = word.strip_prefix("0x").or_else(|| word.strip_prefix("0X"));
    let (digits, radix) = match (hexadecimal, word.strip_prefix('0')) {
        (Some(digits), _) => (digits, 16),
        (None, Some(digits)) if !digits.is_empty() => (digits, 8),
        (None, _) => (word, 10),
    };
    if !digits.chars().all(|digit| digit.is_ascii_hexdigit()) || digits.is_empty() {
        return Ok(None);
    }
    match u32::from_str_radix(digits, radix) {
        Ok(value) => Ok(Some(value)),
        Err(error) if *error.kind() == std::num::IntErrorKind::PosOverflow => {
            Err(FilterError::new(at, "the number has more than 32 bits"))
        }
        Err(_) if radix == 10 => Ok(None),
        Err(_) => Err(FilterError::new(at, format!("no number: {word:?}"))),
    }
}

/// "10.1" is 10.1/16, "10.1.2.3" an address.
fn dotted(word: &str, at: usize) -> Result<What<'_>, FilterError> {
    let wrong = || FilterError::new(at, format!("no IPv4 address: {word:?}"));
    let parts: Result<Vec<u8>, _> = word.split('.').map(str::parse).collect();
    let parts = parts.map_err(|_| wrong())?;
    let mut octets = [0; 4];
    let n_octets = parts.len();
    octets
        .get_mut(..n_octets)
        .ok_or_else(wrong)?
        .copy_from_slice(&parts);
    let n_bits = 8 * u32::try_from(n_octets).unwrap_or(4);
    Ok(What::Dotted(u32::from(Ipv4Addr::from(octets)), n_bits))
}
