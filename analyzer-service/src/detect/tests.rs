//! Each detector at its threshold, and just below it.

mod addresses;
mod calls;
mod logins;
mod probes;
mod sasl;
mod tenants;

use std::net::Ipv4Addr;

use expect_test::{Expect, expect};
use weir_capture_builder::{
    Order,
    frame::{self, ACK, PSH, RST, SYN},
    pcap::Pcap,
};

use crate::{
    analysis::Options,
    record::{Finding, Kind, KindSet, Severity},
    testing::run,
};

const A: [u8; 4] = [10, 0, 0, 1];
const B: [u8; 4] = [10, 0, 0, 2];

/// Milliseconds since the capture began, and an IP packet or an ARP frame.
type Packets = Vec<(u64, Vec<u8>)>;

/// In 2023, in the order given.
fn capture(packets: &Packets) -> Vec<u8> {
    let second = |ms: &u64| 1_700_000_000 + u32::try_from(ms / 1_000).expect("a short capture");
    let add = |pcap: Pcap, (ms, packet): &(u64, Vec<u8>)| {
        let micros = u32::try_from(ms % 1_000 * 1_000).expect("below a second");
        // IP begins with its version; ARP with Ethernet's number, 1.
        let frame = match packet[0] {
            0 => frame::ethernet_of(0x0806, packet),
            _ => frame::ethernet(packet),
        };
        pcap.packet(second(ms), micros, &frame)
    };
    let pcap = packets.iter().fold(Pcap::new(Order::Little), add);
    pcap.bytes()
}

#[track_caller]
fn check(packets: &Packets, expected: &Expect) {
    let kept = run(&capture(packets), &Options::default());
    let findings = kept.findings().into_iter();
    // What breaks a format is not the matter here.
    let findings = findings.filter(|finding| !finding.code.starts_with("malformed"));
    let lines = findings.map(line);
    expected.assert_eq(&lines.collect::<Vec<_>>().join("\n"));
}

fn line(finding: &Finding) -> String {
    let Finding {
        code,
        severity,
        message,
        source,
        target,
        target_port,
        count,
        first_packet_number,
        flow_ids,
    } = finding;
    let severity = match severity {
        Severity::Info => "info",
        Severity::Warning => "warning",
        Severity::Alert => "alert",
    };
    let address = |one: &Option<_>| one.map_or("-".to_owned(), |one| format!("{one}"));
    let (source, target) = (address(source), address(target));
    let flows = flow_ids.len();
    format!(
        "{severity} {code} {source}>{target}:{target_port} x{count} from {first_packet_number}, {flows} flows: {message}"
    )
}

/// 10.1.0.0, and so many more.
fn host(n: u16) -> [u8; 4] {
    let [high, low] = n.to_be_bytes();
    Ipv4Addr::new(10, 1, high, low).octets()
}

#[test]
fn findings_alone_rest_on_all_records() {
    let tls = include_bytes!("../../../tests/captures/tls.pcap");
    let codes = |kinds: KindSet| -> Vec<&str> {
        let options = Options {
            kinds,
            ..Options::default()
        };
        let kept = run(tls, &options);
        let kinds_of = kept.records().into_iter();
        assert!(
            kinds_of
                .map(|record| record.body.kind())
                .all(|kind| kinds.contains(kind))
        );
        let findings = kept.findings().into_iter();
        findings.map(|finding| finding.code).collect()
    };
    let alone = KindSet::EMPTY.with(Kind::Finding);
    assert_eq!(codes(alone), ["certificate-self-signed"]);
    assert_eq!(codes(alone.with(Kind::Dns)), ["certificate-self-signed"]);
    assert!(codes(KindSet::EMPTY.with(Kind::Tls)).is_empty());
}
