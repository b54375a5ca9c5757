//! IPv4 (RFC 791) and IPv6 with its extension headers (RFC 8200).

use std::net::IpAddr;

use etherparse::{
    IpAuthHeaderSlice, IpNumber, Ipv4HeaderSlice, Ipv6FragmentHeaderSlice, Ipv6HeaderSlice,
    Ipv6RawExtHeaderSlice, LaxIpv4Slice,
};

use super::{ChecksumErrors, Fragment, Ip, Layer, Transport, Walk, checksum};

const IPV6_HEADER_BYTES: usize = 40;

/// An IP packet whose transport is not read yet.
#[derive(Clone, Copy, Debug)]
pub(super) struct Datagram<'a> {
    pub(super) source: IpAddr,
    pub(super) target: IpAddr,
    pub(super) protocol: u8,
    /// With its headers.
    pub(super) bytes: u64,
    /// What was captured behind the IP headers.
    pub(super) payload: &'a [u8],
    /// What there is behind the IP headers, by these.
    pub(super) payload_bytes: u64,
    pub(super) fragment: Option<Fragment>,
    pub(super) bad_ip_checksum: bool,
    /// A routing header: the pseudo header's target is another than the header's.
    pub(super) routed: bool,
}

impl<'a> Walk<'_, 'a> {
    /// By the version number.
    pub(super) fn ip(&mut self, data: &'a [u8]) {
        match data.first().map(|byte| byte >> 4) {
            Some(4) => self.ipv4(data),
            Some(6) => self.ipv6(data),
            Some(_) => self.malformed("malformed-ip", "neither version 4 nor 6"),
            None => self.short("malformed-ip", "no header"),
        }
    }

    pub(super) fn ipv4(&mut self, data: &'a [u8]) {
        self.push(Layer::Ip);
        let (ip, stopped) = match LaxIpv4Slice::from_slice(data) {
            Ok(ip) => ip,
            Err(etherparse::err::ipv4::HeaderSliceError::Len(_)) => {
                return self.short("malformed-ipv4", "shorter than its header");
            }
            Err(etherparse::err::ipv4::HeaderSliceError::Content(_)) => {
                return self.malformed("malformed-ipv4", "not an IPv4 header");
            }
        };
        let header = ip.header();
        let header_bytes = header.slice().len();
        let total = usize::from(header.total_len());
        if total != 0 && total < header_bytes {
            return self.malformed(
                "malformed-ipv4",
                "the total length is less than the header's",
            );
        }
        if total > data.len() {
            self.short("malformed-ipv4", "the datagram is longer than its frame");
        }
        // What a later fragment begins with is the middle of a datagram, whatever the
        // parser made of it.
        let is_later = header.fragments_offset().value() > 0;
        if stopped.is_some() && !is_later {
            self.short("malformed-ah", "the authentication header is broken");
        }
        let bytes = if total == 0 {
            self.wire_bytes
        } else {
            total as u64
        };
        let extension_bytes = ip.extensions().auth.map_or(0, |auth| auth.slice().len());
        let payload = ip.payload();
        let end = header_bytes + extension_bytes + payload.payload.len();
        let (protocol, begin) = match is_later {
            true => (header.protocol(), header_bytes),
            false => (payload.ip_number, header_bytes + extension_bytes),
        };
        let datagram = Datagram {
            source: header.source_addr().into(),
            target: header.destination_addr().into(),
            protocol: protocol.0,
            bytes,
            payload: data.get(begin..end).unwrap_or_default(),
            payload_bytes: bytes.saturating_sub(begin as u64),
            fragment: ipv4_fragment(&header, bytes, begin),
            bad_ip_checksum: !checksum::is_right(header.slice()),
            routed: false,
        };
        self.datagram(datagram);
    }

    pub(super) fn ipv6(&mut self, data: &'a [u8]) {
        self.push(Layer::Ipv6);
        let header = match Ipv6HeaderSlice::from_slice(data) {
            Ok(header) => header,
            Err(etherparse::err::ipv6::HeaderSliceError::Len(_)) => {
                return self.short("malformed-ipv6", "shorter than its header");
            }
            Err(etherparse::err::ipv6::HeaderSliceError::Content(_)) => {
                return self.malformed("malformed-ipv6", "not an IPv6 header");
            }
        };
        let length = usize::from(header.payload_length());
        let behind = data.get(IPV6_HEADER_BYTES..).unwrap_or_default();
        if length > behind.len() {
            self.short("malformed-ipv6", "the packet is longer than its frame");
        }
        // Zero stands for "too long to say" (RFC 2675, and offloading cards).
        let (bytes, behind) = match length {
            0 => (self.wire_bytes, behind),
            _ => (
                (length + IPV6_HEADER_BYTES) as u64,
                &behind[..length.min(behind.len())],
            ),
        };
        let extensions = Extensions::read(header.next_header(), behind);
        if extensions.broken {
            self.short("malformed-ipv6", "an extension header is broken");
        }
        let n_headers = IPV6_HEADER_BYTES + behind.len() - extensions.payload.len();
        let payload_bytes = bytes.saturating_sub(n_headers as u64);
        let fragment = extensions.fragment.map(|fragment| Fragment {
            length: payload_bytes + u64::from(extensions.fragmented_bytes),
            extension_bytes: extensions.fragmented_bytes,
            ..fragment
        });
        self.datagram(Datagram {
            source: header.source_addr().into(),
            target: header.destination_addr().into(),
            protocol: extensions.protocol.0,
            bytes,
            payload: extensions.payload,
            payload_bytes,
            fragment,
            bad_ip_checksum: false,
            routed: extensions.routed,
        });
    }

    fn datagram(&mut self, datagram: Datagram<'a>) {
        let later = datagram
            .fragment
            .is_some_and(|fragment| fragment.offset > 0);
        let mut ip = Ip {
            source: datagram.source,
            target: datagram.target,
            protocol: datagram.protocol,
            bytes: datagram.bytes,
            fragment: datagram.fragment,
            transport: Transport::LaterFragment(datagram.payload),
            payload_bytes: datagram.payload_bytes,
            checksum_errors: ChecksumErrors {
                ip: datagram.bad_ip_checksum,
                ..ChecksumErrors::default()
            },
        };
        if !later {
            self.transport(&datagram, &mut ip);
        }
        self.frame.ip = Some(ip);
    }
}

