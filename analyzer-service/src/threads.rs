//! Where an analysis runs: it computes for long, and waits for the store and
//! for its caller in between.

use std::{
    error::Error,
    fmt::Debug,
    pin::{Pin, pin},
};

use tokio::runtime::Handle;
use tokio_util::task::TaskTracker;

/// What runs on such a thread.
pub type Work = Box<dyn FnOnce() + Send>;

/// How work ended that did not end by itself: it panicked.
pub type Panicked = Box<dyn Error + Send + Sync>;

/// How the work ends.
pub type Running = Pin<Box<dyn Future<Output = Result<(), Panicked>> + Send>>;

/// Threads for work that blocks. A simulation's are others: time stands still
/// there while one computes, and goes on while it waits.
pub trait Threads: Debug + Send + Sync + 'static {
    /// Begins the work, as one of these tasks.
    ///
    /// Cancel safety: work goes on when the answer is dropped.
    fn run(&self, tasks: &TaskTracker, work: Work) -> Running;

    /// Waits. Only to be called by work that runs here; see [`wait`].
    fn wait(&self, future: Pin<&mut dyn Future<Output = ()>>);
}

/// Waits for what this future gives, on a thread of these.
pub(crate) fn wait<T>(threads: &dyn Threads, future: impl Future<Output = T>) -> T {
    let mut given = None;
    threads.wait(pin!(async { given = Some(future.await) }));
    given.expect("a wait ends with its future")
}

/// The runtime's own.
#[derive(Clone, Copy, Debug)]
pub struct TokioThreads;

impl Threads for TokioThreads {
    fn run(&self, tasks: &TaskTracker, work: Work) -> Running {
        let running = tasks.spawn_blocking(work);
        Box::pin(async move { Ok(running.await?) })
    }

    fn wait(&self, future: Pin<&mut dyn Future<Output = ()>>) {
        Handle::current().block_on(future);
    }
}
