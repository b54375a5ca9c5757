//! What is in tunnels, and what carries it.

use weir_capture_builder::tunnel;

use super::*;

/// Ends of tunnels.
const P: [u8; 4] = [192, 0, 2, 1];

/// A packet of UDP to the port of VXLAN, from a port that is chosen by what is inside.
fn vxlan(from: [u8; 4], to: [u8; 4], port: u16, vni: u32, frame: &[u8]) -> Vec<u8> {
    frame::udp(from, to, (port, 4_789), &tunnel::vxlan(vni, frame))
}

/// One who asks, and one who answers, in each of two networks; their hosts have the same
/// addresses.
fn tenants(within: impl Fn(u32, &[u8]) -> Vec<u8>) -> Packets {
    let asks = |n: u8, of: [u8; 4]| frame::arp_of(1, [2, 0, 0, 0, n, 1], A, of);
    let answers = |n: u8| frame::arp_of(2, [2, 0, 0, 0, n, 2], B, A);
    let mut packets = Packets::new();
    for second in 0..12 {
        let n = u8::try_from(second % 2).expect("small");
        for arp in [asks(n, B), answers(n), answers(n)] {
            let frame = frame::ethernet_of(0x0806, &arp);
            packets.push((second * 1_000, within(n.into(), &frame)));
        }
    }
    packets
}

#[test]
fn networks_in_tunnels_have_addresses_of_their_own() {
    let overlay = |vni: u32, frame: &[u8]| vxlan(P, [192, 0, 2, 2], 50_000, vni + 100, frame);
    check(&tenants(overlay), &expect![""]);
    // In one network it is what it seems to be.
    let one = |_: u32, frame: &[u8]| overlay(0, frame);
    check(
        &tenants(one),
        &expect![[r#"
        warning duplicate-address ->10.0.0.1:0 x6 from 4, 0 flows: 02:00:00:00:01:01 and 02:00:00:00:00:01 both have the address
        warning duplicate-address ->10.0.0.2:0 x12 from 5, 0 flows: 02:00:00:00:01:02 and 02:00:00:00:00:02 both have the address"#]],
    );
    // Keys of GRE are those of a network.
    let gre = |key: u32, frame: &[u8]| frame::ip(P, B, 47, &tunnel::gre(Some(key), 0x6558, frame));
    check(&tenants(gre), &expect![""]);
}

#[test]
fn the_ends_of_an_overlay_are_no_scanners_and_no_beacons() {
    let ping = |from, to, kind| frame::ethernet(&frame::icmp(from, to, (kind, 0), b"ping"));
    let mut packets = Packets::new();
    for n in 0..40 {
        let (there, port) = (host(n), 50_000 + n);
        let second = u64::from(n) * 10_000;
        packets.push((second, vxlan(P, there, port, 7, &ping(A, B, 8))));
        packets.push((second + 1, vxlan(there, P, port, 7, &ping(B, A, 0))));
    }
    check(&packets, &expect![""]);
    // The same two ends, at intervals.
    let mut packets = Packets::new();
    for n in 0..40 {
        let second = u64::from(n) * 10_000;
        packets.push((second, vxlan(P, host(1), 50_000 + n, 7, &ping(A, B, 8))));
    }
    check(&packets, &expect![""]);
}
