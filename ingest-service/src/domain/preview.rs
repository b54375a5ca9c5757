//! Pictures of captures: activity over time and the mix of protocols.
//!
//! A picture is drawn from the stored summary of an analysis, so that no capture is
//! read for it, and is one object of that analysis, like a part of its results.

mod draw;
mod drawer;
mod fetch;
mod sketch;

#[cfg(test)]
mod tests;

use std::fmt::Debug;

use super::{
    analysis::AnalysisId,
    error::Error,
    id::{CaptureId, SegmentId},
};

pub use draw::{HEIGHT, IMAGE_BYTES_MAX, WIDTH};
pub use drawer::Drawer;
pub use fetch::{Fetched, Whose};
pub use sketch::{Activity, ProtocolCount, Sketch};

/// Where both pictures of an analysis are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Preview {
    pub segment: SegmentId,
    /// From the object's begin.
    pub png: Picture,
    /// Right behind it.
    pub svg: Picture,
}

/// A picture as it is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Picture {
    pub bytes: u64,
    pub crc32c: u32,
}

/// What a picture is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    Png,
    Svg,
}

/// Reads summaries as they are stored: the wire's messages are none of the domain's.
pub trait ReadSummary: Debug + Send + Sync + 'static {
    /// # Errors
    /// When it is damaged.
    fn read(&self, summary: &[u8]) -> Result<Sketch, Error>;
}

/// Why there is no picture, and what can be done about it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoPreview {
    #[error(
        "capture {0} has no preview: none of its analyses has succeeded yet; ask again when one \
         has, or start one"
    )]
    NoAnalysis(CaptureId),
    #[error("analysis {0} has no preview yet: ask again when it has succeeded")]
    NotOver(AnalysisId),
    #[error("analysis {0} has no preview: it did not succeed; start another one")]
    NotSucceeded(AnalysisId),
    #[error(
        "the preview of analysis {0} is not drawn yet: ask again in a moment; if that does not \
         help, see the dead letters of the handler \"preview\""
    )]
    NotDrawn(AnalysisId),
}
