//! Objects of a listing that are looked at together.

use crate::domain::id::SegmentId;

/// Objects at a time, some 10 MiB of memory: two TB of whole segments. Of a
/// larger store the objects of one capture may lie in several windows; then its
/// manifest is read for each.
const OBJECTS_MAX: usize = 262_144;

/// An object of the store.
#[derive(Clone, Copy, Debug)]
pub(super) struct Listed {
    pub(super) segment: SegmentId,
    /// Old enough to be nobody's.
    pub(super) is_old: bool,
}

/// Fills up.
#[derive(Debug, Default)]
pub(super) struct Window(Vec<Listed>);

impl Window {
    /// True when it is full.
    pub(super) fn push(&mut self, listed: Listed) -> bool {
        self.0.push(listed);
        self.0.len() >= OBJECTS_MAX
    }

    /// What is in it; it is empty then.
    pub(super) fn take(&mut self) -> Vec<Listed> {
        std::mem::take(&mut self.0)
    }
}
