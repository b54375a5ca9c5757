//! Packets inside of packets.

use etherparse::EtherType;

use super::{Frame, Walk};
use crate::record::TunnelKind;

/// Encapsulations around a packet that are opened; each MPLS label is one. Real networks have
/// four or five at most, an attacker as many as fit.
pub const TUNNELS_MAX: usize = 8;

/// Link layers in one another without an encapsulation that counts (802.2 in PPI in PKTAP …):
/// the depth to which their functions call each other.
pub const LINKS_MAX: usize = 16;

/// EtherType of a unicast MPLS packet (RFC 3032, 5).
pub(super) const MPLS: EtherType = EtherType(0x8847);

/// An encapsulation, and what tells it from others of its kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Encapsulation {
    pub kind: TunnelKind,
    /// As `Tunnel.id` in records.proto says.
    pub id: u64,
}

/// What an IP packet carries in a tunnel.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Inner<'a> {
    /// None where what is inside names it itself (MPLS labels).
    pub(super) encapsulation: Option<Encapsulation>,
    pub(super) carries: Carries,
    pub(super) data: &'a [u8],
    /// As the outer headers say.
    pub(super) wire_bytes: u64,
}

/// What a tunnel has inside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Carries {
    Ethernet,
    /// By the version number.
    Ip,
    Ipv4,
    Ipv6,
    Ppp,
    EtherType(EtherType),
}

impl<'a> Walk<'_, 'a> {
    /// Leaves `data`, which the IP packet of this frame carries in a tunnel, to be read as a
    /// frame of its own.
    pub(super) fn leave(
        &mut self,
        encapsulation: Option<Encapsulation>,
        carries: Carries,
        data: &'a [u8],
        wire_bytes: u64,
    ) {
        // Nothing inside is nothing to open.
        if wire_bytes > 0 && self.has_room() {
            self.frame.inner = Some(Inner {
                encapsulation,
                carries,
                data,
                wire_bytes,
            });
        }
    }

    /// Reads the frame inside of a tunnel.
    pub(super) fn carried(&mut self, inner: &Inner<'a>) {
        let data = inner.data;
        let Some(encapsulation) = inner.encapsulation else {
            return self.open(inner.carries, data);
        };
        if self.enter_tunnel(encapsulation.kind, encapsulation.id) {
            self.open(inner.carries, data);
        }
    }

    fn open(&mut self, carries: Carries, data: &'a [u8]) {
        match carries {
            Carries::Ethernet => self.ethernet(data),
            Carries::Ip => self.ip(data),
            Carries::Ipv4 => self.ipv4(data),
            Carries::Ipv6 => self.ipv6(data),
            Carries::Ppp => self.ppp(data),
            Carries::EtherType(ether_type) => self.ether_type(ether_type, data),
        }
    }
}

impl Frame<'_> {
    /// There is more in this packet than an IP packet in a frame: a tunnel or a fragment.
    #[must_use]
    pub fn is_nested(&self) -> bool {
        self.n_tunnels > 0
            || self.inner.is_some()
            || self.ip.as_ref().is_some_and(|ip| ip.fragment.is_some())
    }
}
