//! Findings, gathered by what they are about.

use std::{net::IpAddr, time::Duration};

use ahash::RandomState;
use hashbrown::{HashMap, hash_map::Entry};

use crate::{
    flow::Stamp,
    record::{Body, Finding, Record, Severity, Time},
};

/// Capture time in which what repeats is one finding.
const WINDOW: Duration = Duration::from_secs(60);

/// Findings gathered at once; a flood of forged addresses makes one each.
const OPEN_MAX: usize = 4_096;

/// Flows that a finding names.
const FLOW_IDS_MAX: usize = 16;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Subject {
    pub(super) code: &'static str,
    pub(super) source: Option<IpAddr>,
    pub(super) target: Option<IpAddr>,
}

#[derive(Debug)]
struct Open {
    finding: Finding,
    since: Time,
}

impl Open {
    fn is_over(&self, now: Time) -> bool {
        // Also when time jumps far back: a window is a window.
        now.since(self.since) > WINDOW || self.since.since(now) > WINDOW
    }
}

#[derive(Debug)]
pub(super) struct Findings {
    open: HashMap<Subject, Open, RandomState>,
    n_dropped: u64,
}

impl Findings {
    pub(super) fn new() -> Self {
        Self {
            open: HashMap::with_hasher(RandomState::new()),
            n_dropped: 0,
        }
    }

    /// Counts one more of these. Gives back the finding of the window before, when
    /// that one is over.
    pub(super) fn add(
        &mut self,
        subject: Subject,
        message: &str,
        flow_id: Option<u64>,
        stamp: Stamp,
    ) -> Option<Record> {
        let n_open = self.open.len();
        let mut closed = None;
        let open = match self.open.entry(subject) {
            Entry::Occupied(mut entry) => {
                if entry.get().is_over(stamp.time) {
                    let before = entry.insert(Open::new(subject, message, stamp));
                    closed = Some(record(before.finding, stamp));
                }
                entry.into_mut()
            }
            Entry::Vacant(entry) if n_open < OPEN_MAX => {
                entry.insert(Open::new(subject, message, stamp))
            }
            Entry::Vacant(_) => {
                self.n_dropped += 1;
                return None;
            }
        };
        open.finding.count += 1;
        let flow_ids = &mut open.finding.flow_ids;
        if let Some(flow_id) = flow_id
            && flow_ids.len() < FLOW_IDS_MAX
            && !flow_ids.contains(&flow_id)
        {
            flow_ids.push(flow_id);
        }
        closed
    }

    /// Those whose window is over at the current packet, oldest first.
    pub(super) fn close(&mut self, stamp: Stamp) -> Vec<Record> {
        self.take(stamp, |open| open.is_over(stamp.time))
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
        over.sort_unstable_by_key(|(subject, open)| {
            let Subject {
                code,
                source,
                target,
            } = *subject;
            (open.finding.first_packet_number, code, source, target)
        });
        let findings = over.into_iter().map(|(_, open)| open.finding);
        findings.map(|finding| record(finding, stamp)).collect()
    }
}

impl Open {
    fn new(subject: Subject, message: &str, stamp: Stamp) -> Self {
        Self {
            finding: Finding {
                code: subject.code,
                severity: Severity::Warning,
                message: message.to_owned(),
                source: subject.source,
                target: subject.target,
                target_port: 0,
                count: 0,
                first_packet_number: stamp.number,
                flow_ids: Vec::new(),
            },
            since: stamp.time,
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
