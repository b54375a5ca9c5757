//! What happened, in order, by simulated time: the same for one seed.

use std::{
    fmt::Display,
    sync::{Arc, Mutex},
    time::Duration,
};

#[derive(Clone, Debug, Default)]
pub(crate) struct Trace(Arc<Mutex<Vec<String>>>);

impl Trace {
    /// Of the host that runs now.
    pub(crate) fn tell(&self, who: &str, what: impl Display) {
        let at = turmoil::sim_elapsed().expect("a simulated host");
        self.tell_at(at, who, what);
    }

    pub(crate) fn tell_at(&self, at: Duration, who: &str, what: impl Display) {
        let line = format!("{at:?} {who}: {what}");
        self.0.lock().unwrap().push(line);
    }

    pub(crate) fn lines(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
}
