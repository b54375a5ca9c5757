//! How a capture is split, and what of it is still to be sent.

use std::{num::NonZeroU32, ops::Range};

use weir_shared::{
    limits::CHUNK_BYTES_MAX,
    proto::ingest::v1::{Capture, GetServerInfoResponse, IndexRange},
};

#[allow(clippy::cast_possible_truncation, reason = "asserted to fit below")]
const OUR_CHUNK_BYTES_MAX: u32 = CHUNK_BYTES_MAX as u32;
const _: () = assert!(OUR_CHUNK_BYTES_MAX as usize == CHUNK_BYTES_MAX && OUR_CHUNK_BYTES_MAX > 0);

/// A capture of known size in chunks of equal size, the last one smaller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Split {
    size_bytes: u64,
    chunk_bytes: NonZeroU32,
    n_chunks: u32,
}

#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SplitError {
    #[error("larger than the {0} bytes that the service takes")]
    TooLarge(u64),
    #[error("more than the {0} chunks that the service takes")]
    TooManyChunks(u32),
}

const TWO: NonZeroU32 = NonZeroU32::MIN.saturating_add(1);

/// The largest chunk that the service takes; Weir's own bound if it does not say.
fn chunk_bytes_max(server: &GetServerInfoResponse) -> NonZeroU32 {
    let ours = NonZeroU32::MIN.saturating_add(OUR_CHUNK_BYTES_MAX - 1);
    NonZeroU32::new(server.chunk_bytes_max).unwrap_or(ours)
}

/// The chunk that the service likes best.
pub(crate) fn chunk_bytes_recommended(server: &GetServerInfoResponse) -> NonZeroU32 {
    let largest = chunk_bytes_max(server);
    NonZeroU32::new(server.chunk_bytes_recommended).map_or(largest, |best| best.min(largest))
}

impl Split {
    /// The split for a new capture: the recommended chunk, or larger ones when
    /// there would be too many.
    ///
    /// # Errors
    /// When the service cannot take a capture of this size.
    pub(crate) fn new(size_bytes: u64, server: &GetServerInfoResponse) -> Result<Self, SplitError> {
        if server.capture_bytes_max > 0 && size_bytes > server.capture_bytes_max {
            return Err(SplitError::TooLarge(server.capture_bytes_max));
        }
        let chunks_max = match server.chunks_max {
            0 => u32::MAX,
            max => max,
        };
        let largest = chunk_bytes_max(server);
        let mut chunk_bytes = chunk_bytes_recommended(server);
        while size_bytes.div_ceil(chunk_bytes.get().into()) > chunks_max.into() {
            if chunk_bytes == largest {
                return Err(SplitError::TooManyChunks(chunks_max));
            }
            chunk_bytes = chunk_bytes.saturating_mul(TWO).min(largest);
        }
        Self::with_chunks_of(size_bytes, chunk_bytes)
    }

    /// The split that an earlier upload declared.
    ///
    /// # Errors
    /// When the chunks cannot be counted in 32 bits.
    pub(crate) fn with_chunks_of(
        size_bytes: u64,
        chunk_bytes: NonZeroU32,
    ) -> Result<Self, SplitError> {
        let n_chunks = u32::try_from(size_bytes.div_ceil(chunk_bytes.get().into()))
            .map_err(|_| SplitError::TooManyChunks(u32::MAX))?;
        Ok(Self {
            size_bytes,
            chunk_bytes,
            n_chunks,
        })
    }

    pub(crate) fn n_chunks(&self) -> u32 {
        self.n_chunks
    }

    pub(crate) fn chunk_bytes(&self) -> u32 {
        self.chunk_bytes.get()
    }

    /// Where a chunk's bytes are; empty for an index past the end.
    pub(crate) fn range(&self, index: u32) -> Range<u64> {
        let chunk_bytes = u64::from(self.chunk_bytes.get());
        let start = (u64::from(index) * chunk_bytes).min(self.size_bytes);
        start..(start + chunk_bytes).min(self.size_bytes)
    }

    /// The chunks to send: what the service misses, as far as it says, and no
    /// index that this split does not have.
    pub(crate) fn outstanding(&self, capture: &Capture) -> Vec<u32> {
        let declared = capture.chunk_count.is_some();
        let durable = Durable::of(capture);
        match declared {
            true => {
                let listed = capture.missing.iter().flat_map(|r| r.first..=r.last);
                listed.take_while(|&index| index < self.n_chunks).collect()
            }
            false => (0..self.n_chunks)
                .filter(|&index| !durable.contains(index))
                .collect(),
        }
    }
}

