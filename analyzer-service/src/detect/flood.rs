//! SYN floods (RFC 4987): connections that nobody means to open.

use std::{net::IpAddr, time::Duration};

use super::{Evidence, Run, Subject, Table};
use crate::{decode::Tcp, flow::Outline, record::Severity};

/// Capture time in which connections count together.
const WINDOW: Duration = Duration::from_secs(60);

/// Connections of one port that are never acknowledged, in one window: eight a second. A
/// backlog of 128 to 4,096 is full of them when each waits for the usual minute of
/// retransmissions (RFC 4987, 2.3), while clients of a server that is just gone come back
/// more slowly.
pub(super) const HALF_OPEN_MIN: u64 = 500;

/// Ports of servers that are remembered: with 16 flow ids each, 0.3 MB.
const REMEMBERED_MAX: u32 = 1_024;

const TCP: u8 = 6;

#[derive(Debug)]
pub(super) struct Floods {
    servers: Table<(IpAddr, u16), Flood>,
}

#[derive(Debug)]
struct Flood {
    run: Run,
    /// Of all connections; mostly forged ones, and so many.
    source: Option<IpAddr>,
    is_flood: bool,
}

impl Default for Floods {
    fn default() -> Self {
        Self {
            servers: Table::new(REMEMBERED_MAX),
        }
    }
}

impl Flood {
    fn new(flow: &Outline) -> Self {
        Self {
            run: Run::new(flow.totals.start),
            source: Some(flow.flow.client.address),
            is_flood: false,
        }
    }
}

impl Floods {
    pub(super) fn flow(&mut self, flow: &Outline, out: &mut Vec<Evidence>) {
        if !is_half_open(flow) {
            return;
        }
        let server = flow.flow.server;
        let key = (server.address, server.port);
        let flood = self.servers.entry(key, || Flood::new(flow));
        if flood.run.is_over(flow.totals.start, WINDOW) {
            *flood = Flood::new(flow);
        }
        if flood.source != Some(flow.flow.client.address) {
            flood.source = None;
        }
        flood.run.add(flow.flow.flow_id, flow.totals.first_packet);
        flood.is_flood |= flood.run.count >= HALF_OPEN_MIN;
        if !flood.is_flood {
            return;
        }
        let run = flood.run.take();
        out.push(Evidence {
            subject: Subject {
                code: "syn-flood",
                source: None,
                target: Some(server.address),
                about: String::new(),
            },
            severity: Severity::Alert,
            message: "many connections to one port that their clients never acknowledge".into(),
            source: flood.source,
            target: Some(server.address),
            target_port: server.port,
            count: run.count,
            first_packet: run.first_packet,
            flow_ids: run.flow_ids,
        });
    }
}

/// The server waits, or would: it did not refuse.
fn is_half_open(flow: &Outline) -> bool {
    flow.flow.ip_protocol == TCP
        && flow.totals.client_flags & Tcp::SYN != 0
        && flow.totals.client_flags & Tcp::ACK == 0
        && flow.totals.server_flags & Tcp::RST == 0
        && flow.totals.client.payload_bytes == 0
}
