//! The handler that starts an analysis when a capture is sealed.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;

use super::Analyses;
use crate::domain::{
    analysis::NewAnalysis,
    dispatch::handler::{Failure, Handler},
    error::Error,
    event::{Event, Fact, kind},
};

/// See the module.
#[derive(Debug)]
pub struct AnalyzeOnSeal {
    analyses: Arc<Analyses>,
    /// What holds for captures whose spec says nothing.
    by_default: bool,
}

impl AnalyzeOnSeal {
    #[must_use]
    pub fn new(analyses: Arc<Analyses>, by_default: bool) -> Self {
        Self {
            analyses,
            by_default,
        }
    }
}

#[async_trait]
impl Handler for AnalyzeOnSeal {
    fn name(&self) -> &'static str {
        "analysis"
    }

    fn kinds(&self) -> &'static [&'static str] {
        &[kind::CAPTURE_SEALED]
    }

    /// An event that comes again starts nothing new: the request's id is its own.
    async fn handle(&self, event: &Event, fact: Fact) -> Result<(), Failure> {
        let Fact::CaptureSealed(facts) = fact else {
            return Ok(());
        };
        if !facts.analyze_on_seal.unwrap_or(self.by_default) {
            return Ok(());
        }
        let new = NewAnalysis {
            capture_id: event.capture_id.clone(),
            capture: Some(event.capture),
            request_id: Some(format!("event-{}", event.id)),
            // No bytes are a message with the defaults of each option.
            options: Bytes::new(),
            max_duration: None,
        };
        match self.analyses.start(new).await {
            Ok(_) => Ok(()),
            // It was deleted meanwhile: nobody wants to know any more.
            Err(Error::Unknown(_)) => Ok(()),
            Err(error @ Error::AnalysisDiffers { .. }) => Err(Failure::permanent(error)),
            // Those that wait become fewer, storage comes back.
            Err(error) => Err(error.into()),
        }
    }
}
