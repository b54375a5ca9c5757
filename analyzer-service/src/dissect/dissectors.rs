//! Which dissector reads which flow: what the flow table calls.

use super::{Context, Dissector, Output, Registration, Scope, Transport, protocols::TABLE};
use crate::record::KindSet;

/// One TCP segment, as its header tells it.
#[derive(Clone, Copy, Debug)]
pub struct Segment<'a> {
    pub seq: u32,
    pub flags: TcpFlags,
    /// What of the payload is in the capture.
    pub payload: &'a [u8],
    /// Payload bytes that the snap length cut off.
    pub missing: u32,
}

/// The flags that matter to a stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TcpFlags {
    pub syn: bool,
    pub fin: bool,
    pub rst: bool,
}

/// The dissectors of one analysis.
#[derive(Debug)]
pub struct Dissectors {
    /// Those that somebody asked for.
    rows: Vec<&'static Registration>,
    /// The capture-scoped ones, at their row's place.
    shared: Vec<Option<Box<dyn Dissector>>>,
    udp_ports: Vec<(u16, u8)>,
}

/// What the dissectors keep in a flow. Allocates nothing until one wants the flow.
#[derive(Debug, Default)]
pub struct AppSlot {
    udp: Udp,
    /// Rows + 1 in the order recognised; zero for none.
    services: [u8; SERVICES_MAX],
}

/// A flow changes its protocol once or twice (CONNECT, STARTTLS); more is noise.
const SERVICES_MAX: usize = 4;

#[derive(Debug, Default)]
enum Udp {
    #[default]
    New,
    Unwanted,
    Own(u8, Box<dyn Dissector>),
    Shared(u8),
}

impl Dissectors {
    /// Those that emit one of `kinds`.
    #[must_use]
    pub fn new(kinds: KindSet) -> Self {
        let rows: Vec<_> = TABLE
            .iter()
            .filter(|row| kinds.contains(row.kind))
            .collect();
        let shared = rows
            .iter()
            .map(|row| (row.scope == Scope::Capture).then(row.new))
            .collect();
        let udp_ports = ports(&rows, Transport::Udp);
        Self {
            rows,
            shared,
            udp_ports,
        }
    }

    /// One datagram of a UDP flow. Answers the name of the protocol it carries,
    /// for the protocol hierarchy.
    pub fn datagram(
        &mut self,
        slot: &mut AppSlot,
        context: &Context<'_>,
        payload: &[u8],
        out: &mut Output,
    ) -> Option<&'static str> {
        if matches!(slot.udp, Udp::New) {
            slot.udp = self.claim(context);
        }
        let (row, dissector) = match &mut slot.udp {
            Udp::New | Udp::Unwanted => return None,
            Udp::Own(row, dissector) => (*row, dissector),
            Udp::Shared(row) => (*row, self.shared.get_mut(usize::from(*row))?.as_mut()?),
        };
        let _ = (row, dissector.data(context, payload, out));
        None
    }

    /// One segment of a TCP flow, also without payload. Answers the name of the
    /// protocol it carries; none for a segment without payload.
    pub fn segment(
        &mut self,
        _slot: &mut AppSlot,
        _context: &Context<'_>,
        _segment: &Segment<'_>,
        _out: &mut Output,
    ) -> Option<&'static str> {
        None
    }

    /// The flow is over, or is no longer followed. Must be called before its slot
    /// is dropped: what waits goes out, and the bytes held are given back.
    /// `context` names the flow's latest packet.
    pub fn end(&mut self, slot: &mut AppSlot, _context: &Context<'_>, out: &mut Output) {
        if let Udp::Own(_, mut dissector) = std::mem::take(&mut slot.udp) {
            dissector.end(out);
        }
    }

    /// The services of a flow, in the order recognised.
    #[must_use]
    pub fn services(&self, slot: &AppSlot) -> Vec<&'static str> {
        let rows = slot.services.iter().filter_map(|row| row.checked_sub(1));
        rows.filter_map(|row| self.rows.get(usize::from(row)))
            .map(|row| row.name)
            .collect()
    }

    /// The capture is over: what capture-scoped dissectors hold goes out.
    pub fn finish(&mut self, out: &mut Output) {
        for dissector in self.shared.iter_mut().flatten() {
            dissector.end(out);
        }
    }

    fn claim(&self, context: &Context<'_>) -> Udp {
        let ends = [context.flow.server.port, context.flow.client.port];
        let row = ends.iter().find_map(|port| {
            let at = self.udp_ports.binary_search_by_key(port, |(p, _)| *p);
            at.ok().map(|at| self.udp_ports[at].1)
        });
        match row.map(|row| (row, self.rows[usize::from(row)])) {
            None => Udp::Unwanted,
            Some((row, registration)) => match registration.scope {
                Scope::Capture => Udp::Shared(row),
                Scope::Flow => Udp::Own(row, (registration.new)()),
            },
        }
    }
}

fn ports(rows: &[&'static Registration], transport: Transport) -> Vec<(u16, u8)> {
    let mut ports: Vec<_> = (0u8..)
        .zip(rows)
        .filter(|(_, row)| row.transport == transport)
        .flat_map(|(at, row)| row.ports.iter().map(move |port| (*port, at)))
        .collect();
    ports.sort_unstable();
    ports
}
