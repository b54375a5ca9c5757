//! The handler that keeps the index: what is found goes in, what is deleted goes out.

use std::{str::FromStr as _, sync::Arc, time::Duration};

use async_trait::async_trait;

use super::{Field, Index, IndexedCapture, ReadRecords, Run, words::Text};
use crate::domain::{
    analyses::Analyses,
    analysis::{Analysis, AnalysisId, AnalysisState},
    capture::{Capture, State},
    dispatch::handler::{Failure, Handler, Limits},
    error::Error,
    event::{Event, Fact, kind},
    grouped::Grouped,
    id::Uid,
    ingest::Ingest,
};

/// Records in one transaction of the index.
const RECORDS_PER_TRANSACTION: usize = 2_000;
/// Records that are removed in one.
const CLEANED_PER_TRANSACTION: u32 = 5_000;
/// Parts of results that are looked up at once.
const PARTS_PER_LOOK: u32 = 64;

/// Far above what a capture of tens of millions of records takes.
const TIMEOUT: Duration = Duration::from_secs(3600);

/// See the module.
#[derive(Debug)]
pub struct Indexer {
    pub(super) ingest: Arc<Ingest>,
    pub(super) analyses: Arc<Analyses>,
    pub(super) index: Arc<dyn Index>,
    pub(super) reader: Arc<dyn ReadRecords>,
}

#[async_trait]
impl Handler for Indexer {
    fn name(&self) -> &'static str {
        "index"
    }

    fn kinds(&self) -> &'static [&'static str] {
        &[
            kind::CAPTURE_DELETED,
            kind::CAPTURE_EXPIRED,
            kind::ANALYSIS_SUCCEEDED,
            kind::ANALYSIS_FAILED,
            kind::ANALYSIS_CANCELLED,
        ]
    }

    fn limits(&self) -> Limits {
        Limits {
            // SQLite writes one after the other anyway.
            concurrency: 2,
            timeout: TIMEOUT,
            ..Limits::default()
        }
    }

    /// What it writes replaces what was there: an event that comes again changes
    /// nothing.
    async fn handle(&self, event: &Event, fact: Fact) -> Result<(), Failure> {
        let done = match fact {
            Fact::CaptureDeleted(_) | Fact::CaptureExpired(_) => self.forget(event.capture).await,
            Fact::AnalysisSucceeded(facts)
            | Fact::AnalysisFailed(facts)
            | Fact::AnalysisCancelled(facts) => {
                let id = AnalysisId::from_str(&facts.analysis_id).map_err(Failure::permanent)?;
                self.results_of(id).await
            }
            _ => Ok(()),
        };
        match done {
            // Gone with its capture while it was read: that is told as well.
            Ok(()) | Err(Error::AnalysisUnknown(_)) => Ok(()),
            Err(error @ Error::ResultsDamaged(_)) => Err(Failure::permanent(error)),
            Err(error) => Err(Failure::transient(error)),
        }
    }
}

impl Indexer {
    #[must_use]
    pub fn new(
        ingest: Arc<Ingest>,
        analyses: Arc<Analyses>,
        index: Arc<dyn Index>,
        reader: Arc<dyn ReadRecords>,
    ) -> Arc<Self> {
        Arc::new(Self {
            ingest,
            analyses,
            index,
            reader,
        })
    }

    /// What a capture says of itself, unless more of it is indexed already; in one transaction
    /// with those of others.
    pub(super) async fn words_of(
        &self,
        uid: Uid,
        grouped: &Grouped<(IndexedCapture, Text)>,
    ) -> Result<(), Error> {
        let Some(capture) = self.sealed(uid).await? else {
            // An attempt before this one may have written it, after its deletion was handled.
            return self.forget(uid).await;
        };
        let publish = async |captures: Vec<_>| Ok(self.index.publish_words(&captures).await?);
        let words = (indexed(&capture), about(&capture));
        grouped.write(words, publish).await?;
        self.forget_if_gone(uid).await
    }

