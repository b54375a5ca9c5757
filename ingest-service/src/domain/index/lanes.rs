//! The handlers of the index: results, those of large analyses on a way of their own, and
//! what is gone.

use std::{str::FromStr as _, sync::Arc, time::Duration};

use async_trait::async_trait;

use super::indexer::Indexer;
use crate::domain::{
    analysis::AnalysisId,
    dispatch::handler::{Failure, Handler, Limits},
    error::Error,
    event::{Event, Fact, kind},
    grouped::Grouped,
    id::Uid,
};

/// Records of an analysis that keeps others waiting no longer than some seconds: more are
/// those of a large one.
const SMALL_MAX: u64 = if cfg!(test) { 3 } else { 20_000 };

/// Far above what a capture of tens of millions of records takes.
const TIMEOUT: Duration = Duration::from_secs(3600);

/// Which analyses a handler indexes: so that a few large ones keep no small one waiting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Size {
    Small,
    Large,
}

impl Size {
    fn of(records: u64) -> Self {
        match records {
            0..=SMALL_MAX => Self::Small,
            _ => Self::Large,
        }
    }
}

/// Makes findable what analyses have found.
#[derive(Debug)]
pub struct ResultsIndexer {
    indexer: Arc<Indexer>,
    size: Size,
}

impl ResultsIndexer {
    /// Both: each leaves to the other what is not its own.
    #[must_use]
    pub fn of_each_size(indexer: &Arc<Indexer>) -> [Arc<dyn Handler>; 2] {
        [Size::Small, Size::Large].map(|size| -> Arc<dyn Handler> {
            let indexer = Arc::clone(indexer);
            Arc::new(Self { indexer, size })
        })
    }

    async fn index(&self, id: AnalysisId) -> Result<(), Error> {
        let analysis = self.indexer.analyses.get(id).await?;
        self.indexer.results_of(&analysis).await
    }
}

#[async_trait]
impl Handler for ResultsIndexer {
    fn name(&self) -> &'static str {
        match self.size {
            Size::Small => "index",
            Size::Large => "index-large",
        }
    }

    fn kinds(&self) -> &'static [&'static str] {
        &[
            kind::ANALYSIS_SUCCEEDED,
            kind::ANALYSIS_FAILED,
            kind::ANALYSIS_CANCELLED,
        ]
    }

    fn limits(&self) -> Limits {
        Limits {
            // SQLite writes one after the other anyway, and on PostgreSQL uploads have the
            // same few connections.
            concurrency: match self.size {
                Size::Small => 2,
                Size::Large => 1,
            },
            timeout: TIMEOUT,
            ..Limits::default()
        }
    }

    /// What it writes replaces what was there: an event that comes again changes
    /// nothing.
    async fn handle(&self, _: &Event, fact: Fact) -> Result<(), Failure> {
        let (Fact::AnalysisSucceeded(facts)
        | Fact::AnalysisFailed(facts)
        | Fact::AnalysisCancelled(facts)) = fact
        else {
            return Ok(());
        };
        if Size::of(facts.records) != self.size {
            return Ok(());
        }
        let id = AnalysisId::from_str(&facts.analysis_id).map_err(Failure::permanent)?;
        match self.index(id).await {
            // Gone with its capture while it was read: that is told as well.
            Err(Error::AnalysisUnknown(_)) => Ok(()),
            done => done.map_err(Failure::from),
        }
    }
}

/// Captures that are forgotten at once: so many share the transactions for it when many are
/// deleted.
const FORGOTTEN_AT_ONCE: u32 = 32;

/// Forgets captures that are gone.
#[derive(Debug)]
pub struct Forgetter {
    indexer: Arc<Indexer>,
    grouped: Grouped<Uid>,
}

impl Forgetter {
    #[must_use]
    pub fn new(indexer: Arc<Indexer>) -> Self {
        let grouped = Grouped::default();
        Self { indexer, grouped }
    }
}

#[async_trait]
impl Handler for Forgetter {
    fn name(&self) -> &'static str {
        "index-gone"
    }

    fn kinds(&self) -> &'static [&'static str] {
        &[kind::CAPTURE_DELETED, kind::CAPTURE_EXPIRED]
    }

    fn limits(&self) -> Limits {
        Limits {
            concurrency: FORGOTTEN_AT_ONCE,
            timeout: TIMEOUT,
            ..Limits::default()
        }
    }

    /// What is forgotten already stays so.
    async fn handle(&self, event: &Event, _: Fact) -> Result<(), Failure> {
        let forget = async |captures: Vec<_>| self.indexer.forget(&captures).await;
        let done = self.grouped.write(event.capture, forget).await;
        done.map_err(Failure::from)
    }
}
