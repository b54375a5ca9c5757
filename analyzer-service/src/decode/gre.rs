//! GRE (RFC 2784 and 2890), its version of PPTP (RFC 2637), NVGRE (RFC 7637), and ERSPAN inside of it
//! (draft-foschiano-erspan-03).

use std::ops::RangeInclusive;

use etherparse::{EtherType, ether_type};

use super::{Encapsulation, Layer, Walk, tunnel::Carries};
use crate::record::TunnelKind;

/// Bits of the first two bytes.
const CHECKSUM: u16 = 0x8000;
const ROUTING: u16 = 0x4000;
const KEY: u16 = 0x2000;
const SEQUENCE: u16 = 0x1000;
const ACKNOWLEDGMENT: u16 = 0x0080;
const VERSION: u16 = 0x0007;

/// Protocol types that are no EtherTypes of what may be in Ethernet.
const TRANSPARENT_ETHERNET: u16 = 0x6558;
const PPP: u16 = 0x880b;
const ERSPAN: u16 = 0x88be;
const ERSPAN_III: u16 = 0x22eb;
/// Subnets of NVGRE (RFC 7637, 3.2): the others are reserved, and other programs' keys are small.
const NVGRE_SUBNETS: RangeInclusive<u32> = 0x1000..=0xff_fffe;
/// EtherTypes begin there; what is below was given out before (RFC 1701).
const ETHER_TYPE_MIN: u16 = 0x0600;

/// ERSPAN type III: "what was mirrored is an IP packet", and "a subheader follows".
const FRAME_TYPE_IP: u8 = 2;
const SUBHEADER: u8 = 1;

/// What the header says.
struct Header<'a> {
    flags: u16,
    protocol: u16,
    key: Option<u32>,
    rest: &'a [u8],
}

impl<'a> Header<'a> {
    /// What both directions of a tunnel have: the key, or of NVGRE the subnet's id in its upper 24
    /// bits, since the lower ones tell flows apart (RFC 7637, 3.2).
    fn network(&self) -> u32 {
        let key = self.key.unwrap_or_default();
        let is_nvgre = self.protocol == TRANSPARENT_ETHERNET
            && self.flags == KEY
            && NVGRE_SUBNETS.contains(&(key >> 8));
        if is_nvgre { key >> 8 } else { key }
    }

    /// None when it is not all there.
    fn read(data: &'a [u8]) -> Option<Self> {
        let ([a, b, c, d], mut rest) = data.split_first_chunk::<4>()?;
        let flags = u16::from_be_bytes([*a, *b]);
        let mut take = || {
            let (word, behind) = rest.split_first_chunk::<4>()?;
            rest = behind;
            Some(u32::from_be_bytes(*word))
        };
        // The checksum comes with an offset into the routing.
        if flags & (CHECKSUM | ROUTING) != 0 {
            take()?;
        }
        let key = match flags & KEY {
            0 => None,
            _ => Some(take()?),
        };
        if flags & SEQUENCE != 0 {
            take()?;
        }
        if flags & VERSION == 1 && flags & ACKNOWLEDGMENT != 0 {
            take()?;
        }
        Some(Self {
            flags,
            protocol: u16::from_be_bytes([*c, *d]),
            key,
            rest,
        })
    }
}

impl<'a> Walk<'_, 'a> {
    pub(super) fn gre(&mut self, data: &'a [u8], wire_bytes: u64) {
        self.push(Layer::Gre);
        let Some(header) = Header::read(data) else {
            return self.short("malformed-gre", "shorter than its header");
        };
        let n_header = (data.len() - header.rest.len()) as u64;
        let wire_bytes = wire_bytes.saturating_sub(n_header);
        match header.flags & VERSION {
            // Source routes are deprecated, and what lies behind them is left alone.
            0 if header.flags & ROUTING != 0 => {}
            0 => self.gre_payload(&header, wire_bytes),
            1 if header.protocol == PPP => self.pptp(&header, wire_bytes),
            _ => self.malformed("malformed-gre", "an unknown version"),
        }
    }

    fn gre_payload(&mut self, header: &Header<'a>, wire_bytes: u64) {
        let carries = match header.protocol {
            ERSPAN | ERSPAN_III => return self.erspan(header, wire_bytes),
            TRANSPARENT_ETHERNET => Carries::Ethernet,
            PPP => Carries::Ppp,
            other if other >= ETHER_TYPE_MIN => {
                let ether_type = EtherType(other);
                match ether_type {
                    ether_type::IPV4 => Carries::Ipv4,
                    ether_type::IPV6 => Carries::Ipv6,
                    _ => Carries::EtherType(ether_type),
                }
            }
            _ => return,
        };
        let encapsulation = Encapsulation {
            kind: TunnelKind::Gre,
            id: header.network().into(),
        };
        self.leave(Some(encapsulation), carries, header.rest, wire_bytes);
    }

    /// The key is the payload's length and the call's id.
    fn pptp(&mut self, header: &Header<'a>, wire_bytes: u64) {
        let Some(key) = header.key else {
            return self.malformed("malformed-gre", "PPTP without its call");
        };
        // Without a sequence number it acknowledges only.
        if header.flags & SEQUENCE == 0 {
            return;
        }
        let length = wire_bytes.min(u64::from(key >> 16));
        let data = usize::try_from(length).unwrap_or(usize::MAX);
        let data = header.rest.get(..data).unwrap_or(header.rest);
        let encapsulation = Encapsulation {
            kind: TunnelKind::Pptp,
            id: u64::from(key & 0xffff),
        };
        self.leave(Some(encapsulation), Carries::Ppp, data, length);
    }

    fn erspan(&mut self, header: &Header<'a>, wire_bytes: u64) {
        self.push(Layer::Erspan);
        let data = header.rest;
        let is_third = header.protocol == ERSPAN_III;
        // Type I has no header and no sequence number.
        if !is_third && header.flags & SEQUENCE == 0 {
            return self.mirrored(0, Carries::Ethernet, data, wire_bytes);
        }
        let n_header = match (is_third, data.get(11)) {
            (false, _) => 8,
            (true, Some(last)) if last & SUBHEADER != 0 => 20,
            (true, _) => 12,
        };
        let (Some(&[_, _, high, low]), Some(rest)) =
            (data.first_chunk::<4>(), data.get(n_header..))
        else {
            return self.short("malformed-erspan", "shorter than its header");
        };
        let session = u16::from_be_bytes([high & 0x03, low]);
        let frame_type = data.get(10).map_or(0, |byte| byte >> 2 & 0x1f);
        let carries = match frame_type {
            _ if !is_third => Carries::Ethernet,
            0 => Carries::Ethernet,
            FRAME_TYPE_IP => Carries::Ip,
            _ => return,
        };
        let wire_bytes = wire_bytes.saturating_sub(n_header as u64);
        self.mirrored(session, carries, rest, wire_bytes);
    }

    fn mirrored(&mut self, session: u16, carries: Carries, data: &'a [u8], wire_bytes: u64) {
        let encapsulation = Encapsulation {
            kind: TunnelKind::Erspan,
            id: u64::from(session),
        };
        self.leave(Some(encapsulation), carries, data, wire_bytes);
    }
}
