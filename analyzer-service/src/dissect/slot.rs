//! What the dissectors keep in each flow.

use super::{
    Dissector, Login, Segment,
    rows::{Claims, Row, RowSet},
    tcp::TcpFlow,
};
use crate::record::SERVICES_MAX;

/// Segments with payload in which an unclaimed TCP flow is looked at for a
/// protocol: time for a plain text one to agree on TLS (STARTTLS).
pub(super) const LOOKS_MAX: u8 = 16;

/// What the dissectors keep in a flow. Allocates nothing until one wants the flow.
#[derive(Debug, Default)]
pub struct AppSlot {
    pub(super) state: State,
    pub(super) services: [Option<Row>; SERVICES_MAX],
    /// Rows that may not read it again: done with it.
    pub(super) done: RowSet,
    /// Rows that may not have it for its port again: it looked otherwise.
    pub(super) refused: RowSet,
    /// Of a protocol that is looked at for logins.
    pub(super) login: Option<Box<Login>>,
    /// Segments looked at in vain.
    pub(super) looks: u8,
}

#[derive(Debug, Default)]
pub(super) enum State {
    #[default]
    New,
    /// Nobody wants more of it.
    Settled,
    /// A UDP flow that nobody has claimed yet: which directions have been looked at.
    Watching([bool; 2]),
    Datagrams(Row, Box<dyn Dissector>),
    /// Read by the capture's own instance.
    Shared(Row),
    Looking(Look),
    Stream(Box<TcpFlow>),
}

/// A TCP flow that nobody has claimed yet.
#[derive(Debug, Default)]
pub(super) struct Look {
    /// Of each direction's next byte.
    pub(super) next: [Option<u32>; 2],
    /// Whether a direction had payload.
    pub(super) begun: [bool; 2],
}

impl AppSlot {
    pub(super) fn claims(&self) -> Claims {
        Claims {
            done: self.done,
            refused: self.refused,
        }
    }

    /// The protocol that was recognised last.
    pub(super) fn latest(&self) -> Option<Row> {
        self.services.iter().rev().flatten().next().copied()
    }

    pub(super) fn looked_in_vain(&mut self) {
        self.looks += 1;
        if self.looks >= LOOKS_MAX {
            self.state = State::Settled;
        }
    }

    pub(super) fn recognise(&mut self, row: Row) {
        for place in &mut self.services {
            match place {
                Some(known) if *known == row => return,
                Some(_) => {}
                None => {
                    *place = Some(row);
                    return;
                }
            }
        }
    }
}

impl Look {
    /// Nobody knows this segment.
    pub(super) fn miss(&mut self, side: usize, seq: u32, segment: &Segment<'_>) {
        let wire = u32::try_from(segment.payload.len()).unwrap_or(u32::MAX);
        let end = seq.wrapping_add(wire).wrapping_add(segment.missing);
        self.next[side] = Some(end);
        self.begun[side] = true;
    }
}
