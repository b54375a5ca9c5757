//! A pool that can store nothing for now: it begins nothing for a while, then one analysis to
//! see, and the rest once something was stored. Each attempt costs the catalog two events, of
//! what room there is left.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

/// Until it is looked again whether there is room.
pub(super) const REST: Duration = match cfg!(test) {
    true => Duration::from_millis(1),
    false => Duration::from_secs(15),
};

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Rest(Mutex<Option<Instant>>);

impl Rest {
    /// There was no room.
    pub(super) fn begin(&self) {
        *self.until() = Some(Instant::now() + REST);
    }

    /// There was.
    pub(super) fn end(&self) {
        *self.until() = None;
    }

    /// How many may be begun, of so many that there are places for, while so many run.
    pub(super) fn limit(&self, places: usize, running: usize) -> usize {
        match *self.until() {
            Some(until) if Instant::now() < until => 0,
            Some(_) => places.min(1_usize.saturating_sub(running)),
            None => places,
        }
    }

    fn until(&self) -> MutexGuard<'_, Option<Instant>> {
        // No code that can panic runs under the lock.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn after_a_while_one_is_begun_and_the_rest_when_it_stores() {
        let rest = Rest::default();
        assert_eq!(rest.limit(4, 0), 4);
        rest.begin();
        assert_eq!(rest.limit(4, 0), 0);
        tokio::time::advance(REST).await;
        assert_eq!(rest.limit(4, 0), 1);
        assert_eq!(rest.limit(4, 1), 0);
        assert_eq!(rest.limit(0, 0), 0);
        rest.end();
        assert_eq!(rest.limit(4, 1), 4);
    }
}
