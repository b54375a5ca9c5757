//! DNS tunnels: data in the names that one client asks for below one domain.

use std::{borrow::Cow, net::IpAddr, time::Duration};

use ahash::RandomState;

use super::{Evidence, Run, Subject, Table};
use crate::record::{DnsTransaction, Record, Severity};

/// Capture time in which names count together: as of scans.
const WINDOW: Duration = Duration::from_secs(5 * 60);

/// Bytes of a name below its domain that make it a long one. Tunnels fill what a name may have
/// (255 bytes); names of hosts in clouds have some 30.
pub(super) const LONG_BYTES_MIN: usize = 40;

/// Entropy of a long one's bytes, in hundredths of a bit: random hexadecimal digits have 360 to
/// 400, base32 has up to 500, one word again and again less than 300.
const ENTROPY_MIN: u32 = 300;

/// Different long names below one domain.
pub(super) const LONG_NAMES_MIN: usize = 20;

/// Different names of any length below one domain: one a second, nearly, for all of the
/// window.
pub(super) const NAMES_MIN: usize = 250;

/// Clients by domain that are remembered. With 250 names each, 2.3 MB.
const REMEMBERED_MAX: u32 = 1_024;

/// Below these, names are made of addresses or stay in the house (RFC 3172, RFC 6762).
const OTHER_DOMAINS: [&str; 4] = ["arpa", "local", "localhost", "lan"];

/// Second levels that are like a top level where the top one is a country's.
const SECOND_LEVELS: [&str; 14] = [
    "ac", "co", "com", "edu", "go", "gob", "gouv", "gov", "info", "mil", "ne", "net", "or", "org",
];

#[derive(Debug)]
pub(super) struct Tunnels {
    /// By client and domain's hash.
    domains: Table<(IpAddr, u64), Names>,
    /// Of names. A collision is nobody's gain: it is keyed.
    hasher: RandomState,
}

#[derive(Debug)]
struct Names {
    run: Run,
    /// Hashes of different ones, until there are enough.
    all: Vec<u64>,
    long: Vec<u64>,
    is_tunnel: bool,
}

impl Default for Tunnels {
    fn default() -> Self {
        Self {
            domains: Table::new(REMEMBERED_MAX),
            hasher: RandomState::new(),
        }
    }
}

impl Tunnels {
    pub(super) fn dns(&mut self, record: &Record, dns: &DnsTransaction, out: &mut Vec<Evidence>) {
        let is_unicast = matches!(dns.transport, "udp" | "tcp");
        let (true, true, Some(flow)) = (dns.query_seen, is_unicast, record.flow) else {
            return;
        };
        // Some resolvers write names in random case, to be hard to forge for.
        let name = lower_case(&dns.query_name);
        let Some((below, domain)) = split(&name) else {
            return;
        };
        let client = flow.client.address;
        let key = (client, self.hasher.hash_one(domain));
        let new = || Names::new(record);
        let names = self.domains.entry(key, new);
        if names.run.is_over(record.time, WINDOW) {
            *names = new();
        }
        names.run.add(flow.flow_id, record.packet_number);
        if !names.is_tunnel {
            let hash = self.hasher.hash_one(below);
            note(&mut names.all, hash);
            if is_long(below) {
                note(&mut names.long, hash);
            }
            if names.all.len() < NAMES_MIN && names.long.len() < LONG_NAMES_MIN {
                return;
            }
            names.is_tunnel = true;
            (names.all, names.long) = (Vec::new(), Vec::new());
        }
        let run = names.run.take();
        out.push(Evidence {
            subject: Subject {
                code: "dns-tunnel",
                source: Some(client),
                target: None,
                about: domain.to_owned(),
            },
            severity: Severity::Warning,
            message: format!("asks for many long or ever new names below {domain}").into(),
            source: Some(client),
            target: Some(flow.server.address),
            target_port: flow.server.port,
            count: run.count,
            first_packet: run.first_packet,
            flow_ids: run.flow_ids,
        });
    }
}

impl Names {
    fn new(record: &Record) -> Self {
        Self {
            run: Run::new(record.time),
            all: Vec::new(),
            long: Vec::new(),
            is_tunnel: false,
        }
    }
}

/// Mostly it is that already.
fn lower_case(name: &str) -> Cow<'_, str> {
    // Without a way out in the middle: so many bytes are looked at at once.
    let has_upper = |any, byte: u8| any | byte.is_ascii_uppercase();
    match name.bytes().fold(false, has_upper) {
        true => name.to_ascii_lowercase().into(),
        false => name.into(),
    }
}

fn note(hashes: &mut Vec<u64>, hash: u64) {
    if !hashes.contains(&hash) {
        hashes.push(hash);
    }
}

/// What is below the domain that somebody registered, and that domain: the last two labels,
/// or three. A guess without the list of public suffixes, which changes with the years.
pub(super) fn split(name: &str) -> Option<(&str, &str)> {
    let mut dots = name.rmatch_indices('.').map(|(at, _)| at);
    let top_at = dots.next()?;
    let top = &name[top_at + 1..];
    if OTHER_DOMAINS.contains(&top) {
        return None;
    }
    let mut at = dots.next()?;
    let second = &name[at + 1..top_at];
    if top.len() == 2 && SECOND_LEVELS.contains(&second) {
        at = dots.next()?;
    }
    Some((&name[..at], &name[at + 1..]))
}

fn is_long(below: &str) -> bool {
    below.len() >= LONG_BYTES_MIN && entropy(below.as_bytes()) >= ENTROPY_MIN
}

/// Shannon's, of the bytes between the dots, in hundredths of a bit.
#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "between 0 and 800"
)]
fn entropy(text: &[u8]) -> u32 {
    let mut counts = [0_u32; 256];
    let mut n = 0_u32;
    for byte in text.iter().filter(|byte| **byte != b'.') {
        counts[usize::from(*byte)] += 1;
        n += 1;
    }
    let all = f64::from(n.max(1));
    let part = |count: u32| f64::from(count) / all;
    let counts = counts.into_iter().filter(|count| *count > 0).map(part);
    let bits: f64 = counts.map(|part| -part * part.log2()).sum();
    (bits * 100.0) as u32
}
