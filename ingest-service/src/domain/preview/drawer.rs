//! The handler that draws what an analysis has found.

use std::{str::FromStr as _, sync::Arc, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;

use super::{
    Picture, Preview, ReadSummary,
    draw::{Caption, Images, Undrawn, draw},
};
use crate::{
    catalog::PreviewRecorded,
    domain::{
        analysis::{Analysis, AnalysisId, AnalysisState},
        capture::Capture,
        dispatch::handler::{Failure, Handler, Limits},
        error::Error,
        event::{Event, Fact, kind},
        id::SegmentId,
        ingest::Ingest,
        time::Timestamp,
    },
};

/// A picture takes some ten milliseconds, a store that is busy a minute and more.
const TIMEOUT: Duration = Duration::from_secs(300);

/// Times that the object is written again because a sweeper condemned its id: it took
/// longer than the sweeper's grace.
const CONDEMNED_RETRIES_MAX: u32 = 2;

/// See the module.
#[derive(Debug)]
pub struct Drawer {
    ingest: Arc<Ingest>,
    reader: Arc<dyn ReadSummary>,
}

impl Drawer {
    #[must_use]
    pub fn new(ingest: Arc<Ingest>, reader: Arc<dyn ReadSummary>) -> Self {
        Self { ingest, reader }
    }
}

#[async_trait]
impl Handler for Drawer {
    fn name(&self) -> &'static str {
        "preview"
    }

    fn kinds(&self) -> &'static [&'static str] {
        &[kind::ANALYSIS_SUCCEEDED]
    }

    fn limits(&self) -> Limits {
        Limits {
            // Each draws on a core.
            concurrency: 2,
            timeout: TIMEOUT,
            ..Limits::default()
        }
    }

    /// An analysis that has its preview is not drawn again.
    async fn handle(&self, _: &Event, fact: Fact) -> Result<(), Failure> {
        let Fact::AnalysisSucceeded(facts) = fact else {
            return Ok(());
        };
        let id = AnalysisId::from_str(&facts.analysis_id).map_err(Failure::permanent)?;
        let found = self.wanted(id).await?;
        let Some((analysis, capture)) = found else {
            return Ok(());
        };
        let images = self.draw(analysis, capture).await?;
        Ok(self.keep(id, &images).await?)
    }
}

impl Drawer {
    /// `None`: it has its preview, or is gone with its capture.
    async fn wanted(&self, id: AnalysisId) -> Result<Option<(Analysis, Capture)>, Error> {
        let catalog = &self.ingest.catalog;
        if catalog.preview(id).await?.is_some() {
            return Ok(None);
        }
        let found = catalog.analysis(id).await?;
        let Some(analysis) = found.filter(|a| a.state == AnalysisState::Succeeded) else {
            return Ok(None);
        };
        let capture = catalog.by_uid(analysis.capture).await?;
        Ok(capture.map(|capture| (analysis, capture)))
    }

    /// What one can't draw, no further attempt can.
    async fn draw(&self, analysis: Analysis, capture: Capture) -> Result<Images, Failure> {
        let Some(summary) = analysis.found.summary else {
            return Err(Failure::permanent("the analysis has no summary"));
        };
        let caption = Caption {
            title: capture.file_name,
            capture_id: capture.id.to_string(),
        };
        let reader = Arc::clone(&self.reader);
        let drawing = self.ingest.tasks.spawn_blocking(move || {
            let sketch = reader.read(&summary).map_err(Failure::permanent)?;
            draw(&caption, &sketch).map_err(|error: Undrawn| Failure::permanent(error))
        });
        drawing.await.map_err(Failure::permanent)?
    }

    /// Puts both into one object, and then names it.
    async fn keep(&self, id: AnalysisId, images: &Images) -> Result<(), Error> {
        let picture = |image: &Bytes| Picture {
            bytes: image.len() as u64,
            crc32c: crc32c::crc32c(image),
        };
        for _ in 0..=CONDEMNED_RETRIES_MAX {
            let preview = Preview {
                segment: SegmentId::generate(id.as_owner()),
                png: picture(&images.png),
                svg: picture(&images.svg),
            };
            let key = preview.segment.object_key();
            let body = vec![images.png.clone(), images.svg.clone()];
            let put = self.ingest.store.put(&key, body).await;
            put.map_err(Error::of_write)?;
            let now = Timestamp::now();
            let recorded = self.ingest.catalog.record_preview(id, &preview, now);
            match recorded.await? {
                PreviewRecorded::Recorded => return Ok(()),
                // Another instance was faster, or nobody wants it any more.
                PreviewRecorded::There | PreviewRecorded::Gone => {
                    self.ingest.delete_object(&key).await;
                    return Ok(());
                }
                PreviewRecorded::Condemned => {}
            }
        }
        Err(Error::StorageUnavailable(Arc::new(Condemned)))
    }
}

#[derive(Debug, thiserror::Error)]
#[error("the object of a preview was taken for an orphan again and again")]
struct Condemned;
