//! IPv4 (RFC 791) and IPv6 (RFC 8200).

use std::net::IpAddr;

use etherparse::{IpNumber, Ipv4HeaderSlice, Ipv6HeaderSlice, LaxIpv4Slice};

use super::{
    ChecksumErrors, Fragment, Ip, Layer, Transport, Walk, checksum, extensions::Extensions,
};

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
    pub(super) fragment: Option<Fragment<'a>>,
    pub(super) bad_ip_checksum: bool,
    /// The pseudo header has other addresses than the header.
    pub(super) routed: bool,
}

/// What the transport layer finds out of its datagram.
#[derive(Clone, Copy, Debug)]
pub(super) struct Behind {
    /// As `Counters.payload_bytes` says.
    pub(super) payload_bytes: u64,
    pub(super) checksum_errors: ChecksumErrors,
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
        if extension_bytes > 0 && !is_later {
            self.push(Layer::Ah);
        }
        let end = header_bytes + extension_bytes + payload.payload.len();
        let (protocol, begin) = match is_later {
            true => (header.protocol(), header_bytes),
            false => (payload.ip_number, header_bytes + extension_bytes),
        };
        let raw = data.get(header_bytes..end).unwrap_or_default();
        let routed = is_source_routed(header.options());
        let fragment = ipv4_fragment(&header, bytes, raw);
        let datagram = Datagram {
            source: header.source_addr().into(),
            target: header.destination_addr().into(),
            protocol: protocol.0,
            bytes,
            payload: data.get(begin..end).unwrap_or_default(),
            payload_bytes: bytes.saturating_sub(begin as u64),
            fragment: fragment.map(|fragment| Fragment { routed, ..fragment }),
            bad_ip_checksum: !checksum::is_right(header.slice()),
            routed,
        };
        self.datagram(&datagram);
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
            length: payload_bytes + extensions.fragmented_bytes() as u64,
            routed: extensions.routed,
            ..fragment
        });
        self.datagram(&Datagram {
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

    /// What fragments with the headers of `ip` say together.
    pub(super) fn whole_datagram(&mut self, ip: &Ip<'_>, next_header: u8, data: &'a [u8]) {
        let extensions = match ip.source {
            IpAddr::V4(_) => Extensions::authenticated(IpNumber(next_header), data),
            IpAddr::V6(_) => Extensions::read(IpNumber(next_header), data),
        };
        if extensions.broken || extensions.fragment.is_some() {
            return self.malformed(
                "malformed-ip",
                "an extension header in fragments is broken or says fragment again",
            );
        }
        // In IPv6 it is one extension header of many, and no layer.
        if extensions.authenticated && ip.source.is_ipv4() {
            self.push(Layer::Ah);
        }
        self.datagram(&Datagram {
            source: ip.source,
            target: ip.target,
            protocol: extensions.protocol.0,
            bytes: data.len() as u64,
            payload: extensions.payload,
            payload_bytes: extensions.payload.len() as u64,
            fragment: None,
            bad_ip_checksum: false,
            routed: extensions.routed || ip.fragment.is_some_and(|last| last.routed),
        });
    }

    fn datagram(&mut self, datagram: &Datagram<'a>) {
        let mut behind = Behind {
            payload_bytes: datagram.payload_bytes,
            checksum_errors: ChecksumErrors {
                ip: datagram.bad_ip_checksum,
                ..ChecksumErrors::default()
            },
        };
        let transport = match &datagram.fragment {
            None => self.transport(datagram, &mut behind),
            Some(fragment) if fragment.offset > 0 => Transport::LaterFragment,
            // It can't wait for the others: there is nothing to put them together with.
            Some(fragment) if !fragment.is_whole() => self.transport(datagram, &mut behind),
            // Whose flow it is. What breaks the transport's format, and what a tunnel
            // has inside, is known when all of it has come.
            Some(_) => {
                let (path, malformed) = (self.frame.path, self.frame.malformed);
                let transport = self.transport(datagram, &mut behind);
                self.frame.inner = None;
                (self.frame.path, self.frame.malformed) = (path, malformed);
                transport
            }
        };
        // Once all of it is known: it is large to be moved.
        self.frame.ip = Some(Ip {
            source: datagram.source,
            target: datagram.target,
            protocol: datagram.protocol,
            bytes: datagram.bytes,
            fragment: datagram.fragment,
            transport,
            payload_bytes: behind.payload_bytes,
            checksum_errors: behind.checksum_errors,
        });
    }
}

/// The place of `data`, what comes behind this header, in its datagram.
fn ipv4_fragment<'a>(
    header: &Ipv4HeaderSlice<'_>,
    bytes: u64,
    data: &'a [u8],
) -> Option<Fragment<'a>> {
    header.is_fragmenting_payload().then(|| Fragment {
        identification: u32::from(header.identification()),
        protocol: header.protocol().0,
        offset: u32::from(header.fragments_offset().value()) * 8,
        length: bytes.saturating_sub(header.slice().len() as u64),
        more: header.more_fragments(),
        next_header: header.protocol().0,
        routed: false,
        data,
    })
}

/// A route by the source that is not at its end: the last address of it is the target (RFC 791,
/// 3.1, and RFC 1122, 4.1.3.4).
fn is_source_routed(mut options: &[u8]) -> bool {
    const END: u8 = 0;
    const NO_OPERATION: u8 = 1;
    const LOOSE: u8 = 131;
    const STRICT: u8 = 137;
    // Ends: each round takes at least one byte off.
    while let Some((kind, rest)) = options.split_first() {
        let n_bytes = match (*kind, rest) {
            (END, _) => return false,
            (NO_OPERATION, _) => 0,
            (LOOSE | STRICT, [length, pointer, ..]) => return pointer <= length,
            (_, [length, ..]) => usize::from(*length).saturating_sub(1).max(1),
            (_, []) => return false,
        };
        options = rest.get(n_bytes..).unwrap_or_default();
    }
    false
}
