//! Which row of the table a flow belongs to.

use std::num::NonZeroU8;

use super::{Begins, Dissector, FlowRef, Looks, Reads, Registration, Transport, protocols::TABLE};
use crate::record::KindSet;

/// A row's place among those in use, from 1: a flow keeps several, or none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Row(NonZeroU8);

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

impl Claims {
    fn all(self) -> RowSet {
        RowSet(self.done.0 | self.refused.0)
    }
}

/// [`RowSet`] has a bit for each.
const ROWS_MAX: usize = 32;
const _: () = assert!(TABLE.len() <= ROWS_MAX);

impl RowSet {
    pub(super) fn insert(&mut self, row: Row) {
        self.0 |= 1 << row.index();
    }

    fn contains(self, row: Row) -> bool {
        self.0 & 1 << row.index() != 0
    }
}

/// Those rows of the table that emit what somebody asked for.
#[derive(Debug)]
pub(super) struct Rows {
    rows: Vec<&'static Registration>,
    tcp_ports: Vec<(u16, Row)>,
    udp_ports: Vec<(u16, Row)>,
    /// With what they go by at the first payload of a direction.
    tcp_first: Vec<(Looks, Row)>,
    /// The same, for those that come later as well.
    tcp_later: Vec<(Looks, Row)>,
    udp_first: Vec<(Looks, Row)>,
}

impl Rows {
    pub(super) fn new(table: &'static [Registration], kinds: KindSet) -> Self {
        let wanted = table.iter().filter(|row| kinds.contains(row.kind));
        let rows: Vec<_> = wanted.take(ROWS_MAX).collect();
        let looks = |transport, later: bool| -> Vec<(Looks, Row)> {
            let rows = numbered(&rows).filter(|(_, row)| row.transport == transport);
            rows.filter_map(|(at, row)| match row.begins {
                Begins::First(looks) if !later => Some((looks, at)),
                Begins::Later(looks) => Some((looks, at)),
                Begins::Anyhow | Begins::First(_) => None,
            })
            .collect()
        };
        Self {
            tcp_ports: ports(&rows, Transport::Tcp),
            udp_ports: ports(&rows, Transport::Udp),
            tcp_first: looks(Transport::Tcp, false),
            tcp_later: looks(Transport::Tcp, true),
            udp_first: looks(Transport::Udp, false),
            rows,
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &'static Registration> {
        self.rows.iter().copied()
    }

    pub(super) fn get(&self, row: Row) -> Option<&'static Registration> {
        self.rows.get(row.index()).copied()
    }

    pub(super) fn any_tcp(&self) -> bool {
        !self.tcp_ports.is_empty() || !self.tcp_first.is_empty()
    }

    /// The row for a UDP flow of which `data` is a direction's first payload. Ports count for
    /// more than the bytes: multicast DNS looks like any other. The client's does too, as the
    /// answer to a multicast question begins a flow from the known port.
    pub(super) fn of_datagrams(&self, flow: &FlowRef, data: &[u8], claims: Claims) -> Option<Row> {
        let not = claims.all();
        self.by_port(&self.udp_ports, flow.server.port, data, not)
            .or_else(|| self.by_port(&self.udp_ports, flow.client.port, data, not))
            .or_else(|| by_content(&self.udp_first, data, not))
    }

    /// The row for a TCP flow in which `data` was seen, as a direction's first payload or
    /// later; what the bytes look like counts for more than the port.
    pub(super) fn of_stream(
        &self,
        flow: &FlowRef,
        data: &[u8],
        first: bool,
        claims: Claims,
    ) -> Option<Row> {
        let contents = match first {
            true => &self.tcp_first,
            false => &self.tcp_later,
        };
        let not = claims.all();
        // The server's port first: a client's may be any.
        by_content(contents, data, claims.done)
            .or_else(|| self.by_port(&self.tcp_ports, flow.server.port, data, not))
            .or_else(|| self.by_port(&self.tcp_ports, flow.client.port, data, not))
    }

    fn by_port(&self, ports: &[(u16, Row)], port: u16, data: &[u8], not: RowSet) -> Option<Row> {
        let first = ports.partition_point(|(p, _)| *p < port);
        let rows = ports[first..].iter().take_while(|(p, _)| *p == port);
        let looks = |row: Row| match self.get(row).map(|row| row.reads) {
            Some(Reads::NameAlone(looks) | Reads::Logins(looks, _)) => looks(data),
            Some(Reads::With(_)) | None => true,
        };
        rows.map(|(_, row)| *row)
            .find(|row| !not.contains(*row) && looks(*row))
    }
}

impl Row {
    pub(super) fn index(self) -> usize {
        usize::from(self.0.get() - 1)
    }

    pub(super) fn dissector(self, rows: &Rows) -> Option<Box<dyn Dissector>> {
        match rows.get(self)?.reads {
            Reads::With(new) => Some(new()),
            Reads::NameAlone(_) | Reads::Logins(..) => None,
        }
    }
}

fn by_content(contents: &[(Looks, Row)], data: &[u8], not: RowSet) -> Option<Row> {
    let mut contents = contents.iter();
    let found = contents.find(|(looks, row)| !not.contains(*row) && looks(data));
    found.map(|(_, row)| *row)
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
    let places = (1..=u8::MAX).filter_map(NonZeroU8::new).map(Row);
    places.zip(rows.iter().copied())
}
