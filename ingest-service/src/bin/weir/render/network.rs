//! Protocols, talkers, activity and flows.

use weir_shared::proto::analyzer::v1::{Counters, EndReason, Endpoint, Flow, Summary};

use super::{
    chart, heading, shown,
    table::{Table, left, right},
    text::escape,
    tree,
    units::{between, bytes, clock, count, counted, date, share, span},
    view::{Tone, View},
};
use crate::report::{Report, top::Top};

/// Columns of the bars beside shares.
const BAR_COLUMNS: usize = 16;

/// Lines of the protocol tree; the contract allows 1,024 paths.
const TREE_LINES_MAX: usize = 60;

pub(super) fn protocols(summary: &Summary, view: View, out: &mut String) {
    let branches = tree::branches(&summary.protocol_hierarchy);
    if branches.is_empty() {
        return;
    }
    heading("Protocols", "", view, out);
    let all_bytes = summary.wire_bytes.max(1);
    let mut table = Table::new([
        left("protocol").shrinks_to(20),
        right("packets"),
        right("share"),
        right("bytes"),
        right("share"),
        left(" "),
    ]);
    for branch in branches.iter().take(TREE_LINES_MAX) {
        table.row([
            branch.label.clone(),
            count(branch.packets),
            share(branch.packets, summary.packets),
            bytes(branch.bytes),
            share(branch.bytes, all_bytes),
            view.paint(
                Tone::Accent,
                &chart::bar(branch.bytes, all_bytes, BAR_COLUMNS),
            ),
        ]);
    }
    table.draw(view, out);
    if branches.len() > TREE_LINES_MAX {
        let more = count((branches.len() - TREE_LINES_MAX) as u64);
        out.push_str(&format!("  … {more} more\n"));
    }
}

pub(super) fn talkers(report: &Report, view: View, out: &mut String) {
    let talkers = &report.summary.top_talkers;
    if talkers.is_empty() {
        return;
    }
    let rows = talkers.len().min(report.limit);
    heading(
        "Top talkers",
        &shown(rows, talkers.len() as u64, "most bytes first"),
        view,
        out,
    );
    let total = |sent: u64, received: u64| sent.saturating_add(received);
    let most = talkers
        .iter()
        .map(|t| total(t.bytes_sent, t.bytes_received))
        .max();
    let mut table = Table::new([
        left("address"),
        right("bytes"),
        right("sent"),
        right("received"),
        right("packets"),
        left(" "),
        left("error"),
    ]);
    for talker in &talkers[..rows] {
        let all = total(talker.bytes_sent, talker.bytes_received);
        let error = match talker.bytes_error {
            0 => String::new(),
            error => format!("up to {} too high", bytes(error)),
        };
        table.row([
            escape(&talker.address),
            bytes(all),
            bytes(talker.bytes_sent),
            bytes(talker.bytes_received),
            count(total(talker.packets_sent, talker.packets_received)),
            view.paint(
                Tone::Accent,
                &chart::bar(all, most.unwrap_or(0), BAR_COLUMNS),
            ),
            error,
        ]);
    }
    table.draw(view, out);
}

pub(super) fn activity(summary: &Summary, view: View, out: &mut String) {
    let Some(series) = &summary.activity else {
        return;
    };
    let mut drawn = String::new();
    if chart::activity(series, view, &mut drawn) {
        heading("Activity", "bytes and packets over time, UTC", view, out);
        out.push_str(&drawn);
    }
}

pub(super) fn flows(flows: Top<u64, Box<Flow>>, summary: &Summary, view: View, out: &mut String) {
    let seen = flows.seen();
    let flows = flows.into_sorted();
    if flows.is_empty() {
        return;
    }
    heading(
        "Flows",
        &shown(flows.len(), seen, "most bytes first"),
        view,
        out,
    );
    let days = !same_day(summary);
    let mut table = Table::new([
        left("start"),
        right("duration"),
        left("proto"),
        left("client").shrinks_to(18),
        left("server").shrinks_to(18),
        left("service").shrinks_to(6),
        right("packets"),
        right("sent"),
        right("received"),
        left("end").shrinks_to(6),
        left("notes").shrinks_to(8),
    ]);
    for flow in &flows {
        table.row(flow_row(flow, days));
    }
    table.draw(view, out);
}

