//! What an attempt has found and not stored yet. It is stored in few objects, and
//! early enough for those that watch.

use std::time::Duration;

use bytes::Bytes;
use tokio::time::Instant;

use super::{Records, Told};
use crate::domain::analysis::Found;

/// Bytes of records after which they are stored: an object and a transaction for
/// each are little for so many. A batch of the analyzer goes beyond it at most.
pub(super) const PART_BYTES: usize = 256 << 10;

/// Longest time that records wait.
const PART_TIME: Duration = Duration::from_secs(1);
/// The same of the first of all: somebody may be watching.
const FIRST_PART_TIME: Duration = Duration::from_millis(100);

/// Between two steps at most: so soon an attempt learns that it is not wanted any more.
const STEP_TIME: Duration = Duration::from_secs(1);

/// See the module.
#[derive(Debug)]
pub(super) struct Gather {
    /// Last sequence that is stored or held.
    last: u64,
    records: Option<Records>,
    /// When the first of these came.
    since: Instant,
    found: Found,
    has_summary: bool,
    stepped: Instant,
}

/// What is to be stored.
#[derive(Debug, Default)]
pub(super) struct Gathered {
    pub(super) records: Option<Records>,
    pub(super) found: Found,
}

/// Records that do not follow those before.
#[derive(Debug, thiserror::Error)]
#[error("records with a gap: {first} after {last}")]
pub(super) struct Gap {
    first: u64,
    last: u64,
}

impl Gather {
    /// Behind the records that are stored.
    pub(super) fn after(last: u64) -> Self {
        let now = Instant::now();
        Self {
            last,
            records: None,
            since: now,
            found: Found::default(),
            has_summary: false,
            stepped: now,
        }
    }

    /// # Errors
    /// [`Gap`], and nothing was taken.
    pub(super) fn take(&mut self, told: Told) -> Result<(), Gap> {
        match told {
            Told::CaptureInfo(info) => self.found.capture_info = Some(info),
            Told::Progress(progress) => self.found.progress = Some(progress),
            Told::Summary(summary) => {
                self.has_summary = true;
                self.found.summary = Some(summary);
            }
            Told::Records(records) => {
                let (first, last) = (records.first, self.last);
                if first != last + 1 || records.last < first {
                    return Err(Gap { first, last });
                }
                self.last = records.last;
                match &mut self.records {
                    Some(held) => held.append(records),
                    None => {
                        self.since = Instant::now();
                        self.records = Some(records);
                    }
                }
            }
        }
        Ok(())
    }

    /// Whether the analysis came to its end; a step may have taken the summary since.
    pub(super) fn has_summary(&self) -> bool {
        self.has_summary
    }

    pub(super) fn is_full(&self) -> bool {
        let bytes = self.records.as_ref().map_or(0, Records::bytes);
        bytes >= PART_BYTES
    }

    /// When the next step is to be made.
    pub(super) fn due(&self) -> Instant {
        let step = self.stepped + STEP_TIME;
        match &self.records {
            None => step,
            Some(records) if records.first == 1 => self.since + FIRST_PART_TIME,
            Some(_) => step.min(self.since + PART_TIME),
        }
    }

    /// Takes all that is held, for a step that begins now.
    pub(super) fn step(&mut self) -> Gathered {
        self.stepped = Instant::now();
        Gathered {
            records: self.records.take(),
            found: std::mem::take(&mut self.found),
        }
    }
}

impl Records {
    /// Goes on with those that follow.
    fn append(&mut self, next: Self) {
        self.last = next.last;
        self.framed.extend(next.framed);
    }

    pub(super) fn bytes(&self) -> usize {
        self.framed.iter().map(Bytes::len).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn records(first: u64, last: u64, bytes: usize) -> Told {
        Told::Records(Records {
            first,
            last,
            framed: vec![vec![0; bytes].into()],
        })
    }

    #[tokio::test(start_paused = true)]
    async fn the_first_records_wait_less_than_those_after_them() {
        for (stored, waits) in [(0, FIRST_PART_TIME), (7, PART_TIME)] {
            let mut gather = Gather::after(stored);
            tokio::time::advance(Duration::from_millis(10)).await;
            let due = Instant::now() + waits;
            gather.take(records(stored + 1, stored + 2, 9)).unwrap();
            assert!(gather.due() <= due, "{stored}");
            assert!(gather.due() + Duration::from_millis(10) >= due, "{stored}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_step_is_due_without_records_as_well() {
        let mut gather = Gather::after(0);
        tokio::time::advance(STEP_TIME).await;
        assert_eq!(gather.due(), Instant::now());
        let gathered = gather.step();
        assert!(gathered.records.is_none());
        assert_eq!(gather.due(), Instant::now() + STEP_TIME);
    }

    #[tokio::test]
    async fn a_summary_stays_told_when_it_is_stored_before_the_end() {
        let mut gather = Gather::after(0);
        assert!(!gather.has_summary());
        gather.take(Told::Summary("s".into())).unwrap();
        assert!(gather.step().found.summary.is_some());
        assert!(gather.has_summary());
        assert_eq!(gather.step().found.summary, None);
    }

    #[tokio::test]
    async fn what_is_gathered_is_full_by_its_bytes_and_has_no_gap() {
        let mut gather = Gather::after(2);
        for (first, last, is_taken) in [
            (2, 3, false),
            (4, 5, false),
            (3, 2, false),
            (3, 4, true),
            (5, 5, true),
            (7, 7, false),
        ] {
            let taken = gather.take(records(first, last, PART_BYTES / 2));
            assert_eq!(taken.is_ok(), is_taken, "{first} to {last}");
        }
        assert!(gather.is_full());
        let taken = gather.step().records.unwrap();
        assert_eq!((taken.first, taken.last), (3, 5));
        assert_eq!(taken.bytes(), PART_BYTES);
        assert!(!gather.is_full());
        gather.take(records(6, 6, 1)).unwrap();
    }
}
