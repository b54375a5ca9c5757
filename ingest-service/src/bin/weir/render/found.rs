//! Captures and records that were found, as tables.

use weir_shared::proto::{
    analyzer::v1::{AnalysisRecord, Endpoint, Severity, analysis_record::Kind},
    ingest::v1::{FoundCapture, FoundRecord},
};

use super::{
    table::{Table, left, right},
    text::escape,
    units::{bytes, counted, date_time},
    view::View,
};

/// One row for each; empty for none.
pub(crate) fn captures(captures: &[FoundCapture], view: View) -> String {
    let mut out = String::new();
    if captures.is_empty() {
        return out;
    }
    let mut table = Table::new([left("capture"), left("file"), right("score")]);
    for capture in captures {
        table.row([
            escape(&capture.capture_id),
            escape(&capture.file_name),
            format!("{:.3}", capture.score),
        ]);
    }
    table.draw(view, &mut out);
    out
}

/// The same of records.
pub(crate) fn records(records: &[FoundRecord], view: View) -> String {
    let mut out = String::new();
    if records.is_empty() {
        return out;
    }
    let mut table = Table::new([
        left("time (UTC)"),
        left("capture").shrinks_to(12),
        left("kind"),
        left("client"),
        left("server"),
        left("what").shrinks_to(20),
    ]);
    for found in records {
        let Some(record) = &found.record else {
            continue;
        };
        let (kind, what) = record.kind.as_ref().map_or(("", String::new()), tell);
        table.row([
            time(record),
            escape(&found.capture_id),
            kind.to_owned(),
            end(record.client.as_ref()),
            end(record.server.as_ref()),
            what,
        ]);
    }
    table.draw(view, &mut out);
    out
}

fn time(record: &AnalysisRecord) -> String {
    record.time.as_ref().map_or(String::new(), date_time)
}

fn end(endpoint: Option<&Endpoint>) -> String {
    let Some(Endpoint { address, port }) = endpoint else {
        return String::new();
    };
    let address = escape(address);
    match port {
        0 => address,
        port if address.contains(':') => format!("[{address}]:{port}"),
        port => format!("{address}:{port}"),
    }
}

/// Its kind, and the part of it that a line has room for.
fn tell(kind: &Kind) -> (&'static str, String) {
    match kind {
        Kind::Flow(flow) => {
            let sent = flow.client_to_server.as_ref().map_or(0, |d| d.ip_bytes);
            let came = flow.server_to_client.as_ref().map_or(0, |d| d.ip_bytes);
            let services = escape(&flow.services.join(" "));
            let what = format!("{services} {} out, {} back", bytes(sent), bytes(came));
            ("flow", what.trim_start().to_owned())
        }
        Kind::Dns(dns) => {
            let (kind, name) = (escape(&dns.query_type), escape(&dns.query_name));
            let code = escape(&dns.response_code);
            let answers = counted(dns.answers.len() as u64, "answer");
            ("dns", format!("{kind} {name} {code}, {answers}"))
        }
        Kind::Http(http) => {
            let (method, host) = (escape(&http.method), escape(&http.host));
            let target = escape(&http.target);
            ("http", format!("{method} {host}{target} {}", http.status))
        }
        Kind::Tls(tls) => {
            let (name, version) = (escape(&tls.server_name), escape(&tls.version));
            ("tls", format!("{name} {version}").trim().to_owned())
        }
        Kind::Quic(quic) => {
            let (name, version) = (escape(&quic.server_name), escape(&quic.version));
            ("quic", format!("{name} {version}").trim().to_owned())
        }
        Kind::Ssh(ssh) => ("ssh", escape(&ssh.server_banner)),
        Kind::Dhcp(dhcp) => {
            let (host, address) = (escape(&dhcp.host_name), escape(&dhcp.assigned_address));
            ("dhcp", format!("{host} {address}").trim().to_owned())
        }
        Kind::Finding(finding) => {
            let severity = match finding.severity() {
                Severity::Alert => "alert",
                Severity::Warning => "warning",
                Severity::Info | Severity::Unspecified => "info",
            };
            let (code, message) = (escape(&finding.code), escape(&finding.message));
            ("finding", format!("{severity}: {code}: {message}"))
        }
    }
}

#[cfg(test)]
mod tests {
    use weir_shared::proto::{
        Timestamp,
        analyzer::v1::{DnsTransaction, Finding},
    };

    use super::*;

    fn record(kind: Kind) -> FoundRecord {
        let end = |address: &str, port| {
            Some(Endpoint {
                address: address.to_owned(),
                port,
            })
        };
        FoundRecord {
            capture_id: "c".to_owned(),
            record: Some(AnalysisRecord {
                time: Some(Timestamp {
                    seconds: 1_700_000_000,
                    nanos: 0,
                }),
                client: end("2001:db8::1", 40_000),
                server: end("192.0.2.1", 53),
                kind: Some(kind),
                ..AnalysisRecord::default()
            }),
            ..FoundRecord::default()
        }
    }

    #[test]
    fn a_record_is_one_row_that_a_terminal_obeys_nothing_of() {
        let dns = Kind::Dns(DnsTransaction {
            query_name: "a\u{1b}.example".to_owned(),
            query_type: "A".to_owned(),
            response_code: "NOERROR".to_owned(),
            ..DnsTransaction::default()
        });
        let finding = Kind::Finding(Finding {
            code: "port-scan".to_owned(),
            severity: Severity::Alert.into(),
            message: "many ports".to_owned(),
            ..Finding::default()
        });
        let view = View {
            columns: None,
            color: false,
        };
        let table = records(&[record(dns), record(finding)], view);
        let rows: Vec<&str> = table.lines().collect();
        assert_eq!(rows.len(), 3);
        assert!(
            rows[1].contains("[2001:db8::1]:40000  192.0.2.1:53"),
            "{table}"
        );
        assert!(
            rows[1].ends_with("A a\\x1b.example NOERROR, 0 answers"),
            "{table}"
        );
        assert!(rows[2].ends_with("alert: port-scan: many ports"), "{table}");
    }
}
