//! What became of flows in a block: the reading half says it, and the working half goes by it.

use std::{sync::Arc, vec};

use crate::{
    dissect::Direction,
    flow::{FlowIndex, Reassembly, Stamp, Totals},
    record::{Flow, FlowRef},
};

/// Steps of a block, in order; the long ones beside them.
#[derive(Debug, Default)]
pub(super) struct Steps {
    list: Vec<Short>,
    begun: Vec<FlowRef>,
    over: Vec<Over>,
}

#[derive(Debug)]
enum Short {
    Begins(FlowIndex),
    Over,
    Piece(Box<Piece>),
    Packet(Placed),
    Swept,
}

/// One of them.
#[derive(Debug)]
pub(super) enum Step {
    /// A flow begins at this place.
    Begins(FlowIndex, FlowRef),
    Over(Over),
    /// A flow is cut, and goes on.
    Piece(Box<Piece>),
    /// An IP packet was counted in its flow.
    Packet(Placed),
    /// All flows are over that the packets so far ended by their time.
    Swept,
}

/// A flow is over, and its place is free.
#[derive(Debug)]
pub(super) struct Over {
    pub(super) index: FlowIndex,
    pub(super) latest: Stamp,
    /// When somebody asked for flows. What the dissectors know is not in it yet.
    pub(super) flow: Option<Box<Flow>>,
    /// When somebody asked for findings, of a flow that was not cut.
    pub(super) totals: Option<Totals>,
}

/// A record of a flow that goes on.
#[derive(Debug)]
pub(super) struct Piece {
    pub(super) index: FlowIndex,
    pub(super) latest: Stamp,
    /// What the dissectors know is not in it yet.
    pub(super) flow: Box<Flow>,
}

/// The flow that an IP packet is in.
#[derive(Debug)]
pub(super) struct Placed {
    pub(super) index: FlowIndex,
    pub(super) direction: Direction,
    /// What a fragment brought about, if anything.
    pub(super) reassembly: Option<Arc<Reassembly>>,
    /// That is due with this packet.
    pub(super) update: Option<Box<Piece>>,
}

impl Steps {
    pub(super) fn clear(&mut self) {
        self.list.clear();
        self.begun.clear();
        self.over.clear();
    }

    pub(super) fn len(&self) -> usize {
        self.list.len()
    }

    /// Flows that are over.
    pub(super) fn n_over(&self) -> usize {
        self.over.len()
    }

    /// Bytes that it holds, about.
    pub(super) fn held_bytes(&self) -> usize {
        self.list.len() * size_of::<Short>()
            + self.begun.len() * size_of::<FlowRef>()
            + self.over.len() * (size_of::<Over>() + size_of::<Flow>())
    }

    pub(super) fn push(&mut self, step: Step) {
        self.list.push(match step {
            Step::Begins(index, flow) => {
                self.begun.push(flow);
                Short::Begins(index)
            }
            Step::Over(over) => {
                self.over.push(over);
                Short::Over
            }
            Step::Piece(piece) => Short::Piece(piece),
            Step::Packet(placed) => Short::Packet(placed),
            Step::Swept => Short::Swept,
        });
    }

    pub(super) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Takes them, from the first one on.
    #[inline]
    pub(super) fn take(&mut self) -> StepsLeft<'_> {
        let is_any = !self.is_empty();
        StepsLeft(is_any.then(|| Left {
            list: self.list.drain(..),
            begun: self.begun.drain(..),
            over: self.over.drain(..),
        }))
    }
}

/// Those that were not gone by yet. Mostly there are none, which costs nothing.
pub(super) struct StepsLeft<'b>(Option<Left<'b>>);

impl StepsLeft<'_> {
    /// There are none.
    pub(super) fn none() -> Self {
        Self(None)
    }
}

struct Left<'b> {
    list: vec::Drain<'b, Short>,
    begun: vec::Drain<'b, FlowRef>,
    over: vec::Drain<'b, Over>,
}

impl Iterator for StepsLeft<'_> {
    type Item = Step;

    fn next(&mut self) -> Option<Step> {
        let Left { list, begun, over } = self.0.as_mut()?;
        Some(match list.next()? {
            Short::Begins(index) => Step::Begins(index, begun.next()?),
            Short::Over => Step::Over(over.next()?),
            Short::Piece(piece) => Step::Piece(piece),
            Short::Packet(placed) => Step::Packet(placed),
            Short::Swept => Step::Swept,
        })
    }
}
