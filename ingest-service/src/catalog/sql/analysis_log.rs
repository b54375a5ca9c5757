//! [`AnalysisLog`] on SQL.

use async_trait::async_trait;
use sqlx::{Connection as _, Database};

use super::{
    super::{
        Active, AnalysisLog, AnalysisQuery, CatalogError, Claim, Lease, PreviewRecorded,
        QueueLimits, Queued, Recorded, Step,
    },
    SqlCatalog, analyses,
    session::Session,
    transaction::{change, read},
};
use crate::domain::{
    analysis::{Analysis, AnalysisId, NewAnalysis, Part},
    preview::Preview,
    time::Timestamp,
};

#[async_trait]
impl<DB> AnalysisLog for SqlCatalog<DB>
where
    DB: Database,
    DB::Connection: Session,
{
    async fn queue_analysis(
        &self,
        new: &NewAnalysis,
        limits: QueueLimits,
        now: Timestamp,
    ) -> Result<Queued, CatalogError> {
        change!(self, db => analyses::queue(db, new, limits, now))
    }

    async fn analysis(&self, id: AnalysisId) -> Result<Option<Analysis>, CatalogError> {
        read!(self, db => analyses::by_id(db, id))
    }

    async fn analyses(&self, query: &AnalysisQuery) -> Result<Vec<Analysis>, CatalogError> {
        read!(self, db => analyses::list(db, query))
    }

    async fn cancel_analysis(
        &self,
        id: AnalysisId,
        now: Timestamp,
    ) -> Result<Option<Analysis>, CatalogError> {
        change!(self, db => analyses::cancel(db, id, now))
    }

    async fn claim_analyses(
        &self,
        claim: &Claim,
        now: Timestamp,
    ) -> Result<Vec<Analysis>, CatalogError> {
        change!(self, db => analyses::claim(db, claim, now))
    }

    async fn record_analysis(
        &self,
        lease: Lease,
        step: &Step,
        now: Timestamp,
    ) -> Result<Recorded, CatalogError> {
        change!(self, db => analyses::record(db, lease, step, now))
    }

    async fn analysis_parts(
        &self,
        id: AnalysisId,
        after: u64,
        limit: u32,
    ) -> Result<Vec<Part>, CatalogError> {
        read!(self, db => analyses::parts(db, id, after, limit))
    }

    async fn record_preview(
        &self,
        id: AnalysisId,
        preview: &Preview,
        now: Timestamp,
    ) -> Result<PreviewRecorded, CatalogError> {
        change!(self, db => analyses::record_preview(db, id, preview, now))
    }

    async fn preview(&self, id: AnalysisId) -> Result<Option<Preview>, CatalogError> {
        read!(self, db => analyses::preview(db, id))
    }

    async fn active_analyses(&self, claim: &Claim) -> Result<Active, CatalogError> {
        read!(self, db => analyses::active(db, claim))
    }
}
