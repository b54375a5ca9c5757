//! Findings, gathered by what they are about.

use std::{collections::BTreeMap, ops::Bound, time::Duration};

use ahash::RandomState;
use hashbrown::{HashMap, hash_map::Entry};

use crate::{
    detect::{Evidence, FLOW_IDS_MAX, Subject},
    flow::Stamp,
    record::{Body, Finding, Record, Time},
};

/// Capture time in which what repeats is one finding.
const WINDOW: Duration = Duration::from_secs(60);

/// Findings gathered at once; a flood of forged addresses makes one each.
const OPEN_MAX: usize = 4_096;

#[derive(Debug)]
struct Open {
    finding: Finding,
    /// Since when it is open, and a number that tells it from others of that time.
    since: (Time, u64),
}

impl Open {
    fn is_over(&self, now: Time) -> bool {
        let (earliest, latest) = still_open(now);
        !(earliest..=latest).contains(&self.since.0)
    }
}

/// The times since when a window is open that is not over at `now`. Also when time jumps far
/// back: a window is a window.
fn still_open(now: Time) -> (Time, Time) {
    let window = i128::try_from(WINDOW.as_nanos()).unwrap_or(i128::MAX);
    let (earliest, latest) = (now.0.saturating_sub(window), now.0.saturating_add(window));
    (Time(earliest), Time(latest))
}

#[derive(Debug)]
pub(super) struct Findings {
    open: HashMap<Subject, Open, RandomState>,
    /// All of them by the time: those that are over are found without a look at the others.
    by_time: BTreeMap<(Time, u64), Subject>,
    n_opened: u64,
    n_dropped: u64,
}

impl Findings {
    pub(super) fn new() -> Self {
        Self {
            open: HashMap::with_hasher(RandomState::new()),
            by_time: BTreeMap::new(),
            n_opened: 0,
            n_dropped: 0,
        }
    }

    /// Counts what this tells of. Gives back the finding of the window before, when
    /// that one is over.
    pub(super) fn add(&mut self, evidence: Evidence, stamp: Stamp) -> Option<Record> {
        let n_open = self.open.len();
        let since = (stamp.time, self.n_opened + 1);
        let subject = evidence.subject.clone();
        let closed = match self.open.entry(subject.clone()) {
            Entry::Occupied(mut entry) if entry.get().is_over(stamp.time) => {
                let before = entry.insert(Open::new(evidence, since));
                self.by_time.remove(&before.since);
                Some(record(before.finding, stamp))
            }
            Entry::Occupied(mut entry) => {
                entry.get_mut().add(evidence);
                return None;
            }
            Entry::Vacant(entry) if n_open < OPEN_MAX => {
                entry.insert(Open::new(evidence, since));
                None
            }
            Entry::Vacant(_) => {
                self.n_dropped += evidence.count;
                return None;
            }
        };
        self.n_opened += 1;
        self.by_time.insert(since, subject);
        closed
    }

    /// Those whose window is over at the current packet, oldest first.
    pub(super) fn close(&mut self, stamp: Stamp) -> Vec<Record> {
        let (earliest, latest) = still_open(stamp.time);
        let before = self.by_time.range(..(earliest, 0));
        let after = (Bound::Excluded((latest, u64::MAX)), Bound::Unbounded);
        let over = before.chain(self.by_time.range(after));
        let over: Vec<(Time, u64)> = over.map(|(since, _)| *since).collect();
        self.take(stamp, over)
    }

    /// All of them, oldest first.
    pub(super) fn finish(&mut self, stamp: Stamp) -> Vec<Record> {
        let all = self.by_time.keys().copied().collect();
        self.take(stamp, all)
    }

    /// Occurrences that no finding counts.
    pub(super) fn n_dropped(&self) -> u64 {
        self.n_dropped
    }

    fn take(&mut self, stamp: Stamp, since: Vec<(Time, u64)>) -> Vec<Record> {
        let subjects = since.iter().filter_map(|since| self.by_time.remove(since));
        let over = subjects.filter_map(|subject| self.open.remove_entry(&subject));
        let mut over: Vec<(Subject, Open)> = over.collect();
        over.sort_unstable_by(|(one, a), (other, b)| {
            let by_packet = a.finding.first_packet_number;
            let by_packet = by_packet.cmp(&b.finding.first_packet_number);
            by_packet.then_with(|| one.cmp(other))
        });
        let findings = over.into_iter().map(|(_, open)| open.finding);
        findings.map(|finding| record(finding, stamp)).collect()
    }
}

impl Open {
    fn new(evidence: Evidence, since: (Time, u64)) -> Self {
        let Evidence {
            subject,
            severity,
            message,
            source,
            target,
            target_port,
            count,
            first_packet,
            flow_ids,
        } = evidence;
        Self {
            finding: Finding {
                code: subject.code,
                severity,
                message: message.into_owned(),
                source,
                target,
                target_port,
                count,
                first_packet_number: first_packet,
                flow_ids,
            },
            since,
        }
    }

    /// More of the same. What differs is nobody's, or many's.
    fn add(&mut self, evidence: Evidence) {
        let finding = &mut self.finding;
        if finding.source != evidence.source {
            finding.source = None;
        }
        if finding.target != evidence.target {
            finding.target = None;
        }
        if finding.target_port != evidence.target_port {
            finding.target_port = 0;
        }
        finding.count = finding.count.saturating_add(evidence.count);
        finding.first_packet_number = finding.first_packet_number.min(evidence.first_packet);
        for flow_id in evidence.flow_ids {
            let flow_ids = &mut finding.flow_ids;
            if flow_ids.len() < FLOW_IDS_MAX && !flow_ids.contains(&flow_id) {
                flow_ids.push(flow_id);
            }
        }
    }
}

fn record(finding: Finding, stamp: Stamp) -> Record {
    Record {
        time: stamp.time,
        packet_number: stamp.number,
        flow: None,
        body: Body::Finding(Box::new(finding)),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::record::Severity;

    fn seen(code: &'static str, packet: u64) -> Evidence {
        Evidence {
            subject: Subject {
                code,
                source: None,
                target: None,
                about: String::new(),
            },
            severity: Severity::Info,
            message: "seen".into(),
            source: None,
            target: None,
            target_port: 0,
            count: 1,
            first_packet: packet,
            flow_ids: Vec::new(),
        }
    }

    proptest! {
        #[test]
        fn a_look_at_the_times_closes_what_a_look_at_all_closes(
            steps in prop::collection::vec((0..400_i128, prop::option::of(0..4_usize)), 1..100),
        ) {
            let (mut quick, mut slow) = (Findings::new(), Findings::new());
            for (number, (seconds, code)) in (1..).zip(steps) {
                let time = Time(seconds * 1_000_000_000);
                let stamp = Stamp { time, number };
                let codes = ["a", "b", "c", "d"];
                if let Some(code) = code.map(|at| codes[at]) {
                    let closed = quick.add(seen(code, number), stamp);
                    prop_assert_eq!(closed, slow.add(seen(code, number), stamp));
                }
                let is_over = |open: &&Open| {
                    let since = open.since.0;
                    time.since(since) > WINDOW || since.since(time) > WINDOW
                };
                let all = slow.open.values().filter(is_over).map(|open| open.since).collect();
                let all = slow.take(stamp, all);
                prop_assert_eq!(quick.close(stamp), all);
                prop_assert_eq!(quick.open.len(), slow.open.len());
            }
        }
    }
}
