mod damage;

use expect_test::{Expect, expect};
use weir_capture_builder::{
    Order, link_type,
    pcap::Pcap,
    pcapng::{IF_NAME, IF_TSOFFSET, IF_TSRESOL, PcapNg},
};

use super::*;

fn lines(bytes: &[u8]) -> String {
    let mut reader = match CaptureReader::open(bytes) {
        Ok(reader) => reader,
        Err(error) => return error.to_string(),
    };
    let mut lines = String::new();
    loop {
        let at = reader.next_offset();
        match reader.advance().expect("bytes in memory are readable") {
            Item::Header | Item::Other => {}
            Item::Packet => {
                let packet = reader.packet().expect("a packet");
                let time = packet.time.map(|time| time.0);
                let Packet {
                    link_type,
                    wire_bytes,
                    data,
                    bad_time,
                    ..
                } = packet;
                let bad = if bad_time { " bad" } else { "" };
                lines +=
                    &format!("@{at} {time:?}{bad} link={link_type} {data:?} of {wire_bytes}\n");
            }
            Item::End(verdict) => {
                lines += &format!("{verdict:?}");
                let blocks = reader.blocks_by_type();
                return if blocks.is_empty() {
                    lines
                } else {
                    lines + &format!("\n{blocks:?}")
                };
            }
        }
    }
}

#[track_caller]
fn check(bytes: &[u8], expected: &Expect) {
    expected.assert_eq(&lines(bytes));
}

#[test]
fn pcap_of_both_orders_and_resolutions() {
    let expected = expect![[r#"
        @24 Some(1000002000) link=1 [7] of 9
        Complete"#]];
    for order in [Order::Little, Order::Big] {
        check(
            &Pcap::new(order).packet_of(1, 2, 9, &[7]).bytes(),
            &expected,
        );
        let nanoseconds = Pcap::with(order, true, 1).packet_of(1, 2_000, 9, &[7]);
        check(&nanoseconds.bytes(), &expected);
    }
}

#[test]
fn the_link_type_is_the_lower_half_of_its_field() {
    let pcap = Pcap::with(Order::Little, false, 0x3400_0071).packet(0, 0, &[]);
    check(
        &pcap.bytes(),
        &expect![[r#"
        @24 Some(0) link=113 [] of 0
        Complete"#]],
    );
}

#[test]
fn more_captured_than_there_was_is_normal() {
    let pcap = Pcap::new(Order::Little).packet_of(0, 0, 1, &[1, 2, 3]);
    check(
        &pcap.bytes(),
        &expect![[r#"
        @24 Some(0) link=1 [1, 2, 3] of 1
        Complete"#]],
    );
}

#[test]
fn sub_seconds_of_more_than_a_second_carry() {
    let pcap = Pcap::new(Order::Little).packet(1, 2_000_000, &[]);
    check(
        &pcap.bytes(),
        &expect![[r#"
        @24 Some(3000000000) bad link=1 [] of 0
        Complete"#]],
    );
}

#[test]
fn sections_differ_in_order_links_and_clocks() {
    let pcapng = PcapNg::new(Order::Little)
        .interface(link_type::ETHERNET, &[(IF_NAME, b"eth0")])
        .interface(link_type::RAW, &[(IF_TSRESOL, &[9])])
        .enhanced(1, 5_000_000_000, &[1])
        .section(Order::Big)
        .interface(link_type::NULL, &[(IF_TSOFFSET, &10_i64.to_be_bytes())])
        .enhanced_with(0, 1_000_000, 99, &[2, 3], &[(1, b"a comment")])
        .simple(3, &[4, 5, 6])
        .obsolete(0, 2_000_000, &[7])
        .block(0x0a, b"secrets");
    check(
        &pcapng.bytes(),
        &expect![[r#"
        @92 Some(5000000000) link=101 [1] of 1
        @192 Some(11000000000) link=0 [2, 3] of 99
        @248 None link=0 [4, 5, 6] of 3
        @268 Some(12000000000) link=0 [7] of 1
        Complete
        {"0x0000000a": 1, "EPB": 2, "IDB": 3, "PB": 1, "SHB": 2, "SPB": 1}"#]],
    );
}

#[test]
fn a_simple_packet_is_cut_by_the_snap_length() {
    let pcapng = PcapNg::new(Order::Big)
        .interface_cutting(link_type::ETHERNET, 2, &[])
        .simple(40, &[1, 2, 0, 0]);
    check(
        &pcapng.bytes(),
        &expect![[r#"
        @48 None link=1 [1, 2] of 40
        Complete
        {"IDB": 1, "SHB": 1, "SPB": 1}"#]],
    );
}

#[test]
fn a_header_alone_is_complete() {
    check(&Pcap::new(Order::Big).bytes(), &expect!["Complete"]);
    check(
        &PcapNg::new(Order::Big).bytes(),
        &expect![[r#"
        Complete
        {"SHB": 1}"#]],
    );
}

#[test]
fn a_block_as_long_as_allowed_is_read() {
    let data = vec![9; RECORD_BYTES_MAX - 32];
    let pcapng = PcapNg::new(Order::Little)
        .interface(link_type::ETHERNET, &[])
        .enhanced(0, 0, &data)
        .bytes();
    let mut reader = CaptureReader::open(pcapng.as_slice()).expect("a capture");
    let items: Vec<Item> = std::iter::from_fn(|| reader.advance().ok())
        .take(4)
        .collect();
    let expected = [
        Item::Header,
        Item::Header,
        Item::Packet,
        Item::End(Verdict::Complete),
    ];
    assert_eq!(items, expected);
}
