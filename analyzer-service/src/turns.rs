//! Who computes: as many analyses at once as there are cores, in turns. However many
//! there are, one that is to stop, or to tell something, hardly waits for the others.

use std::{
    future::{Future, poll_fn},
    pin::{Pin, pin},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::Poll,
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::threads::{Running, Threads, Work, wait};

/// An analysis' turn: it has one while it computes, and none while it waits.
#[derive(Debug)]
pub(crate) struct Turn {
    threads: Arc<dyn Threads>,
    /// Given to those who wait for one in the order in which they came.
    turns: Arc<Semaphore>,
    /// Who is to stop waits for no turn: it has only to see that.
    cancel: CancellationToken,
    held: Mutex<Option<OwnedSemaphorePermit>>,
}

impl Turn {
    pub(crate) fn new(
        threads: Arc<dyn Threads>,
        turns: Arc<Semaphore>,
        cancel: CancellationToken,
    ) -> Self {
        Self {
            threads,
            turns,
            cancel,
            held: Mutex::default(),
        }
    }

    /// Lets those compute first who wait for it. To begin with, and now and then.
    pub(crate) fn pass(&self) {
        // Where a turn is free, nobody waits for one.
        if self.held().is_none() || self.turns.available_permits() == 0 {
            wait(&*self.threads, async {
                self.end();
                self.begin().await;
            });
        }
    }

    async fn begin(&self) {
        let turn = tokio::select! {
            biased;
            () = self.cancel.cancelled() => None,
            turn = Arc::clone(&self.turns).acquire_owned() => turn.ok(),
        };
        *self.held() = turn;
    }

    fn end(&self) {
        *self.held() = None;
    }

    fn held(&self) -> MutexGuard<'_, Option<OwnedSemaphorePermit>> {
        // No code that can panic runs under the lock.
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Threads for Turn {
    fn run(&self, tasks: &TaskTracker, work: Work) -> Running {
        self.threads.run(tasks, work)
    }

    /// Others have its turn meanwhile.
    fn wait(&self, mut future: Pin<&mut dyn Future<Output = ()>>) {
        self.threads.wait(pin!(async {
            let is_given = poll_fn(|cx| Poll::Ready(future.as_mut().poll(cx).is_ready())).await;
            if !is_given {
                self.end();
                future.await;
                self.begin().await;
            }
        }));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, Sender, channel};

    use tokio::sync::Notify;

    use super::*;
    use crate::threads::TokioThreads;

    /// One turn for all.
    struct Rig {
        turns: Arc<Semaphore>,
        tasks: TaskTracker,
        said: (Sender<&'static str>, Receiver<&'static str>),
    }

    impl Rig {
        fn new() -> Self {
            Self {
                turns: Arc::new(Semaphore::new(1)),
                tasks: TaskTracker::new(),
                said: channel(),
            }
        }

        fn turn(&self, cancel: &CancellationToken) -> Turn {
            let turns = Arc::clone(&self.turns);
            Turn::new(Arc::new(TokioThreads), turns, cancel.clone())
        }

        /// Says its name once it has its turn.
        fn begin(&self, name: &'static str, cancel: &CancellationToken) -> Running {
            let (turn, said) = (self.turn(cancel), self.said.0.clone());
            let work = move || {
                turn.pass();
                said.send(name).unwrap();
            };
            TokioThreads.run(&self.tasks, Box::new(work))
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn who_waits_for_something_leaves_its_turn_to_others() {
        let rig = Rig::new();
        let never = CancellationToken::new();
        let (first, go_on) = (rig.turn(&never), Arc::new(Notify::new()));
        let (said, waits) = (rig.said.0.clone(), Arc::clone(&go_on));
        let first = TokioThreads.run(
            &rig.tasks,
            Box::new(move || {
                first.pass();
                said.send("first computes").unwrap();
                wait(&first, waits.notified());
                said.send("first goes on").unwrap();
            }),
        );
        assert_eq!(rig.said.1.recv(), Ok("first computes"));
        rig.begin("second", &never).await.unwrap();
        go_on.notify_one();
        first.await.unwrap();
        let rest: Vec<_> = rig.said.1.try_iter().collect();
        assert_eq!(rest, ["second", "first goes on"]);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn who_passes_its_turn_has_it_again_behind_those_who_wait() {
        let rig = Rig::new();
        let never = CancellationToken::new();
        let first = rig.turn(&never);
        let said = rig.said.0.clone();
        let (begun, go_on) = (Arc::new(Notify::new()), channel());
        let told = Arc::clone(&begun);
        let first = TokioThreads.run(
            &rig.tasks,
            Box::new(move || {
                first.pass();
                told.notify_one();
                let () = go_on.1.recv().unwrap();
                first.pass();
                said.send("first").unwrap();
            }),
        );
        begun.notified().await;
        let mut waiting = pin!(Arc::clone(&rig.turns).acquire_owned());
        let is_given = poll_fn(|cx| Poll::Ready(waiting.as_mut().poll(cx).is_ready())).await;
        assert!(!is_given);
        go_on.0.send(()).unwrap();
        let turn = waiting.await.unwrap();
        assert_eq!(rig.said.1.try_recv().ok(), None);
        drop(turn);
        first.await.unwrap();
        assert_eq!(rig.said.1.recv(), Ok("first"));
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn who_is_to_stop_waits_for_no_turn() {
        let rig = Rig::new();
        let cancel = CancellationToken::new();
        let _held = Arc::clone(&rig.turns).acquire_owned().await.unwrap();
        let waiting = rig.begin("cancelled", &cancel);
        cancel.cancel();
        waiting.await.unwrap();
        assert_eq!(rig.said.1.recv(), Ok("cancelled"));
    }
}
