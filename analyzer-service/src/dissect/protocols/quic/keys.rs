//! Keys of the client's Initial packets (RFC 9001, 5; RFC 9369, 3.3), by ring.

use ring::{
    aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey, quic},
    hkdf::{HKDF_SHA256, KeyType, Prk, Salt},
};

use super::packet::{Long, Version};

/// RFC 9001, 5.2.
const SALT_V1: [u8; 20] = [
    0x38, 0x76, 0x2c, 0xf7, 0xf5, 0x59, 0x34, 0xb3, 0x4d, 0x17, 0x9a, 0xe6, 0xa4, 0xc8, 0x0c, 0xad,
    0xcc, 0xbb, 0x7f, 0x0a,
];

/// RFC 9369, 3.3.1.
const SALT_V2: [u8; 20] = [
    0x0d, 0xed, 0xe3, 0xde, 0xf7, 0x00, 0xa6, 0xdb, 0x81, 0x93, 0x81, 0xbe, 0x6e, 0x26, 0x9d, 0xcb,
    0xf9, 0xbd, 0x2e, 0xd9,
];

/// RFC 9001, 5.4.2: the sample begins so far behind the start of the packet number.
const SAMPLE_AT: usize = 4;

#[derive(Debug)]
pub(super) struct Keys {
    version: Version,
    connection_id: Box<[u8]>,
    payload: LessSafeKey,
    iv: [u8; 12],
    header: HeaderKey,
}

struct HeaderKey(quic::HeaderProtectionKey);

impl std::fmt::Debug for HeaderKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("HeaderKey")
    }
}

impl Keys {
    /// Those of a client whose first packet this is. None is never the answer in practice:
    /// ring's lengths all fit.
    pub(super) fn derive(packet: &Long<'_>) -> Option<Self> {
        let Secrets { key, iv, header } = secrets(packet)?;
        let payload = UnboundKey::new(&AES_128_GCM, &key).ok()?;
        let header = quic::HeaderProtectionKey::new(&quic::AES_128, &header).ok()?;
        Some(Self {
            version: packet.version,
            connection_id: packet.connection_id.into(),
            payload: LessSafeKey::new(payload),
            iv,
            header: HeaderKey(header),
        })
    }

    /// Whether they were derived from this packet's version and connection id.
    pub(super) fn are_of(&self, packet: &Long<'_>) -> bool {
        self.version == packet.version && *self.connection_id == *packet.connection_id
    }

    /// The packet's payload; none when it was not protected by these.
    pub(super) fn open(&self, packet: &Long<'_>) -> Option<Vec<u8>> {
        let sample_at = packet.number_at + SAMPLE_AT;
        let sample = packet
            .bytes
            .get(sample_at..sample_at + quic::AES_128.sample_len())?;
        let [first_mask, number_mask @ ..] = self.header.0.new_mask(sample).ok()?;
        // RFC 9001, 5.4.1.
        let mut header = packet.bytes.get(..sample_at)?.to_vec();
        let first = header.first_mut()?;
        *first ^= first_mask & 0x0f;
        let number_bytes = usize::from(*first & 3) + 1;
        let header_bytes = packet.number_at + number_bytes;
        header.truncate(header_bytes);
        let mut iv = self.iv;
        let number = &mut header[packet.number_at..];
        for (byte, mask) in number.iter_mut().zip(number_mask) {
            *byte ^= mask;
        }
        // A client's first packets have numbers that fit the bytes sent.
        for (byte, number) in iv.iter_mut().rev().zip(number.iter().rev()) {
            *byte ^= number;
        }
        let mut payload = packet.bytes.get(header_bytes..)?.to_vec();
        let nonce = Nonce::assume_unique_for_key(iv);
        let opened = self
            .payload
            .open_in_place(nonce, Aad::from(&header), &mut payload);
        let bytes = opened.ok()?.len();
        payload.truncate(bytes);
        Some(payload)
    }
}

struct Secrets {
    key: [u8; 16],
    iv: [u8; 12],
    header: [u8; 16],
}

fn secrets(packet: &Long<'_>) -> Option<Secrets> {
    let (salt, [key, iv, header]) = match packet.version {
        Version::V1 => (SALT_V1, ["quic key", "quic iv", "quic hp"]),
        Version::V2 => (SALT_V2, ["quicv2 key", "quicv2 iv", "quicv2 hp"]),
    };
    let initial = Salt::new(HKDF_SHA256, &salt).extract(packet.connection_id);
    let client = Prk::new_less_safe(HKDF_SHA256, &expand::<32>(&initial, "client in")?);
    Some(Secrets {
        key: expand(&client, key)?,
        iv: expand(&client, iv)?,
        header: expand(&client, header)?,
    })
}

/// RFC 8446, 7.1: HKDF-Expand-Label without a context.
fn expand<const N: usize>(secret: &Prk, label: &str) -> Option<[u8; N]> {
    let bytes = u16::try_from(N).ok()?.to_be_bytes();
    let label = ["tls13 ", label].concat();
    let length = [u8::try_from(label.len()).ok()?];
    let info = [&bytes[..], &length, label.as_bytes(), &[0]];
    let mut out = [0; N];
    secret.expand(&info, Length(N)).ok()?.fill(&mut out).ok()?;
    Some(out)
}

struct Length(usize);

impl KeyType for Length {
    fn len(&self) -> usize {
        self.0
    }
}

#[cfg(test)]
pub(super) mod tests;
