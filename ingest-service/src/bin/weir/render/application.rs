//! DNS, HTTP, TLS and findings.

use weir_shared::proto::analyzer::v1::{Finding, Severity, Summary};

use super::{
    heading,
    network::{endpoint, same_day, when},
    shown,
    table::{Table, left, right},
    text::escape,
    units::{bytes, count, proto_span, span},
    view::{Tone, View},
};
use crate::report::{
    DnsGroup, DnsKey, HttpRow, TlsGroup, TlsKey,
    groups::{Group, Groups},
    top::Top,
};

pub(super) fn dns(groups: Groups<DnsKey, DnsGroup>, limit: usize, view: View, out: &mut String) {
    let Some(note) = grouped(&groups, limit, "transaction") else {
        return;
    };
    heading("DNS", &note, view, out);
    let mut table = Table::new([
        right("count"),
        left("query").shrinks_to(20),
        left("type"),
        left("code"),
        left("via"),
        right("slowest"),
        left("server").shrinks_to(12),
        left("answers").shrinks_to(16),
    ]);
    for Group {
        count: n,
        example: dns,
        ..
    } in groups.into_sorted().iter().take(limit)
    {
        let code = match dns.response_code.as_str() {
            "" => view.paint(Tone::Warning, "no answer"),
            "NOERROR" => "NOERROR".to_owned(),
            code => view.paint(Tone::Warning, &escape(code)),
        };
        let via = match (dns.query_seen, escape(&dns.transport)) {
            (true, transport) => transport,
            (false, transport) => format!("{transport}, no query"),
        };
        table.row([
            count(*n),
            escape(&dns.name),
            escape(&dns.query_type),
            code,
            via,
            dns.slowest.map_or(String::new(), span),
            dns.server
                .as_ref()
                .map_or(String::new(), |server| escape(&server.address)),
            answers(dns),
        ]);
    }
    table.draw(view, out);
}

fn answers(dns: &DnsGroup) -> String {
    let mut text = escape(&dns.answers.join(", "));
    let more = dns.n_answers.saturating_sub(dns.answers.len());
    if more > 0 {
        text.push_str(&format!(", {more} more"));
    }
    text
}

pub(super) fn http(rows: Top<(), Box<HttpRow>>, summary: &Summary, view: View, out: &mut String) {
    let seen = rows.seen();
    let rows = rows.into_sorted();
    if rows.is_empty() {
        return;
    }
    heading(
        "HTTP",
        &shown(rows.len(), seen, "in order of completion"),
        view,
        out,
    );
    let days = !same_day(summary);
    let mut table = Table::new([
        left("time"),
        left("client").shrinks_to(15),
        left("method"),
        left("host").shrinks_to(16),
        left("target").shrinks_to(16),
        left("status"),
        right("took"),
        right("body"),
        left("type").shrinks_to(10).optional(),
        left("user agent").shrinks_to(10).optional(),
    ]);
    for row in &rows {
        table.row(http_row(row, days, view));
    }
    table.draw(view, out);
}

fn http_row(row: &HttpRow, days: bool, view: View) -> [String; 10] {
    let HttpRow {
        time,
        client,
        server,
        transaction,
    } = row;
    let host = match transaction.host.as_str() {
        "" => endpoint(server.as_ref()),
        host => escape(host),
    };
    let status = match transaction.status {
        0 => view.paint(Tone::Warning, "no answer"),
        status @ 1..400 => status.to_string(),
        status => view.paint(Tone::Warning, &status.to_string()),
    };
    let status = match transaction.grpc_status {
        None => status,
        Some(0) => format!("{status} grpc 0"),
        Some(grpc) => {
            let grpc = view.paint(Tone::Warning, &format!("grpc {grpc}"));
            format!("{status} {grpc}")
        }
    };
    let took = transaction.response_time.as_ref().and_then(proto_span);
    let cut = if transaction.incomplete { "+" } else { "" };
    [
        time.as_ref().map_or(String::new(), |time| when(time, days)),
        client
            .as_ref()
            .map_or(String::new(), |client| escape(&client.address)),
        escape(&transaction.method),
        host,
        escape(&transaction.target),
        status,
        took.map_or(String::new(), span),
        format!("{}{cut}", bytes(transaction.response_body_bytes)),
        escape(&transaction.content_type),
        escape(&transaction.user_agent),
    ]
}

