//! Two instances on one catalog, killed, stalled and ended at random while events
//! are handled and relayed and analyses run in the background: no event is lost or
//! out of order, nothing happens twice, and every analysis comes to what an attached
//! one does.
//!
//! With `WEIR_TEST_POSTGRES` the catalog is there, with `WEIR_TEST_AMQP` the events
//! go to that broker as well: `.ci/run event_faults`.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::large_futures,
    reason = "a panic is how a test fails, what it printed is shown then, and its futures are few"
)]

mod checks;
mod clients;
mod delivered;
mod log;
mod plan;
mod round;
mod services;

use futures::{StreamExt as _, stream};
use weir_tests::random::{ROUNDS_VARIABLE, Random, SEED_VARIABLE, variable};

/// Rounds of a plain test run. The gate runs some dozens.
const ROUNDS: u64 = 2;

/// Rounds at a time: they wait for leases that run out most of the time.
const AT_ONCE: usize = 4;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_is_killed_each_event_is_handled_and_each_analysis_done_once() {
    let rounds = variable(ROUNDS_VARIABLE).unwrap_or(ROUNDS);
    let first = variable(SEED_VARIABLE).unwrap_or(1);
    let done = stream::iter(first..first + rounds)
        .map(|seed| async move {
            let plan = plan::Plan::of(&mut Random::seeded(seed));
            println!("seed {seed}: {plan:?}");
            let told = round::run(seed, plan).await;
            println!("seed {seed}: {told:?}");
            told
        })
        .buffer_unordered(AT_ONCE)
        .fold(round::Told::default(), async |all, one| all.and(one))
        .await;
    println!("{rounds} rounds from seed {first}: {done:?}");
    // A day without blows would show nothing.
    assert!(done.blows >= rounds);
    assert!(done.succeeded > 0);
}
