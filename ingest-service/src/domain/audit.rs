//! The catalog against the store, once at the start: each object that a capture
//! needs must be there, and of the length that the catalog knows. What is not is told, and nothing is
//! changed: the bytes may come back with a volume that was not mounted.

use std::sync::Arc;

use weir_shared::store::StoreError;

use super::{capture::Capture, error::Error, ingest::Ingest};
use crate::catalog::{ListPlace, ListQuery, StoredSegment};

/// Captures that are looked up at a time.
const PAGE: u32 = 32;

/// Lines in the log: more say nothing new.
const LOGGED_MAX: u64 = 100;

/// What the check came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Audit {
    segments: u64,
    /// Whose object is gone or of another length.
    inconsistent: u64,
}

impl Ingest {
    /// Compares and reports, until shutdown.
    pub async fn audit_catalog(self: Arc<Self>) {
        match self.audit_once().await {
            Ok(audit) => {
                self.metrics
                    .inconsistent_segments
                    .record(audit.inconsistent, &[]);
                if audit.inconsistent > 0 {
                    tracing::error!(?audit, "the catalog and the store do not agree");
                } else {
                    tracing::info!(?audit, "the catalog and the store agree");
                }
            }
            Err(Error::Ended) => {}
            Err(error) => tracing::warn!(%error, "the catalog was not compared with the store"),
        }
    }

    async fn audit_once(&self) -> Result<Audit, Error> {
        let mut audit = Audit::default();
        let mut query = ListQuery {
            limit: PAGE,
            ..ListQuery::default()
        };
        loop {
            let captures = self.list(&query).await?;
            let Some(last) = captures.last() else {
                return Ok(audit);
            };
            query.after = Some(ListPlace::of(last));
            for capture in &captures {
                self.audit_capture(capture, &mut audit).await?;
            }
        }
    }

    async fn audit_capture(&self, capture: &Capture, audit: &mut Audit) -> Result<(), Error> {
        let objects = match self.contents.objects(capture).await {
            Ok(objects) => objects,
            // Its manifest is damaged, or its object gone.
            Err(error @ (Error::Corrupt { .. } | Error::ObjectMissing(_))) => {
                audit.segments += 1;
                audit.count(capture, &error);
                return Ok(());
            }
            Err(Error::Deleted(_)) => return Ok(()),
            Err(error) => return Err(error),
        };
        for object in objects {
            if self.shutdown.is_cancelled() {
                return Err(Error::Ended);
            }
            audit.segments += 1;
            if let Some(problem) = self.problem_of(capture, &object).await? {
                audit.count(
                    capture,
                    &format_args!("{}: {problem}", object.segment.object_key()),
                );
            }
        }
        Ok(())
    }

    async fn problem_of(
        &self,
        capture: &Capture,
        object: &StoredSegment,
    ) -> Result<Option<&'static str>, Error> {
        let problem = match self.store.size(&object.segment.object_key()).await {
            Ok(bytes) if bytes == object.bytes => return Ok(None),
            Ok(_) => "the object has another length",
            Err(StoreError::Missing) => "the object is gone",
            Err(error) => return Err(Error::StorageUnavailable(Arc::new(error))),
        };
        // It may have been deleted since it was listed.
        let is_there = self.catalog.by_uid(capture.uid).await?.is_some();
        Ok(is_there.then_some(problem))
    }
}

impl Audit {
    fn count(&mut self, capture: &Capture, problem: &dyn std::fmt::Display) {
        self.inconsistent += 1;
        if self.inconsistent <= LOGGED_MAX {
            tracing::error!(capture.id = %capture.id, %problem, "inconsistent");
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use weir_shared::store::SegmentStore as _;

    use super::*;
    use crate::domain::{
        capture::Declared,
        testing::{Rig, chunk, open, upload},
    };

    #[tokio::test]
    async fn objects_that_are_gone_or_too_short_are_counted() {
        let rig = Rig::new().await;
        for n in 0..PAGE + 1 {
            let items = vec![open(&format!("c{n}"), Declared::default()), chunk(3, "abc")];
            upload(&rig, items).await.unwrap();
        }
        let mut wanted = Audit {
            segments: u64::from(PAGE) + 1,
            inconsistent: 0,
        };
        assert_eq!(rig.ingest.audit_once().await.unwrap(), wanted);
        let keys = rig.store.keys();
        for key in &keys[..2] {
            rig.store.delete(key).await.unwrap();
        }
        let short = vec![Bytes::from_static(b"ab")];
        rig.store.put(&keys[0], short).await.unwrap();
        wanted.inconsistent = 2;
        assert_eq!(rig.ingest.audit_once().await.unwrap(), wanted);
        rig.shutdown.cancel();
        let ended = rig.ingest.audit_once().await;
        assert!(matches!(ended, Err(Error::Ended)), "{ended:?}");
    }
}
