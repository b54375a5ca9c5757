//! What the service counts of its upkeep. Without an exporter it is dropped.

use std::time::Duration;

use opentelemetry::{
    KeyValue, global,
    metrics::{Counter, Gauge, Histogram},
};

use super::{event::Event, relay::RelayMetrics, time::Timestamp};
use crate::catalog::{Backlog, Finished, Outcome};

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
    /// What goes to a broker.
    pub relay: RelayMetrics,
    watch_lag: Histogram<f64>,
    outbox_events: Gauge<u64>,
    outbox_age: Gauge<f64>,
    dead_letters: Gauge<u64>,
}

impl Metrics {
    /// A watcher is about to be told of this event.
    pub fn watched(&self, event: &Event) {
        let micros = Timestamp::now().0.saturating_sub(event.at.0).max(0);
        let lag = Duration::from_micros(micros.unsigned_abs());
        self.watch_lag.record(lag.as_secs_f64(), &[]);
    }

    /// What is still to be done about events.
    pub fn backlog(&self, backlog: &[Backlog], now: Timestamp) {
        for one in backlog {
            let handler = [KeyValue::new("handler", one.handler.clone())];
            self.outbox_events.record(one.ahead + one.waiting, &handler);
            self.dead_letters.record(one.dead, &handler);
            let age = one.oldest.map_or(0, |at| now.0.saturating_sub(at.0).max(0));
            let age = Duration::from_micros(age.unsigned_abs());
            self.outbox_age.record(age.as_secs_f64(), &handler);
        }
    }

    /// Counts an attempt that the catalog was told of.
    pub fn delivered(&self, finished: &Finished) {
        let outcome = match finished.outcome {
            Outcome::Done => "done",
            Outcome::Again { .. } => "retried",
            Outcome::Dead { .. } => "dead",
            Outcome::Released { .. } => "released",
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
            relay: RelayMetrics::default(),
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
            watch_lag: meter
                .f64_histogram("weir_event_watch_lag_seconds")
                .with_description("Time from an event to its going out to a watcher")
                .with_unit("s")
                .build(),
            outbox_events: meter
                .u64_gauge("weir_outbox_events")
                .with_description("Events that a handler has still to see")
                .with_unit("{event}")
                .build(),
            outbox_age: meter
                .f64_gauge("weir_outbox_age_seconds")
                .with_description("Age of the oldest event that a handler was not given")
                .with_unit("s")
                .build(),
            dead_letters: meter
                .u64_gauge("weir_dead_letters")
                .with_description("Events that a handler gave up")
                .with_unit("{event}")
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
