//! Records as lines of text.

use std::fmt::Write;

use crate::record::{Body, DnsTransaction, HttpTransaction, Record, TlsHandshake};

pub(super) fn line(record: &Record) -> String {
    let flow = record.flow.map_or(0, |flow| flow.flow_id);
    let body = match &record.body {
        Body::Dns(dns) => dns_line(dns),
        Body::Http(http) => http_line(http),
        Body::Tls(tls) => tls_line(tls),
        Body::Quic(quic) => format!(
            "quic {} {:?} {:?} {}",
            quic.version, quic.server_name, quic.client_alpn, quic.ja4
        ),
        Body::Ssh(ssh) => format!(
            "ssh {:?} {:?} hassh={} server={}",
            ssh.client_banner, ssh.server_banner, ssh.hassh, ssh.hassh_server
        ),
        Body::Dhcp(dhcp) => format!("{dhcp:?}"),
        other => format!("{other:?}"),
    };
    format!("#{} flow {flow}: {body}", record.packet_number)
}

fn dns_line(dns: &DnsTransaction) -> String {
    let mut line = format!(
        "dns {} {} {} {} {}",
        dns.transport, dns.id, dns.query_name, dns.query_class, dns.query_type
    );
    for (word, set) in [
        ("truncated", dns.truncated),
        ("aa", dns.authoritative),
        ("rd", dns.recursion_desired),
        ("ra", dns.recursion_available),
        ("unasked", !dns.query_seen),
    ] {
        if set {
            write!(line, " {word}").unwrap();
        }
    }
    if dns.opcode != 0 {
        write!(line, " opcode {}", dns.opcode).unwrap();
    }
    if !dns.response_code.is_empty() {
        write!(line, " -> {}", dns.response_code).unwrap();
    }
    if let Some(time) = dns.response_time {
        write!(line, " in {time:?}").unwrap();
    }
    for answer in &dns.answers {
        let (name, kind) = (&answer.name, &answer.record_type);
        write!(line, "\n    {name} {} {kind} {}", answer.ttl, answer.data).unwrap();
    }
    line
}

fn http_line(http: &HttpTransaction) -> String {
    let mut line = format!(
        "http {} {} {} {} host={:?} agent={:?} referrer={:?} sent={}",
        http.depth,
        http.method,
        http.target,
        http.version,
        http.host,
        http.user_agent,
        http.referrer,
        http.request_body_bytes
    );
    write!(
        line,
        " -> {} {:?} server={:?} received={}",
        http.status, http.content_type, http.server, http.response_body_bytes
    )
    .unwrap();
    if let Some(time) = http.response_time {
        write!(line, " in {time:?}").unwrap();
    }
    if let Some(status) = http.grpc_status {
        write!(line, " grpc={status}").unwrap();
    }
    if http.incomplete {
        line.push_str(" incomplete");
    }
    line
}

fn tls_line(tls: &TlsHandshake) -> String {
    let mut line = String::from("tls");
    if tls.client_hello_seen {
        write!(
            line,
            " {:?} offers {} {:?}",
            tls.server_name, tls.client_version, tls.client_alpn
        )
        .unwrap();
    }
    if tls.server_hello_seen {
        write!(
            line,
            " -> {} {} {:?}",
            tls.version, tls.cipher_suite, tls.server_alpn
        )
        .unwrap();
    }
    for (word, set) in [("resumed", tls.resumed), ("established", tls.established)] {
        if set {
            write!(line, " {word}").unwrap();
        }
    }
    if tls.server_hello_seen && !tls.server_certificates.is_empty() {
        for certificate in &tls.server_certificates {
            write!(line, " cert {:?}", certificate.subject).unwrap();
        }
    }
    if !tls.alert.is_empty() {
        write!(line, " alert {}", tls.alert).unwrap();
    }
    line
}
