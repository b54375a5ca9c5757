//! What all flows of an analysis may hold together.

/// Held by all flows of one analysis, reassembly and unfinished messages together.
pub(super) const ANALYSIS_BYTES_MAX: usize = 64 << 20;

/// Names of all DNS questions of one analysis that wait for an answer: some
/// hundred thousand of usual length.
pub(super) const WAITING_TEXT_BYTES_MAX: usize = 8 << 20;

/// Bytes held in one analysis. Whoever holds gives back.
#[derive(Debug, Default)]
pub(super) struct Budget {
    held: usize,
}

impl Budget {
    pub(super) fn take(&mut self, bytes: usize) {
        self.held = self.held.saturating_add(bytes);
    }

    pub(super) fn give_back(&mut self, bytes: usize) {
        self.held = self.held.saturating_sub(bytes);
    }

    pub(super) fn is_overdrawn(&self) -> bool {
        self.held > ANALYSIS_BYTES_MAX
    }

    #[cfg(test)]
    pub(super) fn held(&self) -> usize {
        self.held
    }
}