fn flow_row(flow: &Flow, days: bool) -> [String; 11] {
    let duration = match (&flow.start_time, &flow.end_time) {
        (Some(start), Some(end)) => span(between(start, end)),
        _ => String::new(),
    };
    let none = Counters::default();
    let sent = flow.client_to_server.as_ref().unwrap_or(&none);
    let received = flow.server_to_client.as_ref().unwrap_or(&none);
    [
        flow.start_time
            .as_ref()
            .map_or(String::new(), |time| when(time, days)),
        duration,
        protocol(flow.ip_protocol),
        endpoint(flow.client.as_ref()),
        endpoint(flow.server.as_ref()),
        escape(&flow.services.join(" ")),
        count(sent.packets.saturating_add(received.packets)),
        bytes(sent.ip_bytes),
        bytes(received.ip_bytes),
        end(flow),
        notes(flow),
    ]
}

/// How the flow ended, and for TCP Zeek's word for its course.
fn end(flow: &Flow) -> String {
    let reason = match flow.end_reason() {
        EndReason::Unspecified => "",
        EndReason::Fin => "fin",
        EndReason::Rst => "rst",
        EndReason::IdleTimeout => "idle",
        EndReason::ActiveTimeout => "cut",
        EndReason::Evicted => "evicted",
        EndReason::CaptureEnd => "open",
    };
    match &flow.tcp {
        Some(tcp) if !tcp.state.is_empty() => format!("{reason} {}", escape(&tcp.state)),
        _ => reason.to_owned(),
    }
}

/// What is unusual about a flow.
fn notes(flow: &Flow) -> String {
    let mut notes = Vec::new();
    if let Some(kind) = flow.icmp_type {
        notes.push(match flow.icmp_code {
            Some(code) if code > 0 => format!("type {kind} code {code}"),
            _ => format!("type {kind}"),
        });
    }
    notes.extend(flow.vlan_ids.iter().map(|id| format!("vlan {id}")));
    for tunnel in &flow.tunnels {
        let id = if tunnel.id == 0 {
            String::new()
        } else {
            format!(" {}", tunnel.id)
        };
        notes.push(format!("in {}{id}", escape(&tunnel.r#type)));
    }
    if flow.part > 1 {
        notes.push(format!("part {}", flow.part));
    }
    if flow.midstream {
        notes.push("midstream".to_owned());
    }
    let tcp = flow.tcp.clone().unwrap_or_default();
    let many = [
        (
            tcp.client_retransmissions
                .saturating_add(tcp.server_retransmissions),
            "resent",
        ),
        (
            tcp.client_out_of_order
                .saturating_add(tcp.server_out_of_order),
            "out of order",
        ),
        (
            tcp.client_zero_windows
                .saturating_add(tcp.server_zero_windows),
            "zero windows",
        ),
    ];
    let many = many.into_iter().filter(|(n, _)| *n > 0);
    notes.extend(many.map(|(n, what)| format!("{} {what}", count(n))));
    if flow.checksum_errors > 0 {
        notes.push(counted(flow.checksum_errors, "wrong checksum"));
    }
    let missed = tcp
        .client_missed_bytes
        .saturating_add(tcp.server_missed_bytes);
    if missed > 0 {
        notes.push(format!("{} missed", bytes(missed)));
    }
    notes.join(", ")
}

/// IANA names of the protocols that are met; others by number.
fn protocol(number: u32) -> String {
    let name = match number {
        1 => "icmp",
        2 => "igmp",
        4 => "ipip",
        6 => "tcp",
        17 => "udp",
        41 => "ipv6",
        46 => "rsvp",
        47 => "gre",
        50 => "esp",
        51 => "ah",
        58 => "icmpv6",
        88 => "eigrp",
        89 => "ospf",
        103 => "pim",
        112 => "vrrp",
        132 => "sctp",
        136 => "udplite",
        _ => return format!("ip {number}"),
    };
    name.to_owned()
}

/// `192.0.2.1:53`, `[2001:db8::1]:53`; the address alone where there is no port.
pub(super) fn endpoint(endpoint: Option<&Endpoint>) -> String {
    let Some(Endpoint { address, port }) = endpoint else {
        return String::new();
    };
    let address = escape(address);
    match port {
        0 => address,
        _ if address.contains(':') => format!("[{address}]:{port}"),
        _ => format!("{address}:{port}"),
    }
}

/// The time of day; with the date where the capture has several.
pub(super) fn when(time: &weir_shared::proto::Timestamp, days: bool) -> String {
    if days {
        format!("{} {}", date(time), clock(time, 3))
    } else {
        clock(time, 3)
    }
}

/// Whether a time of day says when in this capture.
pub(super) fn same_day(summary: &Summary) -> bool {
    match (&summary.first_packet_time, &summary.last_packet_time) {
        (Some(first), Some(last)) => date(first) == date(last),
        _ => false,
    }
}
