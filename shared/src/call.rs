//! How a call ends. Every call has one [`CallScope`]: its token is cancelled by
//! the first of client gone (the scope is dropped), deadline, shutdown.

use std::{
    pin::Pin,
    sync::{Arc, OnceLock},
    task::{Context, Poll},
    time::Duration,
};

use futures::Stream;
use tokio::time::Instant;
use tokio_util::{
    sync::{CancellationToken, DropGuard, WaitForCancellationFutureOwned},
    task::TaskTracker,
};
use tonic::{Code, Status};

use crate::status;

/// The instant at which a call is over, read once and passed on: never a fresh
/// timeout per hop.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Deadline(Instant);

impl Deadline {
    /// The deadline this far from now.
    #[must_use]
    pub fn after(timeout: Duration) -> Self {
        Self(Instant::now() + timeout)
    }

    #[must_use]
    pub fn at(instant: Instant) -> Self {
        Self(instant)
    }

    /// The deadline that the server's deadline layer read from the request.
    #[must_use]
    pub fn of(extensions: &http::Extensions) -> Option<Self> {
        extensions.get().copied()
    }

    /// Time that is left; zero when it has passed.
    #[must_use]
    pub fn remaining(self) -> Duration {
        self.0.saturating_duration_since(Instant::now())
    }

    #[must_use]
    pub fn instant(self) -> Instant {
        self.0
    }
}

/// Why a call ended before its work did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndCause {
    /// Cancelled or disconnected: nobody is listening.
    ClientGone,
    Deadline,
    Shutdown,
}

/// What the caller is told.
#[must_use]
pub fn end_status(cause: EndCause) -> Status {
    match cause {
        EndCause::ClientGone => {
            status::error(Code::Cancelled, "CANCELLED", "the caller went away").build()
        }
        EndCause::Deadline => {
            let text = "the deadline passed before the work was done";
            status::error(Code::DeadlineExceeded, "DEADLINE", text).build()
        }
        EndCause::Shutdown => {
            let text = "the service is shutting down";
            status::error(Code::Unavailable, "SHUTTING_DOWN", text)
                .retry_after(RETRY_AFTER_SHUTDOWN)
                .build()
        }
    }
}

/// What a caller of a service that shuts down should wait: about a restart.
const RETRY_AFTER_SHUTDOWN: Duration = Duration::from_secs(1);

/// One call. For a streaming answer it lives in the stream ([`CallScope::hold`]),
/// not in the handler, which returns long before the answer ends.
#[derive(Debug)]
pub struct CallScope {
    token: CancellationToken,
    shutdown: CancellationToken,
    deadline: Option<Deadline>,
    deadline_passed: Arc<OnceLock<()>>,
    _cancel_on_drop: DropGuard,
}

impl CallScope {
    /// Begins a call. With a deadline a timer task on `tasks` cancels the token,
    /// because a stalled client stops hyper from polling anything of the call.
    #[must_use]
    pub fn enter(
        tasks: &TaskTracker,
        shutdown: &CancellationToken,
        deadline: Option<Deadline>,
    ) -> Self {
        let token = shutdown.child_token();
        let deadline_passed = Arc::new(OnceLock::new());
        if let Some(deadline) = deadline {
            let (token, passed) = (token.clone(), Arc::clone(&deadline_passed));
            tasks.spawn(async move {
                tokio::select! {
                    biased;
                    () = token.cancelled() => {}
                    () = tokio::time::sleep_until(deadline.instant()) => {
                        passed.get_or_init(|| ());
                        token.cancel();
                    }
                }
            });
        }
        Self {
            _cancel_on_drop: token.clone().drop_guard(),
            token,
            shutdown: shutdown.clone(),
            deadline,
            deadline_passed,
        }
    }

    /// Cancelled when the call is over.
    #[must_use]
    pub fn token(&self) -> &CancellationToken {
        &self.token
    }

    #[must_use]
    pub fn deadline(&self) -> Option<Deadline> {
        self.deadline
    }

    /// Why it is over; `None` while it runs.
    #[must_use]
    pub fn end_cause(&self) -> Option<EndCause> {
        if !self.token.is_cancelled() {
            return None;
        }
        Some(if self.deadline_passed.get().is_some() {
            EndCause::Deadline
        } else if self.shutdown.is_cancelled() {
            EndCause::Shutdown
        } else {
            EndCause::ClientGone
        })
    }

    /// Moves the scope into the answer's stream. When the scope ends, the stream
    /// stops giving items, waits until its producer has ended too (so that the
    /// work has stopped before the call is over), and ends with [`end_status`].
    pub fn hold<T, S>(self, stream: S) -> Held<S>
    where
        S: Stream<Item = Result<T, Status>>,
    {
        Held {
            ended: Box::pin(self.token.clone().cancelled_owned()),
            stream: Box::pin(stream),
            scope: self,
            state: HeldState::Streaming,
        }
    }
}

/// A streaming answer with its call's scope.
#[derive(Debug)]
pub struct Held<S> {
    ended: Pin<Box<WaitForCancellationFutureOwned>>,
    stream: Pin<Box<S>>,
    scope: CallScope,
    state: HeldState,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum HeldState {
    Streaming,
    /// The scope ended: items are dropped until the producer has ended.
    Stopping,
    Finished,
}

impl<T, S> Stream for Held<S>
where
    S: Stream<Item = Result<T, Status>>,
{
    type Item = Result<T, Status>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        if this.state == HeldState::Streaming && this.ended.as_mut().poll(context).is_ready() {
            this.state = HeldState::Stopping;
        }
        loop {
            if this.state == HeldState::Finished {
                return Poll::Ready(None);
            }
            match (this.state, this.stream.as_mut().poll_next(context)) {
                (_, Poll::Pending) => return Poll::Pending,
                (HeldState::Streaming, Poll::Ready(Some(item))) => {
                    if item.is_err() {
                        this.state = HeldState::Finished;
                    }
                    return Poll::Ready(Some(item));
                }
                (_, Poll::Ready(Some(_late))) => {}
                (_, Poll::Ready(None)) => {
                    this.state = HeldState::Finished;
                    // A producer that was cut also just ends: only the cause tells.
                    return Poll::Ready(this.scope.end_cause().map(|c| Err(end_status(c))));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
