//! Pictures for those who ask.

use bytes::Bytes;
use std::sync::Arc;
use weir_shared::store::StoreError;

use super::{Format, NoPreview, draw::IMAGE_BYTES_MAX};
use crate::{
    catalog::AnalysisQuery,
    domain::{
        analysis::{Analysis, AnalysisId, AnalysisState},
        error::Error,
        id::CaptureId,
        ingest::Ingest,
    },
};

/// Of what a picture is wanted.
#[derive(Clone, Debug)]
pub enum Whose {
    Analysis(AnalysisId),
    /// Of its newest analysis that has succeeded.
    Capture(CaptureId),
}

/// A picture, and of what it is.
#[derive(Clone, Debug)]
pub struct Fetched {
    pub analysis: AnalysisId,
    pub capture_id: CaptureId,
    pub image: Bytes,
}

impl Ingest {
    /// A stored picture, checked.
    ///
    /// # Errors
    /// [`Error::Unknown`], [`Error::AnalysisUnknown`], [`Error::NoPreview`], or
    /// [`Error::ResultsDamaged`] when it is gone or is not what was stored.
    pub async fn preview(&self, whose: Whose, format: Format) -> Result<Fetched, Error> {
        let analysis = match whose {
            Whose::Analysis(id) => self.drawn(id).await?,
            Whose::Capture(id) => self.newest_succeeded(id).await?,
        };
        let damaged = || Error::ResultsDamaged(analysis.id);
        let Some(preview) = self.catalog.preview(analysis.id).await? else {
            return Err(NoPreview::NotDrawn(analysis.id).into());
        };
        let (begin, picture) = match format {
            Format::Png => (0, preview.png),
            Format::Svg => (preview.png.bytes, preview.svg),
        };
        if picture.bytes > IMAGE_BYTES_MAX as u64 {
            return Err(damaged());
        }
        let place = begin..begin.saturating_add(picture.bytes);
        let key = preview.segment.object_key();
        let image = match self.store.get(&key, place).await {
            Ok(image) => image,
            Err(StoreError::Missing | StoreError::OutsideObject | StoreError::Exists) => {
                // Unless it has just gone with its capture.
                return match self.catalog.analysis(analysis.id).await? {
                    Some(_) => Err(damaged()),
                    None => Err(Error::AnalysisUnknown(analysis.id)),
                };
            }
            Err(error @ (StoreError::Unavailable(_) | StoreError::Full(_))) => {
                return Err(Error::StorageUnavailable(Arc::new(error)));
            }
        };
        if crc32c::crc32c(&image) != picture.crc32c {
            return Err(damaged());
        }
        Ok(Fetched {
            analysis: analysis.id,
            capture_id: analysis.capture_id,
            image,
        })
    }

    async fn drawn(&self, id: AnalysisId) -> Result<Analysis, Error> {
        let found = self.catalog.analysis(id).await?;
        let analysis = found.ok_or(Error::AnalysisUnknown(id))?;
        match analysis.state {
            AnalysisState::Succeeded => Ok(analysis),
            AnalysisState::Queued | AnalysisState::Running => Err(NoPreview::NotOver(id).into()),
            AnalysisState::Failed | AnalysisState::Cancelled => {
                Err(NoPreview::NotSucceeded(id).into())
            }
        }
    }

    async fn newest_succeeded(&self, id: CaptureId) -> Result<Analysis, Error> {
        let capture = self.get(&id).await?;
        let query = AnalysisQuery {
            capture: Some(capture.uid),
            state: Some(AnalysisState::Succeeded),
            limit: 1,
            ..AnalysisQuery::default()
        };
        let found = self.catalog.analyses(&query).await?.pop();
        found.ok_or_else(|| NoPreview::NoAnalysis(id).into())
    }
}
