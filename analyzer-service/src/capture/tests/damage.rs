//! Files that end early or make no sense.

use super::*;

#[test]
fn other_files_are_no_captures() {
    for bytes in [
        b"".as_slice(),
        b"\xd4\xc3\xb2",
        b"GIF89a",
        b"\n\r\r\n\x1c\0\0\0 a text",
    ] {
        check(bytes, &expect!["not a pcap or pcapng file"]);
    }
}

#[test]
fn a_file_that_ends_in_a_header_is_truncated() {
    let short = r#"Truncated(Stop { at_byte: 0, because: "the file ends inside its header" })"#;
    assert_eq!(lines(&Pcap::new(Order::Little).bytes()[..23]), short);
    assert_eq!(lines(b"\n\r\r\n\x1c\0\0\0"), short);
    let section = &PcapNg::new(Order::Little).bytes()[..27];
    assert!(lines(section).starts_with("Truncated(Stop { at_byte: 0"));
}

#[test]
fn lengths_that_make_no_sense_are_corrupt() {
    let pcap = Pcap::new(Order::Little).packet(0, 0, &[1]);
    check(
        &pcap.record([0, 0, 16 << 20 | 1, 1], &[]).bytes(),
        &expect![[r#"
        @24 Some(0) link=1 [1] of 1
        Corrupt(Stop { at_byte: 41, because: "a record says it has 16777217 bytes" })"#]],
    );
    let pcapng = || PcapNg::new(Order::Little).interface(link_type::ETHERNET, &[]);
    for (block_type, length) in [(0x99, 11), (6, 31), (1, 19), (3, 15), (0x99, 16 << 20 | 4)] {
        let bytes = pcapng()
            .block_saying(block_type, length, &[0; 40], length)
            .bytes();
        let text = lines(&bytes);
        assert!(text.starts_with("Corrupt(Stop { at_byte: 48,"), "{text}");
    }
    for (block_type, length) in [(0x99, 17), (0xbad, 18), (6, 33), (3, 19)] {
        let body = vec![0; length as usize - 12];
        let odd = pcapng().block_saying(block_type, length, &body, length);
        let text = lines(&odd.bytes());
        assert!(text.contains("bytes\" })"), "{text}");
    }
    check(
        &pcapng().block_saying(0x99, 16, &[0; 4], 20).bytes(),
        &expect![[r#"
        Corrupt(Stop { at_byte: 48, because: "the two lengths of a block of type 0x00000099 differ" })
        {"IDB": 1, "SHB": 1}"#]],
    );
}

#[test]
fn a_packet_longer_than_its_block_is_corrupt() {
    let pcapng = PcapNg::new(Order::Little).interface(link_type::ETHERNET, &[]);
    for block_type in [2, 6] {
        let mut body = [0; 24];
        body[12] = 5;
        let text = lines(&pcapng.clone().block(block_type, &body).bytes());
        assert!(text.starts_with("Corrupt(Stop { at_byte: 48,"), "{text}");
    }
}

#[test]
fn an_option_longer_than_its_block_is_corrupt() {
    for order in [Order::Little, Order::Big] {
        let fields = |numbers: [u16; 2]| numbers.map(|number| order.u16(number)).concat();
        let start = PcapNg::new(order).interface(link_type::ETHERNET, &[]);
        let magic = order.u32(0x1a2b_3c4d);
        let version = [&magic[..], &fields([1, 0]), &[0xff; 8]].concat();
        let packet = [&[0; 12][..], &order.u32(5), &order.u32(5), &[9; 8]].concat();
        let fronts = [
            (0x0a0d_0d0a, version),
            (1, [0; 8].to_vec()),
            (2, packet.clone()),
            (6, packet),
        ];
        for (block_type, front) in fronts {
            let with = |options: &[u8]| {
                let body = [&front, options].concat();
                lines(&start.clone().block(block_type, &body).bytes())
            };
            let comment = |length, rest| [&fields([1, length]), &[7; 16][..rest]].concat();
            let end = fields([0, 0]);
            for options in [
                comment(8, 8),
                comment(5, 8),
                [comment(8, 8), end.clone()].concat(),
                // What stands behind the end is nothing.
                [end, comment(400, 4)].concat(),
            ] {
                assert!(
                    with(&options).contains("Complete"),
                    "{block_type} {options:?}"
                );
            }
            for options in [comment(9, 8), comment(400, 0), comment(u16::MAX, 16)] {
                let text = with(&options);
                assert!(
                    text.starts_with("Corrupt(Stop { at_byte: 48,"),
                    "{block_type} {text}"
                );
                assert!(
                    text.contains("an option is longer than its block"),
                    "{text}"
                );
            }
        }
    }
}

#[test]
fn a_packet_without_its_interface_is_corrupt() {
    let one = PcapNg::new(Order::Little).interface(link_type::ETHERNET, &[]);
    let next = one.clone().section(Order::Little);
    for pcapng in [
        one.clone().enhanced(1, 0, &[]),
        one.obsolete(7, 0, &[]),
        next.simple(0, &[]),
    ] {
        let text = lines(&pcapng.bytes());
        assert!(text.starts_with("Corrupt(Stop {"), "{text}");
        assert!(
            text.contains("an interface that is not described"),
            "{text}"
        );
    }
}

#[test]
fn an_input_that_fails_keeps_its_error() {
    struct Failing;
    impl Read for Failing {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::other("the store is away"))
        }
    }
    let head = Pcap::new(Order::Little).bytes();
    let mut reader = CaptureReader::open(head.as_slice().chain(Failing)).expect("a capture");
    let error = reader.advance().expect_err("the input fails");
    assert_eq!(error.to_string(), "the store is away");
}
