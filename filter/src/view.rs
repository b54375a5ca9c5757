//! Bytes of a packet, at the places where libpcap looks for them.

use std::ops::Range;

pub(super) const IP: u32 = 0x0800;
pub(super) const ARP: u32 = 0x0806;
pub(super) const RARP: u32 = 0x8035;
pub(super) const IP6: u32 = 0x86dd;

/// Tags: IEEE 802.1Q, 802.1ad, and what came before that.
const VLAN: [u32; 3] = [0x8100, 0x88a8, 0x9100];

/// Lengths in the place of an EtherType (IEEE 802.3).
const LENGTH_MAX: u32 = 1_500;
/// What Linux says in the place of an EtherType for IEEE 802.2.
const SLL_LLC: u32 = 4;

/// The program reads a byte that is not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Short;

pub(super) type Answer = Result<bool, Short>;

/// How to tell what lies behind the link layer's header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Link {
    Ethernet,
    /// An EtherType in these two bytes.
    Typed(usize),
    /// PPP's own numbers in these two bytes.
    Ppp(usize),
    /// An address family.
    Null,
    /// The version number of IP.
    Raw,
    Only(u32),
    /// Not known: nothing is to be found in it.
    Other,
}

/// A packet, seen by a filter.
#[derive(Clone, Copy, Debug)]
pub(super) struct View<'a> {
    data: &'a [u8],
    pub(super) wire_bytes: u32,
    link: Link,
    n_link: usize,
}

impl<'a> View<'a> {
    pub(super) fn new(link_type: u16, wire_bytes: u32, data: &'a [u8]) -> Self {
        let (link, n_link) = match link_type {
            1 => (Link::Ethernet, 14),
            0 | 108 => (Link::Null, 4),
            12 | 14 | 101 => (Link::Raw, 0),
            228 => (Link::Only(IP), 0),
            229 => (Link::Only(IP6), 0),
            113 => (Link::Typed(14), 16),
            276 => (Link::Typed(0), 20),
            9 | 50 => (Link::Ppp(2), 4),
            104 => (Link::Typed(2), 4),
            _ => (Link::Other, 0),
        };
        Self {
            data,
            wire_bytes,
            link,
            n_link,
        }
    }

    /// Big-endian, from the start of the packet. Every offset is below 2^33: it does not wrap.
    pub(super) fn load(&self, at: usize, n_bytes: usize) -> Result<u32, Short> {
        let range: Range<usize> = at..at.saturating_add(n_bytes);
        let bytes = self.data.get(range).ok_or(Short)?;
        Ok(bytes
            .iter()
            .fold(0, |value, byte| value << 8 | u32::from(*byte)))
    }

    /// From the start of what lies behind the link layer and so many VLAN tags.
    pub(super) fn payload(&self, n_vlans: usize, at: usize, n_bytes: usize) -> Result<u32, Short> {
        self.load(self.payload_at(n_vlans).saturating_add(at), n_bytes)
    }

    pub(super) fn payload_at(&self, n_vlans: usize) -> usize {
        self.n_link + 4 * n_vlans
    }

    pub(super) fn is_ethernet(&self) -> bool {
        self.link == Link::Ethernet
    }

    /// Whether an EtherType follows behind so many VLAN tags. Below 1,501 the number is
    /// that of an IEEE 802.2 service access point.
    pub(super) fn is_type(&self, n_vlans: usize, wanted: u32) -> Answer {
        let tag_at = self.payload_at(n_vlans).saturating_sub(2);
        match self.link {
            Link::Ethernet => self.is_typed(n_vlans, tag_at, wanted, |said| said <= LENGTH_MAX),
            Link::Typed(at) => {
                let at = if n_vlans == 0 { at } else { tag_at };
                self.is_typed(n_vlans, at, wanted, |said| said == SLL_LLC)
            }
            Link::Ppp(at) => {
                let said = self.load(at, 2)?;
                Ok(match wanted {
                    IP => said == 0x21,
                    IP6 => said == 0x57,
                    _ => false,
                })
            }
            // In the byte order of whoever wrote it; IPv6 has a number for each family of
            // systems (Linux, NetBSD and OpenBSD, FreeBSD, macOS).
            Link::Null => {
                let family = self.load(0, 4)?;
                let family = if family > 0xffff {
                    family.swap_bytes()
                } else {
                    family
                };
                Ok(match wanted {
                    IP => family == 2,
                    IP6 => [10, 24, 28, 30].contains(&family),
                    _ => false,
                })
            }
            Link::Raw => {
                let version = self.load(0, 1)? >> 4;
                Ok(match wanted {
                    IP => version == 4,
                    IP6 => version == 6,
                    _ => false,
                })
            }
            Link::Only(only) => Ok(wanted == only),
            Link::Other => Ok(false),
        }
    }

    fn is_typed(&self, n_vlans: usize, at: usize, wanted: u32, is_llc: fn(u32) -> bool) -> Answer {
        let said = self.load(at, 2)?;
        if wanted > LENGTH_MAX {
            return Ok(said == wanted);
        }
        Ok(is_llc(said) && self.payload(n_vlans, 0, 1)? == wanted)
    }

    /// Whether a VLAN tag follows, and has this id if one is given.
    pub(super) fn is_vlan(&self, n_vlans: usize, id: Option<u32>) -> Answer {
        for tag in VLAN {
            if self.is_type(n_vlans, tag)? {
                return match id {
                    Some(id) => Ok(self.payload(n_vlans, 0, 2)? & 0x0fff == id),
                    None => Ok(true),
                };
            }
        }
        Ok(false)
    }

    /// IPv4, and not a later fragment.
    pub(super) fn is_first_fragment(&self, n_vlans: usize) -> Answer {
        Ok(self.payload(n_vlans, 6, 2)? & 0x1fff == 0)
    }

    /// Where the transport header of an IPv4 packet lies, from the start of the packet.
    pub(super) fn ipv4_payload_at(&self, n_vlans: usize) -> Result<usize, Short> {
        let n_words = self.payload(n_vlans, 0, 1)? & 0x0f;
        let n_bytes = usize::try_from(4 * n_words).map_err(|_| Short)?;
        Ok(self.payload_at(n_vlans) + n_bytes)
    }
}
