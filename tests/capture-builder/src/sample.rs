//! Packets of many kinds.

use crate::{Order, frame, link_type, pcapng::PcapNg, tunnel};

const QUERY: &[u8] = b"\0\x07\x01\0\0\x01\0\0\0\0\0\0\x07tunnels\x04weir\x04test\0\0\x01\0\x01";

const A: [u8; 4] = [192, 0, 2, 1];
const B: [u8; 4] = [192, 0, 2, 2];
const A6: [u8; 16] = [0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
const B6: [u8; 16] = [0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2];

/// A question for a name, in packets of all link types and tunnels there are.
#[must_use]
pub fn layers() -> Vec<(u16, Vec<u8>)> {
    let udp = frame::udp(A, B, (4_000, 53), QUERY);
    let six = frame::udp(A6, B6, (4_000, 53), QUERY);
    let eth = frame::ethernet(&udp);
    // What follows a label is an Ethernet frame if it looks like one: with addresses that a
    // maker gave (here those for documents, RFC 7042).
    let mut wired = eth.clone();
    for at in [0, 6] {
        wired[at..at + 4].copy_from_slice(&[0, 0, 0x5e, 0]);
    }
    let over = |port, payload: &[u8]| frame::ethernet(&frame::udp(A, B, (50_000, port), payload));
    let in_ip = |protocol, payload: &[u8]| frame::ethernet(&frame::ip(A, B, protocol, payload));
    let gre = |payload: &[u8]| in_ip(47, payload);
    let wlan = tunnel::wlan(0x0800, &udp);
    let hdlc = |ether_type: u16, packet: &[u8]| {
        [&[0x0f, 0], ether_type.to_be_bytes().as_slice(), packet].concat()
    };
    let fragment = |offset: usize, more| {
        let place = (7, u16::try_from(offset).expect("small"), more);
        let end = if more { offset + 24 } else { udp.len() - 20 };
        frame::ipv4_fragment(A, B, frame::UDP, place, &udp[20 + offset..20 + end])
    };
    let ethernet = [
        in_ip(4, &udp),
        in_ip(41, &six),
        frame::ethernet(&frame::ipv6(A6, B6, 4, &udp)),
        frame::ethernet(&frame::ipv6(A6, B6, 41, &six)),
        gre(&tunnel::gre(Some(1), 0x0800, &udp)),
        gre(&tunnel::gre(None, 0x86dd, &six)),
        gre(&tunnel::gre(None, 0x6558, &eth)),
        gre(&tunnel::pptp(1, &tunnel::ppp(0x21, &udp))),
        gre(&tunnel::erspan(1, &eth)),
        gre(&tunnel::erspan_iii(1, &eth)),
        over(4_789, &tunnel::vxlan(1, &eth)),
        over(6_081, &tunnel::geneve(1, 0x6558, &eth)),
        over(3_544, &tunnel::teredo(&six)),
        over(2_152, &tunnel::gtp_u(1, &udp)),
        over(6_635, &tunnel::mpls(&[1], &udp)),
        frame::ethernet_of(0x8847, &tunnel::mpls(&[1, 2], &udp)),
        frame::ethernet_of(
            0x8847,
            &tunnel::mpls(&[1], &[&[0; 4], wired.as_slice()].concat()),
        ),
        frame::ethernet_of(0x8864, &tunnel::pppoe(1, 0x57, &six)),
        frame::ethernet(&fragment(0, true)),
        frame::ethernet(&fragment(24, false)),
    ];
    let others = [
        (link_type::PPP, tunnel::ppp(0x21, &udp)),
        (
            link_type::PPP,
            [&[0xff, 3], tunnel::ppp(0x57, &six).as_slice()].concat(),
        ),
        (link_type::CISCO_HDLC, hdlc(0x86dd, &six)),
        (link_type::IEEE802_11, wlan.clone()),
        (link_type::IEEE802_11_RADIOTAP, tunnel::radiotap(&wlan)),
        (link_type::PPI, tunnel::ppi(105, &wlan)),
        (link_type::NFLOG, tunnel::nflog(2, &udp)),
        (link_type::PKTAP, tunnel::pktap(1, &eth)),
        (
            link_type::LINUX_SLL,
            [&[0; 14], [8, 0].as_slice(), &udp].concat(),
        ),
    ];
    let ethernet = ethernet.map(|frame| (link_type::ETHERNET, frame));
    ethernet.into_iter().chain(others).collect()
}

/// A pcapng file of packets with their link types, a second apart: an interface for each link
/// type. Of each packet `missing` bytes were not captured.
///
/// # Panics
/// For a packet above 4 GiB.
#[must_use]
pub fn capture(packets: &[(u16, Vec<u8>)], missing: u32) -> Vec<u8> {
    let mut pcapng = PcapNg::new(Order::Little);
    let mut link_types = Vec::new();
    for (link_type, _) in packets {
        if !link_types.contains(link_type) {
            pcapng = pcapng.interface(*link_type, &[]);
            link_types.push(*link_type);
        }
    }
    for (at, (link_type, data)) in (0..).zip(packets) {
        let interface = (0..)
            .zip(&link_types)
            .find(|(_, known)| *known == link_type);
        let interface = interface.map_or(0, |(n, _)| n);
        let wire_bytes = crate::length(data) + missing;
        let time = (1_700_000_000 + at) * 1_000_000;
        pcapng = pcapng.enhanced_with(interface, time, wire_bytes, data, &[]);
    }
    pcapng.bytes()
}
