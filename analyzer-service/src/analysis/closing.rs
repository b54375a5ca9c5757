//! From a flow to its record, and what a flow that is over still has to say.

use super::{
    detection::take,
    followed::Followed,
    packets::Packets,
    steps::{Over, Piece},
};
use crate::{
    dissect::{Context, Direction},
    flow::{Outline, Stamp},
    record::{Body, Flow, FlowRef, Record, Services},
};

impl Packets {
    /// What a flow that is over still has to say.
    pub(super) fn close(&mut self, over: Over) {
        let Over {
            index,
            latest,
            flow,
            totals,
        } = over;
        let Some(Followed { flow: of, app }) = self.followed.get_mut(index) else {
            return;
        };
        let context = Context {
            time: latest.time,
            packet_number: latest.number,
            flow: of,
            direction: Direction::ToServer,
        };
        self.dissectors.end(app, &context, &mut self.out);
        if let Some(flow) = flow {
            let services = self.dissectors.services(app);
            self.completed.push(record(*of, latest, flow, services));
        }
        let outline = totals.map(|totals| Outline { flow: *of, totals });
        self.followed.remove(index);
        let mut detectors = self.detectors.as_mut();
        let (out, completed) = (&mut self.out, &mut self.completed);
        take(out, detectors.as_deref_mut(), self.options.kinds, completed);
        if let (Some(detectors), Some(outline)) = (detectors, outline) {
            detectors.flow(&outline);
        }
        // What breaks a protocol was said when its bytes came.
        self.out.malformed.clear();
    }

    /// The record of a flow that goes on.
    #[cold]
    pub(super) fn piece(&mut self, piece: Piece) {
        let Piece {
            index,
            latest,
            flow,
        } = piece;
        if let Some(Followed { flow: of, app }) = self.followed.get_mut(index) {
            let services = self.dissectors.services(app);
            self.completed.push(record(*of, latest, flow, services));
        }
    }
}

fn record(of: FlowRef, latest: Stamp, mut flow: Box<Flow>, services: Services) -> Record {
    flow.services = services;
    Record {
        time: latest.time,
        packet_number: latest.number,
        flow: Some(of),
        body: Body::Flow(flow),
    }
}
