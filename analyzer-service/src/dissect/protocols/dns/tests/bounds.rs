//! What a hostile message may cost.

use super::{Lab, RESPONSE, SERVER, message, record};

/// A response whose second answer has a name of so many pointers, each to the one
/// before.
fn chain(pointers: u16) -> Vec<u8> {
    // The root, at this offset, and the pointers behind it.
    let root = 12 + 11;
    let pointer = |at: u16| (0xc000 | at).to_be_bytes();
    let at = |index: u16| {
        if index == 0 {
            root
        } else {
            root + 2 * index - 1
        }
    };
    let mut data = vec![0];
    for index in 0..pointers - 1 {
        data.extend(pointer(at(index)));
    }
    let last = [
        &pointer(at(pointers - 1))[..],
        &record("", 1, &[192, 0, 2, 1])[1..],
    ];
    let answers = [record("", 65_280, &data), last.concat()];
    message(7, RESPONSE, &[], &answers)
}

#[test]
fn a_name_has_no_more_pointers_than_labels() {
    for (pointers, malformed) in [(1, false), (127, false), (128, true), (8_000, true)] {
        let mut lab = Lab::new();
        let flow = lab.flow(4_000, 53);
        lab.datagram(flow, SERVER, &chain(pointers));
        assert_eq!(lab.log.contains("malformed"), malformed, "{pointers}");
        assert_eq!(lab.log.contains("192.0.2.1"), !malformed, "{pointers}");
    }
}
