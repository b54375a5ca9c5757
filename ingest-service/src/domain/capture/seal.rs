//! When a capture is complete.

use super::{Capture, Refusal, SealParams, State};
use crate::domain::id::Sha256;

/// SHA-256 of a capture's first chunks, computed while they came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DigestOnTheWay {
    /// Of chunks 0 to this, exclusive.
    pub chunks: u32,
    pub sha256: Sha256,
}

/// What a seal has come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SealStep {
    /// It has just been sealed; its whole CRC32C is to be set with it.
    Sealed,
    /// It was sealed before, with the same parameters.
    Replayed,
    /// A digest needs a read of the whole: the state is SEALING, or SEALED with
    /// a digest that nobody has computed yet.
    NeedsDigest,
}

impl Capture {
    /// Seals, or begins to. `known` spares the read when it covers every chunk.
    ///
    /// # Errors
    /// The [`Refusal`] that stands against it; nothing has changed.
    pub fn seal(
        &mut self,
        params: &SealParams,
        known: Option<DigestOnTheWay>,
    ) -> Result<SealStep, Refusal> {
        match self.state {
            State::Receiving => self.seal_receiving(params, known),
            State::Sealing => {
                self.agree_with_whole(params, self.sealing.sha256)?;
                Ok(SealStep::NeedsDigest)
            }
            State::Sealed => self.replay(params),
        }
    }

    /// Takes the digest that a read of the whole gave.
    ///
    /// # Errors
    /// [`Refusal::DigestDiffers`]: the capture is receiving again, its data kept.
    /// [`Refusal::BeyondCount`]: more chunks have come since the read began.
    pub fn settle_digest(&mut self, computed: DigestOnTheWay) -> Result<SealStep, Refusal> {
        let DigestOnTheWay { chunks, sha256 } = computed;
        if let Some(highest) = self.progress.highest
            && highest.0 >= chunks
        {
            let count = chunks;
            return Err(Refusal::BeyondCount { count, highest });
        }
        match self.state {
            // Another reader was faster, and did not find what was wanted.
            State::Receiving => Err(Refusal::DigestDiffers),
            State::Sealing if self.sealing.sha256 == Some(sha256) => {
                let params = std::mem::take(&mut self.sealing);
                self.become_sealed(&params, Some(sha256));
                Ok(SealStep::Sealed)
            }
            State::Sealing => {
                self.abandon_seal();
                Err(Refusal::DigestDiffers)
            }
            State::Sealed => {
                self.sha256.get_or_insert(sha256);
                Ok(SealStep::Replayed)
            }
        }
    }

    /// A check that could not be made leaves the capture as it was before.
    pub fn abandon_seal(&mut self) {
        if self.state == State::Sealing {
            self.state = State::Receiving;
            self.sealing = SealParams::default();
        }
    }

    fn seal_receiving(
        &mut self,
        params: &SealParams,
        known: Option<DigestOnTheWay>,
    ) -> Result<SealStep, Refusal> {
        let declared = &self.declared;
        let count = agreed("chunk_count", declared.chunk_count, params.chunk_count)?;
        let size_bytes = agreed("size_bytes", declared.size_bytes, params.size_bytes)?;
        let sha256 = agreed("sha256", declared.sha256, params.sha256)?;

        let count = count.unwrap_or_else(|| self.expected_chunks());
        if let Some(highest) = self.progress.highest
            && highest.0 >= count
        {
            return Err(Refusal::BeyondCount { count, highest });
        }
        if self.progress.chunks < count {
            return Err(Refusal::Incomplete { count });
        }
        self.compare_size(size_bytes)?;

        let whole = SealParams {
            chunk_count: Some(count),
            sha256,
            size_bytes,
        };
        let known = match known {
            _ if count == 0 => Some(Sha256::of(&[])),
            Some(known) if known.chunks == count => Some(known.sha256),
            _ => None,
        };
        match (sha256, known) {
            (Some(wanted), Some(known)) if wanted != known => Err(Refusal::DigestDiffers),
            (Some(_), None) => {
                self.state = State::Sealing;
                self.sealing = whole;
                Ok(SealStep::NeedsDigest)
            }
            (_, known) => {
                self.become_sealed(&whole, known);
                Ok(SealStep::Sealed)
            }
        }
    }

    fn replay(&self, params: &SealParams) -> Result<SealStep, Refusal> {
        self.agree_with_whole(params, self.declared.sha256)?;
        match (params.sha256, self.sha256) {
            (Some(wanted), Some(known)) if wanted != known => Err(Refusal::DigestDiffers),
            (Some(_), None) => Ok(SealStep::NeedsDigest),
            _ => Ok(SealStep::Replayed),
        }
    }

    /// For a capture whose chunks are all there.
    fn agree_with_whole(
        &self,
        params: &SealParams,
        declared_sha256: Option<Sha256>,
    ) -> Result<(), Refusal> {
        agreed(
            "chunk_count",
            Some(self.progress.chunks),
            params.chunk_count,
        )?;
        agreed("size_bytes", self.declared.size_bytes, params.size_bytes)?;
        agreed("sha256", declared_sha256, params.sha256)?;
        self.compare_size(params.size_bytes)
    }

    fn compare_size(&self, wanted: Option<u64>) -> Result<(), Refusal> {
        match wanted {
            Some(wanted) if wanted != self.progress.bytes => Err(Refusal::SizeDiffers {
                wanted,
                actual: self.progress.bytes,
            }),
            _ => Ok(()),
        }
    }

    fn become_sealed(&mut self, whole: &SealParams, known: Option<Sha256>) {
        self.state = State::Sealed;
        self.declared.chunk_count = whole.chunk_count;
        self.declared.size_bytes = whole.size_bytes;
        self.declared.sha256 = whole.sha256;
        self.sha256 = known;
    }
}

fn agreed<T: PartialEq + Copy>(
    field: &'static str,
    declared: Option<T>,
    said: Option<T>,
) -> Result<Option<T>, Refusal> {
    match (declared, said) {
        (Some(declared), Some(said)) if declared != said => {
            Err(Refusal::SealParamsDiffer { field })
        }
        _ => Ok(declared.or(said)),
    }
}
