//! What the first fragment of a datagram says, kept for the later ones, which have no
//! transport header.

use std::{collections::VecDeque, net::IpAddr, time::Duration};

use ahash::RandomState;
use hashbrown::{HashMap, hash_map::Entry};

use crate::{
    decode::{Fragment, Ip, Ports, Tcp, Transport, Vlans},
    record::{IcmpKind, Time},
};

/// Capture time after which a datagram's fragments are given up (RFC 8200, 4.5).
const LIFETIME: Duration = Duration::from_secs(60);

/// Datagrams remembered at once, about 8 MiB of them.
pub(super) const DATAGRAMS_MAX: usize = 65_536;

/// What identifies a datagram, and its VLANs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Key {
    source: IpAddr,
    target: IpAddr,
    /// As [`Fragment::protocol`].
    protocol: u8,
    identification: u32,
    vlans: Vlans,
}

/// What a transport header says of its flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Head {
    Ports(Ports),
    Tcp {
        ports: Ports,
        /// Sequence number that the datagram's first byte behind the IP header would have:
        /// with it a later fragment's place in the stream is known.
        origin: u32,
    },
    Icmp(IcmpKind),
    None,
}

impl Head {
    fn of(ip: &Ip<'_>) -> Self {
        match &ip.transport {
            Transport::Tcp(tcp) => {
                let syn = u32::from(tcp.has(Tcp::SYN));
                let extensions = ip.fragment.map_or(0, |fragment| fragment.extension_bytes);
                let n_headers = extensions.saturating_add(u32::from(tcp.header_bytes));
                Self::Tcp {
                    ports: tcp.ports,
                    origin: tcp.seq.wrapping_add(syn).wrapping_sub(n_headers),
                }
            }
            Transport::Udp(udp) => Self::Ports(udp.ports),
            Transport::Sctp(ports) | Transport::Ports(ports) => Self::Ports(*ports),
            Transport::Icmp(kind) => Self::Icmp(*kind),
            Transport::Bare | Transport::LaterFragment(_) => Self::None,
        }
    }
}

/// A datagram of which some fragments were seen.
#[derive(Debug)]
struct Datagram {
    head: Head,
    /// Of the first fragment, behind its extension headers.
    protocol: u8,
    since: Time,
    /// Of all its fragments so far.
    n_seen: u64,
    /// Known from the last fragment.
    n_total: Option<u64>,
}

impl Datagram {
    fn add(&mut self, fragment: Fragment) {
        self.n_seen = self.n_seen.saturating_add(fragment.length);
        if !fragment.more {
            self.n_total = Some(u64::from(fragment.offset).saturating_add(fragment.length));
        }
    }

    fn is_complete(&self) -> bool {
        self.n_total.is_some_and(|n_total| self.n_seen >= n_total)
    }
}

/// The heads of datagrams whose fragments are on their way.
#[derive(Debug)]
pub(super) struct Fragments {
    datagrams: HashMap<Key, Datagram, RandomState>,
    /// Keys by arrival, those replaced since included.
    arrivals: VecDeque<(Key, Time)>,
    n_max: usize,
    dropped: u64,
}

impl Fragments {
    pub(super) fn new(n_max: usize) -> Self {
        Self {
            datagrams: HashMap::with_hasher(RandomState::new()),
            arrivals: VecDeque::new(),
            n_max: n_max.max(1),
            dropped: 0,
        }
    }

    /// What is known of the flow of this packet, from its own header or from its
    /// datagram's first fragment: its head and its protocol.
    pub(super) fn head(&mut self, ip: &Ip<'_>, vlans: Vlans, time: Time) -> (Head, u8) {
        let own = (Head::of(ip), ip.protocol);
        let Some(fragment) = ip.fragment else {
            return own;
        };
        let key = Key {
            source: ip.source,
            target: ip.target,
            protocol: fragment.protocol,
            identification: fragment.identification,
            vlans,
        };
        if fragment.offset == 0 {
            self.insert(key, own, fragment, time);
            return own;
        }
        match self.datagrams.entry(key) {
            Entry::Occupied(mut entry) if time.since(entry.get().since) <= LIFETIME => {
                // Kept when complete, too: a fragment may come twice.
                entry.get_mut().add(fragment);
                (entry.get().head, entry.get().protocol)
            }
            _ => own,
        }
    }

    fn insert(&mut self, key: Key, (head, protocol): (Head, u8), fragment: Fragment, time: Time) {
        let mut datagram = Datagram {
            head,
            protocol,
            since: time,
            n_seen: 0,
            n_total: None,
        };
        datagram.add(fragment);
        self.datagrams.insert(key, datagram);
        self.arrivals.push_back((key, time));
        while self.arrivals.len() > self.n_max {
            if self.forget_oldest() {
                self.dropped += 1;
            }
        }
    }

    /// Forgets those that are too old at `now`.
    pub(super) fn expire(&mut self, now: Time) {
        while let Some((_, at)) = self.arrivals.front() {
            if now.since(*at) <= LIFETIME {
                return;
            }
            self.forget_oldest();
        }
    }

    /// Datagrams forgotten before their time, for want of room.
    pub(super) fn dropped(&self) -> u64 {
        self.dropped
    }

    /// Whether something was lost by it: a datagram that still lacks fragments.
    fn forget_oldest(&mut self) -> bool {
        let Some((key, at)) = self.arrivals.pop_front() else {
            return false;
        };
        match self.datagrams.entry(key) {
            Entry::Occupied(entry) if entry.get().since == at => !entry.remove().is_complete(),
            _ => false,
        }
    }
}
