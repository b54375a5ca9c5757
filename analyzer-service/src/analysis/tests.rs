mod checksums;
mod conversations;
mod fragments;
mod layers;
mod properties;
mod threads;
mod truth;

use std::{num::NonZeroU64, ops::ControlFlow};

use expect_test::{Expect, expect};
use weir_capture_builder::{
    Order,
    frame::{self, ACK, FIN, PSH, SYN},
    link_type,
    pcap::Pcap,
    pcapng::{IF_TSRESOL, PcapNg},
    tunnel,
};

use super::*;
use crate::{
    record::{Body, Kind},
    testing::run,
};

const A: [u8; 4] = [10, 0, 0, 1];
const B: [u8; 4] = [10, 0, 0, 2];

const DNS_QUERY: &[u8] = b"\0\x07\x01\0\0\x01\0\0\0\0\0\0\x07example\x03org\0\0\x01\0\x01";
const HTTP_REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: example.org\r\n\r\n";

/// A little of everything.
fn frames() -> Vec<Vec<u8>> {
    let packets = [
        frame::udp(A, B, (4_000, 53), DNS_QUERY),
        frame::tcp(A, B, (40_000, 80), (100, SYN), b""),
        frame::tcp(B, A, (80, 40_000), (500, SYN | ACK), b""),
        frame::tcp(A, B, (40_000, 80), (101, PSH | ACK), HTTP_REQUEST),
        frame::tcp(A, B, (40_000, 80), (140, FIN | ACK), b""),
        frame::icmp(A, B, (8, 0), b"ping"),
        frame::sctp(A, B, (1, 2)),
        frame::ipv4_fragment(A, B, frame::UDP, (1, 0, true), &[0, 1, 0, 2, 0, 40, 0, 0]),
        frame::ipv4_fragment(A, B, frame::UDP, (1, 8, false), &[0; 32]),
    ];
    let mut frames: Vec<Vec<u8>> = packets
        .iter()
        .map(|packet| frame::ethernet(packet))
        .collect();
    frames.push(frame::ethernet_of(0x0806, &frame::arp(A, B)));
    frames.push(frame::ethernet_of(
        0x8100,
        &frame::vlan(5, 0x0800, &packets[0]),
    ));
    let six = [[0x20; 16], [0x21; 16]];
    let options = frame::ipv6_options(frame::UDP, &[0, 1, 0, 2, 0, 8, 0, 0]);
    frames.push(frame::ethernet(&frame::ipv6(six[0], six[1], 0, &options)));
    let piece = frame::ipv6_fragment(frame::TCP, (3, 8, false), &[1; 24]);
    frames.push(frame::ethernet(&frame::ipv6(six[0], six[1], 44, &piece)));
    // An extension header that is cut off behind one that is not.
    let broken = frame::ipv6_options(43, &[]);
    frames.push(frame::ethernet(&frame::ipv6(six[0], six[1], 0, &broken)));
    frames
}

fn pcap() -> Vec<u8> {
    let pcap = Pcap::new(Order::Little);
    let add = |pcap: Pcap, (at, data): (u32, Vec<u8>)| pcap.packet(1_700_000_000 + at, 0, &data);
    (0..).zip(frames()).fold(pcap, add).bytes()
}

fn pcapng() -> Vec<u8> {
    let pcapng = PcapNg::new(Order::Big)
        .interface(link_type::ETHERNET, &[])
        .interface(link_type::ETHERNET, &[(IF_TSRESOL, &[9])]);
    let add = |pcapng: PcapNg, (at, data): (u64, Vec<u8>)| pcapng.enhanced(0, at, &data);
    let pcapng = (0..).zip(frames()).fold(pcapng, add);
    let pcapng = pcapng
        .section(Order::Little)
        .interface(link_type::ETHERNET, &[]);
    let add = |pcapng: PcapNg, data: Vec<u8>| pcapng.simple(1_000, &data);
    frames().into_iter().fold(pcapng, add).bytes()
}

