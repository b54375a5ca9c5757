//! What the handler from outside and the broker were given, beside the log.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    path::Path,
};

use weir_shared::proto::event::v1::Event;
use weir_tests::{ledger::What, rabbit::Queue};

use super::{
    log,
    services::{self, Ends, Services},
};

/// How many events the handler was given more than once.
pub(crate) fn check_ledger(log: &[Event], directory: &Path, ends: &Ends) -> u64 {
    let captures = services::by_capture(directory);
    let mut again = 0;
    for (uid, events) in log::by_capture(log) {
        let wanted: Vec<u64> = events.iter().map(|event| event.sequence).collect();
        let entries = captures.get(&uid).expect("a capture that was handled");
        // What runs: which event, by which process.
        let mut open: HashMap<&str, u64> = HashMap::new();
        let mut done: Vec<u64> = Vec::new();
        let mut done_by: HashMap<u64, &str> = HashMap::new();
        for (at, entry) in entries {
            let (process, position) = (&*entry.process, entry.position);
            if services::is_end(entry.what) {
                assert_eq!(open.remove(process), Some(position), "{uid}: {entry:?}");
                if entry.what == What::Done && done_by.insert(position, process).is_none() {
                    done.push(position);
                }
                continue;
            }
            let meanwhile = open.iter().find(|(other, _)| !ends.is_excused(other, *at));
            let is_stalled = ends.stalled.contains(process);
            assert!(
                meanwhile.is_none() || is_stalled,
                "{uid}: {entry:?} beside {meanwhile:?}"
            );
            open.remove(process);
            open.insert(process, position);
            if let Some(before) = done_by.get(&position) {
                again += 1;
                assert!(
                    ends.is_excused(before, *at) || is_stalled,
                    "{uid}: {entry:?} was done by {before}"
                );
            }
        }
        assert_eq!(done, wanted, "{uid}: in order, and all of them");
    }
    again
}

/// Takes what the broker was given until all events of the log were there. Gives how
/// many came more than once.
pub(crate) async fn check_broker(log: &[Event], queue: &mut Queue, seed: u64) -> u64 {
    let source = Services::source(seed);
    let sequences: BTreeMap<&str, u64> = log.iter().map(|e| (&*e.id, e.sequence)).collect();
    let mut missing: BTreeSet<&str> = sequences.keys().copied().collect();
    let mut first: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    let mut again = 0;
    while !missing.is_empty() {
        let message = queue.next().await;
        if message.attribute("source") != source {
            continue;
        }
        let id = message.attribute("id");
        let sequence = sequences.get(&*id).expect("an event of the log");
        if missing.remove(&*id) {
            let (capture, _) = message.what();
            first.entry(capture).or_default().push(*sequence);
        } else {
            again += 1;
        }
    }
    for (capture, sequences) in first {
        assert!(sequences.is_sorted(), "{capture}: {sequences:?}");
    }
    again
}
