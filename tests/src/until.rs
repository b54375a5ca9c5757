//! Bounded waits on what the services show.

use std::{future::Future, time::Duration};

/// Far above what any wait takes on a busy machine.
pub const WAIT_MAX: Duration = Duration::from_secs(30);

/// Between two looks: short against a call, long against the machine's switches.
const LOOK_INTERVAL: Duration = Duration::from_millis(2);

/// Looks until it is so, and fails the test after [`WAIT_MAX`].
pub async fn until<F, T>(what: &str, mut look: impl FnMut() -> F) -> T
where
    F: Future<Output = Option<T>>,
{
    let looking = async {
        let mut looks = tokio::time::interval(LOOK_INTERVAL);
        loop {
            looks.tick().await;
            if let Some(seen) = look().await {
                return seen;
            }
        }
    };
    within(what, looking).await
}

/// Fails the test when it takes longer than [`WAIT_MAX`].
pub async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    match tokio::time::timeout(WAIT_MAX, future).await {
        Ok(value) => value,
        Err(_elapsed) => panic!("not within {WAIT_MAX:?}: {what}"),
    }
}
