//! A store and a catalog that fail at random, as those of a bad day do: refuse,
//! do it and say that they did not, tear an object, take their time.

mod catalog;
mod store;

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

pub use catalog::FaultyCatalog;
pub use store::FaultyStore;

use crate::random::Random;

/// The longest that an operation is delayed: long against a local write, short
/// against a round of a test.
const DELAY_MAX: Duration = Duration::from_millis(20);

/// Where a bad day's service is told how bad it is: `SEED,PER_MILLE`.
pub const VARIABLE: &str = "WEIR_TEST_FAULTS";

/// What happens to one operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It goes well.
    Good,
    /// It fails, and nothing was done.
    Before,
    /// It is done, and yet told as failed.
    After,
    /// Half of it is done, and it is told as failed.
    Torn,
}

/// Decides each operation's fate. The same seed decides alike.
#[derive(Clone, Debug)]
pub struct Faults {
    random: Arc<Mutex<Random>>,
    per_mille: usize,
}

impl Faults {
    /// So many of a thousand operations fail.
    #[must_use]
    pub fn new(seed: u64, per_mille: usize) -> Self {
        Self {
            random: Arc::new(Mutex::new(Random::seeded(seed))),
            per_mille,
        }
    }

    /// As [`VARIABLE`] says it.
    ///
    /// # Errors
    /// When it says something else.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let numbers = text.split_once(',').and_then(|(seed, per_mille)| {
            Some(Self::new(seed.parse().ok()?, per_mille.parse().ok()?))
        });
        numbers.ok_or("not SEED,PER_MILLE")
    }

    /// Takes its time, and says how the next operation ends.
    pub async fn next(&self) -> Fate {
        let (fate, delay) = self.roll();
        tokio::time::sleep(delay).await;
        fate
    }

    fn roll(&self) -> (Fate, Duration) {
        let mut random = self.random.lock().unwrap();
        if random.below(1000) >= self.per_mille {
            return (Fate::Good, Duration::ZERO);
        }
        let delay = DELAY_MAX.mul_f64(random.below(100) as f64 / 100.0);
        let fates = [Fate::Good, Fate::Before, Fate::After, Fate::Torn];
        (fates[random.below(fates.len())], delay)
    }
}
