//! PPP (RFC 1661 and 1662), over Ethernet too (RFC 2516), and Cisco's HDLC.

use etherparse::{EtherType, ether_type};

use super::{Layer, Walk, tunnel};
use crate::record::TunnelKind;

/// HDLC's address and control field in front of PPP.
const HDLC: [u8; 2] = [0xff, 0x03];
/// Cisco's: to one station, and to all.
const CISCO_UNICAST: u8 = 0x0f;
const CISCO_BROADCAST: u8 = 0x8f;

/// PPP protocol numbers.
const IPV4: u16 = 0x0021;
const IPV6: u16 = 0x0057;
const MPLS_UNICAST: u16 = 0x0281;
const MPLS_MULTICAST: u16 = 0x0283;

/// PPPoE: version 1, type 1.
const PPPOE_VERSION: u8 = 0x11;

impl<'a> Walk<'_, 'a> {
    pub(super) fn pppoe(&mut self, data: &'a [u8]) {
        self.push(Layer::PppoeSession);
        let Some(([version, _, a, b, c, d], rest)) = data.split_first_chunk::<6>() else {
            return self.short("malformed-pppoe", "shorter than its header");
        };
        if *version != PPPOE_VERSION {
            return self.malformed("malformed-pppoe", "neither version nor type 1");
        }
        self.passed(6);
        let length = usize::from(u16::from_be_bytes([*c, *d]));
        if length > rest.len() {
            self.short("malformed-pppoe", "the payload is longer than its frame");
        }
        let session = u64::from(u16::from_be_bytes([*a, *b]));
        if self.enter_tunnel(TunnelKind::Pppoe, session) {
            let rest = self.ends(rest, length);
            self.ppp(rest);
        }
    }

    /// With or without HDLC's framing, its protocol field compressed or not.
    pub(super) fn ppp(&mut self, data: &'a [u8]) {
        if !self.enter_link() {
            return;
        }
        self.push(Layer::Ppp);
        let framed = data.strip_prefix(&HDLC).unwrap_or(data);
        let (protocol, rest) = match framed {
            // The last byte of a number is odd, the others are even.
            [low, rest @ ..] if low & 1 == 1 => (u16::from(*low), rest),
            [high, low, rest @ ..] => (u16::from_be_bytes([*high, *low]), rest),
            _ => return self.short("malformed-ppp", "shorter than its header"),
        };
        self.passed(data.len() - rest.len());
        match protocol {
            IPV4 => self.ipv4(rest),
            IPV6 => self.ipv6(rest),
            MPLS_UNICAST | MPLS_MULTICAST => self.mpls(rest),
            _ => {}
        }
    }

    /// One or the other, as serial interfaces have them.
    pub(super) fn ppp_or_cisco_hdlc(&mut self, data: &'a [u8]) {
        match data.first() {
            Some(&(CISCO_UNICAST | CISCO_BROADCAST)) => self.cisco_hdlc(data),
            _ => self.ppp(data),
        }
    }

    pub(super) fn cisco_hdlc(&mut self, data: &'a [u8]) {
        self.push(Layer::CiscoHdlc);
        let Some(([_, _, high, low], rest)) = data.split_first_chunk::<4>() else {
            return self.short("malformed-chdlc", "shorter than its header");
        };
        self.passed(4);
        match EtherType(u16::from_be_bytes([*high, *low])) {
            ether_type::IPV4 => self.ipv4(rest),
            ether_type::IPV6 => self.ipv6(rest),
            tunnel::MPLS => self.mpls(rest),
            _ => {}
        }
    }

    /// Labels (RFC 3032), down to the one that says it is the last.
    pub(super) fn mpls(&mut self, mut data: &'a [u8]) {
        // Ends: every round takes a label off the data, or stops.
        loop {
            self.push(Layer::Mpls);
            let Some((label, rest)) = data.split_first_chunk::<4>() else {
                return self.short("malformed-mpls", "the label is cut off");
            };
            let label = u32::from_be_bytes(*label);
            if !self.enter_tunnel(TunnelKind::Mpls, u64::from(label >> 12)) {
                return;
            }
            self.passed(4);
            data = rest;
            if label & 0x100 != 0 {
                break;
            }
        }
        // What is inside no field says: IP by its version, or something else.
        match data.first().map(|byte| byte >> 4) {
            Some(4) => self.ipv4(data),
            Some(6) => self.ipv6(data),
            Some(0) => self.pseudowire(data),
            _ => {}
        }
    }

    /// An Ethernet frame behind a control word (RFC 4448), where it looks like one.
    fn pseudowire(&mut self, data: &'a [u8]) {
        let Some((_, frame)) = data.split_first_chunk::<4>() else {
            return;
        };
        let ether_type = frame.get(12..14).map(|field| [field[0], field[1]]);
        let is_known = ether_type.is_some_and(|field| {
            matches!(
                EtherType(u16::from_be_bytes(field)),
                ether_type::IPV4
                    | ether_type::IPV6
                    | ether_type::ARP
                    | ether_type::VLAN_TAGGED_FRAME
            )
        });
        if is_known {
            self.passed(4);
            self.push(Layer::PseudoWire);
            self.ethernet(frame);
        }
    }
}
