//! Headers that a host puts in front of what it captured: NFLOG (Linux), PKTAP (macOS), PPI.

use super::{Layer, Walk};

/// Address families of NFLOG.
const FAMILY_IPV4: u8 = 2;
const FAMILY_IPV6: u8 = 10;
/// NFULA_PAYLOAD.
const NFLOG_PAYLOAD: u16 = 9;
const NFLOG_HEADER_BYTES: usize = 4;
const TLV_HEADER_BYTES: usize = 4;

impl<'a> Walk<'_, 'a> {
    /// Type-length-value fields, one of which is the packet.
    pub(super) fn nflog(&mut self, data: &'a [u8]) {
        self.push(Layer::Nflog);
        let Some((header, mut rest)) = data.split_first_chunk::<NFLOG_HEADER_BYTES>() else {
            return self.short("malformed-nflog", "shorter than its header");
        };
        let mut n_passed = NFLOG_HEADER_BYTES;
        // Ends: every round takes a field off the rest, or stops.
        while let Some(([a, b, c, d], _)) = rest.split_first_chunk::<TLV_HEADER_BYTES>() {
            // In the byte order of the host, which is little-endian where there is any.
            let length = usize::from(u16::from_le_bytes([*a, *b]));
            if length < TLV_HEADER_BYTES {
                return self.malformed("malformed-nflog", "a field shorter than its header");
            }
            if u16::from_le_bytes([*c, *d]) == NFLOG_PAYLOAD {
                self.passed(n_passed + TLV_HEADER_BYTES);
                let packet = &rest[TLV_HEADER_BYTES..];
                let packet = self.ends(packet, length - TLV_HEADER_BYTES);
                return match header[0] {
                    FAMILY_IPV4 => self.ipv4(packet),
                    FAMILY_IPV6 => self.ipv6(packet),
                    _ => {}
                };
            }
            let length = length.next_multiple_of(4);
            n_passed += length;
            rest = rest.get(length..).unwrap_or_default();
        }
    }

    /// Apple's: a length, a type, and the link type of what follows the header.
    pub(super) fn pktap(&mut self, data: &'a [u8]) {
        if !self.enter_link() {
            return;
        }
        self.push(Layer::Pktap);
        let word = |at: usize| {
            let word = data.get(at..)?.first_chunk()?;
            Some(u32::from_le_bytes(*word))
        };
        let (Some(length), Some(link_type)) = (word(0), word(8)) else {
            return self.short("malformed-pktap", "shorter than its header");
        };
        self.inside_host_header("malformed-pktap", length, link_type, data);
    }

    /// Per-Packet Information: the same in another order.
    pub(super) fn ppi(&mut self, data: &'a [u8]) {
        if !self.enter_link() {
            return;
        }
        self.push(Layer::Ppi);
        let Some([_, _, a, b, c, d, e, f]) = data.first_chunk::<8>() else {
            return self.short("malformed-ppi", "shorter than its header");
        };
        let length = u32::from(u16::from_le_bytes([*a, *b]));
        let link_type = u32::from_le_bytes([*c, *d, *e, *f]);
        self.inside_host_header("malformed-ppi", length, link_type, data);
    }

    fn inside_host_header(
        &mut self,
        code: &'static str,
        length: u32,
        link_type: u32,
        data: &'a [u8],
    ) {
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        let (Some(rest), Ok(link_type)) = (data.get(length..), u16::try_from(link_type)) else {
            return self.short(code, "shorter than its header");
        };
        self.passed(length);
        self.inner_link(link_type, rest);
    }
}
