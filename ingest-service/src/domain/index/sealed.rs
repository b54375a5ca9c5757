//! The handler that makes sealed captures findable by what they say of themselves.

use std::sync::Arc;

use async_trait::async_trait;

use super::{IndexedCapture, indexer::Indexer, words::Text};
use crate::domain::{
    dispatch::handler::{Failure, Handler, Limits},
    event::{Event, Fact, kind},
    grouped::Grouped,
};

/// Captures at once: so many share a transaction of the index when many small ones are sealed.
const CONCURRENCY: u32 = 32;

/// See the module.
#[derive(Debug)]
pub struct WordsIndexer {
    indexer: Arc<Indexer>,
    grouped: Grouped<(IndexedCapture, Text)>,
}

impl WordsIndexer {
    #[must_use]
    pub fn new(indexer: Arc<Indexer>) -> Self {
        let grouped = Grouped::default();
        Self { indexer, grouped }
    }
}

#[async_trait]
impl Handler for WordsIndexer {
    fn name(&self) -> &'static str {
        "index-words"
    }

    fn kinds(&self) -> &'static [&'static str] {
        &[kind::CAPTURE_SEALED]
    }

    fn limits(&self) -> Limits {
        Limits {
            concurrency: CONCURRENCY,
            ..Limits::default()
        }
    }

    /// Words never replace what is there: an event that comes again changes nothing.
    async fn handle(&self, event: &Event, _: Fact) -> Result<(), Failure> {
        let done = self.indexer.words_of(event.capture, &self.grouped).await;
        done.map_err(Failure::from)
    }
}
