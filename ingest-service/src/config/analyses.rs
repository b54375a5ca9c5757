//! Configuration of background analyses.

use std::time::Duration;

use super::seconds;
use crate::domain::analyses::AnalysesSettings;

/// An analysis uses up to two cores of its analyzer.
const RUNNING_MAX: u32 = 2;

/// Counted at each request; far more than a day's for one analyzer.
const WAITING_MAX: u32 = 10_000;

/// A capture of a tebibyte takes some hours.
const DURATION_MAX: Duration = Duration::from_secs(24 * 3600);

/// An analyzer that was restarted is back by then, or by one of the next attempts:
/// after 1, 4, 16 and 64 s.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// See the module.
#[derive(Clone, Debug, clap::Args)]
pub struct AnalysesConfig {
    /// Analyze each capture once it is sealed, but for those whose spec says otherwise.
    #[arg(long = "analyze-on-seal", env = "WEIR_ANALYZE_ON_SEAL")]
    pub on_seal: bool,
    /// Background analyses that this service runs at once; 0: it runs none.
    #[arg(long = "analyses-max", env = "WEIR_ANALYSES_MAX", default_value_t = RUNNING_MAX, value_parser = clap::value_parser!(u32).range(0..=1000))]
    pub running_max: u32,
    /// Background analyses that may wait, of all services on the catalog.
    #[arg(long = "analyses-waiting-max", env = "WEIR_ANALYSES_WAITING_MAX", default_value_t = WAITING_MAX, value_parser = clap::value_parser!(u32).range(1..))]
    pub waiting_max: u32,
    /// Longest time that one attempt of a background analysis may take, seconds.
    #[arg(long = "analysis-duration-max", env = "WEIR_ANALYSIS_DURATION_MAX", default_value = "86400", value_parser = seconds)]
    pub duration_max: Duration,
    /// Before an analysis that could not be done is tried again, seconds; four times as
    /// long after each of five attempts.
    #[arg(long = "analysis-retry-after", env = "WEIR_ANALYSIS_RETRY_AFTER", default_value = "1", value_parser = seconds)]
    pub retry_after: Duration,
}

impl Default for AnalysesConfig {
    fn default() -> Self {
        Self {
            on_seal: false,
            running_max: RUNNING_MAX,
            waiting_max: WAITING_MAX,
            duration_max: DURATION_MAX,
            retry_after: RETRY_AFTER,
        }
    }
}

impl AnalysesConfig {
    pub(crate) fn settings(&self) -> AnalysesSettings {
        AnalysesSettings {
            running_max: self.running_max,
            waiting_max: self.waiting_max,
            duration_max: self.duration_max,
            retry_after: self.retry_after,
        }
    }
}
