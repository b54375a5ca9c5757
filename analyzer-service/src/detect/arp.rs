//! Who says by ARP (RFC 826) that it has an IPv4 address: forged answers, and addresses that
//! two hosts have.
//!
//! An address that changes hands, and even back again, is no finding: leases end, and a standby
//! takes over.

use std::{fmt, net::Ipv4Addr, time::Duration};

use super::{Evidence, Subject, Table};
use crate::{
    decode::{Arp, Encapsulation, Frame, Vlans},
    flow::Stamp,
    record::{Severity, Time},
};

/// Capture time in which two claims contradict each other; behind it the later one counts.
/// Hosts believe what ARP told them for about as long (RFC 1122, 2.3.2.1).
const WINDOW: Duration = Duration::from_secs(60);

/// How long an answer may take: senders ask again after a second (RFC 1122, 2.3.2.1).
const ANSWER_MAX: Duration = Duration::from_secs(5);

/// Answers that nobody asked for, for an address of somebody else. Spoofing repeats them every
/// second or two; a standby that takes over sends announcements, which name the address itself
/// as their target (RFC 5227, 3).
pub(super) const UNASKED_MIN: u32 = 3;

/// Addresses that are remembered, by segment: 0.8 MB.
const REMEMBERED_MAX: u32 = 4_096;

/// Where an address has one holder: tenants of an overlay have the same ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Segment {
    vlans: Vlans,
    /// The innermost.
    tunnel: Option<Encapsulation>,
}

impl Segment {
    /// None in a tunnel that does not tell it, since each direction has a number of its own.
    #[must_use]
    pub fn of(frame: &Frame<'_>) -> Option<Self> {
        let mut tunnels = frame.encapsulations.iter();
        tunnels
            .all(|tunnel| tunnel.kind.has_one_id())
            .then(|| Self {
                vlans: frame.link.vlans,
                tunnel: frame.encapsulations.last().copied(),
            })
    }
}

#[derive(Debug)]
pub(super) struct Claims {
    addresses: Table<(Segment, Ipv4Addr), Address>,
}

#[derive(Debug, Default)]
struct Address {
    /// Somebody asked for it.
    asked: Option<Time>,
    holder: Option<(Mac, Time)>,
    rival: Option<Rival>,
}

/// Another one that says it has the address.
#[derive(Clone, Copy, Debug)]
struct Rival {
    mac: Mac,
    latest: Time,
    /// Answers that nobody asked for.
    unasked: u32,
    /// Claims that no evidence tells of yet, and the packet of the first.
    untold: u32,
    first_packet: u64,
    /// The holder said since that it still has it.
    contradicted: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Mac([u8; 6]);

impl Default for Claims {
    fn default() -> Self {
        Self {
            addresses: Table::new(REMEMBERED_MAX),
        }
    }
}

impl Claims {
    pub(super) fn arp(
        &mut self,
        arp: &Arp,
        segment: Segment,
        stamp: Stamp,
        out: &mut Vec<Evidence>,
    ) {
        let is_announcement = arp.sender == arp.target;
        if arp.operation == Arp::REQUEST && !is_announcement {
            let target = self
                .addresses
                .entry((segment, arp.target), Address::default);
            target.asked = Some(stamp.time);
        }
        // RFC 5227, 2.1.1: a probe claims nothing yet.
        if !matches!(arp.operation, Arp::REQUEST | Arp::REPLY) || arp.sender.is_unspecified() {
            return;
        }
        let sender = (segment, arp.sender);
        let address = self.addresses.entry(sender, Address::default);
        let asked = address.asked;
        let is_asked = asked.is_some_and(|asked| stamp.time.since(asked) <= ANSWER_MAX);
        let is_unasked = arp.operation == Arp::REPLY && !is_announcement && !is_asked;
        let told = address.claim(Mac(arp.sender_mac), is_unasked, stamp);
        if let Some((holder, rival)) = told {
            out.push(evidence(arp.sender, holder, &rival));
        }
    }
}

impl Address {
    /// Somebody says that it has it. Answers who else does, when that is to be told.
    fn claim(&mut self, mac: Mac, is_unasked: bool, stamp: Stamp) -> Option<(Mac, Rival)> {
        let is_recent = |latest: Time| stamp.time.since(latest) <= WINDOW;
        let rival = self.rival.filter(|rival| is_recent(rival.latest));
        match self.holder {
            Some((holder, _)) if holder == mac => {
                self.holder = Some((mac, stamp.time));
                self.rival = rival;
                if let Some(rival) = &mut self.rival {
                    rival.contradicted = true;
                }
                None
            }
            Some((holder, latest)) => {
                let mut rival = match rival {
                    Some(rival) if rival.mac == mac => rival,
                    _ => Rival::new(mac, stamp),
                };
                rival.claim(is_unasked, stamp);
                if rival.unasked == 0 && !is_recent(latest) {
                    self.holder = Some((mac, stamp.time));
                    self.rival = None;
                    return None;
                }
                let rival = self.rival.insert(rival);
                // Both insist. A frame that was damaged comes once.
                let is_conflict = rival.contradicted || is_unasked && rival.is_forger();
                is_conflict.then(|| (holder, rival.tell()))
            }
            None => {
                self.holder = Some((mac, stamp.time));
                None
            }
        }
    }
}

impl Rival {
    fn new(mac: Mac, stamp: Stamp) -> Self {
        Self {
            mac,
            latest: stamp.time,
            unasked: 0,
            untold: 0,
            first_packet: stamp.number,
            contradicted: false,
        }
    }

    fn claim(&mut self, is_unasked: bool, stamp: Stamp) {
        if self.untold == 0 {
            self.first_packet = stamp.number;
        }
        self.latest = stamp.time;
        self.unasked = self.unasked.saturating_add(u32::from(is_unasked));
        self.untold = self.untold.saturating_add(1);
    }

    fn is_forger(&self) -> bool {
        self.unasked >= UNASKED_MIN
    }

    /// As it is now.
    fn tell(&mut self) -> Self {
        let told = *self;
        self.untold = 0;
        told
    }
}

fn evidence(address: Ipv4Addr, holder: Mac, rival: &Rival) -> Evidence {
    let Rival { mac, .. } = rival;
    let (code, severity, message) = match rival.is_forger() {
        true => (
            "arp-spoof",
            Severity::Alert,
            format!("{mac} answers unasked for the address of {holder}"),
        ),
        false => (
            "duplicate-address",
            Severity::Warning,
            format!("{mac} and {holder} both have the address"),
        ),
    };
    Evidence {
        subject: Subject {
            code,
            source: None,
            target: Some(address.into()),
            about: String::new(),
        },
        severity,
        message: message.into(),
        source: None,
        target: Some(address.into()),
        target_port: 0,
        count: rival.untold.into(),
        first_packet: rival.first_packet,
        flow_ids: Vec::new(),
    }
}

impl fmt::Display for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}
