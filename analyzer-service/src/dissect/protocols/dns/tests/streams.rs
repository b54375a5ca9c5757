//! Over TCP.

use expect_test::expect;

use super::*;

#[test]
fn messages_over_tcp_may_share_and_span_segments() {
    let mut lab = Lab::new();
    let flow = lab.flow(4_000, 53);
    lab.handshake(flow);
    let first = framed(&message(1, QUERY, &[("a", 1)], &[]));
    let second = framed(&message(2, QUERY, &[("b", 252)], &[]));
    lab.send(flow, CLIENT, &[&first[..], &second[..5]].concat());
    lab.send(flow, CLIENT, &second[5..]);
    let answers = [
        framed(&message(
            2,
            RESPONSE,
            &[("b", 252)],
            &[record("b", 2, &encoded("ns"))],
        )),
        framed(&message(
            2,
            RESPONSE,
            &[],
            &[record("c.b", 1, &[192, 0, 2, 1])],
        )),
        framed(&message(1, RESPONSE, &[("a", 1)], &[])),
    ];
    for byte in answers.concat().chunks(1) {
        lab.send(flow, SERVER, byte);
    }
    lab.end(flow);
    let lines = lab.log.lines().filter(|line| !line.contains(" is "));
    expect![[r##"
        #42 flow 1: dns tcp 2 b IN AXFR rd ra -> NOERROR in 38ms
            b 60 NS ns
        #75 flow 1: dns tcp 2 b IN AXFR rd ra -> NOERROR in 71ms
            c.b 60 A 192.0.2.1
        #96 flow 1: dns tcp 1 a IN A rd ra -> NOERROR in 93ms
        end of flow 1: ["dns"]
    "##]]
    .assert_eq(&lines.map(|line| format!("{line}\n")).collect::<String>());
}

#[test]
fn a_stream_with_a_hole_is_read_no_further() {
    let mut lab = Lab::new();
    let flow = lab.flow(4_000, 53);
    lab.handshake(flow);
    lab.send(flow, CLIENT, &framed(&message(1, QUERY, &[("a", 1)], &[])));
    lab.lose(flow, CLIENT, 100);
    lab.send(flow, CLIENT, &framed(&message(2, QUERY, &[("b", 1)], &[])));
    lab.send(
        flow,
        SERVER,
        &framed(&message(1, RESPONSE, &[("a", 1)], &[])),
    );
    lab.end(flow);
    expect![[r#"
        #3 is dns
        #4 is dns
        #5 is dns
        #5 flow 1: dns tcp 1 a IN A rd ra -> NOERROR in 2ms
        end of flow 1: ["dns"]
    "#]]
    .assert_eq(&lab.log);
}

#[test]
fn other_protocols_on_tcp_port_53_are_left_alone() {
    let mut lab = Lab::new();
    let flow = lab.flow(4_000, 53);
    lab.handshake(flow);
    lab.send(flow, CLIENT, &[0, 5, 1, 2, 3, 4, 5]);
    lab.end(flow);
    expect![[r#"
        end of flow 1: []
    "#]]
    .assert_eq(&lab.log);
}
