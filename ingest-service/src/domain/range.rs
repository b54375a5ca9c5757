//! Runs of chunk indexes.

use super::id::ChunkIndex;

/// Indexes `first..=last`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IndexRange {
    first: ChunkIndex,
    last: ChunkIndex,
}

impl IndexRange {
    /// `None` when `last` comes before `first`.
    #[must_use]
    pub fn new(first: ChunkIndex, last: ChunkIndex) -> Option<Self> {
        (first <= last).then_some(Self { first, last })
    }

    #[must_use]
    pub fn first(self) -> ChunkIndex {
        self.first
    }

    #[must_use]
    pub fn last(self) -> ChunkIndex {
        self.last
    }
}

/// Ascending runs, merged, at most a given number of them.
#[derive(Debug)]
pub struct IndexRanges {
    ranges: Vec<IndexRange>,
    ranges_max: usize,
}

impl IndexRanges {
    #[must_use]
    pub fn at_most(ranges_max: usize) -> Self {
        Self {
            ranges: Vec::new(),
            ranges_max,
        }
    }

    /// Adds an index above all that were added before; one that would begin a
    /// run too many is left out.
    pub fn push(&mut self, index: ChunkIndex) {
        if let Some(range) = self.ranges.last_mut()
            && range.last.0.checked_add(1) == Some(index.0)
        {
            range.last = index;
        } else if self.ranges.len() < self.ranges_max {
            self.ranges.push(IndexRange {
                first: index,
                last: index,
            });
        }
    }

    #[must_use]
    pub fn into_vec(self) -> Vec<IndexRange> {
        self.ranges
    }
}

/// What a capture still lacks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Missing {
    /// Ascending; the first ones when there are more than were asked for.
    pub ranges: Vec<IndexRange>,
    /// Chunks in all.
    pub chunks: u32,
    /// More is missing than the ranges say.
    pub truncated: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_merge_and_the_number_of_runs_is_bounded() {
        let mut ranges = IndexRanges::at_most(2);
        for index in [0, 1, 2, 5, 6, 9, 11, u32::MAX] {
            ranges.push(ChunkIndex(index));
        }
        let pairs: Vec<_> = ranges
            .into_vec()
            .iter()
            .map(|r| (r.first().0, r.last().0))
            .collect();
        assert_eq!(pairs, [(0, 2), (5, 6)]);
    }

    #[test]
    fn a_range_never_runs_backwards() {
        assert_eq!(IndexRange::new(ChunkIndex(2), ChunkIndex(1)), None);
    }
}
