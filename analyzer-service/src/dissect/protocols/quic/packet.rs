//! Packets with a long header (RFC 9000, 17.2; RFC 9369, 3.2).

/// RFC 9000, 17.2: of versions 1 and 2.
const CONNECTION_ID_BYTES_MAX: usize = 20;

/// RFC 9000, 14.1: of a datagram with an Initial packet of the client.
const INITIAL_DATAGRAM_BYTES_MIN: usize = 1_200;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Version {
    V1,
    V2,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PacketKind {
    Initial,
    ZeroRtt,
    Handshake,
    Retry,
}

/// One packet, whole.
#[derive(Clone, Copy, Debug)]
pub(super) struct Long<'a> {
    pub(super) version: Version,
    pub(super) kind: PacketKind,
    /// Destination Connection ID.
    pub(super) connection_id: &'a [u8],
    /// From its first byte on.
    pub(super) bytes: &'a [u8],
    /// Where its packet number is.
    pub(super) number_at: usize,
}

impl Version {
    fn of(number: u32) -> Option<Self> {
        match number {
            1 => Some(Self::V1),
            0x6b33_43cf => Some(Self::V2),
            _ => None,
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::V1 => "1",
            Self::V2 => "2",
        }
    }
}

impl PacketKind {
    fn of(version: Version, first: u8) -> Self {
        let number = first >> 4 & 3;
        // RFC 9369, 3.2: the same kinds, by other numbers.
        let number = match version {
            Version::V1 => number,
            Version::V2 => (number + 3) % 4,
        };
        match number {
            0 => Self::Initial,
            1 => Self::ZeroRtt,
            2 => Self::Handshake,
            _ => Self::Retry,
        }
    }
}

/// Whether a datagram surely is one: a packet of a known version, or Version Negotiation
/// that offers one.
pub(super) fn begins(data: &[u8]) -> bool {
    let Some((first, version, rest)) = first_bytes(data) else {
        return false;
    };
    if first & 0x80 == 0 {
        return false;
    }
    if version == 0 {
        let Some(versions) = connection_ids(rest).map(|(_, versions)| versions) else {
            return false;
        };
        let (versions, odd) = versions.as_chunks();
        let mut versions = versions.iter().map(|bytes| u32::from_be_bytes(*bytes));
        return odd.is_empty() && versions.any(|version| Version::of(version).is_some());
    }
    if first & 0x40 == 0 {
        return false;
    }
    match Version::of(version) {
        // The packet may be cut by the snap length.
        Some(_) => connection_ids(rest).is_some(),
        // RFC 9000, 15: versions that make the server name its own.
        None => {
            version & 0x0f0f_0f0f == 0x0a0a_0a0a
                && data.len() >= INITIAL_DATAGRAM_BYTES_MIN
                && connection_ids(rest).is_some()
        }
    }
}

/// The packet at the front of `data`, and what follows it; none when it has no long
/// header, is of an unknown version, or is not whole.
pub(super) fn next(data: &[u8]) -> Option<(Long<'_>, &[u8])> {
    let (first, version, rest) = first_bytes(data)?;
    if first & 0xc0 != 0xc0 {
        return None;
    }
    let version = Version::of(version)?;
    let kind = PacketKind::of(version, first);
    let (connection_id, mut rest) = connection_ids(rest)?;
    let long = |number_at, bytes| Long {
        version,
        kind,
        connection_id,
        bytes,
        number_at,
    };
    match kind {
        PacketKind::Retry => return Some((long(data.len(), data), &[])),
        PacketKind::Initial => {
            let (length, token) = varint(rest)?;
            rest = token.get(usize::try_from(length).ok()?..)?;
        }
        PacketKind::ZeroRtt | PacketKind::Handshake => {}
    }
    let (length, rest) = varint(rest)?;
    let number_at = data.len() - rest.len();
    let end = number_at.checked_add(usize::try_from(length).ok()?)?;
    let (bytes, behind) = data.split_at_checked(end)?;
    Some((long(number_at, bytes), behind))
}

/// RFC 9000, 16.
pub(super) fn varint(data: &[u8]) -> Option<(u64, &[u8])> {
    let bytes = 1 << (data.first()? >> 6);
    let (number, rest) = data.split_at_checked(bytes)?;
    let number = number
        .iter()
        .fold(0, |sum, byte| sum << 8 | u64::from(*byte));
    let prefix_bits = 8 * u32::try_from(bytes).ok()? - 2;
    Some((number & ((1 << prefix_bits) - 1), rest))
}

fn first_bytes(data: &[u8]) -> Option<(u8, u32, &[u8])> {
    let (&[first, a, b, c, d], rest) = data.split_first_chunk()?;
    Some((first, u32::from_be_bytes([a, b, c, d]), rest))
}

/// The destination's, and what follows the source's.
fn connection_ids(data: &[u8]) -> Option<(&[u8], &[u8])> {
    let (destination, rest) = connection_id(data)?;
    let (_, rest) = connection_id(rest)?;
    Some((destination, rest))
}

fn connection_id(data: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = data.split_first()?;
    let length = usize::from(*length);
    (length <= CONNECTION_ID_BYTES_MAX)
        .then(|| rest.split_at_checked(length))
        .flatten()
}
