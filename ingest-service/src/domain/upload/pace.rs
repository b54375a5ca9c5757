//! How slow a client may be. Only time in which the call waits for the client
//! counts: its connection's clock stands still while we hold it back.

use std::{pin::Pin, sync::Arc, time::Duration};

use futures::{Stream, StreamExt as _};
use tokio::time::sleep;

use super::UploadItem;
use crate::domain::{connection::Connection, error::Error, ingest::Settings};

/// Over which the minimum rate is measured: longer than a link's hiccup.
const RATE_WINDOW: Duration = Duration::from_secs(60);

/// Between two looks at the clock at least, where it stands still in between.
const LOOK_INTERVAL_MIN: Duration = Duration::from_millis(50);

/// Bounds of how slow a client may be.
#[derive(Clone, Copy, Debug)]
pub struct PaceLimits {
    /// Longest time between two messages of an upload.
    pub idle: Duration,
    /// Bytes in a second; zero for none.
    pub rate_min: u32,
}

/// What comes in from a client that keeps to the limits.
pub(super) struct Incoming<'a, S> {
    items: Pin<&'a mut S>,
    pace: Pace,
}

struct Pace {
    connection: Arc<Connection>,
    limits: PaceLimits,
    /// The connection's clock at the last item.
    last: Duration,
    /// How far the client is behind the minimum rate.
    behind: Duration,
    behind_max: Duration,
}

impl<'a, S: Stream<Item = UploadItem>> Incoming<'a, S> {
    pub(super) fn new(
        items: Pin<&'a mut S>,
        connection: Arc<Connection>,
        settings: &Settings,
    ) -> Self {
        let limits = settings.pace;
        // A chunk is seen once it is whole: one may be on its way.
        let chunk = at_rate(settings.chunks.chunk_bytes_max.into(), limits.rate_min);
        let pace = Pace {
            last: connection.clock(),
            connection,
            limits,
            behind: Duration::ZERO,
            behind_max: RATE_WINDOW + chunk,
        };
        Self { items, pace }
    }

    /// The next item, or the refusal of a client that is too slow.
    ///
    /// Cancel safety: nothing is lost.
    pub(super) async fn next(&mut self) -> Option<UploadItem> {
        let Self { items, pace } = self;
        let item = tokio::select! {
            biased;
            item = items.next() => item,
            error = pace.too_slow() => return Some(UploadItem::Refused(error)),
        };
        let bytes = match &item {
            Some(UploadItem::Chunk(chunk, _)) => chunk.data.len() as u64,
            _ => 0,
        };
        pace.came(bytes);
        item
    }
}

impl Pace {
    async fn too_slow(&self) -> Error {
        loop {
            match self.left() {
                Ok(left) => sleep(left.max(LOOK_INTERVAL_MIN)).await,
                Err(error) => return error,
            }
        }
    }

    /// How long the client may still take.
    fn left(&self) -> Result<Duration, Error> {
        let waited = self.connection.clock() - self.last;
        let idle = self.limits.idle;
        if waited >= idle {
            let text = format!("no message for {} s", idle.as_secs_f64());
            return Err(Error::TooSlow("upload_idle_timeout", text));
        }
        let left = idle - waited;
        if self.limits.rate_min == 0 {
            return Ok(left);
        }
        let behind = self.behind + waited;
        if behind >= self.behind_max {
            let text = format!("less than {} bytes a second", self.limits.rate_min);
            return Err(Error::TooSlow("upload_rate_min", text));
        }
        Ok(left.min(self.behind_max - behind))
    }

    fn came(&mut self, bytes: u64) {
        let now = self.connection.clock();
        if self.limits.rate_min > 0 {
            let behind = self.behind + (now - self.last);
            self.behind = behind.saturating_sub(at_rate(bytes, self.limits.rate_min));
        }
        self.last = now;
    }
}

/// How long so many bytes may take; no time at all without a minimum.
fn at_rate(bytes: u64, rate_min: u32) -> Duration {
    const MICROS: u64 = 1_000_000;
    let micros = bytes.saturating_mul(MICROS).checked_div(rate_min.into());
    Duration::from_micros(micros.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use std::pin::pin;

    use expect_test::{Expect, expect};
    use tokio::time::Instant;

    use super::*;
    use crate::domain::{
        connection::Connections,
        testing::{SETTINGS, chunk},
    };

    /// Sends a chunk of so many bytes after each of these pauses, in seconds.
    /// Says how many came, and when which refusal.
    async fn check(limits: PaceLimits, pauses: &[u64], bytes: usize, expected: &Expect) {
        let settings = Settings {
            pace: limits,
            ..SETTINGS
        };
        let begun = Instant::now();
        let items = futures::stream::iter(pauses).then(async |&seconds| {
            sleep(Duration::from_secs(seconds)).await;
            chunk(0, vec![0; bytes])
        });
        let items = pin!(items);
        let connection = Arc::new(Connections::default()).of(None);
        let mut incoming = Incoming::new(items, connection, &settings);
        let mut came = 0;
        let told = loop {
            match incoming.next().await {
                Some(UploadItem::Refused(error)) => break error.to_string(),
                Some(_) => came += 1,
                None => break "the end".to_owned(),
            }
        };
        let seconds = begun.elapsed().as_secs();
        expected.assert_eq(&format!("{came} came; at {seconds} s: {told}"));
    }

    fn limits(idle_seconds: u64, rate_min: u32) -> PaceLimits {
        PaceLimits {
            idle: Duration::from_secs(idle_seconds),
            rate_min,
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_client_is_refused_after_the_idle_time() {
        let expected = expect!["2 came; at 32 s: the client is too slow: no message for 20 s"];
        check(limits(20, 0), &[5, 7, 21], 1, &expected).await;
        let expected = expect!["3 came; at 57 s: the end"];
        check(limits(20, 0), &[19, 19, 19], 1, &expected).await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_rate_below_the_minimum_is_refused_once_a_window_is_lost() {
        // 2 MiB at 100 kB a second, of which one may be on its way: 21 s.
        let expected =
            expect!["16 came; at 80 s: the client is too slow: less than 100000 bytes a second"];
        check(limits(1000, 100_000), &[5; 40], 1, &expected).await;
        let expected = expect!["40 came; at 800 s: the end"];
        check(limits(1000, 100_000), &[20; 40], 2 << 20, &expected).await;
        let expected = expect!["2 came; at 160 s: the end"];
        check(limits(1000, 0), &[80; 2], 1, &expected).await;
    }

    #[tokio::test(start_paused = true)]
    async fn time_in_which_we_hold_the_connection_back_does_not_count() {
        let connection = Arc::new(Connections::default()).of(None);
        let settings = Settings {
            pace: limits(10, 1000),
            ..SETTINGS
        };
        let items = pin!(futures::stream::pending());
        let mut incoming = Incoming::new(items, Arc::clone(&connection), &settings);
        let begun = Instant::now();
        let other = async {
            let _held = connection.hold_back();
            sleep(Duration::from_secs(3600)).await;
        };
        let (refused, ()) = tokio::join!(incoming.next(), other);
        assert!(matches!(refused, Some(UploadItem::Refused(_))));
        assert_eq!(begun.elapsed().as_secs(), 3610);
    }
}
