//! Puts datagrams together, and tells later fragments, which have no transport header, what
//! the first one said of their flow.

use std::{collections::VecDeque, net::IpAddr, time::Duration};

use ahash::RandomState;
use hashbrown::{HashMap, hash_map::Entry};

use super::{
    Nesting,
    oddities::{CONFLICT, OVERSIZE, oddities},
    pieces::{Known, Pieces, PiecesLimit},
};
use crate::{
    decode::{Fragment, Ip, Malformed, Ports, Transport, Vlans},
    record::{IcmpKind, Time},
};

/// Capture time after which a datagram's fragments are given up (RFC 8200, 4.5).
const LIFETIME: Duration = Duration::from_secs(60);

/// Datagrams remembered at once, about 17 MiB of them without their bytes.
pub(super) const DATAGRAMS_MAX: usize = 65_536;

/// Bytes of fragments that wait for others, with what keeping them costs: 255 of the longest
/// datagrams, and a fraction of the memory that an analysis may take.
pub(super) const WAITING_BYTES_MAX: usize = 16 << 20;

/// What identifies a datagram, its VLANs and its tunnels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Key {
    source: IpAddr,
    target: IpAddr,
    /// As [`Fragment::protocol`].
    protocol: u8,
    identification: u32,
    vlans: Vlans,
    context: u64,
}

/// What a transport header says of its flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Head {
    Ports(Ports),
    Icmp(IcmpKind),
    None,
}

impl Head {
    pub(super) fn of(ip: &Ip<'_>) -> Self {
        match &ip.transport {
            Transport::Tcp(tcp) => Self::Ports(tcp.ports),
            Transport::Udp(udp) => Self::Ports(udp.ports),
            Transport::Sctp(ports) | Transport::Ports(ports) => Self::Ports(*ports),
            Transport::Icmp(kind) => Self::Icmp(*kind),
            Transport::Bare | Transport::LaterFragment => Self::None,
        }
    }
}

/// What a fragment brought about.
#[derive(Debug, Default)]
pub struct Reassembly {
    /// Its datagram, when this fragment completed it.
    pub whole: Option<Whole>,
    /// What is odd about the fragment.
    pub oddities: Vec<Malformed>,
}

/// A datagram put together.
#[derive(Debug)]
pub struct Whole {
    /// Of its first fragment.
    pub next_header: u8,
    pub data: Vec<u8>,
}

/// A datagram of which some fragments were seen.
#[derive(Debug)]
struct Datagram {
    /// Of the first fragment: with the protocol behind its extension headers.
    head: Option<(Head, u8)>,
    /// Of the first fragment.
    next_header: u8,
    since: Time,
    pieces: Pieces,
    /// Nothing more is put together: it is complete, or will never be.
    closed: bool,
    /// Its fragments, when it is complete.
    whole_of: Vec<Known>,
    /// Of all its fragments so far.
    n_seen: u64,
    /// Known from the last fragment.
    n_total: Option<u64>,
}

impl Datagram {
    fn new(since: Time) -> Self {
        Self {
            head: None,
            next_header: 0,
            since,
            pieces: Pieces::default(),
            closed: false,
            whole_of: Vec::new(),
            n_seen: 0,
            n_total: None,
        }
    }

    fn count(&mut self, fragment: &Fragment<'_>) {
        self.n_seen = self.n_seen.saturating_add(fragment.length);
        if !fragment.more {
            self.n_total = Some(u64::from(fragment.offset).saturating_add(fragment.length));
        }
    }

    /// Bytes of memory, about, beside its own.
    fn cost(&self) -> usize {
        self.pieces.cost() + self.whole_of.len() * size_of::<Known>()
    }

    /// Identifications come again soon on fast links (RFC 4963): whether this fragment is of the
    /// next datagram that has this one's.
    fn is_over_with(&self, fragment: &Fragment<'_>, hash: u64) -> bool {
        let is_first = fragment.offset == 0;
        if !self.closed {
            return is_first && self.pieces.conflicts(fragment);
        }
        // Of a complete one, any fragment that it does not have: the last one may come first.
        let is_again = || self.whole_of.contains(&(fragment.offset, hash));
        is_first || !self.whole_of.is_empty() && !is_again()
    }

    fn is_complete(&self) -> bool {
        self.n_total.is_some_and(|n_total| self.n_seen >= n_total)
    }
}

