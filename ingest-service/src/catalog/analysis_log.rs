//! The part of a catalog that keeps background analyses.

use async_trait::async_trait;

use super::{CatalogError, InstanceId};
use crate::domain::{
    analysis::{Analysis, AnalysisId, AnalysisState, Differs, End, Found, NewAnalysis, Part},
    id::Uid,
    preview::Preview,
    time::Timestamp,
};

/// Analyses, who runs them, and the objects of their results.
///
/// As with [`super::Catalog`], every method is one transaction, which writes the
/// events of what it changes. Who runs an analysis holds it by a [`Lease`]: it
/// ends when the analysis does, or when another instance takes it over because
/// this one is not alive any more (see [`super::EventLog::beat`]).
#[async_trait]
pub trait AnalysisLog: Send + Sync {
    /// Puts an analysis of a sealed capture behind those that wait.
    async fn queue_analysis(
        &self,
        new: &NewAnalysis,
        limits: QueueLimits,
        now: Timestamp,
    ) -> Result<Queued, CatalogError>;

    async fn analysis(&self, id: AnalysisId) -> Result<Option<Analysis>, CatalogError>;

    /// Newest first, without summaries.
    async fn analyses(&self, query: &AnalysisQuery) -> Result<Vec<Analysis>, CatalogError>;

    /// Cancels an analysis that is not over. `None`: there is none.
    async fn cancel_analysis(
        &self,
        id: AnalysisId,
        now: Timestamp,
    ) -> Result<Option<Analysis>, CatalogError>;

    /// Begins attempts, oldest analyses first: of those that wait and may begin,
    /// and of those whose owner is not alive, or does not run them any more.
    async fn claim_analyses(
        &self,
        claim: &Claim,
        now: Timestamp,
    ) -> Result<Vec<Analysis>, CatalogError>;

    /// Keeps what an attempt has found, all of it or nothing.
    async fn record_analysis(
        &self,
        lease: Lease,
        step: &Step,
        now: Timestamp,
    ) -> Result<Recorded, CatalogError>;

    /// Up to `limit` parts with records after a sequence, in order. Nobody's
    /// analysis has none.
    async fn analysis_parts(
        &self,
        id: AnalysisId,
        after: u64,
        limit: u32,
    ) -> Result<Vec<Part>, CatalogError>;

    /// Names the object of an analysis' pictures.
    async fn record_preview(
        &self,
        id: AnalysisId,
        preview: &Preview,
        now: Timestamp,
    ) -> Result<PreviewRecorded, CatalogError>;

    /// `None`: it has none, or is nobody's.
    async fn preview(&self, id: AnalysisId) -> Result<Option<Preview>, CatalogError>;

    /// What waits and runs, of all instances, and whether there is something to claim.
    async fn active_analyses(&self, claim: &Claim) -> Result<Active, CatalogError>;
}

/// Bounds of what is queued.
#[derive(Clone, Copy, Debug)]
pub struct QueueLimits {
    /// Analyses that may wait at once. Those that other services queue at the
    /// same moment may not be counted.
    pub waiting_max: u32,
    /// Analyses that a capture may have.
    pub of_capture_max: u32,
}

/// What became of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Queued {
    New(Box<Analysis>),
    /// The request was made before.
    There(Box<Analysis>),
    /// It was made before, and asked for something else.
    Differs(Differs),
    CaptureUnknown,
    CaptureNotSealed,
    TooManyWait,
    TooManyOfCapture,
}

/// Which analyses to list.
#[derive(Clone, Copy, Debug, Default)]
pub struct AnalysisQuery {
    /// Only those that come after this one, newest first.
    pub after: Option<AnalysisId>,
    pub capture: Option<Uid>,
    pub state: Option<AnalysisState>,
    pub limit: u32,
}

/// Who asks for something to run.
#[derive(Clone, Debug)]
pub struct Claim {
    pub owner: InstanceId,
    /// What it runs already: all else that is its own was lost on the way.
    pub running: Vec<AnalysisId>,
    /// Attempts that it can begin.
    pub limit: u32,
}

/// One attempt of an analysis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lease {
    pub analysis: AnalysisId,
    pub owner: InstanceId,
    /// Which attempt.
    pub attempt: u32,
}

/// What an attempt has come to since the last step.
#[derive(Clone, Debug, Default)]
pub struct Step {
    /// Its object is durable.
    pub part: Option<Part>,
    /// What is new of it.
    pub found: Found,
    /// `None`: it goes on.
    pub end: Option<End>,
}

/// What became of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recorded {
    Recorded,
    /// The part's object was condemned: write it again under a new id.
    Condemned,
    /// The analysis is not this attempt's any more: it was cancelled, removed or
    /// taken over. Nothing was recorded.
    Lost,
}

/// What became of a preview.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PreviewRecorded {
    Recorded,
    /// The analysis had one before, which stays.
    There,
    /// The object was condemned: write it again under a new id.
    Condemned,
    /// The analysis did not succeed, or was removed.
    Gone,
}

/// Analyses that are not over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Active {
    pub queued: u64,
    pub running: u64,
    /// Analyses that could be claimed now.
    pub claimable: bool,
}
