use std::sync::Arc;

use async_trait::async_trait;
use ingest_service::{
    catalog::CatalogError,
    domain::{
        analysis::AnalysisId,
        id::Uid,
        index::{
            FoundCapture, FoundRecord, Index, IndexRecord, IndexedCapture, RecordQuery, Run,
            Written,
            words::{Text, Words},
        },
    },
};

use super::{Faults, catalog::fated};

/// An index whose operations end as [`Faults`] decides. None is ever half done.
#[derive(Debug)]
pub struct FaultyIndex {
    index: Arc<dyn Index>,
    faults: Faults,
}

impl FaultyIndex {
    #[must_use]
    pub fn new(index: Arc<dyn Index>, faults: Faults) -> Self {
        Self { index, faults }
    }
}

#[async_trait]
impl Index for FaultyIndex {
    async fn begin(&self, capture: Uid) -> Result<Run, CatalogError> {
        fated(&self.faults, self.index.begin(capture)).await
    }

    async fn add(&self, run: Run, records: &[IndexRecord]) -> Result<(), CatalogError> {
        fated(&self.faults, self.index.add(run, records)).await
    }

    async fn publish(
        &self,
        capture: &IndexedCapture,
        written: Written,
        text: &Text,
    ) -> Result<(), CatalogError> {
        fated(&self.faults, self.index.publish(capture, written, text)).await
    }

    async fn publish_words(&self, captures: &[(IndexedCapture, Text)]) -> Result<(), CatalogError> {
        fated(&self.faults, self.index.publish_words(captures)).await
    }

    async fn indexed(&self, capture: Uid) -> Result<Option<Option<AnalysisId>>, CatalogError> {
        fated(&self.faults, self.index.indexed(capture)).await
    }

    async fn forget(&self, captures: &[Uid]) -> Result<(), CatalogError> {
        fated(&self.faults, self.index.forget(captures)).await
    }

    async fn clean(&self, captures: &[Uid], limit: u32) -> Result<bool, CatalogError> {
        fated(&self.faults, self.index.clean(captures, limit)).await
    }

    async fn query(&self, query: &RecordQuery) -> Result<Vec<FoundRecord>, CatalogError> {
        fated(&self.faults, self.index.query(query)).await
    }

    async fn search(&self, words: &Words, limit: u32) -> Result<Vec<FoundCapture>, CatalogError> {
        fated(&self.faults, self.index.search(words, limit)).await
    }

    async fn is_whole(&self) -> Result<bool, CatalogError> {
        fated(&self.faults, self.index.is_whole()).await
    }

    async fn set_whole(&self) -> Result<(), CatalogError> {
        fated(&self.faults, self.index.set_whole()).await
    }
}
