use proptest::prelude::*;

use super::*;
use crate::dissect::TcpFlags;

/// Where the streams of these tests begin, so that they wrap.
const START: u32 = u32::MAX - 5;

#[derive(Clone, Debug, Default)]
struct Sent {
    at: u32,
    payload: Vec<u8>,
    missing: u32,
    flags: TcpFlags,
}

fn data(at: u32, payload: &str) -> Sent {
    Sent {
        at,
        payload: payload.as_bytes().to_vec(),
        ..Sent::default()
    }
}

fn syn() -> Sent {
    let flags = TcpFlags {
        syn: true,
        ..TcpFlags::default()
    };
    Sent {
        at: u32::MAX,
        flags,
        ..Sent::default()
    }
}

fn fin(at: u32) -> Sent {
    let flags = TcpFlags {
        fin: true,
        ..TcpFlags::default()
    };
    Sent {
        at,
        flags,
        ..Sent::default()
    }
}

fn cut(at: u32, payload: &str, missing: u32) -> Sent {
    Sent {
        missing,
        ..data(at, payload)
    }
}

/// What a stream delivers of `sent`, the bytes that came too late, and how many segments
/// contradict those before.
fn run(sent: &[Sent]) -> (Vec<String>, u64, usize) {
    let (mut stream, mut budget) = (Stream::default(), Budget::default());
    let mut pieces = Vec::new();
    let (mut late, mut n_conflicts) = (0, 0);
    let mut deliver = |piece: Piece<'_>, _: &mut Budget| {
        pieces.push(match piece {
            Piece::Data(data) => String::from_utf8_lossy(data).into_owned(),
            Piece::Gap(bytes) => format!("({bytes})"),
            Piece::Closed => ".".to_owned(),
        });
    };
    for sent in sent {
        let segment = Segment {
            seq: START.wrapping_add(sent.at),
            flags: sent.flags,
            payload: &sent.payload,
            missing: sent.missing,
        };
        let oddity = stream.segment(&segment, &mut budget, &mut deliver);
        late += oddity.late_bytes;
        n_conflicts += usize::from(oddity.is_conflicting);
        assert!(budget.held() <= HELD_BYTES_MAX);
    }
    stream.flush(&mut budget, &mut deliver);
    assert_eq!(budget.held(), 0);
    (pieces, late, n_conflicts)
}

fn check(sent: &[Sent], expected: &[&str]) {
    check_conflicts(sent, expected, 0);
}

fn check_conflicts(sent: &[Sent], expected: &[&str], n_conflicts: usize) {
    let expected = expected.iter().map(|s| (*s).to_owned()).collect();
    assert_eq!(run(sent), (expected, 0, n_conflicts));
}

#[test]
fn segments_in_order_pass_as_they_are() {
    check(
        &[syn(), data(0, "abc"), data(3, "defgh"), data(8, "i")],
        &["abc", "defgh", "i"],
    );
}

#[test]
fn a_new_attempt_forgets_what_the_one_before_held() {
    let again = Sent { at: 9_999, ..syn() };
    check(
        &[
            syn(),
            data(100, "old"),
            again,
            data(10_000, "abc"),
            data(10_003, "d"),
        ],
        &["abc", "d"],
    );
}

#[test]
fn a_stream_joined_in_the_middle_begins_where_it_was_joined() {
    check(
        &[data(100, "abc"), data(50, "old"), data(103, "d")],
        &["abc", "d"],
    );
}

#[test]
fn reordered_segments_wait_for_the_first() {
    check(
        &[syn(), data(3, "def"), data(6, "g"), data(0, "abc")],
        &["abc", "def", "g"],
    );
}

#[test]
fn repeated_bytes_are_delivered_once() {
    check(
        &[
            syn(),
            data(0, "abc"),
            data(0, "abc"),
            data(1, "bcd"),
            data(2, "c"),
        ],
        &["abc", "d"],
    );
}

#[test]
fn the_first_copy_of_overlapping_bytes_wins() {
    check_conflicts(
        &[syn(), data(2, "CD"), data(4, "EF"), data(0, "abxxxxg")],
        &["ab", "CD", "EF", "g"],
        1,
    );
}

#[test]
fn other_bytes_than_were_delivered_are_a_conflict() {
    let first = [syn(), data(0, "abc"), data(3, "def")];
    let then = |sent: Sent| [&first[..], &[sent]].concat();
    check_conflicts(&then(data(0, "abX")), &["abc", "def"], 1);
    check_conflicts(&then(data(3, "dXf")), &["abc", "def"], 1);
    // More than one of them at once, and what is new.
    check_conflicts(&then(data(0, "abcdXfgh")), &["abc", "def", "gh"], 1);
    check_conflicts(&then(data(0, "abcdefgh")), &["abc", "def", "gh"], 0);
    // Of a part there is no digest.
    check_conflicts(&then(data(1, "XX")), &["abc", "def"], 0);
}

#[test]
fn a_byte_of_a_keep_alive_may_be_any() {
    check(&[syn(), data(0, "a"), data(0, "X")], &["a"]);
}

