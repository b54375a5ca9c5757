//! Datagrams put together, and what is odd about fragments.

use weir_capture_builder::tunnel;

use super::*;
use crate::record::Body;

/// A question for a name so long that it does not fit its first fragment.
fn query() -> Vec<u8> {
    let header = b"\0\x07\x01\0\0\x01\0\0\0\0\0\0".as_slice();
    let rest = b"\x07example\x03org\0\0\x01\0\x01";
    [header, &[63], &[b'a'; 63], rest].concat()
}

fn datagram() -> Vec<u8> {
    udp((4_000, 53), &query())[20..].to_vec()
}

/// The bytes of `data` from `start` to `end`, as a fragment of one datagram.
fn piece(data: &[u8], start: usize, end: usize) -> Vec<u8> {
    let place = (9, u16::try_from(start).expect("small"), end < data.len());
    frame::ipv4_fragment(A, B, frame::UDP, place, &data[start..end])
}

/// Names that were asked for, and codes of findings with how often.
fn told(packets: &[Vec<u8>]) -> String {
    let packets: Vec<_> = packets.iter().map(|packet| (0, packet.clone())).collect();
    let kept = run(&ethernet(&packets), &Options::default());
    let mut lines: Vec<String> = Vec::new();
    for record in kept.records() {
        match &record.body {
            Body::Dns(dns) => lines.push(format!(
                "@{} {}",
                record.packet_number,
                &dns.query_name[60..]
            )),
            Body::Finding(finding) => lines.push(format!("{} {}", finding.code, finding.count)),
            _ => {}
        }
    }
    let dropped = kept.summary().dropped.fragments;
    if dropped > 0 {
        lines.push(format!("dropped {dropped}"));
    }
    lines.join("\n")
}

#[track_caller]
fn check_told(packets: &[Vec<u8>], expected: &Expect) {
    expected.assert_eq(&told(packets));
}

#[test]
fn a_question_in_fragments_is_read_in_any_order() {
    let data = datagram();
    let pieces = [(0, 64), (64, 72), (72, data.len())].map(|(a, b)| piece(&data, a, b));
    let orders = [
        [0, 1, 2],
        [0, 2, 1],
        [1, 0, 2],
        [1, 2, 0],
        [2, 0, 1],
        [2, 1, 0],
    ];
    for order in orders {
        let packets = order.map(|n| pieces[n].clone());
        assert_eq!(
            told(&packets),
            "@3 aaa.example.org\nfragment-tiny 1",
            "{order:?}"
        );
    }
}

#[test]
fn a_fragment_that_comes_twice_is_no_oddity() {
    let data = datagram();
    let (first, last) = (piece(&data, 0, 64), piece(&data, 64, data.len()));
    check_told(
        &[first.clone(), first, last.clone(), last],
        &expect!["@4 aaa.example.org"],
    );
}

#[test]
fn the_bytes_that_come_first_stay() {
    let data = datagram();
    let mut other = data.clone();
    other[72..].fill(b'x');
    check_told(
        &[
            piece(&data, 64, data.len()),
            piece(&other, 64, data.len()),
            piece(&data, 0, 72),
        ],
        &expect![[r#"
            @3 aaa.example.org
            fragment-conflict 1
            fragment-overlap 1"#]],
    );
}

#[test]
fn another_first_fragment_begins_another_datagram() {
    let data = datagram();
    let mut lost = data.clone();
    lost[1] ^= 1;
    check_told(
        &[
            piece(&lost, 0, 64),
            piece(&data, 0, 64),
            piece(&data, 64, data.len()),
        ],
        &expect![[r#"
            @3 aaa.example.org
            fragment-conflict 1"#]],
    );
}

#[test]
fn an_identification_may_come_again_with_the_last_fragment_first() {
    let [a, b, c] = [b'a', b'b', b'c'].map(|letter| {
        let mut data = datagram();
        // In the name, in both fragments, which a checksum need not follow.
        data[40..84].fill(letter);
        data[6..8].fill(0);
        data
    });
    let pieces = |data: &Vec<u8>| [piece(data, 64, data.len()), piece(data, 0, 64)];
    let [a, b, c] = [&a, &b, &c].map(pieces);
    check_told(
        &[a.clone(), b.clone(), c.clone()].concat(),
        &expect![[r#"
        @6 aaa.example.org
        @6 bbb.example.org
        @6 ccc.example.org"#]],
    );
    // Those of the first one in order, and all of them twice, as by a capture on two interfaces.
    let [last, first] = a.clone();
    check_told(
        &[vec![first, last], b.to_vec()].concat(),
        &expect![[r#"
        @4 aaa.example.org
        @4 bbb.example.org"#]],
    );
    let twice = |pieces: [Vec<u8>; 2]| pieces.map(|piece| [piece.clone(), piece]).concat();
    check_told(
        &[twice(a), twice(b), twice(c)].concat(),
        &expect![[r#"
        @12 aaa.example.org
        @12 bbb.example.org
        @12 ccc.example.org"#]],
    );
}

#[test]
fn odd_fragments_are_findings() {
    let data = datagram();
    let last = |offset, data| frame::ipv4_fragment(A, B, frame::UDP, (9, offset, false), data);
    check_told(
        &[
            last(65_528, &[0; 8]),
            frame::ipv4_fragment(A, B, frame::UDP, (10, 0, true), &[0; 67]),
            last(64, &data[64..]),
            last(64, &data[64..80]),
        ],
        &expect![[r#"
            fragment-oversize 1
            fragment-misaligned 1
            fragment-size-conflict 1"#]],
    );
}

#[test]
fn a_tunnel_in_fragments_is_opened() {
    let inner = tunnel::vxlan(7, &frame::ethernet(&udp((4_000, 53), &query()[..70])));
    let outer = frame::udp(B, A, (1, 4_789), &inner);
    let part = |start: usize, end: usize| {
        let place = (
            3,
            u16::try_from(start).expect("small"),
            end + 20 < outer.len(),
        );
        frame::ipv4_fragment(B, A, frame::UDP, place, &outer[20 + start..20 + end])
    };
    let frames = [part(0, 64), part(64, outer.len() - 20)];
    let frames = frames.map(|packet| (0, packet));
    check(
        &frames,
        &expect![[r#"
        @2 #1 17 10.0.0.1:4789>10.0.0.2:1 0/0/0 2/168/120 Some(CaptureEnd)
        @2 #2 17 10.0.0.1:4000>10.0.0.2:53 1/98/70 0/0/0 Some(CaptureEnd) in vxlan:7 of #1"#]],
    );
}

#[test]
fn fragments_in_a_tunnel_are_put_together_by_tunnel() {
    let data = datagram();
    let gre = |key, packet: &[u8]| frame::ip(B, A, 47, &tunnel::gre(Some(key), 0x0800, packet));
    check_told(
        &[
            gre(1, &piece(&data, 0, 64)),
            gre(2, &piece(&data, 64, data.len())),
            gre(1, &piece(&data, 64, data.len())),
        ],
        &expect!["@3 aaa.example.org"],
    );
}

#[test]
fn fragments_that_wait_are_bounded_in_bytes() {
    let n_datagrams =
        u16::try_from(super::super::fragments::WAITING_BYTES_MAX / 60_000).expect("few") + 20;
    let packets = (0..n_datagrams)
        .map(|id| frame::ipv4_fragment(A, B, frame::UDP, (id, 0, true), &[0; 60_000]));
    let packets: Vec<_> = packets.collect();
    let told = told(&packets);
    assert!(told.starts_with("dropped "), "{told}");
}
