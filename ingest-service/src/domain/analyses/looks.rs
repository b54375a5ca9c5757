//! What the watchers of one analysis look up, once for all of them: so a hundred ask of
//! the catalog what one does, and one at a time.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use tokio::{
    sync::{Mutex, watch},
    time::Instant,
};

use crate::{
    catalog::CatalogError,
    domain::analysis::{Analysis, Part},
};

/// How old a look may be that is another watcher's: what other instances do is seen later
/// by as much.
const LOOK_AGE_MAX: Duration = Duration::from_millis(250);

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Looks {
    latest: Mutex<Option<(u64, Look)>>,
    /// One page, where somebody was last.
    parts: Mutex<VecDeque<Part>>,
}

/// An analysis as it was then.
#[derive(Clone, Debug)]
pub(super) struct Look {
    /// When it was looked up; it may be newer.
    pub(super) begun: Instant,
    /// `None`: there is no such analysis.
    pub(super) found: Option<Arc<Analysis>>,
}

impl Looks {
    /// A look that began at `since` or later, and after the last of the changes.
    ///
    /// Cancel safety: a dropped call has changed nothing.
    ///
    /// # Errors
    /// Those of looking it up.
    pub(super) async fn latest(
        &self,
        since: Instant,
        changes: &watch::Receiver<u64>,
        look_up: impl AsyncFnOnce() -> Result<Option<Analysis>, CatalogError>,
    ) -> Result<Look, CatalogError> {
        let mut latest = self.latest.lock().await;
        // Before the look: what changes meanwhile wakes the watchers again.
        let changes = *changes.borrow();
        if let Some((seen, look)) = &*latest
            && *seen == changes
            && look.begun >= since
            && look.begun.elapsed() < LOOK_AGE_MAX
        {
            return Ok(look.clone());
        }
        let begun = Instant::now();
        let found = look_up().await?.map(Arc::new);
        let look = Look { begun, found };
        *latest = Some((changes, look.clone()));
        Ok(look)
    }

    /// Some of the parts behind a sequence, in order.
    ///
    /// Cancel safety: a dropped call has changed nothing.
    ///
    /// # Errors
    /// Those of looking them up.
    pub(super) async fn parts(
        &self,
        after: u64,
        look_up: impl AsyncFnOnce() -> Result<Vec<Part>, CatalogError>,
    ) -> Result<VecDeque<Part>, CatalogError> {
        let mut known = self.parts.lock().await;
        // A part never changes once it is named.
        let begin = known.partition_point(|part| part.last <= after);
        if known.get(begin).is_some_and(|part| part.first <= after + 1) {
            return Ok(known.range(begin..).copied().collect());
        }
        let parts: VecDeque<_> = look_up().await?.into();
        known.clone_from(&parts);
        Ok(parts)
    }
}

#[cfg(test)]
mod tests;