#[test]
fn info_comes_first_and_the_summary_last() {
    for capture in [pcap(), pcapng()] {
        let kept = run(&capture, &Options::default());
        assert!(matches!(kept.events.first(), Some(Event::CaptureInfo(_))));
        let n_ends = kept
            .events
            .iter()
            .filter(|event| !matches!(event, Event::Records(_)));
        assert_eq!(n_ends.count(), 2);
        assert_eq!(kept.summary().verdict, Verdict::Complete);
    }
}

#[test]
fn capture_info_knows_the_interfaces_in_front_of_the_first_packet() {
    let kept = run(&pcapng(), &Options::default());
    let Some(Event::CaptureInfo(info)) = kept.events.first() else {
        panic!("no info");
    };
    let units: Vec<u64> = info
        .interfaces
        .iter()
        .map(|i| i.timestamp_units_per_second)
        .collect();
    assert_eq!(units, [1_000_000, 1_000_000_000]);
}

#[track_caller]
fn check_hierarchy(capture: &[u8], expected: &Expect) {
    let kept = run(capture, &Options::default());
    let counts = &kept.summary().protocol_hierarchy;
    let lines: Vec<_> = counts
        .iter()
        .map(|c| format!("{} {}", c.path, c.packets))
        .collect();
    expected.assert_eq(&lines.join("\n"));
}