    /// What an analysis has found. One that did not succeed never replaces one
    /// that did. `Error::AnalysisUnknown` when it is gone.
    pub(super) async fn results_of(&self, id: AnalysisId) -> Result<(), Error> {
        let analysis = self.analyses.get(id).await?;
        let Some(capture) = self.sealed(analysis.capture).await? else {
            return Ok(());
        };
        if !self.is_better(&analysis).await? {
            return Ok(());
        }
        let mut text = about(&capture);
        let run = self.index.begin(capture.uid).await?;
        let records = self.add_all(&analysis, run, &mut text).await?;
        let run = (analysis.id, run, records);
        self.index.publish(&indexed(&capture), run, &text).await?;
        if text.is_cut {
            tracing::info!(capture.id = %capture.id, "a capture has more words than are indexed");
        }
        while self
            .index
            .clean(capture.uid, CLEANED_PER_TRANSACTION)
            .await?
        {}
        self.forget_if_gone(capture.uid).await
    }

    /// Than what is indexed of its capture.
    async fn is_better(&self, analysis: &Analysis) -> Result<bool, Error> {
        let Some(Some(there)) = self.index.indexed(analysis.capture).await? else {
            return Ok(true);
        };
        if there == analysis.id {
            return Ok(false);
        }
        let there = match self.analyses.get(there).await {
            Ok(there) => there,
            Err(Error::AnalysisUnknown(_)) => return Ok(true),
            Err(error) => return Err(error),
        };
        // Ids are ordered by time.
        let rank = |one: &Analysis| (one.state == AnalysisState::Succeeded, *one.id.as_bytes());
        Ok(rank(analysis) > rank(&there))
    }

    async fn add_all(&self, analysis: &Analysis, run: Run, text: &mut Text) -> Result<u64, Error> {
        let (mut after, mut records) = (0, 0);
        loop {
            let parts = self
                .analyses
                .parts(analysis.id, after, PARTS_PER_LOOK)
                .await?;
            let Some(last) = parts.last() else {
                return Ok(records);
            };
            after = last.last;
            for part in &parts {
                let stored = self.analyses.records(analysis.id, part).await?;
                let reader = Arc::clone(&self.reader);
                // Some milliseconds: not for an async worker.
                let reading = self
                    .ingest
                    .tasks
                    .spawn_blocking(move || reader.read(stored));
                let read = reading.await.map_err(|e| Error::Internal(Arc::new(e)))??;
                for record in &read {
                    for (field, words) in &record.words {
                        text.add(*field, words);
                    }
                }
                for read in read.chunks(RECORDS_PER_TRANSACTION) {
                    self.index.add(run, read).await?;
                }
                records += read.len() as u64;
            }
        }
    }

    pub(super) async fn forget(&self, uid: Uid) -> Result<(), Error> {
        self.index.forget(uid).await?;
        while self.index.clean(uid, CLEANED_PER_TRANSACTION).await? {}
        Ok(())
    }

    /// Its deletion may have been handled by another instance meanwhile.
    async fn forget_if_gone(&self, uid: Uid) -> Result<(), Error> {
        match self.ingest.catalog.by_uid(uid).await? {
            Some(_) => Ok(()),
            None => self.forget(uid).await,
        }
    }

    async fn sealed(&self, uid: Uid) -> Result<Option<Capture>, Error> {
        let capture = self.ingest.catalog.by_uid(uid).await?;
        Ok(capture.filter(|capture| capture.state == State::Sealed))
    }
}

fn indexed(capture: &Capture) -> IndexedCapture {
    IndexedCapture {
        uid: capture.uid,
        id: capture.id.clone(),
        file_name: capture.file_name.clone(),
    }
}

/// What its spec says.
fn about(capture: &Capture) -> Text {
    let mut text = Text::default();
    text.add(Field::About, capture.id.as_str());
    text.add(Field::About, &capture.file_name);
    for (name, value) in &capture.labels {
        text.add(Field::About, &format!("{name} {value}"));
    }
    text
}
