//! What a round does, drawn from its seed.

use std::time::Duration;

use weir_tests::random::Random;

const WRITERS_MAX: usize = 10;
const KILLS_MAX: usize = 4;

#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) writers: usize,
    pub(crate) chunks: usize,
    /// Each chunk has from 1 to so many bytes.
    pub(crate) chunk_bytes_max: usize,
    /// So many of a thousand operations of store and catalog fail.
    pub(crate) faults_per_mille: usize,
    /// For how long the service runs before each kill.
    pub(crate) lives: Vec<Duration>,
    pub(crate) commit_interval: Duration,
    /// The count is declared before the chunks come: the last one seals.
    pub(crate) is_declared: bool,
    /// The whole digest is declared with it, or with the seal.
    pub(crate) has_digest: bool,
    /// The service is killed once more, so long after a seal was asked for.
    pub(crate) killed_in_seal: Option<Duration>,
}

impl Plan {
    pub(crate) fn of(random: &mut Random) -> Self {
        let kills = 1 + random.below(KILLS_MAX);
        Self {
            writers: 1 + random.below(WRITERS_MAX),
            chunks: 1 + random.below(60),
            chunk_bytes_max: [10, 5_000, 40_000, 400_000][random.below(4)],
            faults_per_mille: [0, 20, 100, 300][random.below(4)],
            lives: (0..kills).map(|_| millis(random, 300)).collect(),
            commit_interval: millis(random, 200),
            is_declared: random.below(2) == 0,
            has_digest: random.below(2) == 0,
            killed_in_seal: (random.below(3) == 0).then(|| millis(random, 20)),
        }
    }
}

fn millis(random: &mut Random, max: u64) -> Duration {
    Duration::from_millis(1 + random.bits() % max)
}