/// The datagrams whose fragments are on their way.
#[derive(Debug)]
pub(super) struct Fragments {
    datagrams: HashMap<Key, Datagram, RandomState>,
    /// Keys by arrival, those replaced since included.
    arrivals: VecDeque<(Key, Time)>,
    /// As [`WAITING_BYTES_MAX`] says.
    n_bytes: usize,
    n_max: usize,
    dropped: u64,
}

impl Fragments {
    pub(super) fn new(n_max: usize) -> Self {
        Self {
            datagrams: HashMap::with_hasher(RandomState::new()),
            arrivals: VecDeque::new(),
            n_bytes: 0,
            n_max: n_max.max(1),
            dropped: 0,
        }
    }

    /// What is known of the flow of this fragment, from its own header or from its
    /// datagram's first fragment: its head and its protocol. And what it brought about.
    #[cold]
    pub(super) fn add(
        &mut self,
        ip: &Ip<'_>,
        fragment: &Fragment<'_>,
        (vlans, nesting): (Vlans, &Nesting),
        time: Time,
    ) -> (Head, u8, Option<Box<Reassembly>>) {
        let key = Key {
            source: ip.source,
            target: ip.target,
            protocol: fragment.protocol,
            identification: fragment.identification,
            vlans,
            context: nesting.context(),
        };
        let own = (Head::of(ip), ip.protocol);
        let mut reassembly = Reassembly {
            whole: None,
            oddities: oddities(ip, fragment),
        };
        let (head, protocol) = self.put(key, own, fragment, time, &mut reassembly);
        while self.arrivals.len() > self.n_max || self.n_bytes > WAITING_BYTES_MAX {
            if self.arrivals.is_empty() {
                break;
            }
            if self.forget_oldest() {
                self.dropped += 1;
            }
        }
        let is_plain = reassembly.whole.is_none() && reassembly.oddities.is_empty();
        (head, protocol, (!is_plain).then(|| Box::new(reassembly)))
    }

    fn put(
        &mut self,
        key: Key,
        own: (Head, u8),
        fragment: &Fragment<'_>,
        time: Time,
        reassembly: &mut Reassembly,
    ) -> (Head, u8) {
        let is_first = fragment.offset == 0;
        let hasher = self.datagrams.hasher().clone();
        let hash = hasher.hash_one(fragment.data);
        let datagram = match self.datagrams.entry(key) {
            Entry::Vacant(entry) => {
                self.arrivals.push_back((key, time));
                entry.insert(Datagram::new(time))
            }
            Entry::Occupied(entry) => {
                let datagram = entry.into_mut();
                let is_over = time.since(datagram.since) > LIFETIME;
                let is_another = datagram.is_over_with(fragment, hash);
                if is_another && !datagram.closed {
                    reassembly.oddities.push(CONFLICT);
                }
                if is_over || is_another {
                    self.n_bytes -= datagram.cost();
                    *datagram = Datagram::new(time);
                    self.arrivals.push_back((key, time));
                }
                datagram
            }
        };
        if is_first {
            datagram.head = Some(own);
            datagram.next_header = fragment.next_header;
        }
        datagram.count(fragment);
        // Kept when closed, too: a fragment may come twice.
        let head = match datagram.head {
            Some(head) if !is_first => head,
            _ => own,
        };
        if datagram.closed || reassembly.oddities.contains(&OVERSIZE) {
            return head;
        }
        let cost_before = datagram.cost();
        // One that is cut off leaves a gap for ever.
        let is_whole = fragment.is_whole();
        let added = if is_whole {
            datagram.pieces.add(fragment, &mut reassembly.oddities)
        } else {
            Err(PiecesLimit)
        };
        if added.is_err() {
            datagram.pieces = Pieces::default();
            datagram.closed = true;
            self.dropped += u64::from(is_whole);
        } else if let Some((data, whole_of)) =
            datagram.pieces.take_whole(|data| hasher.hash_one(data))
        {
            datagram.closed = true;
            datagram.whole_of = whole_of;
            reassembly.whole = Some(Whole {
                next_header: datagram.next_header,
                data,
            });
        }
        self.n_bytes = self.n_bytes + datagram.cost() - cost_before;
        head
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
            Entry::Occupied(entry) if entry.get().since == at => {
                let datagram = entry.remove();
                self.n_bytes -= datagram.cost();
                !datagram.closed && !datagram.is_complete()
            }
            _ => false,
        }
    }
}
