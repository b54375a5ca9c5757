//! Whether the broker gets what happens, or falls behind.

use std::{sync::Arc, time::Duration};

use tokio::sync::watch;
use weir_shared::chain::Chain;

use crate::domain::{dispatch::handler::Registry, ingest::Ingest};

/// Between two looks, which count what waits for every handler.
const INTERVAL: Duration = Duration::from_secs(3);

impl Ingest {
    /// Says whether at most so many events wait for the broker, until shutdown.
    /// While nobody knows, it stays as it was.
    pub async fn watch_broker(self: Arc<Self>, events_max: u64, is_ready: watch::Sender<bool>) {
        loop {
            match self.catalog.backlog().await {
                Ok(backlog) => {
                    let broker = backlog.iter().find(|b| b.handler == Registry::BROKER);
                    let waiting = broker.map_or(0, |broker| broker.ahead);
                    say(&is_ready, waiting, events_max);
                }
                Err(error) => {
                    tracing::warn!(error = %Chain(&error), "what waits for the broker is not known");
                }
            }
            if !self.sleep(INTERVAL).await {
                return;
            }
        }
    }
}

fn say(is_ready: &watch::Sender<bool>, waiting: u64, events_max: u64) {
    let now = waiting <= events_max;
    let has_changed = is_ready.send_if_modified(|before| std::mem::replace(before, now) != now);
    match (has_changed, now) {
        (true, true) => tracing::info!(waiting, "the broker has caught up"),
        (true, false) => tracing::warn!(waiting, events_max, "the broker is far behind"),
        (false, _) => {}
    }
}
