//! Questions and answers in different flows.

use expect_test::expect;

use super::*;
use crate::record::Endpoint;

fn end(last: u8, port: u16) -> Endpoint {
    Endpoint {
        address: [10, 0, 0, last].into(),
        port,
    }
}

#[test]
fn multicast_answers_find_their_questions_in_other_flows() {
    let mut lab = Lab::new();
    let group = Endpoint {
        address: [224, 0, 0, 251].into(),
        port: 5353,
    };
    let asker = lab.flow_between(end(1, 5353), group);
    let responder = lab.flow_between(end(2, 5353), group);
    let mut query = message(0, 0, &[("_ipp._tcp.local", 12), ("x.local", 1)], &[]);
    let at = query.len() - 2;
    query[at] = 0x80;
    lab.datagram(asker, CLIENT, &query);
    let answers = [
        record("_IPP._tcp.local", 12, &encoded("printer._ipp._tcp.local")),
        record("printer.local", 1, &[192, 0, 2, 1]),
    ];
    lab.datagram(responder, CLIENT, &message(0, 0x8400, &[], &answers));
    lab.end(asker);
    lab.end(responder);
    expect![[r#"
        #1 is mdns
        #2 is mdns
        #2 flow 1: dns mdns 0 _ipp._tcp.local IN PTR aa -> NOERROR in 1ms
            _IPP._tcp.local 60 PTR printer._ipp._tcp.local
        #2 flow 2: dns mdns 0 printer.local IN A aa unasked -> NOERROR
            printer.local 60 A 192.0.2.1
        end of flow 1: ["mdns"]
        end of flow 2: ["mdns"]
        #1 flow 1: dns mdns 0 x.local IN A
    "#]]
    .assert_eq(&lab.log);
}

#[test]
fn link_local_answers_come_by_unicast() {
    let mut lab = Lab::new();
    let group = Endpoint {
        address: [224, 0, 0, 252].into(),
        port: 5355,
    };
    let asker = lab.flow_between(end(1, 4_000), group);
    let other = lab.flow_between(end(3, 4_000), group);
    let answer = lab.flow_between(end(1, 4_000), end(2, 5355));
    lab.datagram(asker, CLIENT, &message(9, 0, &[("wpad", 1)], &[]));
    lab.datagram(other, CLIENT, &message(9, 0, &[("wpad", 1)], &[]));
    let response = message(
        9,
        0x8000,
        &[("wpad", 1)],
        &[record("wpad", 1, &[10, 0, 0, 2])],
    );
    lab.datagram(answer, SERVER, &response);
    for flow in [asker, other, answer] {
        lab.end(flow);
    }
    expect![[r#"
        #1 is llmnr
        #2 is llmnr
        #3 is llmnr
        #3 flow 1: dns llmnr 9 wpad IN A -> NOERROR in 2ms
            wpad 60 A 10.0.0.2
        end of flow 1: ["llmnr"]
        end of flow 2: ["llmnr"]
        end of flow 3: ["llmnr"]
        #2 flow 2: dns llmnr 9 wpad IN A
    "#]]
    .assert_eq(&lab.log);
}
