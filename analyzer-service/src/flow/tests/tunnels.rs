//! Packets inside of packets: inner flows, and the outer ones that carry them.

use weir_capture_builder::tunnel;

use super::*;

/// Ends of tunnels.
const P: [u8; 4] = [192, 0, 2, 1];
const Q: [u8; 4] = [192, 0, 2, 2];
const P6: [u8; 16] = [0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
const Q6: [u8; 16] = [0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2];

fn ask() -> Vec<u8> {
    udp((4_000, 4_001), b"ask")
}

fn answer() -> Vec<u8> {
    frame::udp(B, A, (4_001, 4_000), b"answer")
}

fn ask_six() -> Vec<u8> {
    let ends: [IpAddr; 2] = [[0x20; 16].into(), [0x21; 16].into()];
    frame::udp(ends[0], ends[1], (4_000, 4_001), b"ask")
}

#[track_caller]
fn check_frames(frames: &[Vec<u8>], expected: &Expect) {
    let frames = frames.iter().map(|frame| (0, frame.clone()));
    let frames: Vec<(u32, Vec<u8>)> = frames.collect();
    expected.assert_eq(&lines(&capture(&frames), &Options::default()));
}

#[track_caller]
fn check_packets(packets: &[Vec<u8>], expected: &Expect) {
    let frames: Vec<_> = packets
        .iter()
        .map(|packet| frame::ethernet(packet))
        .collect();
    check_frames(&frames, expected);
}

#[test]
fn both_directions_in_a_tunnel_are_one_flow() {
    // Overlays choose their source port by what is inside.
    let there = tunnel::vxlan(7, &frame::ethernet(&ask()));
    let back = tunnel::vxlan(7, &frame::ethernet(&answer()));
    check_packets(
        &[
            frame::udp(P, Q, (50_000, 4_789), &there),
            frame::udp(Q, P, (60_000, 4_789), &back),
        ],
        &expect![[r#"
            @2 #1 17 192.0.2.1:50000>192.0.2.2:4789 1/81/53 0/0/0 Some(CaptureEnd)
            @2 #2 17 10.0.0.1:4000>10.0.0.2:4001 1/31/3 1/34/6 Some(CaptureEnd) in vxlan:7 of #1
            @2 #3 17 192.0.2.2:60000>192.0.2.1:4789 1/84/56 0/0/0 Some(CaptureEnd)"#]],
    );
}

#[test]
fn a_subnet_of_nvgre_is_one_whatever_tells_its_flows_apart() {
    let gre = |from, to, key, frame: &[u8]| {
        frame::ip(from, to, 47, &tunnel::gre(Some(key), 0x6558, frame))
    };
    let (there, back) = (frame::ethernet(&ask()), frame::ethernet(&answer()));
    check_packets(
        &[
            gre(P, Q, 0x0012_3422, &there),
            gre(Q, P, 0x0012_3411, &back),
            // Below the subnets: keys of other programs.
            gre(P, Q, 0x0009_3422, &there),
            gre(Q, P, 0x0009_3411, &back),
        ],
        &expect![[r#"
            @4 #1 47 192.0.2.1:0>192.0.2.2:0 2/146/106 2/152/112 Some(CaptureEnd)
            @4 #2 17 10.0.0.1:4000>10.0.0.2:4001 1/31/3 1/34/6 Some(CaptureEnd) in gre:4660 of #1
            @4 #3 17 10.0.0.1:4000>10.0.0.2:4001 1/31/3 0/0/0 Some(CaptureEnd) in gre:603170 of #1
            @4 #4 17 10.0.0.2:4001>10.0.0.1:4000 1/34/6 0/0/0 Some(CaptureEnd) in gre:603153 of #1"#]],
    );
}

#[test]
fn tunnels_with_other_ids_or_ends_keep_flows_apart() {
    let inner = frame::ethernet(&ask());
    check_packets(
        &[
            ask(),
            frame::udp(P, Q, (50_000, 4_789), &tunnel::vxlan(7, &inner)),
            frame::udp(P, Q, (50_000, 4_789), &tunnel::vxlan(8, &inner)),
            frame::udp(P, B, (50_000, 4_789), &tunnel::vxlan(7, &inner)),
        ],
        &expect![[r#"
            @4 #1 17 10.0.0.1:4000>10.0.0.2:4001 1/31/3 0/0/0 Some(CaptureEnd)
            @4 #2 17 192.0.2.1:50000>192.0.2.2:4789 2/162/106 0/0/0 Some(CaptureEnd)
            @4 #3 17 10.0.0.1:4000>10.0.0.2:4001 1/31/3 0/0/0 Some(CaptureEnd) in vxlan:7 of #2
            @4 #4 17 10.0.0.1:4000>10.0.0.2:4001 1/31/3 0/0/0 Some(CaptureEnd) in vxlan:8 of #2
            @4 #5 17 192.0.2.1:50000>10.0.0.2:4789 1/81/53 0/0/0 Some(CaptureEnd)
            @4 #6 17 10.0.0.1:4000>10.0.0.2:4001 1/31/3 0/0/0 Some(CaptureEnd) in vxlan:7 of #5"#]],
    );
}

#[test]
fn ids_that_each_end_chooses_do_not_split_a_flow() {
    check_packets(
        &[
            frame::udp(P, Q, (2_152, 2_152), &tunnel::gtp_u(1, &ask())),
            frame::udp(Q, P, (2_152, 2_152), &tunnel::gtp_u(2, &answer())),
        ],
        &expect![[r#"
            @2 #1 17 192.0.2.1:2152>192.0.2.2:2152 1/75/47 1/78/50 Some(CaptureEnd)
            @2 #2 17 10.0.0.1:4000>10.0.0.2:4001 1/31/3 1/34/6 Some(CaptureEnd) in gtp-u:1 of #1"#]],
    );
    let labels = |labels, packet: &[u8]| frame::ethernet_of(0x8847, &tunnel::mpls(labels, packet));
    check_frames(
        &[labels(&[16, 17], &ask()), labels(&[18, 19], &answer())],
        &expect![
            "@2 #1 17 10.0.0.1:4000>10.0.0.2:4001 1/31/3 1/34/6 Some(CaptureEnd) in mpls:16 of #0 in mpls:17 of #0"
        ],
    );
}

#[test]
fn every_tunnel_is_opened() {
    let frame = frame::ethernet(&ask());
    let inside: [(u8, Vec<u8>); 6] = [
        (4, ask()),
        (41, ask_six()),
        (47, tunnel::gre(Some(5), 0x0800, &ask())),
        (47, tunnel::gre(None, 0x6558, &frame)),
        (47, tunnel::pptp(6, &tunnel::ppp(0x21, &ask()))),
        (47, tunnel::erspan(7, &frame)),
    ];
    let packets: Vec<_> = inside
        .iter()
        .map(|(protocol, payload)| frame::ip(P, Q, *protocol, payload))
        .collect();
    check_packets(
        &packets,
        &expect![[r#"
        @6 #1 4 192.0.2.1:0>192.0.2.2:0 1/51/31 0/0/0 Some(CaptureEnd)
        @6 #2 17 10.0.0.1:4000>10.0.0.2:4001 1/31/3 0/0/0 Some(CaptureEnd) in ipip:0 of #1
        @6 #3 41 192.0.2.1:0>192.0.2.2:0 1/71/51 0/0/0 Some(CaptureEnd)
        @6 #4 17 [2020:2020:2020:2020:2020:2020:2020:2020]:4000>[2121:2121:2121:2121:2121:2121:2121:2121]:4001 1/51/3 0/0/0 Some(CaptureEnd) in 6in4:0 of #3
        @6 #5 47 192.0.2.1:0>192.0.2.2:0 4/274/194 0/0/0 Some(CaptureEnd)
        @6 #6 17 10.0.0.1:4000>10.0.0.2:4001 1/31/3 0/0/0 Some(CaptureEnd) in gre:5 of #5
        @6 #7 17 10.0.0.1:4000>10.0.0.2:4001 1/31/3 0/0/0 Some(CaptureEnd) in gre:0 of #5
        @6 #8 17 10.0.0.1:4000>10.0.0.2:4001 1/31/3 0/0/0 Some(CaptureEnd) in pptp:6 of #5
        @6 #9 17 10.0.0.1:4000>10.0.0.2:4001 1/31/3 0/0/0 Some(CaptureEnd) in erspan:7 of #5"#]],
    );
    let packets = [
        frame::ip(P6, Q6, 4, &ask()),
        frame::ip(P6, Q6, 41, &ask_six()),
        frame::ip(P, Q, 47, &tunnel::erspan_iii(8, &frame)),
        frame::udp(P, Q, (1, 6_081), &tunnel::geneve(9, 0x6558, &frame)),
        frame::udp(P, Q, (1, 6_081), &tunnel::geneve(10, 0x0800, &ask())),
        frame::udp(P, Q, (3_544, 1), &tunnel::teredo(&ask_six())),
        frame::udp(P, Q, (50_000, 6_635), &tunnel::mpls(&[11], &ask())),
    ];
    check_packets(
        &packets,
        &expect![[r#"
        @7 #1 4 [fd00::1]:0>[fd00::2]:0 1/71/31 0/0/0 Some(CaptureEnd)
        @7 #2 17 10.0.0.1:4000>10.0.0.2:4001 1/31/3 0/0/0 Some(CaptureEnd) in 4in6:0 of #1
        @7 #3 41 [fd00::1]:0>[fd00::2]:0 1/91/51 0/0/0 Some(CaptureEnd)
        @7 #4 17 [2020:2020:2020:2020:2020:2020:2020:2020]:4000>[2121:2121:2121:2121:2121:2121:2121:2121]:4001 1/51/3 0/0/0 Some(CaptureEnd) in 6in6:0 of #3
        @7 #5 47 192.0.2.1:0>192.0.2.2:0 1/85/65 0/0/0 Some(CaptureEnd)
        @7 #6 17 10.0.0.1:4000>10.0.0.2:4001 1/31/3 0/0/0 Some(CaptureEnd) in erspan:8 of #5
        @7 #7 17 192.0.2.2:6081>192.0.2.1:1 0/0/0 2/164/108 Some(CaptureEnd)
        @7 #8 17 10.0.0.1:4000>10.0.0.2:4001 1/31/3 0/0/0 Some(CaptureEnd) in geneve:9 of #7
        @7 #9 17 10.0.0.1:4000>10.0.0.2:4001 1/31/3 0/0/0 Some(CaptureEnd) in geneve:10 of #7
        @7 #10 17 192.0.2.1:3544>192.0.2.2:1 1/87/59 0/0/0 Some(CaptureEnd)
        @7 #11 17 [2020:2020:2020:2020:2020:2020:2020:2020]:4000>[2121:2121:2121:2121:2121:2121:2121:2121]:4001 1/51/3 0/0/0 Some(CaptureEnd) in teredo:0 of #10
        @7 #12 17 192.0.2.1:50000>192.0.2.2:6635 1/63/35 0/0/0 Some(CaptureEnd)
        @7 #13 17 10.0.0.1:4000>10.0.0.2:4001 1/31/3 0/0/0 Some(CaptureEnd) in mpls:11 of #12"#]],
    );
    let session = tunnel::pppoe(12, 0x57, &ask_six());
    check_frames(
        &[frame::ethernet_of(0x8864, &session)],
        &expect![
            "@1 #1 17 [2020:2020:2020:2020:2020:2020:2020:2020]:4000>[2121:2121:2121:2121:2121:2121:2121:2121]:4001 1/51/3 0/0/0 Some(CaptureEnd) in pppoe:12 of #0"
        ],
    );
}

#[test]
fn tunnels_in_tunnels_name_each_carrier() {
    let inner = frame::ip(P, Q, 47, &tunnel::gre(Some(5), 0x0800, &ask()));
    let vxlan = tunnel::vxlan(
        7,
        &frame::ethernet_of(0x8100, &frame::vlan(3, 0x0800, &inner)),
    );
    check_packets(
        &[frame::udp(A, B, (1, 4_789), &vxlan)],
        &expect![[r#"
        @1 #1 17 10.0.0.2:4789>10.0.0.1:1 0/0/0 1/113/85 Some(CaptureEnd)
        @1 #2 47 192.0.2.1:0>192.0.2.2:0 1/59/39 0/0/0 Some(CaptureEnd) vlans=[3] in vxlan:7 of #1
        @1 #3 17 10.0.0.1:4000>10.0.0.2:4001 1/31/3 0/0/0 Some(CaptureEnd) in vxlan:7 of #1 in gre:5 of #2"#]],
    );
}

#[test]
fn a_tunnel_that_deep_stays_closed() {
    let mut packet = ask();
    for _ in 0..12 {
        packet = frame::ip(P, Q, 4, &packet);
    }
    let kept = run(&ethernet(&[(0, packet)]), &Options::default());
    assert_eq!(kept.flows().len(), crate::decode::TUNNELS_MAX + 1);
    let codes: Vec<&str> = kept.findings().iter().map(|finding| finding.code).collect();
    assert_eq!(codes, ["nesting-too-deep"]);
}

#[test]
fn what_only_looks_like_a_tunnel_is_none() {
    check_packets(
        &[
            frame::udp(P, Q, (1, 4_789), b"no flags in this one"),
            frame::udp(
                P,
                Q,
                (1, 3_544),
                b"no IPv6 in this one, though it is long enough for it",
            ),
            frame::udp(P, Q, (1, 2_152), &[0x32, 1, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0]),
        ],
        &expect![[r#"
            @3 #1 17 192.0.2.2:4789>192.0.2.1:1 0/0/0 1/48/20 Some(CaptureEnd)
            @3 #2 17 192.0.2.2:3544>192.0.2.1:1 0/0/0 1/80/52 Some(CaptureEnd)
            @3 #3 17 192.0.2.2:2152>192.0.2.1:1 0/0/0 1/40/12 Some(CaptureEnd)"#]],
    );
}
