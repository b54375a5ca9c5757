//! Threads that take turns with the simulation: while one computes, simulated
//! time stands still and nothing else happens; while it waits, the simulation
//! goes on. Threads of the runtime would stop simulated time until they end, and
//! those that wait for the network would never end.

use std::{
    any::Any,
    cell::RefCell,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    pin::Pin,
    sync::mpsc::{Receiver, SyncSender, sync_channel},
    task::{Context, Poll, Waker},
    thread::{self, JoinHandle},
};

use analyzer_service::threads::{Panicked, Running, Threads, Work};
use tokio_util::task::TaskTracker;

#[derive(Clone, Copy, Debug)]
pub(crate) struct Lockstep;

impl Threads for Lockstep {
    fn run(&self, tasks: &TaskTracker, work: Work) -> Running {
        let running = tasks.spawn(Turns::begin(work));
        Box::pin(async move { running.await? })
    }

    fn wait(&self, future: Pin<&mut dyn Future<Output = ()>>) {
        WORKER.with_borrow_mut(|worker| worker.as_mut().expect("a worker").wait(future));
    }
}

/// What a worker says at the end of its turn.
enum Said {
    Waiting,
    Ended(Result<(), Panicked>),
}

/// The simulation's side: a poll is a turn of the worker.
struct Turns {
    /// What is to wake the simulation. None once this is being dropped.
    turns: Option<SyncSender<Waker>>,
    said: Receiver<Said>,
    thread: Option<JoinHandle<()>>,
}

/// The worker's side.
struct Worker {
    turns: Receiver<Waker>,
    said: SyncSender<Said>,
    waker: Waker,
}

/// Unwinds a worker whose host crashed.
struct Crashed;

thread_local! {
    static WORKER: RefCell<Option<Worker>> = const { RefCell::new(None) };
}

impl Turns {
    fn begin(work: Work) -> Self {
        let (turns, worker_turns) = sync_channel(1);
        let (worker_said, said) = sync_channel(1);
        let thread = thread::spawn(move || {
            let Ok(waker) = worker_turns.recv() else {
                return;
            };
            let worker = Worker {
                turns: worker_turns,
                said: worker_said.clone(),
                waker,
            };
            WORKER.set(Some(worker));
            let ended = match catch_unwind(AssertUnwindSafe(work)) {
                Ok(()) => Ok(()),
                Err(crashed) if is_crash(&*crashed) => return,
                Err(_panicked) => Err("the work panicked".into()),
            };
            // Nobody listens when the host crashed at this moment.
            worker_said.send(Said::Ended(ended)).ok();
        });
        Self {
            turns: Some(turns),
            said,
            thread: Some(thread),
        }
    }
}

fn is_crash(panic: &(dyn Any + Send)) -> bool {
    panic.is::<Crashed>()
}

impl Future for Turns {
    type Output = Result<(), Panicked>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let turns = self.turns.as_ref().expect("not dropped");
        turns.send(context.waker().clone()).expect("a worker");
        match self.said.recv().expect("a worker's word") {
            Said::Waiting => Poll::Pending,
            Said::Ended(ended) => Poll::Ready(ended),
        }
    }
}

impl Drop for Turns {
    fn drop(&mut self) {
        self.turns = None;
        if let Some(thread) = self.thread.take() {
            thread.join().expect("a worker that ends");
        }
    }
}

impl Worker {
    fn wait(&mut self, mut future: Pin<&mut dyn Future<Output = ()>>) {
        while future
            .as_mut()
            .poll(&mut Context::from_waker(&self.waker))
            .is_pending()
        {
            self.said.send(Said::Waiting).ok();
            match self.turns.recv() {
                Ok(waker) => self.waker = waker,
                Err(_host_crashed) => resume_unwind(Box::new(Crashed)),
            }
        }
    }
}