pub(super) fn tls(groups: Groups<TlsKey, TlsGroup>, limit: usize, view: View, out: &mut String) {
    let Some(note) = grouped(&groups, limit, "handshake") else {
        return;
    };
    heading("TLS", &note, view, out);
    let mut table = Table::new([
        right("count"),
        left("server name").shrinks_to(20),
        left("server").shrinks_to(18),
        left("version"),
        left("cipher suite").shrinks_to(16),
        left("ALPN").shrinks_to(8),
        left("fingerprint").shrinks_to(10).optional(),
        left("notes").shrinks_to(10),
    ]);
    for Group {
        count: n,
        example: group,
        ..
    } in groups.into_sorted().iter().take(limit)
    {
        table.row(tls_row(*n, group, view));
    }
    table.draw(view, out);
}

fn tls_row(n: u64, TlsGroup { server, handshake }: &TlsGroup, view: View) -> [String; 8] {
    let version = match (
        handshake.version.as_str(),
        handshake.client_version.as_str(),
    ) {
        ("", "") => String::new(),
        ("", offered) => format!("{} offered", escape(offered)),
        (version, _) => escape(version),
    };
    let alpn = match handshake.server_alpn.as_str() {
        "" => escape(&handshake.client_alpn.join(" ")),
        chosen => escape(chosen),
    };
    let fingerprint = match (handshake.ja4.as_str(), handshake.ja3.as_str()) {
        ("", "") => String::new(),
        ("", ja3) => format!("ja3 {}", escape(ja3)),
        (ja4, _) => escape(ja4),
    };
    let mut notes = Vec::new();
    if !handshake.alert.is_empty() {
        let alert = format!("alert {}", escape(&handshake.alert));
        notes.push(view.paint(Tone::Warning, &alert));
    }
    if !handshake.client_hello_seen {
        notes.push("no ClientHello".to_owned());
    }
    if !handshake.server_hello_seen {
        notes.push("no ServerHello".to_owned());
    }
    if handshake.resumed {
        notes.push("resumed".to_owned());
    }
    if handshake
        .server_certificates
        .first()
        .is_some_and(|leaf| leaf.self_signed)
    {
        notes.push("self-signed".to_owned());
    }
    [
        count(n),
        escape(&handshake.server_name),
        endpoint(server.as_ref()),
        version,
        escape(&handshake.cipher_suite),
        alpn,
        fingerprint,
        notes.join(", "),
    ]
}

pub(super) fn findings(findings: Top<(i32, u64), Box<Finding>>, view: View, out: &mut String) {
    let seen = findings.seen();
    let findings = findings.into_sorted();
    if findings.is_empty() {
        return;
    }
    heading(
        "Findings",
        &shown(findings.len(), seen, "gravest first"),
        view,
        out,
    );
    let mut table = Table::new([
        left("severity"),
        left("code"),
        right("count"),
        left("source").shrinks_to(12),
        left("target").shrinks_to(12),
        right("packet"),
        left("what").shrinks_to(24),
    ]);
    for finding in &findings {
        table.row(finding_row(finding, view));
    }
    table.draw(view, out);
}

fn finding_row(finding: &Finding, view: View) -> [String; 7] {
    let severity = match finding.severity() {
        Severity::Alert => view.paint(Tone::Alert, "alert"),
        Severity::Warning => view.paint(Tone::Warning, "warning"),
        Severity::Info => "info".to_owned(),
        Severity::Unspecified => String::new(),
    };
    let mut target = escape(&finding.target_address);
    if finding.target_port > 0 {
        target.push_str(&format!(" port {}", finding.target_port));
    }
    let first_packet = match finding.first_packet_number {
        0 => String::new(),
        number => count(number),
    };
    [
        severity,
        escape(&finding.code),
        count(finding.count),
        escape(&finding.source_address),
        target,
        first_packet,
        escape(&finding.message),
    ]
}

/// What the heading of a grouped table says; `None` when there is no table.
pub(super) fn grouped<K: Eq + std::hash::Hash, T>(
    groups: &Groups<K, T>,
    limit: usize,
    thing: &str,
) -> Option<String> {
    if groups.seen() == 0 {
        return None;
    }
    let of = groups.len() as u64;
    let rows = groups.len().min(limit);
    let mut note = super::units::counted(groups.seen(), thing);
    if of < groups.seen() || rows as u64 != of {
        note.push_str(&format!(
            ", grouped: {}",
            shown(rows, of, "most frequent first")
        ));
    }
    if groups.ungrouped() > 0 {
        note.push_str(&format!("; {} more in no group", count(groups.ungrouped())));
    }
    Some(note)
}
