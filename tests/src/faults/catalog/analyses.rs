use async_trait::async_trait;
use ingest_service::{
    catalog::{
        Active, AnalysisLog, AnalysisQuery, CatalogError, Claim, Lease, PreviewRecorded,
        QueueLimits, Queued, Recorded, Step,
    },
    domain::{
        analysis::{Analysis, AnalysisId, NewAnalysis, Part},
        preview::Preview,
        time::Timestamp,
    },
};

use super::FaultyCatalog;

#[async_trait]
impl AnalysisLog for FaultyCatalog {
    async fn queue_analysis(
        &self,
        new: &NewAnalysis,
        limits: QueueLimits,
        now: Timestamp,
    ) -> Result<Queued, CatalogError> {
        self.fated(self.catalog.queue_analysis(new, limits, now))
            .await
    }

    async fn analysis(&self, id: AnalysisId) -> Result<Option<Analysis>, CatalogError> {
        self.fated(self.catalog.analysis(id)).await
    }

    async fn analyses(&self, query: &AnalysisQuery) -> Result<Vec<Analysis>, CatalogError> {
        self.fated(self.catalog.analyses(query)).await
    }

    async fn cancel_analysis(
        &self,
        id: AnalysisId,
        now: Timestamp,
    ) -> Result<Option<Analysis>, CatalogError> {
        self.fated(self.catalog.cancel_analysis(id, now)).await
    }

    async fn claim_analyses(
        &self,
        claim: &Claim,
        now: Timestamp,
    ) -> Result<Vec<Analysis>, CatalogError> {
        self.fated(self.catalog.claim_analyses(claim, now)).await
    }

    async fn record_analysis(
        &self,
        lease: Lease,
        step: &Step,
        now: Timestamp,
    ) -> Result<Recorded, CatalogError> {
        self.fated(self.catalog.record_analysis(lease, step, now))
            .await
    }

    async fn analysis_parts(
        &self,
        id: AnalysisId,
        after: u64,
        limit: u32,
    ) -> Result<Vec<Part>, CatalogError> {
        self.fated(self.catalog.analysis_parts(id, after, limit))
            .await
    }

    async fn record_preview(
        &self,
        id: AnalysisId,
        preview: &Preview,
        now: Timestamp,
    ) -> Result<PreviewRecorded, CatalogError> {
        self.fated(self.catalog.record_preview(id, preview, now))
            .await
    }

    async fn preview(&self, id: AnalysisId) -> Result<Option<Preview>, CatalogError> {
        self.fated(self.catalog.preview(id)).await
    }

    async fn active_analyses(&self, claim: &Claim) -> Result<Active, CatalogError> {
        self.fated(self.catalog.active_analyses(claim)).await
    }
}
