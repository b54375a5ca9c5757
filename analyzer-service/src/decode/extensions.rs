//! Extension headers of IPv6 (RFC 8200, 4), and the one of them that IPv4 has too.

use etherparse::{IpAuthHeaderSlice, IpNumber, Ipv6FragmentHeaderSlice, Ipv6RawExtHeaderSlice};

use super::Fragment;

/// What the extension headers say, up to a later fragment's: what follows that one is
/// the middle of a datagram, whatever it looks like.
///
/// Not etherparse's `Ipv6ExtensionSliceIter`: in 0.21 it reads out of bounds when a header
/// is cut off.
#[derive(Debug)]
pub(super) struct Extensions<'a> {
    /// Of the payload.
    pub(super) protocol: IpNumber,
    pub(super) payload: &'a [u8],
    pub(super) fragment: Option<Fragment<'a>>,
    /// The pseudo header has other addresses than the header: those at the end of a route, or at
    /// home.
    pub(super) routed: bool,
    pub(super) authenticated: bool,
    pub(super) broken: bool,
}

impl<'a> Extensions<'a> {
    pub(super) fn read(next_header: IpNumber, data: &'a [u8]) -> Self {
        let mut read = Self::before(next_header, data);
        // Ends: every round takes at least eight bytes off the payload.
        while let Some(extension) = read.next() {
            read.pass(extension);
            if read.broken || read.fragment.is_some_and(|fragment| fragment.offset > 0) {
                break;
            }
        }
        read
    }

    /// The one extension that IPv4 has.
    pub(super) fn authenticated(next_header: IpNumber, data: &'a [u8]) -> Self {
        let mut read = Self::before(next_header, data);
        if next_header == IpNumber::AUTHENTICATION_HEADER
            && let Some(extension) = read.next()
        {
            read.pass(extension);
        }
        read
    }

    fn before(next_header: IpNumber, data: &'a [u8]) -> Self {
        Self {
            protocol: next_header,
            payload: data,
            fragment: None,
            routed: false,
            authenticated: false,
            broken: false,
        }
    }

    fn pass(&mut self, extension: Option<(IpNumber, usize)>) {
        let Some((next, n_bytes)) = extension else {
            self.broken = true;
            return;
        };
        self.protocol = next;
        self.payload = self.payload.get(n_bytes..).unwrap_or_default();
        if let Some(fragment) = &mut self.fragment
            && fragment.data.is_empty()
        {
            (fragment.data, fragment.next_header) = (self.payload, next.0);
        }
    }

    /// Headers behind the fragment header: they are part of the datagram.
    pub(super) fn fragmented_bytes(&self) -> usize {
        let all = self.fragment.map_or(0, |fragment| fragment.data.len());
        all.saturating_sub(self.payload.len())
    }

    /// The protocol behind the next extension header, and its length: none inside when
    /// it is broken, none at all when the payload is no extension header.
    fn next(&mut self) -> Option<Option<(IpNumber, usize)>> {
        Some(match self.protocol {
            IpNumber::IPV6_HEADER_HOP_BY_HOP
            | IpNumber::IPV6_DESTINATION_OPTIONS
            | IpNumber::IPV6_ROUTE_HEADER => {
                let raw = Ipv6RawExtHeaderSlice::from_slice(self.payload).ok();
                self.routed |= match self.protocol {
                    IpNumber::IPV6_ROUTE_HEADER => true,
                    IpNumber::IPV6_DESTINATION_OPTIONS => raw
                        .as_ref()
                        .is_some_and(|raw| has_home_address(raw.payload())),
                    _ => false,
                };
                raw.map(|raw| (raw.next_header(), raw.slice().len()))
            }
            IpNumber::AUTHENTICATION_HEADER => {
                self.authenticated = true;
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
                        more: raw.more_fragments(),
                        next_header: 0,
                        routed: false,
                        data: &[],
                    });
                    (raw.next_header(), raw.slice().len())
                })
            }
            _ => return None,
        })
    }
}

/// A mobile node's own address, which stands for the source (RFC 6275, 6.3).
fn has_home_address(mut options: &[u8]) -> bool {
    const PAD_1: u8 = 0;
    const HOME_ADDRESS: u8 = 201;
    // Ends: each round takes at least one byte off.
    while let Some((kind, rest)) = options.split_first() {
        if *kind == HOME_ADDRESS {
            return true;
        }
        let n_bytes = match (*kind, rest.first()) {
            (PAD_1, _) => 0,
            (_, Some(length)) => 1 + usize::from(*length),
            (_, None) => return false,
        };
        options = rest.get(n_bytes..).unwrap_or_default();
    }
    false
}
