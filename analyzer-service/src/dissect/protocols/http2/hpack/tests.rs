use proptest::prelude::*;

use super::*;

fn hex(text: &str) -> Vec<u8> {
    let text: String = text.split_ascii_whitespace().collect();
    let digits = text.as_bytes().chunks(2);
    digits
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}

/// Blocks that one sender sent, and what is in them; at last the size of its table.
fn check(blocks: &[(&str, &[(&str, &str)])], table_bytes: usize) {
    let mut decoder = Decoder::default();
    for (block, expected) in blocks {
        let mut fields = Vec::new();
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        let done = decoder.decode(&hex(block), |name, value| {
            fields.push((text(name), text(value)))
        });
        assert_eq!(done, Ok(()));
        let expected: Vec<_> = expected
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        assert_eq!(fields, expected);
    }
    assert_eq!(decoder.held_bytes(), table_bytes);
}

const GET: [(&str, &str); 4] = [
    (":method", "GET"),
    (":scheme", "http"),
    (":path", "/"),
    (":authority", "www.example.com"),
];

#[test]
fn requests_are_those_of_the_rfc_s_examples() {
    let second = [&GET[..], &[("cache-control", "no-cache")]].concat();
    let third = [
        (":method", "GET"),
        (":scheme", "https"),
        (":path", "/index.html"),
        (":authority", "www.example.com"),
        ("custom-key", "custom-value"),
    ];
    // RFC 7541, C.3 and C.4: the same, plain and in the Huffman code.
    check(
        &[
            ("8286 8441 0f77 7777 2e65 7861 6d70 6c65 2e63 6f6d", &GET),
            ("8286 84be 5808 6e6f 2d63 6163 6865", &second),
            (
                "8287 85bf 400a 6375 7374 6f6d 2d6b 6579 0c63 7573 746f 6d2d 7661 6c75 65",
                &third,
            ),
        ],
        164,
    );
    check(
        &[
            ("8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff", &GET),
            ("8286 84be 5886 a8eb 1064 9cbf", &second),
            (
                "8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf",
                &third,
            ),
        ],
        164,
    );
}

#[test]
fn a_table_of_another_size_forgets_what_it_has_no_room_for() {
    // RFC 7541, C.5 begins with a table of 256 bytes.
    let response = [
        (":status", "302"),
        ("cache-control", "private"),
        ("date", "Mon, 21 Oct 2013 20:13:21 GMT"),
        ("location", "https://www.example.com"),
    ];
    let block = "3fe1 01 4803 3330 3258 0770 7269 7661 7465 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 \
                 2032 303a 3133 3a32 3120 474d 546e 1768 7474 7073 3a2f 2f77 7777 2e65 7861 6d70 6c65 2e63 6f6d"
        .replace('\\', "");
    check(
        &[(&block, &response), ("4803 3330 37", &[(":status", "307")])],
        222,
    );
    check(&[(&block, &response), ("20", &[])], 0);
}

#[test]
fn what_is_no_block_is_refused() {
    let long = "82".repeat(FIELDS_MAX + 1);
    for block in [
        "80",
        "be",
        "ff",
        "ffff ffff ffff",
        "41",
        "4103 6162",
        "4181",
        "4181 00",
        "4184 ffff ffff",
        "3fff ffff 7f",
        &long,
    ] {
        let mut decoder = Decoder::default();
        assert_eq!(
            decoder.decode(&hex(block), |_, _| {}),
            Err(Broken),
            "{block}"
        );
    }
}

#[test]
fn a_table_is_as_large_as_its_reader_allows_and_bounded() {
    let mut decoder = Decoder::default();
    // 8,192.
    let larger = [0x3f, 0xe1, 0x3f];
    assert_eq!(decoder.decode(&larger, |_, _| {}), Err(Broken));
    decoder.allow(u32::MAX);
    assert_eq!(decoder.decode(&larger, |_, _| {}), Ok(()));
    let field = [&[0x40, 1, b'a', 0x7f, 0x81, 0x06][..], &[0; 1_024]].concat();
    for _ in 0..100 {
        decoder
            .decode(&field[..6 + 896 - 128], |_, _| {})
            .unwrap_or_default();
        decoder.decode(&field, |_, _| {}).unwrap_or_default();
        assert!(decoder.held_bytes() <= 8_192);
    }
}

proptest! {
    /// proptest prints the seed and the smallest block that fails.
    #[test]
    fn any_bytes_do_no_harm(blocks in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..200), 1..8)) {
        let mut decoder = Decoder::default();
        for block in blocks {
            decoder.decode(&block, |_, _| {}).unwrap_or_default();
            prop_assert!(decoder.held_bytes() <= TABLE_BYTES_MAX);
        }
    }
}
