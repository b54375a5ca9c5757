//! Whatever befalls the service and its store, nothing that was acknowledged is
//! lost, and nothing wrong is read.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::large_futures,
    reason = "a panic is how a test fails, what it printed is shown then, and its futures are few"
)]

mod plan;
mod round;
mod writer;

use futures::{StreamExt as _, stream};
use weir_tests::random::{ROUNDS_VARIABLE, Random, SEED_VARIABLE, variable};

/// Rounds of a plain test run: a few seconds. The gate runs some hundreds.
const ROUNDS: usize = 8;

/// Rounds at a time: they wait for the disk and for timers most of the time.
const AT_ONCE: usize = 4;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_acknowledged_is_lost_and_nothing_wrong_is_read() {
    let rounds = variable(ROUNDS_VARIABLE).unwrap_or(ROUNDS as u64);
    let first = variable(SEED_VARIABLE).unwrap_or(1);
    let done = stream::iter(first..first + rounds)
        .map(|seed| async move {
            let plan = plan::Plan::of(&mut Random::seeded(seed));
            println!("seed {seed}: {plan:?}");
            round::run(seed, plan).await
        })
        .buffer_unordered(AT_ONCE)
        .fold(round::Told::default(), async |all, one| all.and(one))
        .await;
    println!("{rounds} rounds from seed {first}: {done:?}");
    // A day without faults would show nothing.
    assert!(done.kills >= rounds);
    assert!(done.failed_calls > 0);
}
