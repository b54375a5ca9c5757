//! What is counted of background analyses. Without an exporter it is dropped.

use opentelemetry::{
    KeyValue, global,
    metrics::{Counter, Gauge, Histogram},
};

use crate::{
    catalog::Active,
    domain::{
        analysis::{Analysis, End},
        time::Timestamp,
    },
};

/// Seconds of waiting, from at once to an hour.
const WAIT_BOUNDS: [f64; 10] = [0.01, 0.1, 0.5, 1.0, 5.0, 15.0, 60.0, 300.0, 900.0, 3600.0];

/// The instruments.
#[derive(Debug)]
pub(super) struct Metrics {
    active: Gauge<u64>,
    ended: Counter<u64>,
    wait: Histogram<f64>,
}

impl Default for Metrics {
    fn default() -> Self {
        let meter = global::meter("ingest-service");
        Self {
            active: meter
                .u64_gauge("weir_analyses")
                .with_description("Background analyses that wait or run, of all instances")
                .with_unit("{analysis}")
                .build(),
            ended: meter
                .u64_counter("weir_analyses_ended_total")
                .with_description(
                    "Background analyses that have ended here, and attempts that came to nothing",
                )
                .with_unit("{analysis}")
                .build(),
            wait: meter
                .f64_histogram("weir_analysis_queue_wait_seconds")
                .with_description("From the request to the first attempt")
                .with_unit("s")
                .with_boundaries(WAIT_BOUNDS.to_vec())
                .build(),
        }
    }
}

impl Metrics {
    pub(super) fn active(&self, active: Active) {
        for (state, count) in [("queued", active.queued), ("running", active.running)] {
            self.active.record(count, &[KeyValue::new("state", state)]);
        }
    }

    /// An attempt has begun.
    pub(super) fn begun(&self, analysis: &Analysis) {
        if analysis.attempts == 1 {
            let waited = Timestamp::now().0.saturating_sub(analysis.created.0);
            let waited = u64::try_from(waited).unwrap_or(0);
            let waited = std::time::Duration::from_micros(waited);
            self.wait.record(waited.as_secs_f64(), &[]);
        }
    }

    /// An attempt has ended by itself.
    pub(super) fn ended(&self, end: &End) {
        self.count(match end {
            End::Succeeded => "succeeded",
            End::Failed(_) => "failed",
            End::Again { .. } => "again",
            End::Full { .. } => "full",
            End::Released => return,
        });
    }

    /// Somebody cancelled it.
    pub(super) fn cancelled(&self) {
        self.count("cancelled");
    }

    fn count(&self, state: &'static str) {
        self.ended.add(1, &[KeyValue::new("state", state)]);
    }
}