/// Which chunks the service has, as far as it says.
#[derive(Clone, Debug, Default)]
pub(crate) struct Durable {
    /// Ascending.
    missing: Vec<IndexRange>,
    /// From here on nothing is known to be durable.
    end: u32,
}

impl Durable {
    pub(crate) fn of(capture: &Capture) -> Self {
        let missing = capture.missing.clone();
        let n_missing = missing.iter().fold(0u32, |n, r| {
            n.saturating_add(r.last.saturating_sub(r.first).saturating_add(1))
        });
        let end = match (capture.missing_truncated, missing.last()) {
            (true, Some(last)) => last.first,
            _ => capture.chunks_durable.saturating_add(n_missing),
        };
        Self { missing, end }
    }

    pub(crate) fn contains(&self, index: u32) -> bool {
        let at = self.missing.partition_point(|range| range.last < index);
        let missing = self
            .missing
            .get(at)
            .is_some_and(|range| range.first <= index);
        index < self.end && !missing
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u32 = 1 << 20;

    fn server(chunks_max: u32) -> GetServerInfoResponse {
        GetServerInfoResponse {
            chunk_bytes_max: 2 * MIB,
            chunk_bytes_recommended: MIB,
            capture_bytes_max: 1 << 40,
            chunks_max,
            ..Default::default()
        }
    }

    fn split(size_bytes: u64, chunk_bytes: u32) -> Split {
        Split::with_chunks_of(size_bytes, NonZeroU32::new(chunk_bytes).unwrap()).unwrap()
    }

    fn check_outstanding(
        declared: bool,
        durable: u32,
        missing: &[(u32, u32)],
        truncated: bool,
        want: &[u32],
    ) {
        let capture = Capture {
            chunk_count: declared.then_some(10),
            chunks_durable: durable,
            missing: missing
                .iter()
                .map(|&(first, last)| IndexRange { first, last })
                .collect(),
            missing_truncated: truncated,
            ..Default::default()
        };
        assert_eq!(split(95, 10).outstanding(&capture), want);
    }

    #[test]
    fn chunks_cover_the_capture_without_gap_or_overlap() {
        for (size, chunk) in [
            (1, 1),
            (1, 10),
            (10, 10),
            (11, 10),
            (95, 10),
            (u64::from(u32::MAX), 1),
        ] {
            let split = split(size, chunk);
            assert_eq!(split.range(0).start, 0);
            assert_eq!(split.range(split.n_chunks() - 1).end, size);
            for index in 1..split.n_chunks().min(20) {
                assert_eq!(split.range(index - 1).end, split.range(index).start);
                assert!(!split.range(index).is_empty());
            }
            assert!(split.range(split.n_chunks()).is_empty());
        }
    }

    #[test]
    fn chunks_grow_when_there_would_be_too_many() {
        assert_eq!(
            Split::new(100 << 20, &server(100)).map(|s| s.chunk_bytes()),
            Ok(MIB)
        );
        assert_eq!(
            Split::new(101 << 20, &server(100)).map(|s| s.chunk_bytes()),
            Ok(2 * MIB)
        );
        assert_eq!(
            Split::new(201 << 20, &server(100)),
            Err(SplitError::TooManyChunks(100))
        );
        assert_eq!(
            Split::new(2 << 40, &server(100)),
            Err(SplitError::TooLarge(1 << 40))
        );
    }

    #[test]
    fn a_service_that_declares_no_limits_is_taken_to_have_ours() {
        let split = Split::new(3 << 20, &GetServerInfoResponse::default()).unwrap();
        assert_eq!((split.n_chunks(), split.chunk_bytes()), (2, 2 * MIB));
    }

    #[test]
    fn only_what_is_missing_is_sent() {
        check_outstanding(true, 7, &[(1, 2), (9, 9)], false, &[1, 2, 9]);
        check_outstanding(true, 10, &[], false, &[]);
        check_outstanding(true, 0, &[(0, 9)], false, &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    }

    #[test]
    fn without_a_declared_count_the_tail_is_sent_too() {
        check_outstanding(false, 5, &[(1, 2)], false, &[1, 2, 7, 8, 9]);
        check_outstanding(false, 0, &[], false, &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    }

    #[test]
    fn what_a_cut_list_does_not_say_is_sent_again() {
        check_outstanding(false, 2, &[(1, 1), (3, 4)], true, &[1, 3, 4, 5, 6, 7, 8, 9]);
    }

    #[test]
    fn ranges_past_the_end_are_not_ours_to_send() {
        check_outstanding(true, 9, &[(9, u32::MAX)], false, &[9]);
    }
}
