//! What keeps the index: what is found goes in, what is deleted goes out.
//!
//! Several handlers do so side by side, in no order between them: a capture that is deleted
//! meanwhile is forgotten by whoever comes last, and what is found is the best of a capture's
//! analyses, whichever was written last.

use std::sync::Arc;

use super::{Field, Index, IndexedCapture, ReadRecords, Run, Written, words::Text};
use crate::domain::{
    analyses::Analyses,
    analysis::{Analysis, AnalysisId, AnalysisState},
    capture::{Capture, State},
    error::Error,
    grouped::Grouped,
    id::Uid,
    ingest::Ingest,
};

/// Records in one transaction of the index.
const RECORDS_PER_TRANSACTION: usize = 2_000;
/// Records that are removed in one: each is in ten places, and the log of a disk that is nearly
/// full has to hold them.
const CLEANED_PER_TRANSACTION: u32 = 1_000;
/// Parts of results that are looked up at once.
const PARTS_PER_LOOK: u32 = 64;

/// See the module.
#[derive(Debug)]
pub struct Indexer {
    pub(super) ingest: Arc<Ingest>,
    pub(super) analyses: Arc<Analyses>,
    pub(super) index: Arc<dyn Index>,
    pub(super) reader: Arc<dyn ReadRecords>,
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
            return self.forget(&[uid]).await;
        };
        let publish = async |captures: Vec<_>| Ok(self.index.publish_words(&captures).await?);
        let words = (indexed(&capture), about(&capture));
        grouped.write(words, publish).await?;
        self.forget_if_gone(uid).await
    }

    /// What an analysis has found. One that did not succeed never replaces one
    /// that did.
    pub(super) async fn results_of(&self, analysis: &Analysis) -> Result<(), Error> {
        let Some(capture) = self.sealed(analysis.capture).await? else {
            return Ok(());
        };
        let there = self.index.indexed(capture.uid).await?.flatten();
        if let Some(there) = there
            && !self.is_better(analysis, there).await?
        {
            return Ok(());
        }
        let written = self.write(&capture, analysis, there).await;
        // Also what was not written whole: it would take room until the next attempt.
        let cleaned = self.clean(&[capture.uid]).await;
        written.and(cleaned)?;
        self.forget_if_gone(capture.uid).await
    }

    async fn write(
        &self,
        capture: &Capture,
        analysis: &Analysis,
        instead_of: Option<AnalysisId>,
    ) -> Result<(), Error> {
        let mut text = about(capture);
        let run = self.index.begin(capture.uid).await?;
        let written = Written {
            run,
            analysis: analysis.id,
            records: self.add_all(analysis, run, &mut text).await?,
            instead_of,
        };
        self.index
            .publish(&indexed(capture), written, &text)
            .await?;
        if text.is_cut {
            tracing::info!(capture.id = %capture.id, "a capture has more words than are indexed");
        }
        Ok(())
    }

    /// Than another one of its capture, whose results are found.
    async fn is_better(&self, analysis: &Analysis, there: AnalysisId) -> Result<bool, Error> {
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

    pub(super) async fn forget(&self, captures: &[Uid]) -> Result<(), Error> {
        self.index.forget(captures).await?;
        self.clean(captures).await
    }

    /// Removes what nobody finds.
    async fn clean(&self, captures: &[Uid]) -> Result<(), Error> {
        while self.index.clean(captures, CLEANED_PER_TRANSACTION).await? {}
        Ok(())
    }

    /// Its deletion may have been handled by another instance meanwhile.
    async fn forget_if_gone(&self, uid: Uid) -> Result<(), Error> {
        match self.ingest.catalog.by_uid(uid).await? {
            Some(_) => Ok(()),
            None => self.forget(&[uid]).await,
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
