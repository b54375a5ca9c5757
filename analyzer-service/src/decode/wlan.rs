//! IEEE 802.11 data frames, and the headers that capture programs put in front of them.

use super::{Layer, Walk};

/// Frame control.
const TYPE_DATA: u8 = 2;
const TO_DISTRIBUTION: u8 = 0x01;
const FROM_DISTRIBUTION: u8 = 0x02;
const MORE_FRAGMENTS: u8 = 0x04;
const PROTECTED: u8 = 0x40;
const ORDER: u8 = 0x80;
/// Subtypes of data: nothing inside, and a QoS field.
const NO_DATA: u8 = 4;
const QOS: u8 = 8;
/// QoS: several frames in one.
const AGGREGATE: u8 = 0x80;

const HEADER_BYTES: usize = 24;
const FCS_BYTES: usize = 4;

/// Radiotap: fields present, and flags of the frame.
const PRESENT_TSFT: u32 = 1;
const PRESENT_FLAGS: u32 = 2;
const PRESENT_MORE: u32 = 1 << 31;
const FLAG_FCS: u8 = 0x10;
const FLAG_PADDED: u8 = 0x20;

/// Prism: length of its header, unless AVS's magic is there.
const PRISM_BYTES: usize = 144;
const AVS_MAGIC: [u8; 3] = [0x80, 0x21, 0x10];

impl<'a> Walk<'_, 'a> {
    /// radiotap.org.
    pub(super) fn radiotap(&mut self, data: &'a [u8]) {
        self.push(Layer::Radiotap);
        let Some([_, _, low, high]) = data.first_chunk::<4>() else {
            return self.short("malformed-radiotap", "shorter than its header");
        };
        let n_header = usize::from(u16::from_le_bytes([*low, *high]));
        let (Some(header), Some(rest)) = (data.get(..n_header), data.get(n_header..)) else {
            return self.short("malformed-radiotap", "shorter than its header");
        };
        self.passed(n_header);
        let flags = radiotap_flags(header).unwrap_or(0);
        let has_fcs = flags & FLAG_FCS != 0 && !self.cut;
        let n_frame = rest
            .len()
            .saturating_sub(if has_fcs { FCS_BYTES } else { 0 });
        self.push(Layer::WlanRadio);
        self.wlan_padded(&rest[..n_frame], flags & FLAG_PADDED != 0);
    }

    pub(super) fn prism(&mut self, data: &'a [u8]) {
        if data.starts_with(&AVS_MAGIC) {
            return self.avs(data);
        }
        self.push(Layer::Prism);
        let Some(rest) = data.get(PRISM_BYTES..) else {
            return self.short("malformed-prism", "shorter than its header");
        };
        self.passed(PRISM_BYTES);
        self.push(Layer::WlanRadio);
        self.wlan(rest);
    }

    pub(super) fn avs(&mut self, data: &'a [u8]) {
        self.push(Layer::Avs);
        let length = data.get(4..8).and_then(|field| field.first_chunk());
        let length = length.and_then(|field| usize::try_from(u32::from_be_bytes(*field)).ok());
        let Some((n_header, rest)) = length.and_then(|n| Some((n, data.get(n..)?))) else {
            return self.short("malformed-avs", "shorter than its header");
        };
        self.passed(n_header);
        self.push(Layer::WlanRadio);
        self.wlan(rest);
    }

    pub(super) fn wlan(&mut self, data: &'a [u8]) {
        self.wlan_padded(data, false);
    }

    /// Some cards align what is behind the header to four bytes.
    fn wlan_padded(&mut self, data: &'a [u8], is_padded: bool) {
        self.push(Layer::Wlan);
        let Some([control, flags]) = data.first_chunk::<2>() else {
            return self.short("malformed-wlan", "shorter than its header");
        };
        let subtype = control >> 4;
        // The other types (beacons, acknowledgments) carry nothing of anybody.
        if control >> 2 & 3 != TYPE_DATA {
            return;
        }
        let both = TO_DISTRIBUTION | FROM_DISTRIBUTION;
        let mut n_header = HEADER_BYTES;
        n_header += if flags & both == both { 6 } else { 0 };
        let qos = data.get(n_header).copied().filter(|_| subtype & QOS != 0);
        n_header += if subtype & QOS != 0 { 2 } else { 0 };
        let has_control = subtype & QOS != 0 && flags & ORDER != 0;
        n_header += if has_control { 4 } else { 0 };
        if is_padded {
            n_header = n_header.next_multiple_of(4);
        }
        let Some(rest) = data.get(n_header..) else {
            return self.short("malformed-wlan", "shorter than its header");
        };
        self.wlan_addresses(data, *flags);
        self.passed(n_header);
        let is_fragment = flags & MORE_FRAGMENTS != 0 || data[22] & 0x0f != 0;
        let is_aggregate = qos.is_some_and(|qos| qos & AGGREGATE != 0);
        if subtype & NO_DATA == 0 && flags & PROTECTED == 0 && !is_fragment && !is_aggregate {
            self.llc(rest);
        }
    }

    /// Sender and receiver; the addresses of the stations between them are left out.
    fn wlan_addresses(&mut self, data: &[u8], flags: u8) {
        let address = |n: usize| {
            let at = if n == 4 { 24 } else { n * 6 - 2 };
            data.get(at..).and_then(|rest| rest.first_chunk()).copied()
        };
        let (to, from) = (flags & TO_DISTRIBUTION != 0, flags & FROM_DISTRIBUTION != 0);
        (self.frame.link.target_mac, self.frame.link.source_mac) = match (to, from) {
            (false, false) => (address(1), address(2)),
            (true, false) => (address(3), address(2)),
            (false, true) => (address(1), address(3)),
            (true, true) => (address(3), address(4)),
        };
    }
}

/// The flags come first, or second behind a time.
fn radiotap_flags(header: &[u8]) -> Option<u8> {
    let present = |at: usize| {
        let word = header.get(at..)?.first_chunk()?;
        Some(u32::from_le_bytes(*word))
    };
    let first = present(4)?;
    if first & PRESENT_FLAGS == 0 {
        return None;
    }
    let mut at = 4;
    while present(at)? & PRESENT_MORE != 0 {
        at += 4;
    }
    at += 4;
    if first & PRESENT_TSFT != 0 {
        at = at.next_multiple_of(8) + 8;
    }
    header.get(at).copied()
}