#[test]
fn other_bytes_than_are_held_are_a_conflict() {
    let held = [syn(), data(4, "efgh"), data(10, "kl")];
    let then = |sent: Sent| [&held[..], &[sent, data(0, "abcd")]].concat();
    let whole = ["abcd", "efgh", "(2)", "kl"];
    check_conflicts(&then(data(4, "efXh")), &whole, 1);
    check_conflicts(&then(data(5, "fg")), &whole, 0);
    check_conflicts(&then(data(7, "X")), &whole, 1);
    check_conflicts(&then(data(9, "jX")), &["abcd", "efgh", "(1)", "j", "kl"], 1);
    check_conflicts(&then(data(3, "dX")), &["abc", "d", "efgh", "(2)", "kl"], 1);
}

#[test]
fn a_hole_is_a_gap_at_the_end() {
    check(
        &[syn(), data(0, "ab"), data(5, "fg"), data(9, "j")],
        &["ab", "(3)", "fg", "(2)", "j"],
    );
}

#[test]
fn the_end_is_told_once_and_in_order() {
    check(
        &[syn(), fin(3), data(0, "abc"), fin(3), data(3, "zz")],
        &["abc", "."],
    );
    check(&[syn(), data(0, "a"), fin(4)], &["a"]);
}

#[test]
fn bytes_cut_off_by_the_snap_length_are_gaps() {
    check(
        &[syn(), cut(0, "ab", 8), data(10, "k")],
        &["ab", "(8)", "k"],
    );
    check(
        &[syn(), cut(10, "k", 2), cut(0, "ab", 8)],
        &["ab", "(8)", "k", "(2)"],
    );
}

#[test]
fn a_connection_attempt_with_another_number_begins_anew() {
    let other = Sent { at: 999, ..syn() };
    check(&[syn(), other, data(1_000, "abc")], &["abc"]);
}

#[test]
fn text_of_a_reset_is_not_of_the_stream() {
    let flags = TcpFlags {
        rst: true,
        ..TcpFlags::default()
    };
    let reset = Sent {
        flags,
        ..data(3, "bye")
    };
    check(&[syn(), data(0, "abc"), reset], &["abc"]);
}

#[test]
fn segments_beyond_any_window_are_ignored() {
    check(
        &[syn(), data(0, "a"), data(1 << 30, "z"), data(1, "b")],
        &["a", "b"],
    );
}

#[test]
fn a_hole_is_given_up_when_too_much_is_held() {
    let many: Vec<_> = (0..300)
        .map(|at| data(10 + at * 1_000, &"x".repeat(1_000)))
        .collect();
    let (pieces, late, _) = run(&[&[syn()], &many[..], &[data(0, "0123456789")]].concat());
    assert_eq!(pieces[0], "(10)");
    assert_eq!(pieces.len(), 301);
    assert_eq!(late, 10, "what came too late is counted");
}

#[test]
fn a_hole_is_given_up_when_the_sender_went_far_beyond() {
    let many: Vec<_> = (0..1_000)
        .map(|at| cut(10 + at * 1_400, "x", 1_399))
        .collect();
    let (pieces, late, _) = run(&[&[syn()], &many[..], &[data(0, "0123456789")]].concat());
    assert_eq!(pieces[..3], ["(10)", "x", "(1399)"]);
    assert_eq!(late, 10);
}

proptest! {
    #[test]
    fn any_order_and_repetition_delivers_the_stream(
        cuts in prop::collection::vec(1usize..400, 1..60),
        order in prop::collection::vec(any::<prop::sample::Index>(), 0..120),
        overlap in 0usize..50,
    ) {
        let total: usize = cuts.iter().sum();
        let whole: Vec<u8> = (0..total).map(|at| b'a' + u8::try_from(at % 23).unwrap()).collect();
        let mut starts = Vec::new();
        let mut at = 0;
        for cut in &cuts {
            starts.push((at, (at + cut + overlap).min(total)));
            at += cut;
        }
        let shuffled = order.iter().map(|index| *index.get(&starts));
        let sent: Vec<_> = std::iter::once(syn())
            .chain(shuffled.chain(starts.iter().copied()).map(|(from, to)| Sent {
                at: u32::try_from(from).unwrap(),
                payload: whole[from..to].to_vec(),
                ..Sent::default()
            }))
            .collect();
        let (pieces, late, n_conflicts) = run(&sent);
        prop_assert_eq!(pieces.concat().into_bytes(), whole);
        prop_assert_eq!((late, n_conflicts), (0, 0));
    }

    #[test]
    fn any_segments_at_all_stay_within_the_bounds(
        sent in prop::collection::vec(
            (any::<u32>(), 0u32..400_000, 0usize..3_000, 0u32..9_000, 0u8..16), 1..300),
    ) {
        let sent: Vec<_> = sent
            .into_iter()
            .map(|(far, near, bytes, missing, kind)| Sent {
                at: if kind < 2 { far } else { near },
                payload: vec![b'x'; bytes],
                missing: if kind < 6 { missing } else { 0 },
                flags: TcpFlags { syn: kind == 7, fin: kind == 8, rst: kind == 9 },
            })
            .collect();
        run(&sent);
    }
}
