mod samples;
mod sessions;

use expect_test::{Expect, expect};
use weir_shared::proto::analyzer::v1::{analysis_record::Kind, *};

use super::*;
use samples::{at, dns, flow, record, summary, took};

const NARROW: View = View {
    columns: Some(100),
    color: false,
};
const PLAIN: View = View {
    columns: None,
    color: false,
};

fn check(records: Vec<AnalysisRecord>, summary: Summary, view: View, want: Expect) {
    let mut report = Report::new(2);
    report.info = CaptureInfo {
        format: FileFormat::Pcap.into(),
        size_bytes: 924_000,
        ..Default::default()
    };
    records.into_iter().for_each(|record| report.add(record));
    report.summary = summary;
    want.assert_eq(&super::report("a.pcap", report, view));
}

#[test]
fn a_capture_is_told_from_the_whole_to_the_parts() {
    check(
        vec![],
        summary(Verdict::Complete),
        PLAIN,
        expect![[r#"
            a.pcap
            ══════
              verdict     complete
              format      pcap, 924 kB
              packets     1,500, 1.0 MB on the wire, 900 kB captured, 3 cut by the snap length
              time        2023-11-14 22:13:20.000000 to 2023-11-14 22:13:29.999000 UTC (9.99 s), packets not in order of time
              flows       42
              records     42 flow, 3 dns
              links       ethernet eth0
              checksums   12 TCP wrong (often offloading, not damage)
              dropped     1 fragmented datagram (bounds of the analyzer)

            Protocols
              protocol   packets   share    bytes   share
              eth          1,500  100.0%   1.0 MB  100.0%  ████████████████
              ├ ip         1,400   93.3%   990 kB   99.0%  ███████████████▊
              │ ├ tcp      1,000   66.7%   900 kB   90.0%  ██████████████▍
              │ │ └ tls      100    6.7%   800 kB   80.0%  ████████████▊
              │ └ udp        400   26.7%  90.0 kB    9.0%  █▍
              └ arp          100    6.7%    100 B   <0.1%  ▏

            Top talkers  2
              address       bytes    sent  received  packets                    error
              192.0.2.7    990 kB  100 kB    890 kB    1,500  ████████████████
              2001:db8::1  800 kB  800 kB       0 B        0  ████████████▉     up to 9 B too high
        "#]],
    );
}

#[test]
fn damage_is_told_with_its_place_and_reason() {
    let damaged = Summary {
        verdict: Verdict::Truncated.into(),
        ..Default::default()
    };
    check(
        vec![],
        Summary {
            stopped_at_byte: 40,
            stopped_because: "short record".to_owned(),
            ..damaged
        },
        PLAIN,
        expect![[r#"
            a.pcap
            ══════
              verdict     truncated at byte 40: short record
              format      pcap, 924 kB
              packets     0
              flows       0
        "#]],
    );
}

#[test]
fn the_largest_flows_are_shown_and_the_rest_counted() {
    let flows = [(500, "http"), (4_000_000, "tls"), (70_000, "ssh")];
    let records = flows.map(|(bytes, service)| record(flow(bytes, service)));
    check(
        records.into(),
        Summary {
            first_packet_time: at(0),
            last_packet_time: at(1),
            ..Default::default()
        },
        NARROW,
        expect![[r#"
            a.pcap
            ══════
              verdict     unknown at byte 0
              format      pcap, 924 kB
              packets     0
              time        2023-11-14 22:13:20.000000 to 2023-11-14 22:13:20.001000 UTC (1.00 ms), packets not in order of time
              flows       0

            Flows  2 of 3, most bytes first; --limit shows more
              start         duration  proto  client           server             servi…  packets     sent  received  end     notes
              22:13:20.000    2.00 s  tcp    192.0.2.7:40000  [2001:db8::1]:443  tls          30   1.0 MB    3.0 MB  fin SF  vlan 10…
              22:13:20.000    2.00 s  tcp    192.0.2.7:40000  [2001:db8::1]:443  ssh          30  17.5 kB   52.5 kB  fin SF  vlan 10…
        "#]],
    );
}

#[test]
fn like_dns_transactions_are_one_row() {
    let records = vec![
        record(dns(
            "a.example",
            "NOERROR",
            &[
                "192.0.2.1",
                "192.0.2.2",
                "192.0.2.3",
                "192.0.2.4",
                "192.0.2.5",
            ],
        )),
        record(dns("b.example", "NXDOMAIN", &[])),
        record(dns("b.example", "NXDOMAIN", &[])),
        record(dns("c.example", "", &[])),
    ];
    check(
        records,
        Summary::default(),
        PLAIN,
        expect![[r#"
            a.pcap
            ══════
              verdict     unknown at byte 0
              format      pcap, 924 kB
              packets     0
              flows       0

            DNS  4 transactions, grouped: 2 of 3, most frequent first; --limit shows more
              count  query      type  code      via  slowest  server       answers
                  2  b.example  A     NXDOMAIN  udp  12.0 ms  2001:db8::1
                  1  a.example  A     NOERROR   udp  12.0 ms  2001:db8::1  192.0.2.1, 192.0.2.2, 192.0.2.3, 192.0.2.4, 1 more
        "#]],
    );
}

#[test]
fn http_tls_and_findings_have_their_tables() {
    let http = |status, target: &str| {
        record(Kind::Http(HttpTransaction {
            method: "GET".to_owned(),
            host: "www.example".to_owned(),
            target: target.to_owned(),
            status,
            content_type: "text/html".to_owned(),
            response_body_bytes: 5_120,
            response_time: took(30),
            ..Default::default()
        }))
    };
    let tls = record(Kind::Tls(TlsHandshake {
        server_name: "www.example".to_owned(),
        version: "TLS 1.3".to_owned(),
        cipher_suite: "TLS_AES_128_GCM_SHA256".to_owned(),
        server_alpn: "h2".to_owned(),
        ja4: "t13d1516h2_8daaf6152771_b186095e22b6".to_owned(),
        client_hello_seen: true,
        ..Default::default()
    }));
    let finding = |severity: Severity, code: &str| {
        record(Kind::Finding(Finding {
            code: code.to_owned(),
            severity: severity.into(),
            message: "many ports of one host".to_owned(),
            source_address: "192.0.2.7".to_owned(),
            count: 1_000,
            first_packet_number: 17,
            ..Default::default()
        }))
    };
    let records = vec![
        http(200, "/"),
        http(404, "/none"),
        http(200, "/third"),
        tls,
        finding(Severity::Info, "odd"),
        finding(Severity::Warning, "malformed-ipv4"),
        finding(Severity::Alert, "port-scan"),
    ];
    check(
        records,
        Summary::default(),
        PLAIN,
        expect![[r#"
            a.pcap
            ══════
              verdict     unknown at byte 0
              format      pcap, 924 kB
              packets     0
              flows       0

            HTTP  2 of 3, in order of completion; --limit shows more
              time                     client     method  host         target  status     took    body  type
              2023-11-14 22:13:21.500  192.0.2.7  GET     www.example  /       200     30.0 ms  5.1 kB  text/html
              2023-11-14 22:13:21.500  192.0.2.7  GET     www.example  /none   404     30.0 ms  5.1 kB  text/html

            TLS  1 handshake
              count  server name  server             version  cipher suite            ALPN  fingerprint                           notes
                  1  www.example  [2001:db8::1]:443  TLS 1.3  TLS_AES_128_GCM_SHA256  h2    t13d1516h2_8daaf6152771_b186095e22b6  no ServerHello

            Findings  2 of 3, gravest first; --limit shows more
              severity  code            count  source     packet  what
              alert     port-scan       1,000  192.0.2.7      17  many ports of one host
              warning   malformed-ipv4  1,000  192.0.2.7      17  many ports of one host
        "#]],
    );
}

#[test]
fn nothing_from_the_wire_steers_the_terminal() {
    let evil = "\x1b]0;owned\x07\u{9b}2J\r\n\u{202e}";
    let records = vec![
        record(flow(1, evil)),
        record(dns(evil, evil, &[evil])),
        record(Kind::Http(HttpTransaction {
            method: evil.to_owned(),
            host: evil.to_owned(),
            target: evil.to_owned(),
            content_type: evil.to_owned(),
            user_agent: evil.to_owned(),
            ..Default::default()
        })),
        record(Kind::Tls(TlsHandshake {
            server_name: evil.to_owned(),
            version: evil.to_owned(),
            cipher_suite: evil.to_owned(),
            server_alpn: evil.to_owned(),
            ja4: evil.to_owned(),
            alert: evil.to_owned(),
            ..Default::default()
        })),
        record(Kind::Finding(Finding {
            code: evil.to_owned(),
            message: evil.to_owned(),
            source_address: evil.to_owned(),
            target_address: evil.to_owned(),
            ..Default::default()
        })),
    ];
    let mut report = Report::new(2);
    records.into_iter().for_each(|record| report.add(record));
    report.summary = Summary {
        stopped_because: evil.to_owned(),
        verdict: Verdict::Corrupt.into(),
        records_by_kind: [(evil.to_owned(), 1)].into(),
        protocol_hierarchy: vec![ProtocolCount {
            path: evil.to_owned(),
            packets: 1,
            bytes: 1,
        }],
        top_talkers: vec![Talker {
            address: evil.to_owned(),
            ..Default::default()
        }],
        interfaces: vec![Interface {
            name: evil.to_owned(),
            ..Default::default()
        }],
        ..Default::default()
    };
    let text = super::report(evil, report, PLAIN);
    let steering: Vec<_> = text
        .chars()
        .filter(|&c| c != '\n' && text::is_unsafe(c))
        .collect();
    assert_eq!(steering, [] as [char; 0]);
    assert_eq!(text.matches("owned").count(), 25, "{text}");
}
