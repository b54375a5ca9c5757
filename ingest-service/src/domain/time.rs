//! Wall-clock times of captures.

use std::{
    sync::OnceLock,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use crate::catalog::Times;

/// How long captures are kept.
#[derive(Clone, Copy, Debug)]
pub struct Keeping {
    /// Without progress, while unsealed.
    pub unsealed_ttl: Duration,
    /// After the seal. `None`: for ever.
    pub sealed_ttl: Option<Duration>,
}

impl Keeping {
    /// The shorter of the two.
    #[must_use]
    pub fn shortest(self) -> Duration {
        let sealed = self.sealed_ttl.unwrap_or(Duration::MAX);
        self.unsealed_ttl.min(sealed)
    }

    /// Of what happens now.
    #[must_use]
    pub fn times(self, now: Timestamp) -> Times {
        Times {
            now,
            expires: now.plus(self.unsealed_ttl),
            retained_until: self.sealed_ttl.map(|ttl| now.plus(ttl)),
        }
    }
}

/// What tells the time of day, where that is not the system's.
static CLOCK: OnceLock<fn() -> SystemTime> = OnceLock::new();

/// Has this process take the time of day from `clock`: for simulations, in which all that
/// waits for a time must wait for the simulated one. The first one stays.
pub fn use_clock(clock: fn() -> SystemTime) {
    CLOCK.get_or_init(|| clock);
}

/// Microseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Timestamp(pub i64);

impl Timestamp {
    #[must_use]
    pub fn now() -> Self {
        Self::from(CLOCK.get().map_or_else(SystemTime::now, |clock| clock()))
    }

    #[must_use]
    pub fn plus(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(micros(duration)))
    }

    #[must_use]
    pub fn minus(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(micros(duration)))
    }
}

impl From<SystemTime> for Timestamp {
    fn from(time: SystemTime) -> Self {
        // A clock before 1970 is wrong, and no reason to stop.
        Self(micros(time.duration_since(UNIX_EPOCH).unwrap_or_default()))
    }
}

impl From<Timestamp> for SystemTime {
    fn from(time: Timestamp) -> Self {
        UNIX_EPOCH + Duration::from_micros(u64::try_from(time.0).unwrap_or(0))
    }
}

fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}
