//! SHA-256 of a capture: while its chunks come in order, or after its seal.

mod on_seal;

use std::fmt;

pub use on_seal::DigestOnSeal;

use sha2::{Digest as _, Sha256 as Hasher};

use super::{
    capture::DigestOnTheWay,
    chunk::Chunk,
    id::{ChunkIndex, Sha256},
};

/// Goes from each segment of a call to the next. It ends for good at the first
/// chunk out of order: SHA-256 has no other way than from the start.
#[derive(Clone, Default)]
pub struct RunningDigest {
    hasher: Hasher,
    chunks: u32,
}

impl RunningDigest {
    /// `None` from the first chunk out of order on.
    #[must_use]
    pub fn append(mut self, chunks: &[Chunk]) -> Option<Self> {
        for chunk in chunks {
            if chunk.index != ChunkIndex(self.chunks) {
                return None;
            }
            self.hasher.update(&chunk.data);
            self.chunks += 1;
        }
        Some(self)
    }

    /// Of what has come so far.
    #[must_use]
    pub fn so_far(&self) -> DigestOnTheWay {
        DigestOnTheWay {
            chunks: self.chunks,
            sha256: Sha256(self.hasher.clone().finalize().into()),
        }
    }
}

impl fmt::Debug for RunningDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RunningDigest({} chunks)", self.chunks)
    }
}
