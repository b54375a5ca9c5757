//! QUIC, SSH and DHCP.

use weir_shared::proto::analyzer::v1::Summary;

use super::{
    application::grouped,
    heading,
    network::{endpoint, same_day, when},
    shown,
    table::{Table, left, right},
    text::escape,
    units::{count, proto_span, span},
    view::View,
};
use crate::report::{
    DhcpRow, QuicGroup, QuicKey, SshGroup, SshKey,
    groups::{Group, Groups},
    top::Top,
};

/// A client may offer hundreds, to make itself hard to recognise.
const PROTOCOLS_SHOWN: usize = 4;

pub(super) fn quic(groups: Groups<QuicKey, QuicGroup>, limit: usize, view: View, out: &mut String) {
    let Some(note) = grouped(&groups, limit, "handshake") else {
        return;
    };
    heading("QUIC", &note, view, out);
    let mut table = Table::new([
        right("count"),
        left("server name").shrinks_to(20),
        left("server").shrinks_to(18),
        left("version"),
        left("ALPN").shrinks_to(8),
        left("fingerprint").shrinks_to(10).optional(),
    ]);
    for Group {
        count: n,
        example: QuicGroup { server, handshake },
        ..
    } in groups.into_sorted().iter().take(limit)
    {
        table.row([
            count(*n),
            escape(&handshake.server_name),
            endpoint(server.as_ref()),
            escape(&handshake.version),
            protocols(&handshake.client_alpn),
            escape(&handshake.ja4),
        ]);
    }
    table.draw(view, out);
}

/// The first protocols that a client offers, and how many more.
fn protocols(offered: &[String]) -> String {
    let (shown, more) = offered.split_at(offered.len().min(PROTOCOLS_SHOWN));
    let shown = escape(&shown.join(" "));
    match more.len() {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

pub(super) fn ssh(groups: Groups<SshKey, SshGroup>, limit: usize, view: View, out: &mut String) {
    let Some(note) = grouped(&groups, limit, "handshake") else {
        return;
    };
    heading("SSH", &note, view, out);
    let mut table = Table::new([
        right("count"),
        left("server").shrinks_to(18),
        left("server says").shrinks_to(16),
        left("client says").shrinks_to(16),
        left("HASSH").shrinks_to(10).optional(),
        left("HASSHServer").shrinks_to(10).optional(),
    ]);
    for Group {
        count: n,
        example: SshGroup { server, handshake },
        ..
    } in groups.into_sorted().iter().take(limit)
    {
        table.row([
            count(*n),
            endpoint(server.as_ref()),
            escape(&handshake.server_banner),
            escape(&handshake.client_banner),
            escape(&handshake.hassh),
            escape(&handshake.hassh_server),
        ]);
    }
    table.draw(view, out);
}

pub(super) fn dhcp(rows: Top<(), Box<DhcpRow>>, summary: &Summary, view: View, out: &mut String) {
    let seen = rows.seen();
    let rows = rows.into_sorted();
    if rows.is_empty() {
        return;
    }
    let note = shown(rows.len(), seen, "in order of completion");
    heading("DHCP", &note, view, out);
    let days = !same_day(summary);
    let mut table = Table::new([
        left("time"),
        left("client"),
        left("host").shrinks_to(12),
        left("messages").shrinks_to(16),
        left("address"),
        left("lease"),
        left("server"),
    ]);
    for row in &rows {
        let DhcpRow { time, exchange } = &**row;
        let address = match exchange.assigned_address.as_str() {
            "" if exchange.requested_address.is_empty() => String::new(),
            "" => format!("{} asked", escape(&exchange.requested_address)),
            address => escape(address),
        };
        let lease = exchange.lease_time.as_ref().and_then(proto_span);
        table.row([
            time.as_ref().map_or(String::new(), |time| when(time, days)),
            escape(&exchange.client_mac),
            escape(&exchange.host_name),
            escape(&exchange.message_types.join(" ")),
            address,
            lease.map_or(String::new(), span),
            escape(&exchange.server_address),
        ]);
    }
    table.draw(view, out);
}
