//! What befalls the network and the hosts, and when.

use std::time::Duration;

use turmoil::Sim;

use super::trace::Trace;

#[derive(Clone, Copy, Debug)]
pub(crate) enum Event {
    /// What is sent between these two is lost, until the repair.
    Partition(&'static str, &'static str),
    Repair(&'static str, &'static str),
    /// What is sent between these two waits, until the release.
    Hold(&'static str, &'static str),
    Release(&'static str, &'static str),
    /// Nothing runs on it any more; its connections are reset.
    Crash(&'static str),
    /// It runs again, on the same data.
    Start(&'static str),
    /// How long a message between these two takes.
    Latency(&'static str, &'static str, Duration),
}

impl Event {
    fn befall(self, sim: &mut Sim<'_>) {
        match self {
            Self::Partition(a, b) => sim.partition(a, b),
            Self::Repair(a, b) => sim.repair(a, b),
            Self::Hold(a, b) => sim.hold(a, b),
            Self::Release(a, b) => sim.release(a, b),
            Self::Crash(host) => sim.crash(host),
            Self::Start(host) => sim.bounce(host),
            Self::Latency(a, b, latency) => sim.set_link_latency(a, b, latency),
        }
    }
}

/// Runs until every client has ended; says how many events were still to come
/// then. Times are milliseconds from the start, ascending.
pub(crate) fn run(sim: &mut Sim<'_>, trace: &Trace, script: &[(u64, Event)]) -> usize {
    let mut rest = script.iter().peekable();
    loop {
        while let Some((_, event)) =
            rest.next_if(|(at, _)| Duration::from_millis(*at) <= sim.elapsed())
        {
            trace.tell_at(sim.elapsed(), "script", format_args!("{event:?}"));
            event.befall(sim);
        }
        if sim.step().unwrap() {
            return rest.len();
        }
    }
}
