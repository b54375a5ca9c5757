//! What becomes of an analysis whose attempt has failed.

use std::time::Duration;

use backon::BackoffBuilder as _;
use weir_shared::chain::Chain;

use super::{Unanalyzed, rest::REST};
use crate::domain::{
    analysis::{End, Failure},
    error::Error,
};

/// Attempts in a row that leave no results before an analysis has failed.
const FAILURES_MAX: u32 = 5;

/// Between attempts: four times as long after each, up to a quarter of an hour.
const RETRY_FACTOR: f32 = 4.0;
const RETRY_AFTER_MAX: Duration = Duration::from_secs(900);

/// Why nothing can be stored for now, here or at the analyzer: no fault of the analysis.
const FULL: &str = "STORAGE_FULL";

/// After so many failures in a row before this one.
pub(super) fn come_to(unanalyzed: Unanalyzed, failures: u32, retry_after: Duration) -> End {
    let Unanalyzed { failure, may_pass } = unanalyzed;
    if failure.reason == FULL {
        let after = REST;
        return End::Full { after, failure };
    }
    if !may_pass || failures.saturating_add(1) >= FAILURES_MAX {
        return End::Failed(failure);
    }
    let pauses = backon::ExponentialBuilder::default()
        .with_min_delay(retry_after)
        .with_factor(RETRY_FACTOR)
        .with_max_delay(RETRY_AFTER_MAX)
        .with_jitter()
        .without_max_times()
        .build();
    let mut pauses = pauses.skip(failures as usize);
    let after = pauses.next().unwrap_or(RETRY_AFTER_MAX);
    End::Again { after, failure }
}

pub(super) fn late() -> Unanalyzed {
    permanent(
        "DEADLINE",
        "the time of an attempt passed before the work was done",
    )
}

pub(super) fn permanent(reason: &str, message: &str) -> Unanalyzed {
    Unanalyzed {
        failure: Failure::new(reason, message),
        may_pass: false,
    }
}

/// What fails here fails in front of or behind the analyzer.
pub(super) fn unanalyzed(error: &Error) -> Unanalyzed {
    tracing::warn!(error = %Chain(error), "an attempt is cut");
    let (reason, may_pass) = match error {
        Error::StorageUnavailable(_) => ("STORAGE_UNAVAILABLE", true),
        Error::StorageFull(_) => (FULL, true),
        _ => ("INTERNAL", false),
    };
    Unanalyzed {
        failure: Failure::new(reason, &error.to_string()),
        may_pass,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RETRY_AFTER: Duration = Duration::from_secs(1);

    /// From how long to how long the pause is, seconds; `None`: it has failed.
    #[track_caller]
    fn check(may_pass: bool, failures: u32, wanted: Option<[u64; 2]>) {
        let failure = Failure::new("X", "y");
        let unanalyzed = Unanalyzed { failure, may_pass };
        match (come_to(unanalyzed, failures, RETRY_AFTER), wanted) {
            (End::Again { after, .. }, Some([from, to])) => {
                let wanted = Duration::from_secs(from)..=Duration::from_secs(to);
                assert!(wanted.contains(&after), "{failures}: {after:?}");
            }
            (End::Failed(_), None) => {}
            (end, wanted) => panic!("{end:?} is not {wanted:?}"),
        }
    }

    #[test]
    fn pauses_grow_and_end() {
        check(false, 0, None);
        check(true, 0, Some([1, 2]));
        check(true, 1, Some([4, 8]));
        check(true, 2, Some([16, 32]));
        check(true, 3, Some([64, 128]));
        check(true, 4, None);
        check(true, u32::MAX, None);
    }
}