/// The place in its datagram of what comes `begin` bytes behind the start of this header.
fn ipv4_fragment(header: &Ipv4HeaderSlice<'_>, bytes: u64, begin: usize) -> Option<Fragment> {
    let n_header = header.slice().len();
    header.is_fragmenting_payload().then(|| Fragment {
        identification: u32::from(header.identification()),
        protocol: header.protocol().0,
        offset: u32::from(header.fragments_offset().value()) * 8,
        length: bytes.saturating_sub(n_header as u64),
        extension_bytes: u32::try_from(begin.saturating_sub(n_header)).unwrap_or(0),
        more: header.more_fragments(),
    })
}

/// What the extension headers say, up to a later fragment's: what follows that one is
/// the middle of a datagram, whatever it looks like.
///
/// Not etherparse's `Ipv6ExtensionSliceIter`: in 0.21 it reads out of bounds when a header
/// is cut off.
#[derive(Debug)]
struct Extensions<'a> {
    /// Of the payload.
    protocol: IpNumber,
    payload: &'a [u8],
    fragment: Option<Fragment>,
    /// Headers behind the fragment header: they are part of the datagram.
    fragmented_bytes: u32,
    routed: bool,
    broken: bool,
}

impl<'a> Extensions<'a> {
    fn read(next_header: IpNumber, data: &'a [u8]) -> Self {
        let mut read = Self {
            protocol: next_header,
            payload: data,
            fragment: None,
            fragmented_bytes: 0,
            routed: false,
            broken: false,
        };
        // Ends: every round takes at least eight bytes off the payload.
        loop {
            let is_fragmented = read.fragment.is_some();
            let Some(extension) = read.next() else { break };
            let Some((next, n_bytes)) = extension else {
                read.broken = true;
                break;
            };
            read.protocol = next;
            read.payload = read.payload.get(n_bytes..).unwrap_or_default();
            if is_fragmented {
                read.fragmented_bytes += u32::try_from(n_bytes).unwrap_or(0);
            }
            if read.fragment.is_some_and(|fragment| fragment.offset > 0) {
                break;
            }
        }
        read
    }

    /// The protocol behind the next extension header, and its length: none inside when
    /// it is broken, none at all when the payload is no extension header.
    fn next(&mut self) -> Option<Option<(IpNumber, usize)>> {
        Some(match self.protocol {
            IpNumber::IPV6_HEADER_HOP_BY_HOP
            | IpNumber::IPV6_DESTINATION_OPTIONS
            | IpNumber::IPV6_ROUTE_HEADER => {
                self.routed |= self.protocol == IpNumber::IPV6_ROUTE_HEADER;
                let raw = Ipv6RawExtHeaderSlice::from_slice(self.payload).ok();
                raw.map(|raw| (raw.next_header(), raw.slice().len()))
            }
            IpNumber::AUTHENTICATION_HEADER => {
                let raw = IpAuthHeaderSlice::from_slice(self.payload).ok();
                raw.map(|raw| (raw.next_header(), raw.slice().len()))
            }
            IpNumber::IPV6_FRAGMENTATION_HEADER => {
                let raw = Ipv6FragmentHeaderSlice::from_slice(self.payload).ok();
                raw.map(|raw| {
                    // An atomic fragment (RFC 6946) is a whole datagram.
                    self.fragment = raw.is_fragmenting_payload().then(|| Fragment {
                        identification: raw.identification(),
                        protocol: 0,
                        offset: u32::from(raw.fragment_offset().value()) * 8,
                        length: 0,
                        extension_bytes: 0,
                        more: raw.more_fragments(),
                    });
                    (raw.next_header(), raw.slice().len())
                })
            }
            _ => return None,
        })
    }
}
