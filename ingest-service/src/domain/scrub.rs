//! What the service reads by itself: all that is sealed, slowly, to find damage
//! before somebody needs it. Nothing is changed: an operator has a copy, or
//! has none.

use std::{sync::Arc, time::Duration};

use tokio::time::Instant;

use super::{capture::State, error::Error, ingest::Ingest, verify::Verified};
use crate::catalog::{ListPlace, ListQuery};

/// Captures that are looked up at a time.
const PAGE: u32 = 32;

/// Runs of damaged chunks of one capture in the log.
const LOGGED_RANGES_MAX: usize = 64;

/// From the start to the first reading: a command that runs the service inside
/// is over by then, and a start has other things to do.
const FIRST_AFTER: Duration = Duration::from_secs(600);

/// When the catalog is away, until the next try.
const RETRY_AFTER: Duration = Duration::from_secs(600);

/// How often and how fast it reads.
#[derive(Clone, Copy, Debug)]
pub struct ScrubSettings {
    /// Between the beginnings of two readings of everything.
    pub interval: Duration,
    /// Zero: nothing is read.
    pub bytes_per_second: u32,
}

/// What one reading of everything came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Scrubbed {
    pub captures: u64,
    pub bytes: u64,
    pub damaged_chunks: u64,
}

impl Ingest {
    /// Reads everything now and then, until shutdown.
    pub async fn scrub(self: Arc<Self>, settings: ScrubSettings) {
        if settings.bytes_per_second == 0 {
            return;
        }
        let mut wait = settings.interval.min(FIRST_AFTER);
        while self.sleep(wait).await {
            let begun = Instant::now();
            wait = match self.scrub_once(settings.bytes_per_second).await {
                Ok(scrubbed) => {
                    tracing::info!(?scrubbed, "scrubbed");
                    settings.interval.saturating_sub(begun.elapsed())
                }
                Err(Error::Ended) => return,
                Err(error) => {
                    tracing::warn!(%error, "scrub broken off");
                    settings.interval.min(RETRY_AFTER)
                }
            };
        }
    }

    /// Newest first. What can't be read now is left to the next time.
    async fn scrub_once(self: &Arc<Self>, bytes_per_second: u32) -> Result<Scrubbed, Error> {
        let mut scrubbed = Scrubbed::default();
        let mut query = ListQuery {
            state: Some(State::Sealed),
            limit: PAGE,
            ..ListQuery::default()
        };
        loop {
            let captures = self.list(&query).await?;
            let Some(last) = captures.last() else {
                return Ok(scrubbed);
            };
            query.after = Some(ListPlace::of(last));
            for capture in captures {
                let id = capture.id.clone();
                let used = match self.use_capture(&capture).await {
                    Err(Error::Deleted(_)) => continue,
                    used => used?,
                };
                let verification = self.verify(
                    Arc::new(capture),
                    used,
                    LOGGED_RANGES_MAX,
                    self.shutdown.clone(),
                );
                let verified = self.read_slowly(verification, bytes_per_second).await;
                match verified {
                    Ok(verified) => {
                        scrubbed.captures += 1;
                        scrubbed.bytes += verified.bytes;
                        scrubbed.damaged_chunks += verified.damaged_chunks;
                        if verified.damaged_chunks > 0 {
                            let Verified {
                                damaged_chunks,
                                damaged,
                                ..
                            } = verified;
                            self.metrics.scrub_corrupt_chunks.add(damaged_chunks, &[]);
                            tracing::error!(
                                capture.id = %id, damaged_chunks, ?damaged,
                                "a stored capture is damaged"
                            );
                        }
                    }
                    Err(Error::Ended) => return Err(Error::Ended),
                    Err(Error::Deleted(_)) => {}
                    Err(error) => {
                        tracing::warn!(capture.id = %id, %error, "not scrubbed");
                    }
                }
            }
        }
    }

    async fn read_slowly(
        &self,
        mut verification: super::verify::Verification,
        bytes_per_second: u32,
    ) -> Result<Verified, Error> {
        while let Some(bytes) = verification.next().await? {
            self.metrics.scrub_bytes.add(bytes, &[]);
            let micros = bytes.saturating_mul(1_000_000) / u64::from(bytes_per_second);
            if !self.sleep(Duration::from_micros(micros)).await {
                return Err(Error::Ended);
            }
        }
        Ok(verification.finish())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{
        capture::Declared,
        testing::{Rig, chunk, open, upload},
    };

    #[tokio::test]
    async fn all_that_is_sealed_is_read_and_damage_is_counted() {
        let rig = Rig::new().await;
        let declared = |count| Declared {
            chunk_count: Some(count),
            ..Declared::default()
        };
        for n in 0..PAGE + 1 {
            let id = format!("c{n}");
            let items = vec![open(&id, declared(2)), chunk(0, "ab"), chunk(1, "cd")];
            upload(&rig, items).await.unwrap();
        }
        let unsealed = vec![open("receiving", declared(2)), chunk(0, "ab")];
        upload(&rig, unsealed).await.unwrap();
        let mut wanted = Scrubbed {
            captures: u64::from(PAGE) + 1,
            bytes: 4 * (u64::from(PAGE) + 1),
            damaged_chunks: 0,
        };
        assert_eq!(rig.ingest.scrub_once(u32::MAX).await.unwrap(), wanted);
        rig.store.corrupt_all(1);
        wanted.damaged_chunks = wanted.captures;
        assert_eq!(rig.ingest.scrub_once(u32::MAX).await.unwrap(), wanted);
        rig.shutdown.cancel();
        let ended = rig.ingest.scrub_once(u32::MAX).await;
        assert!(matches!(ended, Err(Error::Ended)), "{ended:?}");
    }
}
