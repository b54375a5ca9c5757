//! How much each request of a connection may send ahead of its reader. HTTP/2
//! has one setting for all streams of a connection (SETTINGS_INITIAL_WINDOW_SIZE,
//! RFC 9113, 6.9.2); it follows the number of requests that are being sent.

use std::{cmp::Ordering, sync::Arc, time::Duration};

use tokio::{
    sync::watch,
    time::{Instant, sleep_until},
};

/// Of a stream before anything is said, bytes (RFC 9113, 6.9.2). No narrower:
/// a client may have sent so much before it hears of it.
pub(super) const NARROWEST: u32 = 65_535;

/// Windows are changed in steps, so that a change is worth its frames, bytes.
const STEP: u32 = 64 << 10;

/// Requests widen when for so long none has begun that makes them narrower: who
/// opens many opens them one soon after the other, and none of them has sent
/// more than [`NARROWEST`] by then.
const CALM: Duration = Duration::from_millis(100);

/// Until the next try, when the client has not acknowledged the last change yet; twice as
/// long each time, for one that never does.
const RETRY_MIN: Duration = Duration::from_millis(10);
const RETRY_MAX: Duration = Duration::from_secs(1);

/// What windows a connection has.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// Of all requests of the connection together, bytes.
    pub(super) all: u32,
    /// Of one, bytes.
    pub(super) widest: u32,
}

impl Limits {
    /// Of each of so many requests, bytes. Without any, what the next one begins with.
    fn window(self, requests: u32) -> u32 {
        let steps = self.all.checked_div(requests).unwrap_or(0) / STEP;
        match steps.checked_ilog2() {
            None | Some(0) => NARROWEST,
            Some(log) => (STEP << log).min(self.widest.max(NARROWEST)),
        }
    }
}

/// Counts the requests of a connection that are being sent.
#[derive(Clone, Debug)]
pub(super) struct Requests {
    limits: Limits,
    count: Arc<watch::Sender<u32>>,
}

/// One of them, until it is dropped.
#[derive(Debug)]
pub(super) struct Sending(Requests);

impl Requests {
    pub(super) fn begin(&self) -> Sending {
        self.change(|n| n + 1);
        Sending(self.clone())
    }

    /// Tells of it only when the window is another one.
    fn change(&self, change: impl FnOnce(u32) -> u32) {
        self.count.send_if_modified(|n| {
            let before = self.limits.window(*n);
            *n = change(*n);
            self.limits.window(*n) != before
        });
    }
}

impl Drop for Sending {
    fn drop(&mut self) {
        self.0.change(|n| n.saturating_sub(1));
    }
}

/// Says when the windows of a connection are to be changed.
#[derive(Debug)]
pub(super) struct Windows {
    limits: Limits,
    count: watch::Receiver<u32>,
    /// What the client has been told.
    now: u32,
    /// Since when wider ones would do, and how wide.
    calm: Option<(Instant, u32)>,
    retry: Duration,
    not_before: Option<Instant>,
}

impl Windows {
    pub(super) fn new(limits: Limits) -> (Requests, Self) {
        let (count, counted) = watch::channel(0);
        let requests = Requests {
            limits,
            count: Arc::new(count),
        };
        let windows = Self {
            limits,
            count: counted,
            now: NARROWEST,
            calm: None,
            retry: RETRY_MIN,
            not_before: None,
        };
        (requests, windows)
    }

    /// The window to change to, bytes, once it is time: narrower ones at once.
    ///
    /// Cancel safety: a dropped call loses nothing.
    pub(super) async fn next(&mut self) -> u32 {
        if let Some(at) = self.not_before {
            sleep_until(at).await;
        }
        loop {
            let wanted = self.limits.window(*self.count.borrow_and_update());
            match wanted.cmp(&self.now) {
                Ordering::Less => return wanted,
                Ordering::Equal => {
                    self.calm = None;
                    self.changed().await;
                }
                Ordering::Greater => {
                    let since = match self.calm {
                        Some((since, before)) if wanted >= before => since,
                        _ => Instant::now(),
                    };
                    self.calm = Some((since, wanted));
                    tokio::select! {
                        () = sleep_until(since + CALM) => return wanted,
                        () = self.changed() => {}
                    }
                }
            }
        }
    }

    /// Never again, when nothing counts any more.
    async fn changed(&mut self) {
        if self.count.changed().await.is_err() {
            std::future::pending().await
        }
    }

    /// The client is told.
    pub(super) fn told(&mut self, window: u32) {
        self.now = window;
        self.calm = None;
        self.retry = RETRY_MIN;
        self.not_before = None;
    }

    /// The client can't be told now.
    pub(super) fn later(&mut self) {
        self.not_before = Some(Instant::now() + self.retry);
        self.retry = (2 * self.retry).min(RETRY_MAX);
    }
}

#[cfg(test)]
mod tests;
