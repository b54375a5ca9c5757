//! One request, attempted until it succeeds, can't, or has taken too long.

use std::{future::Future, time::Duration};

use backon::{BackoffBuilder as _, ExponentialBuilder};
use tokio::{
    sync::Semaphore,
    time::{Instant, sleep, timeout},
};

use super::failure::{Failure, GaveUp, TimedOut};

/// Attempts after the first: with the pauses between them some two seconds,
/// which an overloaded server may need. Callers are told to come back later.
const RETRIES_MAX: usize = 4;
const PAUSE_MIN: Duration = Duration::from_millis(100);
const PAUSE_MAX: Duration = Duration::from_secs(2);

/// No further attempt begins after this.
const BEGIN_WITHIN: Duration = Duration::from_secs(60);

/// An answer without a body takes this at most.
const ANSWER_TIME: Duration = Duration::from_secs(10);
/// A body comes or goes at this rate at least, bytes a second.
const RATE_MIN: u64 = 512 << 10;

/// How long one attempt may take that sends or receives so many bytes.
pub(super) fn time_for(bytes: u64) -> Duration {
    ANSWER_TIME + Duration::from_secs(bytes.div_ceil(RATE_MIN))
}

/// Attempts it, each within `time` and holding one of `places`.
///
/// Cancel safety: dropped, the running attempt's connection is closed.
pub(super) async fn attempts<T, F>(
    places: &Semaphore,
    time: Duration,
    mut attempt: impl FnMut() -> F,
) -> Result<T, Failure>
where
    F: Future<Output = Result<T, Failure>>,
{
    let begun = Instant::now();
    let mut pauses = pauses();
    for attempts in 1.. {
        let failure = match once(places, time, attempt()).await {
            Ok(done) => return Ok(done),
            Err(failure) => failure,
        };
        let Failure::Passing(cause) = failure else {
            return Err(failure);
        };
        let pause = pauses.next().filter(|_| begun.elapsed() < BEGIN_WITHIN);
        let Some(pause) = pause else {
            let source = cause;
            return Err(Failure::Passing(Box::new(GaveUp { attempts, source })));
        };
        tracing::debug!(%cause, attempts, ?pause, "the store's server failed: trying again");
        sleep(pause).await;
    }
    unreachable!("attempts end with their pauses")
}

async fn once<T>(
    places: &Semaphore,
    time: Duration,
    attempt: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    // Never closed.
    let _place = places.acquire().await;
    match timeout(time, attempt).await {
        Ok(done) => done,
        Err(_elapsed) => Err(Failure::Passing(Box::new(TimedOut(time)))),
    }
}

/// The pauses between attempts.
pub(super) fn pauses() -> impl Iterator<Item = Duration> + Send {
    ExponentialBuilder::default()
        .with_min_delay(PAUSE_MIN)
        .with_max_delay(PAUSE_MAX)
        .with_max_times(RETRIES_MAX)
        .with_jitter()
        .build()
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    fn passing() -> Failure {
        Failure::Passing("busy".into())
    }

    /// How many attempts were made, and the time they took.
    async fn count(
        attempt: impl AsyncFn(usize) -> Result<(), Failure>,
    ) -> (usize, Result<(), Failure>, Duration) {
        let (begun, made) = (Instant::now(), Cell::new(0));
        let places = Semaphore::new(1);
        let done = attempts(&places, time_for(0), || {
            made.set(made.get() + 1);
            attempt(made.get())
        });
        let done = done.await;
        (made.get(), done, begun.elapsed())
    }

    #[tokio::test(start_paused = true)]
    async fn passing_failures_are_tried_again_within_a_bound() {
        let (made, done, _) = count(async |n| if n < 3 { Err(passing()) } else { Ok(()) }).await;
        assert!(made == 3 && done.is_ok());

        let (made, done, took) = count(async |_| Err(passing())).await;
        assert_eq!(made, RETRIES_MAX + 1);
        let Err(Failure::Passing(cause)) = done else {
            panic!("{done:?}");
        };
        assert_eq!(cause.to_string(), "gave up after 5 attempts");
        assert!(took < Duration::from_secs(5), "{took:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn lasting_failures_are_not() {
        let (made, done, took) = count(async |_| Err(Failure::Missing)).await;
        assert_eq!((made, took), (1, Duration::ZERO));
        assert!(matches!(done, Err(Failure::Missing)));
    }

    #[tokio::test(start_paused = true)]
    async fn a_server_that_says_nothing_is_left() {
        let (made, done, took) = count(async |_| std::future::pending().await).await;
        assert!(matches!(done, Err(Failure::Passing(_))));
        assert_eq!(made, RETRIES_MAX + 1);
        assert!(took < BEGIN_WITHIN + time_for(0), "{took:?}");
    }

    #[test]
    fn large_objects_have_more_time() {
        assert_eq!(time_for(0), Duration::from_secs(10));
        assert_eq!(time_for(8 << 20), Duration::from_secs(26));
        assert_eq!(time_for(300 << 20), Duration::from_secs(610));
    }
}
