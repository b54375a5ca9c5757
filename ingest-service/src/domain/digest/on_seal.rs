//! The handler that computes the SHA-256 of captures that were sealed without one.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;

use crate::domain::{
    capture::State,
    dispatch::handler::{Failure, Handler, Limits},
    error::Error,
    event::{Event, Fact, kind},
    ingest::Ingest,
};

/// The largest capture, a tebibyte, at 25 MB/s: what a busy disk may give.
const TIMEOUT: Duration = Duration::from_secs(12 * 3600);

/// See the module.
#[derive(Debug)]
pub struct DigestOnSeal {
    ingest: Arc<Ingest>,
}

impl DigestOnSeal {
    #[must_use]
    pub fn new(ingest: Arc<Ingest>) -> Self {
        Self { ingest }
    }
}

#[async_trait]
impl Handler for DigestOnSeal {
    fn name(&self) -> &'static str {
        "digest"
    }

    fn kinds(&self) -> &'static [&'static str] {
        &[kind::CAPTURE_SEALED]
    }

    fn limits(&self) -> Limits {
        Limits {
            // A whole core while it runs: uploads and analyses have the others.
            concurrency: 1,
            timeout: TIMEOUT,
            ..Limits::default()
        }
    }

    /// A capture that has its digest is not read again. The check is that of a seal
    /// with a digest: whoever asks for it meanwhile joins it, and one that is
    /// dropped here goes on and is joined by the next attempt.
    async fn handle(&self, event: &Event, _: Fact) -> Result<(), Failure> {
        let found = self.ingest.catalog.by_uid(event.capture).await;
        let found = found.map_err(Error::from)?;
        let Some(capture) = found.filter(|found| found.state == State::Sealed) else {
            return Ok(());
        };
        if capture.sha256.is_some() {
            return Ok(());
        }
        let checking = self.ingest.check_digest(&capture);
        match Ingest::settled_digest(checking).await {
            // It was deleted meanwhile: nobody wants to know any more.
            Ok(_) | Err(Error::Deleted(_) | Error::Unknown(_)) => Ok(()),
            Err(error @ (Error::Corrupt { .. } | Error::ObjectMissing(_))) => {
                Err(Failure::permanent(error))
            }
            Err(error) => Err(error.into()),
        }
    }
}

#[cfg(test)]
mod tests;
