//! Every kind of layer, whole and mutated.

use expect_test::expect;
use proptest::prelude::*;
use weir_capture_builder::sample;

use super::*;

#[test]
fn layers_and_their_paths() {
    check_hierarchy(
        &sample::capture(&sample::layers(), 0),
        &expect![[r#"
            chdlc 1
            chdlc:ipv6 1
            chdlc:ipv6:udp 1
            chdlc:ipv6:udp:dns 1
            eth 20
            eth:ip 15
            eth:ip:gre 6
            eth:ip:gre:erspan 2
            eth:ip:gre:erspan:eth 2
            eth:ip:gre:erspan:eth:ip 2
            eth:ip:gre:erspan:eth:ip:udp 2
            eth:ip:gre:erspan:eth:ip:udp:dns 2
            eth:ip:gre:eth 1
            eth:ip:gre:eth:ip 1
            eth:ip:gre:eth:ip:udp 1
            eth:ip:gre:eth:ip:udp:dns 1
            eth:ip:gre:ip 1
            eth:ip:gre:ip:udp 1
            eth:ip:gre:ip:udp:dns 1
            eth:ip:gre:ipv6 1
            eth:ip:gre:ipv6:udp 1
            eth:ip:gre:ipv6:udp:dns 1
            eth:ip:gre:ppp 1
            eth:ip:gre:ppp:ip 1
            eth:ip:gre:ppp:ip:udp 1
            eth:ip:gre:ppp:ip:udp:dns 1
            eth:ip:ip 1
            eth:ip:ip:udp 1
            eth:ip:ip:udp:dns 1
            eth:ip:ipv6 1
            eth:ip:ipv6:udp 1
            eth:ip:ipv6:udp:dns 1
            eth:ip:udp 6
            eth:ip:udp:dns 1
            eth:ip:udp:geneve 1
            eth:ip:udp:geneve:eth 1
            eth:ip:udp:geneve:eth:ip 1
            eth:ip:udp:geneve:eth:ip:udp 1
            eth:ip:udp:geneve:eth:ip:udp:dns 1
            eth:ip:udp:gtp 1
            eth:ip:udp:gtp:ip 1
            eth:ip:udp:gtp:ip:udp 1
            eth:ip:udp:gtp:ip:udp:dns 1
            eth:ip:udp:mpls 1
            eth:ip:udp:mpls:ip 1
            eth:ip:udp:mpls:ip:udp 1
            eth:ip:udp:mpls:ip:udp:dns 1
            eth:ip:udp:teredo 1
            eth:ip:udp:teredo:ipv6 1
            eth:ip:udp:teredo:ipv6:udp 1
            eth:ip:udp:teredo:ipv6:udp:dns 1
            eth:ip:udp:vxlan 1
            eth:ip:udp:vxlan:eth 1
            eth:ip:udp:vxlan:eth:ip 1
            eth:ip:udp:vxlan:eth:ip:udp 1
            eth:ip:udp:vxlan:eth:ip:udp:dns 1
            eth:ipv6 2
            eth:ipv6:ip 1
            eth:ipv6:ip:udp 1
            eth:ipv6:ip:udp:dns 1
            eth:ipv6:ipv6 1
            eth:ipv6:ipv6:udp 1
            eth:ipv6:ipv6:udp:dns 1
            eth:mpls 2
            eth:mpls:mpls 1
            eth:mpls:mpls:ip 1
            eth:mpls:mpls:ip:udp 1
            eth:mpls:mpls:ip:udp:dns 1
            eth:mpls:pweth 1
            eth:mpls:pweth:eth 1
            eth:mpls:pweth:eth:ip 1
            eth:mpls:pweth:eth:ip:udp 1
            eth:mpls:pweth:eth:ip:udp:dns 1
            eth:pppoes 1
            eth:pppoes:ppp 1
            eth:pppoes:ppp:ipv6 1
            eth:pppoes:ppp:ipv6:udp 1
            eth:pppoes:ppp:ipv6:udp:dns 1
            nflog 1
            nflog:ip 1
            nflog:ip:udp 1
            nflog:ip:udp:dns 1
            pktap 1
            pktap:eth 1
            pktap:eth:ip 1
            pktap:eth:ip:udp 1
            pktap:eth:ip:udp:dns 1
            ppi 1
            ppi:wlan_radio 1
            ppi:wlan_radio:wlan 1
            ppi:wlan_radio:wlan:llc 1
            ppi:wlan_radio:wlan:llc:ip 1
            ppi:wlan_radio:wlan:llc:ip:udp 1
            ppi:wlan_radio:wlan:llc:ip:udp:dns 1
            ppp 2
            ppp:ip 1
            ppp:ip:udp 1
            ppp:ip:udp:dns 1
            ppp:ipv6 1
            ppp:ipv6:udp 1
            ppp:ipv6:udp:dns 1
            radiotap 1
            radiotap:wlan_radio 1
            radiotap:wlan_radio:wlan 1
            radiotap:wlan_radio:wlan:llc 1
            radiotap:wlan_radio:wlan:llc:ip 1
            radiotap:wlan_radio:wlan:llc:ip:udp 1
            radiotap:wlan_radio:wlan:llc:ip:udp:dns 1
            sll 1
            sll:ip 1
            sll:ip:udp 1
            sll:ip:udp:dns 1
            wlan 1
            wlan:llc 1
            wlan:llc:ip 1
            wlan:llc:ip:udp 1
            wlan:llc:ip:udp:dns 1"#]],
    );
}

#[test]
fn hardware_addresses_of_a_wireless_frame() {
    let packets = [(
        link_type::IEEE802_11,
        tunnel::wlan(0x0800, &frame::udp(A, B, (1, 2), b"")),
    )];
    let kept = run(&sample::capture(&packets, 0), &Options::default());
    let (_, _, flow) = kept.flows()[0];
    assert_eq!(flow.client_mac, Some([2, 0, 0, 0, 0, 1]));
    assert_eq!(flow.server_mac, Some([2, 0, 0, 0, 0, 2]));
}

#[test]
fn a_port_of_tunnels_may_be_a_clients_own() {
    let ids = (0..=u8::MAX).flat_map(|high| [0, 0x40, 0x47, 0x88].map(|low| [high, low]));
    let ids: Vec<_> = ids.collect();
    for port in [4_789, 4_790, 8_472, 6_081, 2_152, 3_544, 6_635] {
        let mut pcap = Pcap::new(Order::Little);
        for id in &ids {
            let question = [id, &DNS_QUERY[2..]].concat();
            let answer: &[u8] = b"\xc0\x0c\0\x01\0\x01\0\0\0\x01\0\x04\x0a\0\0\x03";
            let counts: &[u8] = b"\x81\x80\0\x01\0\x01\0\0\0\0";
            let answer = [id, counts, &DNS_QUERY[12..], answer].concat();
            let asked = frame::udp(A, B, (port, 53), &question);
            pcap = pcap.packet(0, 0, &frame::ethernet(&asked));
            let answered = frame::udp(B, A, (53, port), &answer);
            pcap = pcap.packet(0, 0, &frame::ethernet(&answered));
        }
        let kept = run(&pcap.bytes(), &Options::default());
        let answered = kept
            .records()
            .into_iter()
            .filter(|record| matches!(&record.body, Body::Dns(dns) if dns.answers.len() == 1));
        assert_eq!(answered.count(), ids.len(), "{port}");
        assert_eq!(kept.flows().len(), 1, "{port}");
    }
}

proptest! {
    // Some 30 packets each.
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn mutated_packets_are_read(
        changes in prop::collection::vec(
            (any::<prop::sample::Index>(), any::<prop::sample::Index>(), any::<u8>()), 1..60),
        cuts in prop::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>()), 0..8),
        link_types in prop::collection::vec((any::<prop::sample::Index>(), 0..300_u16), 0..4),
        missing in 0..2_u32,
    ) {
        let mut packets = sample::layers();
        let n_packets = packets.len();
        for (which, at, byte) in &changes {
            let packet = &mut packets[which.index(n_packets)].1;
            let at = at.index(packet.len());
            packet[at] = *byte;
        }
        for (which, at) in &cuts {
            let packet = &mut packets[which.index(n_packets)].1;
            packet.truncate(at.index(packet.len() + 1).max(1));
        }
        for (which, link_type) in &link_types {
            packets[which.index(n_packets)].0 = *link_type;
        }
        let kept = run(&sample::capture(&packets, missing), &Options::default());
        prop_assert_eq!(kept.summary().packets, packets.len() as u64);
        prop_assert_eq!(kept.summary().verdict.clone(), Verdict::Complete);
    }
}
