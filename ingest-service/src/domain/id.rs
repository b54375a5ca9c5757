//! Names of things: captures, chunks, segments and digests.

use std::{fmt, str::FromStr};

use uuid::Uuid;
use weir_shared::store::ObjectKey;

/// Longest capture id, bytes.
const CAPTURE_ID_BYTES_MAX: usize = 128;

/// What a caller calls its capture: `[a-z0-9][a-z0-9._-]{0,127}`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CaptureId(String);

/// Not a capture id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be [a-z0-9][a-z0-9._-]{{0,127}}")]
pub struct InvalidCaptureId;

impl CaptureId {
    /// An id for a caller that gave none.
    #[must_use]
    pub fn generate() -> Self {
        Self(format!("c-{}", Uuid::now_v7().simple()))
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for CaptureId {
    type Error = InvalidCaptureId;

    fn try_from(text: String) -> Result<Self, InvalidCaptureId> {
        let alphanumeric = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
        let Some((&first, rest)) = text.as_bytes().split_first() else {
            return Err(InvalidCaptureId);
        };
        let rest_is_plain = rest
            .iter()
            .all(|&b| alphanumeric(b) || matches!(b, b'.' | b'_' | b'-'));
        if !alphanumeric(first) || !rest_is_plain || text.len() > CAPTURE_ID_BYTES_MAX {
            return Err(InvalidCaptureId);
        }
        Ok(Self(text))
    }
}

impl FromStr for CaptureId {
    type Err = InvalidCaptureId;

    fn from_str(text: &str) -> Result<Self, InvalidCaptureId> {
        text.to_owned().try_into()
    }
}

impl fmt::Display for CaptureId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One creation of a capture: tells it from an earlier one of the same id.
/// Ordered by creation time (UUID version 7, RFC 9562).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Uid(Uuid);

impl Uid {
    /// No capture's.
    pub const NOBODY: Self = Self(Uuid::nil());

    #[must_use]
    pub fn generate() -> Self {
        Self(Uuid::now_v7())
    }

    #[must_use]
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(Uuid::from_bytes(bytes))
    }

    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 16] {
        self.0.as_bytes()
    }
}

impl fmt::Display for Uid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// One segment: an immutable object of the store that holds chunks, or the
/// manifest of a folded capture. Ordered by its own id, which is what catalogs
/// order and lock by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SegmentId {
    id: Uuid,
    owner: Uid,
}

impl SegmentId {
    /// Where segments are below the store's root.
    pub const PREFIX: &str = "seg";

    /// A new one for what this capture writes. Its key names the capture, so
    /// that a sweeper can tell whose it is when no row names it any more.
    #[must_use]
    pub fn generate(owner: Uid) -> Self {
        let id = Uuid::new_v4();
        Self { id, owner }
    }

    #[must_use]
    pub fn from_bytes(owner: Uid, id: [u8; 16]) -> Self {
        let id = Uuid::from_bytes(id);
        Self { id, owner }
    }

    /// Without its owner: no two segments share them.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 16] {
        self.id.as_bytes()
    }

    /// The capture that wrote it; nobody's for an object of before keys had
    /// owners, as far as its key tells.
    #[must_use]
    pub fn owner(&self) -> Uid {
        self.owner
    }

    /// Whether its key is of before keys had owners: those ids are of version 7.
    #[must_use]
    pub fn has_key_without_owner(&self) -> bool {
        self.id.get_version_num() == 7
    }

    /// The key of the segment's object.
    #[must_use]
    pub fn object_key(&self) -> ObjectKey {
        let Self { id, owner } = self;
        let text = match self.has_key_without_owner() {
            true => format!("{}/{id}", Self::PREFIX),
            false => format!("{}/{owner}.{id}", Self::PREFIX),
        };
        ObjectKey::try_from(text).expect("a prefix and UUIDs are a key")
    }

    /// The segment whose object this is; `None` for objects that are no segments.
    #[must_use]
    pub fn of_object(key: &ObjectKey) -> Option<Self> {
        let name = key.as_ref().strip_prefix(Self::PREFIX)?.strip_prefix('/')?;
        let (owner, id) = match name.split_once('.') {
            Some((owner, id)) => (Uuid::try_parse(owner).ok()?, id),
            None => (Uuid::nil(), name),
        };
        let id = Uuid::try_parse(id).ok()?;
        let owner = Uid(owner);
        let segment = Self { id, owner };
        // Other spellings of a UUID would name an object that is not ours.
        (segment.object_key() == *key).then_some(segment)
    }
}

/// Place of a chunk in its capture, from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChunkIndex(pub u32);

/// BLAKE3 of a chunk: what makes two chunks equal.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Blake3(pub [u8; 32]);

impl Blake3 {
    #[must_use]
    pub fn of(data: &[u8]) -> Self {
        Self(*blake3::hash(data).as_bytes())
    }
}

/// SHA-256 (FIPS 180-4) of a whole capture.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Sha256(pub [u8; 32]);

impl Sha256 {
    #[must_use]
    pub fn of(data: &[u8]) -> Self {
        use sha2::Digest as _;
        Self(sha2::Sha256::digest(data).into())
    }
}

impl fmt::Debug for Blake3 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "blake3:{}", hex::encode(self.0))
    }
}

impl fmt::Debug for Sha256 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sha256:{}", hex::encode(self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_id(text: &str, is_id: bool) {
        assert_eq!(text.parse::<CaptureId>().is_ok(), is_id, "{text:?}");
    }

    #[test]
    fn capture_ids_are_plain_lower_case_names() {
        check_id("a", true);
        check_id("0-office.2026_11", true);
        check_id("", false);
        check_id("-a", false);
        check_id(".a", false);
        check_id("A", false);
        check_id("a/b", false);
        check_id("ä", false);
        check_id("a b", false);
        check_id(&"a".repeat(128), true);
        check_id(&"a".repeat(129), false);
        check_id(CaptureId::generate().as_str(), true);
    }

    #[test]
    fn only_the_own_spelling_of_a_key_is_a_segment() {
        let of = |text: &str| SegmentId::of_object(&text.parse().unwrap());
        let owner = Uid::generate();
        let id = SegmentId::generate(owner);
        assert_eq!(SegmentId::of_object(&id.object_key()), Some(id));
        assert_eq!(of(&id.object_key().as_ref().to_uppercase()), None);
        assert_eq!(of(&format!("seg/{}", id.id)), None);
        assert_eq!(of(&format!("seg/{owner}.{}", id.id.simple())), None);
        assert_eq!(of("manifest/x"), None);
        assert_eq!(of("seg/x"), None);
    }

    #[test]
    fn an_object_of_before_keys_had_owners_is_found_under_its_old_key() {
        let old = SegmentId::from_bytes(Uid::generate(), *Uuid::now_v7().as_bytes());
        let key = old.object_key();
        assert_eq!(key.as_ref(), format!("seg/{}", old.id));
        let found = SegmentId::of_object(&key).unwrap();
        assert_eq!((found.id, found.owner), (old.id, Uid::NOBODY));
    }

    #[test]
    fn later_captures_have_larger_uids() {
        let uids: Vec<_> = (0..1000).map(|_| Uid::generate()).collect();
        assert!(uids.is_sorted());
    }
}
