//! A store and a catalog that fail at random, as those of a bad day do: refuse,
//! do it and say that they did not, tear an object, take their time.

mod catalog;
mod index;
mod store;

use std::{
    fmt,
    sync::{Arc, Mutex},
    time::Duration,
};

pub use catalog::FaultyCatalog;
pub use index::FaultyIndex;
pub use store::FaultyStore;
use tokio::runtime::Handle;

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
    simulated: Option<Simulated>,
}

/// How operations go while time is simulated.
#[derive(Clone)]
pub struct Simulated {
    /// Where they really run. Simulated time stands still meanwhile.
    pub runtime: Handle,
    /// Each is said to have taken up to so long, half of it before it is done.
    pub latency_max: Duration,
    /// Is told of each.
    pub observer: Arc<dyn Fn(Fate, Duration) + Send + Sync>,
}

impl fmt::Debug for Simulated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Simulated").finish_non_exhaustive()
    }
}

impl Faults {
    /// So many of a thousand operations fail.
    #[must_use]
    pub fn new(seed: u64, per_mille: usize) -> Self {
        Self {
            random: Arc::new(Mutex::new(Random::seeded(seed))),
            per_mille,
            simulated: None,
        }
    }

    /// The same, where time is simulated.
    #[must_use]
    pub fn simulated(self, simulated: Simulated) -> Self {
        Self {
            simulated: Some(simulated),
            ..self
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

    /// Carries an operation out.
    async fn carry_out<T: Send>(&self, operation: impl Future<Output = T> + Send) -> T {
        let Some(simulated) = &self.simulated else {
            return operation.await;
        };
        let half = simulated.latency_max.mul_f64(self.fraction() / 2.0);
        tokio::time::sleep(half).await;
        let done = simulated.at_once(operation);
        tokio::time::sleep(half).await;
        done
    }

    fn fraction(&self) -> f64 {
        self.random.lock().unwrap().below(100) as f64 / 100.0
    }

    fn roll(&self) -> (Fate, Duration) {
        let rolled = self.roll_silently();
        if let Some(simulated) = &self.simulated {
            (simulated.observer)(rolled.0, rolled.1);
        }
        rolled
    }

    fn roll_silently(&self) -> (Fate, Duration) {
        let mut random = self.random.lock().unwrap();
        if random.below(1000) >= self.per_mille {
            return (Fate::Good, Duration::ZERO);
        }
        let delay = DELAY_MAX.mul_f64(random.below(100) as f64 / 100.0);
        let fates = [Fate::Good, Fate::Before, Fate::After, Fate::Torn];
        (fates[random.below(fates.len())], delay)
    }
}

impl Simulated {
    /// Runs an operation to its end on a thread that knows real time only. The
    /// simulation waits, so nothing of it happens meanwhile, and a host that
    /// crashes leaves no operation half done.
    fn at_once<T: Send>(&self, operation: impl Future<Output = T> + Send) -> T {
        std::thread::scope(|scope| {
            let running = scope.spawn(|| self.runtime.block_on(operation));
            running.join().expect("an operation that ends")
        })
    }
}
