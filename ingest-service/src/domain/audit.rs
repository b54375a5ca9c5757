//! The catalog against the store, once at the start: each object that a chunk
//! lies in must be there and long enough. What is not is told, and nothing is
//! changed: the bytes may come back with a volume that was not mounted.

use std::{collections::HashMap, sync::Arc};

use weir_shared::store::StoreError;

use super::{
    capture::Capture,
    error::Error,
    id::{ChunkIndex, SegmentId},
    ingest::Ingest,
};
use crate::catalog::{ListPlace, ListQuery};

/// Captures that are looked up at a time.
const PAGE: u32 = 32;

/// Chunks that are looked up at a time. A segment that lies in two such parts
/// is looked at twice.
const CHUNKS: u32 = 2_000;

/// Lines in the log: more say nothing new.
const LOGGED_MAX: u64 = 100;

/// What the check came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Audit {
    segments: u64,
    /// Whose object is gone or too short.
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
        let mut from = ChunkIndex(0);
        loop {
            let chunks = self.catalog.chunks(capture.uid, from, CHUNKS).await?;
            let Some(last) = chunks.last().map(|chunk| chunk.index) else {
                return Ok(());
            };
            let mut ends: HashMap<SegmentId, u64> = HashMap::new();
            for chunk in &chunks {
                let end = u64::from(chunk.offset) + u64::from(chunk.bytes);
                let known = ends.entry(chunk.segment).or_default();
                *known = end.max(*known);
            }
            for (segment, end) in ends {
                if self.shutdown.is_cancelled() {
                    return Err(Error::Ended);
                }
                audit.segments += 1;
                let Some(problem) = self.problem_of(capture, segment, end).await? else {
                    continue;
                };
                audit.inconsistent += 1;
                if audit.inconsistent <= LOGGED_MAX {
                    let object = segment.object_key();
                    tracing::error!(capture.id = %capture.id, %object, problem, "inconsistent");
                }
            }
            let Some(next) = last.0.checked_add(1) else {
                return Ok(());
            };
            from = ChunkIndex(next);
        }
    }

    async fn problem_of(
        &self,
        capture: &Capture,
        segment: SegmentId,
        end: u64,
    ) -> Result<Option<&'static str>, Error> {
        let problem = match self.store.size(&segment.object_key()).await {
            Ok(bytes) if bytes >= end => return Ok(None),
            Ok(_) => "the object is too short",
            Err(StoreError::Missing) => "the object is gone",
            Err(error) => return Err(Error::StorageUnavailable(Arc::new(error))),
        };
        // It may have been deleted since it was listed.
        let is_there = self.catalog.by_uid(capture.uid).await?.is_some();
        Ok(is_there.then_some(problem))
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
