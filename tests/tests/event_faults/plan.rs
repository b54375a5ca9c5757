//! What a round does, drawn from its seed.

use std::time::Duration;

use weir_tests::random::Random;

const CAPTURES_MAX: usize = 6;
const ANALYSES_MAX: usize = 3;
const BLOWS_MAX: usize = 5;

/// What captures hold, bytes: one that is analyzed within a moment, and those in which
/// kills hit.
pub(crate) const SIZES: [usize; 3] = [100_000, 1_000_000, 3_000_000];

#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) captures: Vec<Life>,
    /// Each so long after the one before.
    pub(crate) blows: Vec<(Duration, Blow)>,
    /// So many of a thousand operations of store, catalog and index fail.
    pub(crate) faults_per_mille: usize,
}

/// What becomes of a capture.
#[derive(Clone, Debug)]
pub(crate) struct Life {
    /// Which of [`SIZES`].
    pub(crate) size: usize,
    pub(crate) analyze_on_seal: Option<bool>,
    pub(crate) analyses: Vec<Wanted>,
    /// It is deleted so long after the last of its analyses was asked for.
    pub(crate) deleted_after: Option<Duration>,
}

#[derive(Clone, Debug)]
pub(crate) struct Wanted {
    pub(crate) cancelled_after: Option<Duration>,
    /// Somebody watches it all the time.
    pub(crate) is_watched: bool,
}

/// What happens to the services.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Blow {
    /// One of the two is killed, and another one starts.
    Kill(usize),
    /// One ends in order, and another one starts.
    End(usize),
    /// One stands still for so long: its leases may run out.
    Stall(usize, Duration),
    KillAnalyzer,
}

impl Plan {
    pub(crate) fn of(random: &mut Random) -> Self {
        let captures = 1 + random.below(CAPTURES_MAX);
        let blows = 1 + random.below(BLOWS_MAX);
        Self {
            captures: (0..captures).map(|_| Life::of(random)).collect(),
            blows: (0..blows)
                .map(|_| (millis(random, 1_500), Blow::of(random)))
                .collect(),
            faults_per_mille: [0, 0, 20, 50][random.below(4)],
        }
    }

    /// Some analysis may be given up for want of an analyzer or a store.
    pub(crate) fn may_fail(&self) -> bool {
        let blows = self.blows.iter();
        self.faults_per_mille > 0 || blows.into_iter().any(|(_, b)| *b == Blow::KillAnalyzer)
    }
}

impl Life {
    pub(crate) fn is_analyzed_on_seal(&self) -> bool {
        self.analyze_on_seal == Some(true)
    }

    fn of(random: &mut Random) -> Self {
        let analyses = random.below(ANALYSES_MAX + 1);
        Self {
            size: random.below(SIZES.len()),
            analyze_on_seal: [None, Some(false), Some(true), Some(true)][random.below(4)],
            analyses: (0..analyses)
                .map(|_| Wanted {
                    cancelled_after: (random.below(4) == 0).then(|| millis(random, 800)),
                    is_watched: random.below(2) == 0,
                })
                .collect(),
            deleted_after: (random.below(4) == 0).then(|| millis(random, 1_500)),
        }
    }
}

impl Blow {
    fn of(random: &mut Random) -> Self {
        let which = random.below(2);
        match random.below(8) {
            0..4 => Self::Kill(which),
            4 => Self::End(which),
            5..7 => Self::Stall(which, millis(random, 5_000)),
            _ => Self::KillAnalyzer,
        }
    }
}

fn millis(random: &mut Random, max: u64) -> Duration {
    Duration::from_millis(1 + random.bits() % max)
}
