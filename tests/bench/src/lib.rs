//! What the benchmarks share: repeated measurements in turns, and their table.

#![allow(
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    reason = "what fails ends a benchmark"
)]

pub mod analyzers;
pub mod measure;
pub mod peers;
pub mod proxy;
pub mod raw;
pub mod records;
pub mod relay;
pub mod sink;
pub mod traffic;
pub mod upload;
pub mod versions;

use std::time::Duration;

/// One thing that is measured beside others.
#[derive(Clone, Debug)]
pub struct Series {
    pub name: String,
    values: Vec<f64>,
}

impl Series {
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            values: Vec::new(),
        }
    }

    pub fn add(&mut self, value: f64) {
        self.values.push(value);
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    pub fn add_millis(&mut self, time: Duration) {
        self.add(time.as_secs_f64() * 1e3);
    }

    /// The value below which this share of the values lies.
    #[must_use]
    pub fn quantile(&self, share: f64) -> f64 {
        let mut sorted = self.values.clone();
        sorted.sort_by(f64::total_cmp);
        let last = sorted.len() - 1;
        #[allow(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "a few hundred values"
        )]
        let at = (last as f64 * share).round() as usize;
        sorted[at]
    }

    #[must_use]
    pub fn median(&self) -> f64 {
        self.quantile(0.5)
    }
}

/// How often to measure: `WEIR_BENCH_ROUNDS`, or so often.
///
/// # Panics
/// When it is no number.
#[must_use]
pub fn rounds(default: usize) -> usize {
    std::env::var("WEIR_BENCH_ROUNDS").map_or(default, |n| n.parse().expect("a number"))
}

/// Medians and what 95 of 100 stay below, and how the medians compare with the first.
#[must_use]
pub fn latencies(unit: &str, all: &[Series]) -> String {
    use std::fmt::Write as _;
    let mut text = format!(
        "{:34} {:>12} {:>12} {:>12} {:>8}\n",
        "", "median", "95 %", "most", "ratio"
    );
    for series in all {
        writeln!(
            text,
            "{:34} {:>12.2} {:>12.2} {:>12.2} {:>8.4}",
            format!("{}, {unit}", series.name),
            series.median(),
            series.quantile(0.95),
            series.quantile(1.0),
            series.median() / all[0].median(),
        )
        .unwrap();
    }
    text
}

/// Medians with their spread, and how each compares with the first.
#[must_use]
pub fn table(unit: &str, all: &[Series]) -> String {
    use std::fmt::Write as _;
    let mut text = format!(
        "{:34} {:>12} {:>12} {:>12} {:>8}\n",
        "", "median", "least", "most", "ratio"
    );
    for series in all {
        writeln!(
            text,
            "{:34} {:>12.2} {:>12.2} {:>12.2} {:>8.2}",
            format!("{}, {unit}", series.name),
            series.median(),
            series.quantile(0.0),
            series.quantile(1.0),
            series.median() / all[0].median(),
        )
        .unwrap();
    }
    text
}
