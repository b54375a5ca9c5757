//! What all flows of an analysis may hold together.

use ahash::RandomState;

/// Held by all flows of one analysis, reassembly and unfinished messages together.
pub(super) const ANALYSIS_BYTES_MAX: usize = 64 << 20;

/// Transactions of one analysis that wait for an answer, or for the end of one: some
/// hundred thousand.
pub(super) const WAITING_BYTES_MAX: usize = 128 << 20;

/// Answered questions of one analysis that are remembered for what comes twice.
const ANSWERED_BYTES_MAX: usize = 32 << 20;

/// Bytes held in one analysis. Whoever holds gives back.
#[derive(Debug, Default)]
pub(super) struct Budget {
    held: usize,
    digests: Digests,
}

/// Digests of what is not held, with keys of their own, so that nobody can make two that are
/// alike. As wyhash mixes: a multiplication for 16 bytes, in lanes that do not wait for each
/// other where there are many.
#[derive(Debug)]
struct Digests {
    start: [u64; Self::LANES],
    keys: [u64; Self::LANES],
    end: u64,
}

impl Default for Digests {
    fn default() -> Self {
        let random = RandomState::new();
        Self {
            start: [0, 1, 2, 3].map(|n: u64| random.hash_one(n)),
            keys: [4, 5, 6, 7].map(|n: u64| random.hash_one(n)),
            end: random.hash_one(8_u64),
        }
    }
}

impl Digests {
    const LANES: usize = 4;

    fn of(&self, bytes: &[u8]) -> u64 {
        let [key, ..] = self.keys;
        let (blocks, rest) = bytes.as_chunks::<16>();
        let mut last = [0; 16];
        last[..rest.len()].copy_from_slice(rest);
        let mix = |state: u64, key: u64, block: &[u8; 16]| {
            let both = u128::from_le_bytes(*block);
            fold(low(both) ^ key, low(both >> 64) ^ state)
        };
        let (groups, blocks) = blocks.as_chunks::<{ Self::LANES }>();
        let mut states = self.start;
        for group in groups {
            for ((state, key), block) in states.iter_mut().zip(self.keys).zip(group) {
                *state = mix(*state, key, block);
            }
        }
        // Each on top of the other: what changes places changes the digest.
        let state = states.into_iter().fold(0, |both: u64, state| {
            both.rotate_left(17).wrapping_add(state)
        });
        let state = blocks
            .iter()
            .fold(state, |state, block| mix(state, key, block));
        // Padding is told from zeros by the length.
        fold(mix(state, key, &last) ^ self.end, bytes.len() as u64 ^ key)
    }
}

fn fold(left: u64, right: u64) -> u64 {
    let product = u128::from(left) * u128::from(right);
    low(product) ^ low(product >> 64)
}

#[allow(clippy::cast_possible_truncation, reason = "the lower half is meant")]
fn low(both: u128) -> u64 {
    both as u64
}

impl Budget {
    pub(super) fn take(&mut self, bytes: usize) {
        self.held = self.held.saturating_add(bytes);
    }

    pub(super) fn give_back(&mut self, bytes: usize) {
        self.held = self.held.saturating_sub(bytes);
    }

    /// Stands for bytes that need not be held.
    pub(super) fn digest(&self, bytes: &[u8]) -> u32 {
        let [a, b, c, d, ..] = self.digests.of(bytes).to_le_bytes();
        u32::from_le_bytes([a, b, c, d])
    }

    pub(super) fn is_overdrawn(&self) -> bool {
        self.held > ANALYSIS_BYTES_MAX
    }

    #[cfg(test)]
    pub(super) fn held(&self) -> usize {
        self.held
    }
}

pub(super) type Waiting = Shared<WAITING_BYTES_MAX>;
pub(super) type Answered = Shared<ANSWERED_BYTES_MAX>;

/// A holder may have one part in so many of what is free of the first half: a single
/// greedy one ends up with a ninth of it, and many have less each.
const FREE_PART: usize = 8;

/// At most `MAX` bytes that many holders (flows, mostly) share so that none starves the
/// others. What a holder may have shrinks with what is free of the first half; one thing
/// each may have as long as there is any room at all. Whoever holds gives back.
#[derive(Debug, Default)]
pub(super) struct Shared<const MAX: usize> {
    held: usize,
}

impl<const MAX: usize> Shared<MAX> {
    pub(super) fn take(&mut self, bytes: usize) {
        self.held = self.held.saturating_add(bytes);
    }

    pub(super) fn give_back(&mut self, bytes: usize) {
        self.held = self.held.saturating_sub(bytes);
    }

    /// Whether one holder may have `own` bytes in `n` things; they are taken already. When
    /// it may not, it gives up its oldest.
    pub(super) fn is_fair(&self, n: usize, own: usize) -> bool {
        let free = (MAX / 2).saturating_sub(self.held);
        own <= free / FREE_PART || n == 1 && self.held <= MAX
    }

    #[cfg(test)]
    pub(super) fn held(&self) -> usize {
        self.held
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAX: usize = 18_000;

    #[test]
    fn digests_tell_length_place_and_key() {
        let budget = Budget::default();
        let mut swapped = [7; 128];
        swapped[64..80].fill(8);
        let mut other = [7; 128];
        other[80..96].fill(8);
        let texts: [&[u8]; 9] = [
            b"", b"\0", b"ab", b"ba", &[7; 16], &[7; 32], &[7; 128], &swapped, &other,
        ];
        let digests = texts.map(|text| budget.digest(text));
        for (at, digest) in digests.iter().enumerate() {
            assert_eq!(*digest, budget.digest(texts[at]));
            assert!(!digests[..at].contains(digest), "{at}");
        }
        assert_ne!(digests, texts.map(|text| Budget::default().digest(text)));
    }

    /// Takes a byte at a time as long as that is fair.
    fn fill(shared: &mut Shared<MAX>) -> usize {
        let mut own = 0;
        loop {
            shared.take(1);
            if !shared.is_fair(own + 1, own + 1) {
                shared.give_back(1);
                return own;
            }
            own += 1;
        }
    }

    #[test]
    fn one_holder_gets_a_ninth_of_the_first_half() {
        let mut shared = Shared::default();
        assert_eq!(fill(&mut shared), MAX / 2 / 9);
    }

    #[test]
    fn greedy_holders_leave_one_thing_to_each_other() {
        let mut shared = Shared::default();
        for _ in 0..MAX / 2 {
            assert!(fill(&mut shared) > 0);
        }
        let n_held = shared.held();
        assert!((MAX / 2..MAX).contains(&n_held), "{n_held}");
        while shared.held() < MAX {
            assert_eq!(fill(&mut shared), 1);
        }
        assert_eq!(fill(&mut shared), 0);
        shared.give_back(MAX);
        assert!(shared.is_fair(2, MAX / 2 / FREE_PART));
    }
}
