//! Numbers that look random and come again with the same seed.

/// How many rounds of faults, and the seed of the first ones; for a longer search, and
/// for going back to what it found.
pub const ROUNDS_VARIABLE: &str = "WEIR_FAULT_ROUNDS";
pub const SEED_VARIABLE: &str = "WEIR_FAULT_SEED";

/// The number in a variable of the environment, when it is set.
#[must_use]
pub fn variable(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().expect(name))
}

/// SplitMix64 (Steele, Lea, Flood 2014).
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    #[must_use]
    pub fn seeded(seed: u64) -> Self {
        Self(seed)
    }

    /// The next 64 bits.
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `end`, which is not zero.
    pub fn below(&mut self, end: usize) -> usize {
        let end = u64::try_from(end).unwrap();
        usize::try_from(self.bits() % end).unwrap()
    }

    #[must_use]
    pub fn bytes(mut self, length: usize) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(length + 8);
        while bytes.len() < length {
            bytes.extend_from_slice(&self.bits().to_le_bytes());
        }
        bytes.truncate(length);
        bytes
    }
}

/// Bytes without a pattern.
#[must_use]
pub fn noise(length: usize, seed: u64) -> Vec<u8> {
    Random::seeded(seed).bytes(length)
}