#[test]
fn the_hierarchy_names_layers_as_tshark_does() {
    check_hierarchy(
        &pcap(),
        &expect![[r#"
        eth 14
        eth:arp 1
        eth:ip 9
        eth:ip:icmp 1
        eth:ip:sctp 1
        eth:ip:tcp 4
        eth:ip:tcp:http 1
        eth:ip:udp 2
        eth:ip:udp:dns 1
        eth:ipv6 3
        eth:ipv6:udp 1
        eth:vlan 1
        eth:vlan:ip 1
        eth:vlan:ip:udp 1
        eth:vlan:ip:udp:dns 1"#]],
    );
}

#[test]
fn other_link_types_are_counted_by_number() {
    let capture = Pcap::with(Order::Big, true, 182).packet(0, 0, b"?").bytes();
    check_hierarchy(&capture, &expect!["linktype-182 1"]);
}

#[test]
fn every_link_type_leads_to_ip() {
    let packet = frame::udp(A, B, (1, 2), b"");
    let sll = |tail: &[u8]| [&[0; 14], tail, &packet].concat();
    let sll2 = [&[8, 0], [0; 18].as_slice(), &packet].concat();
    let null = |family: [u8; 4]| [&family, packet.as_slice()].concat();
    let frames = [
        (link_type::RAW, packet.clone()),
        (link_type::IPV4, packet.clone()),
        (link_type::LINUX_SLL, sll(&[8, 0])),
        (link_type::LINUX_SLL2, sll2),
        (link_type::PPP_HDLC, tunnel::ppp(0x21, &packet)),
        (
            link_type::PPP_HDLC,
            [&[0x0f, 0, 8, 0], packet.as_slice()].concat(),
        ),
        (link_type::NULL, null([2, 0, 0, 0])),
        (link_type::NULL, null([0, 0, 0, 2])),
        (link_type::LOOP, null([0, 0, 0, 2])),
    ];
    for (link_type, data) in frames {
        let capture = Pcap::with(Order::Little, false, link_type.into()).packet(0, 0, &data);
        let kept = run(&capture.bytes(), &Options::default());
        assert_eq!(kept.flows().len(), 1, "link type {link_type}");
    }
}

#[track_caller]
fn check_findings(capture: &[u8], expected: &Expect) {
    let kept = run(capture, &Options::default());
    let finding = |record: &&Record| match &record.body {
        Body::Finding(f) => Some(format!(
            "@{} {} x{} from {} {:?}>{:?} flows {:?}",
            record.packet_number,
            f.code,
            f.count,
            f.first_packet_number,
            f.source,
            f.target,
            f.flow_ids
        )),
        _ => None,
    };
    let lines: Vec<String> = kept.records().iter().filter_map(finding).collect();
    expected.assert_eq(&lines.join("\n"));
}

#[test]
fn findings_are_gathered_by_what_they_are_about() {
    let mut bad = frame::tcp(A, B, (1, 2), (0, SYN), b"");
    bad[32] = 0x10;
    let bad = frame::ethernet(&bad);
    let capture = Pcap::new(Order::Little)
        .packet(0, 2_000_000, &bad)
        .packet(10, 0, &bad)
        .packet(100, 0, &bad)
        .packet(100, 0, &[0; 13])
        // Cut by the snap length: no fault of its sender.
        .packet_of(100, 0, 60, &[0; 13]);
    check_findings(
        &capture.bytes(),
        &expect![[r#"
        @3 malformed-tcp x2 from 1 Some(10.0.0.1)>Some(10.0.0.2) flows [1]
        @5 bad-timestamp x1 from 1 None>None flows []
        @5 malformed-tcp x1 from 3 Some(10.0.0.1)>Some(10.0.0.2) flows [1]
        @5 malformed-ethernet x1 from 4 None>None flows []"#]],
    );
}

#[test]
fn a_packet_limit_stops_in_front_of_the_next_packet() {
    let capture = pcap();
    let options = |limit| Options {
        packet_limit: NonZeroU64::new(limit),
        ..Options::default()
    };
    let kept = run(&capture, &options(1));
    let first = 24 + 16 + frames()[0].len() as u64;
    assert_eq!(kept.summary().packets, 1);
    assert!(matches!(&kept.summary().verdict, Verdict::Limited(stop) if stop.at_byte == first));
    let kept = run(&capture, &options(frames().len() as u64));
    assert_eq!(kept.summary().verdict, Verdict::Complete);
}

#[test]
fn only_the_kinds_asked_for_go_out() {
    let options = Options {
        kinds: KindSet::EMPTY.with(Kind::Dns),
        ..Options::default()
    };
    let kept = run(&pcap(), &options);
    let all = run(&pcap(), &Options::default());
    assert!(
        kept.records()
            .iter()
            .all(|record| record.body.kind() == Kind::Dns)
    );
    assert_eq!(kept.summary().flows, all.summary().flows);
}

#[test]
fn a_sink_that_breaks_stops_it_at_once() {
    struct Breaking(usize);
    impl Sink for Breaking {
        fn event(&mut self, _: Event) -> ControlFlow<()> {
            self.0 += 1;
            ControlFlow::Break(())
        }
        fn poll(&mut self, _: &Progress) -> ControlFlow<()> {
            ControlFlow::Break(())
        }
    }
    let mut sink = Breaking(0);
    analyze(pcap().as_slice(), &Options::default(), &mut sink).expect("a capture");
    assert_eq!(sink.0, 1);
}

#[test]
fn the_sink_is_polled_by_packets_and_by_bytes() {
    let many = (0..2_048).fold(Pcap::new(Order::Little), |pcap, _| pcap.packet(0, 0, &[]));
    assert_eq!(run(&many.bytes(), &Options::default()).polls.len(), 2);
    let large = PcapNg::new(Order::Little).block(0x99, &vec![0; 3 << 20]);
    assert_eq!(run(&large.bytes(), &Options::default()).polls.len(), 1);
}

#[test]
fn a_segment_that_contradicts_one_before_is_a_finding() {
    let sent = |data: &[u8]| {
        let packet = frame::tcp(A, B, (40_000, 80), (101, PSH | ACK), data);
        frame::ethernet(&packet)
    };
    let mut decoy = HTTP_REQUEST.to_vec();
    decoy[22..25].copy_from_slice(b"XXX");
    let capture = |second: &[u8]| {
        let pcap = Pcap::new(Order::Little).packet(0, 0, &sent(HTTP_REQUEST));
        pcap.packet(0, 1, &sent(second)).bytes()
    };
    check_findings(&capture(HTTP_REQUEST), &expect![""]);
    check_findings(
        &capture(&decoy),
        &expect!["@2 tcp-overlap-conflict x1 from 2 Some(10.0.0.1)>Some(10.0.0.2) flows [1]"],
    );
}
