//! The same packet between other addresses, its checksums as right as before.

const ETHERNET_BYTES: usize = 14;

/// IANA protocol numbers.
const TCP: u8 = 6;
const UDP: u8 = 17;

/// Tells copies within one round apart. Rounds have addresses of their own by the 19 bits around
/// it.
pub(super) const COPY_BIT: u32 = 15;

/// Both ends move by the same number, so that a flow stays one flow.
pub(super) fn vary(frame: &mut [u8], number: u32) {
    let Some(place) = Place::of(frame) else {
        return;
    };
    let [top, high, low] = [16, 8, 0].map(|shift| number >> shift & 0xff);
    for at in place.addresses {
        match place.is_ipv6 {
            // The middle two bytes: networks and hosts of few bits would collide.
            false => {
                // No more than four bits of the first one, which tells groups from hosts.
                place.change(frame, at, |word| word ^ low16((top & 0xf) << 8 | high));
                place.change(frame, at + 2, |word| word ^ low16(low << 8));
            }
            true => {
                place.change(frame, at + 4, |word| word ^ low16(top));
                place.change(frame, at + 6, |word| word ^ low16(number));
            }
        }
    }
    place.vary_hello(frame, number);
}

/// Whether it has a TCP segment or a UDP datagram in an IP packet.
pub(super) fn has_ports(frame: &[u8]) -> bool {
    Place::of(frame).is_some_and(|place| matches!(place.protocol, TCP | UDP))
}

/// Where a frame has what is changed.
struct Place {
    is_ipv6: bool,
    protocol: u8,
    addresses: [usize; 2],
    /// Of the IP header and of the transport, where there is one.
    checksums: Vec<usize>,
    payload: Option<usize>,
}

impl Place {
    fn of(frame: &[u8]) -> Option<Self> {
        let ip = ETHERNET_BYTES;
        let (is_ipv6, protocol, transport) = match (frame.get(12..15)?, frame.len()) {
            ([0x08, 0x00, 0x45], 34..) => (false, frame[ip + 9], ip + 20),
            ([0x86, 0xdd, _], 54..) => (true, frame[ip + 6], ip + 40),
            _ => return None,
        };
        let is_later_fragment = !is_ipv6 && (frame[ip + 6] & 0x1f, frame[ip + 7]) != (0, 0);
        let checksum = match (protocol, is_ipv6) {
            _ if is_later_fragment => None,
            (TCP, _) => Some(transport + 16),
            (UDP, _) => Some(transport + 6),
            _ => None,
        };
        let is_there = |at: &usize| frame.get(*at..at + 2).is_some_and(|sum| sum != [0, 0]);
        let header = (!is_ipv6).then_some(ip + 10);
        let payload = (protocol == TCP && !is_later_fragment)
            .then(|| Some(transport + usize::from(frame.get(transport + 12)? >> 4) * 4));
        Some(Self {
            is_ipv6,
            protocol,
            addresses: if is_ipv6 {
                [ip + 8, ip + 24]
            } else {
                [ip + 12, ip + 16]
            },
            checksums: header
                .into_iter()
                .chain(checksum.filter(is_there))
                .collect(),
            payload: payload.flatten(),
        })
    }

    /// Clients choose 32 bytes at random: other ones for each hello.
    fn vary_hello(&self, frame: &mut [u8], number: u32) {
        let Some(payload) = self.payload else { return };
        let hello = frame.get(payload..payload + 43);
        // A TLS record of a handshake that begins with a ClientHello.
        if !hello.is_some_and(|hello| hello[..2] == [0x16, 3] && hello[5] == 1) {
            return;
        }
        let transport = Self {
            checksums: self.checksums.last().copied().into_iter().collect(),
            ..*self
        };
        // From 11 on, but at an even place for the checksum.
        transport.change(frame, payload + 12, |word| word ^ low16(number));
        transport.change(frame, payload + 14, |word| word ^ low16(number >> 16));
    }

    /// Changes 16 bits, and the checksums over them (RFC 1624).
    fn change(&self, frame: &mut [u8], at: usize, change: impl Fn(u16) -> u16) {
        let before = word(frame, at);
        let after = change(before);
        frame[at..at + 2].copy_from_slice(&after.to_be_bytes());
        for checksum in &self.checksums {
            let sum = u32::from(!word(frame, *checksum)) + u32::from(!before) + u32::from(after);
            let folded = (sum & 0xffff) + (sum >> 16);
            let folded = low16(folded + (folded >> 16));
            frame[*checksum..checksum + 2].copy_from_slice(&(!folded).to_be_bytes());
        }
    }
}

fn word(frame: &[u8], at: usize) -> u16 {
    u16::from_be_bytes([frame[at], frame[at + 1]])
}

fn low16(number: u32) -> u16 {
    u16::try_from(number & 0xffff).unwrap()
}
