//! Which row of the table a flow belongs to.

use super::{Begins, Dissector, FlowRef, Registration, Transport, protocols::TABLE};
use crate::record::KindSet;

/// A row's place among those in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Row(u8);

/// A set of rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct RowSet(u32);

/// What a flow's past says about who may read it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Claims {
    pub(super) done: RowSet,
    /// Not for its port alone.
    pub(super) refused: RowSet,
}

/// [`RowSet`] has a bit for each.
const ROWS_MAX: usize = 32;
const _: () = assert!(TABLE.len() <= ROWS_MAX);

impl RowSet {
    pub(super) fn insert(&mut self, row: Row) {
        self.0 |= 1 << row.0;
    }

    fn contains(self, row: Row) -> bool {
        self.0 & 1 << row.0 != 0
    }
}

/// Those rows of the table that emit what somebody asked for.
#[derive(Debug)]
pub(super) struct Rows {
    rows: Vec<&'static Registration>,
    tcp_ports: Vec<(u16, Row)>,
    udp_ports: Vec<(u16, Row)>,
    /// With the first bytes they go by.
    tcp_contents: Vec<(Begins, Row)>,
}

impl Rows {
    pub(super) fn new(table: &'static [Registration], kinds: KindSet) -> Self {
        let wanted = table.iter().filter(|row| kinds.contains(row.kind));
        let rows: Vec<_> = wanted.take(ROWS_MAX).collect();
        let tcp = numbered(&rows).filter(|(_, row)| row.transport == Transport::Tcp);
        Self {
            tcp_ports: ports(&rows, Transport::Tcp),
            udp_ports: ports(&rows, Transport::Udp),
            tcp_contents: tcp
                .filter_map(|(at, row)| Some((row.begins?, at)))
                .collect(),
            rows,
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &'static Registration> {
        self.rows.iter().copied()
    }

    pub(super) fn get(&self, row: Row) -> Option<&'static Registration> {
        self.rows.get(usize::from(row.0)).copied()
    }

    pub(super) fn any_tcp(&self) -> bool {
        !self.tcp_ports.is_empty() || !self.tcp_contents.is_empty()
    }

    /// The row for a UDP flow.
    pub(super) fn of_datagrams(&self, flow: &FlowRef) -> Option<Row> {
        by_port(&self.udp_ports, flow, RowSet::default())
    }

    /// The row for a TCP flow in which `data` was seen; what the bytes look like
    /// counts for more than the port.
    pub(super) fn of_stream(&self, flow: &FlowRef, data: &[u8], claims: Claims) -> Option<Row> {
        let mut contents = self.tcp_contents.iter();
        let by_content = contents
            .find(|(begins, row)| !claims.done.contains(*row) && begins(data))
            .map(|(_, row)| *row);
        let not = RowSet(claims.done.0 | claims.refused.0);
        by_content.or_else(|| by_port(&self.tcp_ports, flow, not))
    }
}

impl Row {
    pub(super) fn index(self) -> usize {
        usize::from(self.0)
    }

    pub(super) fn dissector(self, rows: &Rows) -> Option<Box<dyn Dissector>> {
        rows.get(self).map(|row| (row.new)())
    }
}

/// The server's port first: a client's may be any.
fn by_port(ports: &[(u16, Row)], flow: &FlowRef, not: RowSet) -> Option<Row> {
    [flow.server.port, flow.client.port]
        .into_iter()
        .find_map(|port| {
            let first = ports.partition_point(|(p, _)| *p < port);
            let rows = ports[first..].iter().take_while(|(p, _)| *p == port);
            rows.map(|(_, row)| *row).find(|row| !not.contains(*row))
        })
}

fn ports(rows: &[&'static Registration], transport: Transport) -> Vec<(u16, Row)> {
    let mut ports: Vec<_> = numbered(rows)
        .filter(|(_, row)| row.transport == transport)
        .flat_map(|(at, row)| row.ports.iter().map(move |port| (*port, at)))
        .collect();
    ports.sort_by_key(|(port, _)| *port);
    ports
}

fn numbered(rows: &[&'static Registration]) -> impl Iterator<Item = (Row, &'static Registration)> {
    (0u8..).map(Row).zip(rows.iter().copied())
}
