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

    #[inline]
    fn of(&self, bytes: &[u8]) -> u64 {
        let [key, ..] = self.keys;
        let mix = |state: u64, key: u64, block: [u64; 2]| fold(block[0] ^ key, block[1] ^ state);
        let (blocks, _) = bytes.as_chunks::<16>();
        let (groups, blocks) = blocks.as_chunks::<{ Self::LANES }>();
        let mut states = self.start;
        for group in groups {
            for ((state, key), block) in states.iter_mut().zip(self.keys).zip(group) {
                *state = mix(*state, key, words(*block));
            }
        }
        // Each on top of the other: what changes places changes the digest.
        let state = states.into_iter().fold(0, |both: u64, state| {
            both.rotate_left(17).wrapping_add(state)
        });
        let state = blocks
            .iter()
            .fold(state, |state, block| mix(state, key, words(*block)));
        // What is there twice, or padding, is told from other bytes by the length.
        fold(
            mix(state, key, last(bytes)) ^ self.end,
            bytes.len() as u64 ^ key,
        )
    }
}

/// The last bytes, as many as there are up to 16; of fewer some twice, which is quicker than to
/// copy just those.
#[inline]
fn last(bytes: &[u8]) -> [u64; 2] {
    if let Some(block) = bytes.last_chunk() {
        return words(*block);
    }
    if let (Some(first), Some(last)) = (bytes.first_chunk(), bytes.last_chunk()) {
        return [u64::from_le_bytes(*first), u64::from_le_bytes(*last)];
    }
    if let (Some(first), Some(last)) = (bytes.first_chunk(), bytes.last_chunk()) {
        return [
            u32::from_le_bytes(*first).into(),
            u32::from_le_bytes(*last).into(),
        ];
    }
    match *bytes {
        [first, ref middle @ .., last] => [
            u64::from(first) << 8 | u64::from(last),
            middle.first().copied().unwrap_or_default().into(),
        ],
        [only] => [only.into(), 0],
        [] => [0, 0],
    }
}

#[inline]
fn words(block: [u8; 16]) -> [u64; 2] {
    let both = u128::from_le_bytes(block);
    [low(both), low(both >> 64)]
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
        let digests_of = Digests::default();
        let mut swapped = [7; 128];
        swapped[64..80].fill(8);
        let mut other = [7; 128];
        other[80..96].fill(8);
        let mut texts: Vec<&[u8]> = vec![&[7; 128], &swapped, &other, b"\0", b"ab", b"ba"];
        let (sevens, mut one_off) = ([7; 80], [[7; 80]; 80]);
        for (at, text) in one_off.iter_mut().enumerate() {
            text[at] = 8;
        }
        for length in 0..80 {
            texts.push(&sevens[..length]);
            texts.extend(one_off[..length].iter().map(|text| &text[..length]));
        }
        let digests: Vec<_> = texts.iter().map(|text| digests_of.of(text)).collect();
        for (at, digest) in digests.iter().enumerate() {
            assert_eq!(*digest, digests_of.of(texts[at]));
            assert!(!digests[..at].contains(digest), "{:?}", texts[at]);
        }
        assert_ne!(digests[0], Digests::default().of(texts[0]));
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
