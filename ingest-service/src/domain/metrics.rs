//! What the service counts of its upkeep. Without an exporter it is dropped.

use opentelemetry::{
    KeyValue, global,
    metrics::{Counter, Gauge},
};

use crate::catalog::{Finished, Outcome};

/// The instruments.
#[derive(Debug)]
pub struct Metrics {
    /// Bytes that the scrub has read.
    pub scrub_bytes: Counter<u64>,
    /// Damaged chunks that it found, each time that it did.
    pub scrub_corrupt_chunks: Counter<u64>,
    /// Segments of the catalog whose object is gone or of another length, as the check
    /// at the start found them.
    pub inconsistent_segments: Gauge<u64>,
    deliveries: Counter<u64>,
}

impl Metrics {
    /// Counts an attempt that the catalog was told of.
    pub fn delivered(&self, finished: &Finished) {
        let outcome = match finished.outcome {
            Outcome::Done => "done",
            Outcome::Again { .. } => "retried",
            Outcome::Dead { .. } => "dead",
            Outcome::Released => "released",
        };
        let attributes = [
            KeyValue::new("handler", finished.handler),
            KeyValue::new("outcome", outcome),
        ];
        self.deliveries.add(1, &attributes);
    }
}

impl Default for Metrics {
    fn default() -> Self {
        let meter = global::meter("ingest-service");
        Self {
            scrub_bytes: meter
                .u64_counter("weir_scrub_bytes_total")
                .with_description("Bytes of sealed captures that the scrub has read")
                .with_unit("By")
                .build(),
            deliveries: meter
                .u64_counter("weir_deliveries_total")
                .with_description("Attempts to have an event handled, by handler and outcome")
                .with_unit("{delivery}")
                .build(),
            scrub_corrupt_chunks: meter
                .u64_counter("weir_scrub_corrupt_chunks_total")
                .with_description("Damaged chunks that the scrub has found")
                .with_unit("{chunk}")
                .build(),
            inconsistent_segments: meter
                .u64_gauge("weir_catalog_inconsistent_segments")
                .with_description(
                    "Segments whose object was gone or of another length at the start",
                )
                .with_unit("{segment}")
                .build(),
        }
    }
}
