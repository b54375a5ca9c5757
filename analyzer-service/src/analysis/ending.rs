//! Flows that are over at once: by their time, or with the capture.

use std::{iter::Peekable, mem, ops::ControlFlow, vec};

use super::{
    Sink,
    packets::{Packets, order},
    steps::{Step, StepsLeft},
};
use crate::record::Record;

/// Flows ended between two looks at the sink: about as long as as many packets take.
const FLOWS_PER_POLL: usize = 1_024;

/// Flows are ending.
pub(super) struct Sweep {
    n_ended: usize,
    /// What else the current packet completed, in order.
    others: Peekable<vec::IntoIter<Record>>,
}

impl Packets {
    /// At fixed packet numbers: what capture time has ended. False when more of that comes with
    /// the next block.
    pub(super) fn sweep(
        &mut self,
        steps: &mut StepsLeft<'_>,
        sink: &mut dyn Sink,
    ) -> ControlFlow<(), bool> {
        if self.sweep.is_none() {
            let findings = self.findings.close(self.stamp);
            self.complete(findings);
        }
        self.end_flows(steps, sink)
    }

    /// The capture is over: so is everything that waits. False when more of that comes with the
    /// next block.
    pub(super) fn end(
        &mut self,
        steps: &mut StepsLeft<'_>,
        sink: &mut dyn Sink,
    ) -> ControlFlow<(), bool> {
        if self.sweep.is_none() {
            self.dissectors.finish(&mut self.out);
            self.take_said();
            self.conclude();
        }
        if !self.end_flows(steps, sink)? {
            return ControlFlow::Continue(false);
        }
        // They rest on the flows that ended just now.
        let findings = self.findings.finish(self.stamp);
        self.complete(findings);
        self.flush(sink)?;
        self.hand_out(sink)?;
        ControlFlow::Continue(true)
    }

    /// Ends flows, which come by flow id, and hands out all that the current packet
    /// completed, in order, without holding it all at once. False when the rest of them comes
    /// with the next block.
    fn end_flows(
        &mut self,
        steps: &mut StepsLeft<'_>,
        sink: &mut dyn Sink,
    ) -> ControlFlow<(), bool> {
        let mut sweep = match self.sweep.take() {
            Some(sweep) => sweep,
            None => {
                self.completed.sort_by_key(order);
                Sweep {
                    n_ended: 0,
                    others: mem::take(&mut self.completed).into_iter().peekable(),
                }
            }
        };
        loop {
            let over = match steps.next() {
                Some(Step::Over(over)) => over,
                Some(_) => break,
                None => {
                    self.sweep = Some(sweep);
                    return ControlFlow::Continue(false);
                }
            };
            // Ending a full table takes a while: the call may be over meanwhile.
            if sweep.n_ended % FLOWS_PER_POLL == 0 {
                sink.poll(&self.progress)?;
            }
            sweep.n_ended += 1;
            let flow = self
                .followed
                .get_mut(over.index)
                .map(|followed| followed.flow);
            let flow_id = flow.map_or(0, |flow| flow.flow_id);
            while let Some(record) = sweep.others.next_if(|record| order(record).0 <= flow_id) {
                self.completed.push(record);
            }
            self.close(over);
            self.conclude();
            self.flush(sink)?;
        }
        self.completed.extend(sweep.others);
        self.flush(sink)?;
        ControlFlow::Continue(true)
    }
}
