//! Findings, gathered by what they are about.

use std::time::Duration;

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
    since: Time,
}

impl Open {
    fn is_over(&self, now: Time) -> bool {
        is_over(self.since, now)
    }
}

fn is_over(since: Time, now: Time) -> bool {
    // Also when time jumps far back: a window is a window.
    now.since(since) > WINDOW || since.since(now) > WINDOW
}

#[derive(Debug)]
pub(super) struct Findings {
    open: HashMap<Subject, Open, RandomState>,
    /// Earliest and latest of the times since when they are open, or of others before.
    since: Option<(Time, Time)>,
    n_dropped: u64,
}

impl Findings {
    pub(super) fn new() -> Self {
        Self {
            open: HashMap::with_hasher(RandomState::new()),
            since: None,
            n_dropped: 0,
        }
    }

    /// Counts what this tells of. Gives back the finding of the window before, when
    /// that one is over.
    pub(super) fn add(&mut self, evidence: Evidence, stamp: Stamp) -> Option<Record> {
        let n_open = self.open.len();
        let mut closed = None;
        let (earliest, latest) = self.since.get_or_insert((stamp.time, stamp.time));
        (*earliest, *latest) = ((*earliest).min(stamp.time), (*latest).max(stamp.time));
        match self.open.entry(evidence.subject.clone()) {
            Entry::Occupied(mut entry) => {
                if entry.get().is_over(stamp.time) {
                    let before = entry.insert(Open::new(evidence, stamp));
                    closed = Some(record(before.finding, stamp));
                } else {
                    entry.get_mut().add(evidence);
                }
            }
            Entry::Vacant(entry) if n_open < OPEN_MAX => {
                entry.insert(Open::new(evidence, stamp));
            }
            Entry::Vacant(_) => self.n_dropped += evidence.count,
        }
        closed
    }

    /// Those whose window is over at the current packet, oldest first.
    pub(super) fn close(&mut self, stamp: Stamp) -> Vec<Record> {
        let now = stamp.time;
        // What is between two windows that are not over is not either.
        let is_any = |(earliest, latest)| is_over(earliest, now) || is_over(latest, now);
        if !self.since.is_some_and(is_any) {
            return Vec::new();
        }
        let over = self.take(stamp, |open| open.is_over(now));
        let open = || self.open.values().map(|open| open.since);
        self.since = open().min().zip(open().max());
        over
    }

    /// All of them, oldest first.
    pub(super) fn finish(&mut self, stamp: Stamp) -> Vec<Record> {
        self.take(stamp, |_| true)
    }

    /// Occurrences that no finding counts.
    pub(super) fn n_dropped(&self) -> u64 {
        self.n_dropped
    }

    fn take(&mut self, stamp: Stamp, wanted: impl Fn(&Open) -> bool) -> Vec<Record> {
        let over = self.open.extract_if(|_, open| wanted(open));
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
    fn new(evidence: Evidence, stamp: Stamp) -> Self {
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
            since: stamp.time,
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
                let all = slow.take(stamp, |open| open.is_over(time));
                prop_assert_eq!(quick.close(stamp), all);
                prop_assert_eq!(quick.open.len(), slow.open.len());
            }
        }
    }
}
