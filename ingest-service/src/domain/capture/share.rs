//! Captures of the same bytes share what is stored of them.

use std::sync::Arc;

use super::{Capture, Declared, Spec, State};
use crate::{
    catalog::Times,
    domain::id::{Blake3, SegmentId, Uid},
};

/// The manifest of a folded capture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoredManifest {
    /// A small one, kept in the capture's row.
    Inline(Arc<[u8]>),
    Object(ManifestObject),
}

/// A manifest that is an object of the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ManifestObject {
    pub segment: SegmentId,
    /// Length of the object.
    pub bytes: u64,
    /// Of the object.
    pub blake3: Blake3,
}

impl Capture {
    /// Whether this capture is what `spec` declares, by the digest that this
    /// service computed, and its chunks are split as `spec` says.
    #[must_use]
    pub fn may_be_shared_as(&self, spec: &Spec) -> bool {
        let Declared {
            chunk_count,
            size_bytes,
            sha256,
            chunk_bytes,
        } = &spec.declared;
        let is_whole = match self.state {
            State::Sealed => self.manifest.is_some(),
            State::Receiving | State::Sealing => false,
        };
        is_whole
            && sha256.is_some()
            && *sha256 == self.sha256
            && (chunk_bytes.is_none() || *chunk_bytes == self.declared.chunk_bytes)
            && chunk_count.is_none_or(|count| count == self.progress.chunks)
            && size_bytes.is_none_or(|bytes| bytes == self.progress.bytes)
    }

    /// A new capture with the contents of `source`, sealed from the beginning.
    #[must_use]
    pub fn begin_shared(uid: Uid, spec: Spec, source: &Self, at: Times) -> Self {
        let mut capture = Self::begin(uid, spec, at.now, at.expires);
        capture.declared.chunk_count = Some(source.progress.chunks);
        capture.content = source.content;
        capture.manifest.clone_from(&source.manifest);
        capture.state = State::Sealed;
        capture.progress = source.progress;
        capture.crc32c = source.crc32c;
        capture.sha256 = source.sha256;
        capture.sealed = Some(at.now);
        capture.retained_until = at.retained_until;
        capture
    }
}
