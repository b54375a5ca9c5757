//! Ends of attempts.

use std::time::Duration;

use super::Failure;

/// How an attempt ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    Succeeded,
    Failed(Failure),
    /// It came to nothing, and may come to something later.
    Again {
        after: Duration,
        failure: Failure,
    },
    /// Nothing can be stored for now: it waits as long as that takes.
    Full {
        after: Duration,
        failure: Failure,
    },
    /// Not its fault: for whoever is free, at once.
    Released,
}
