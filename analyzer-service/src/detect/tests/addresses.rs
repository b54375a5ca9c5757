//! ARP.

use super::*;
use crate::detect::arp::UNASKED_MIN;

const FIRST: [u8; 6] = [2, 0, 0, 0, 0, 1];
const OTHER: [u8; 6] = [2, 0, 0, 0, 0, 9];
const ASKS: u8 = 1;
const ANSWERS: u8 = 2;

/// The router is FIRST's.
const ROUTER: [u8; 4] = [10, 0, 0, 254];

/// Seconds, operation, who sends, and who is asked or answered.
type Arp = (u64, u8, [u8; 6], [u8; 4], [u8; 4]);

fn packets(list: &[Arp]) -> Packets {
    let packets = list.iter().map(|(second, operation, mac, sender, target)| {
        (
            second * 1_000,
            frame::arp_of(*operation, *mac, *sender, *target),
        )
    });
    packets.collect()
}

/// The router answers once, then somebody else does unasked, so many times.
fn forged(n: u32) -> Packets {
    let mut list = vec![(0, ASKS, OTHER, A, ROUTER), (0, ANSWERS, FIRST, ROUTER, A)];
    let times = (0..u64::from(n)).map(|n| 10 + 2 * n);
    list.extend(times.map(|second| (second, ANSWERS, OTHER, ROUTER, B)));
    packets(&list)
}

#[test]
fn answers_that_nobody_asked_for_are_forged() {
    check(&forged(UNASKED_MIN - 1), &expect![""]);
    check(
        &forged(UNASKED_MIN),
        &expect![
            "alert arp-spoof ->10.0.0.254:0 x3 from 3, 0 flows: 02:00:00:00:00:09 answers unasked for the address of 02:00:00:00:00:01"
        ],
    );
    check(
        &forged(20),
        &expect![
            "alert arp-spoof ->10.0.0.254:0 x20 from 3, 0 flows: 02:00:00:00:00:09 answers unasked for the address of 02:00:00:00:00:01"
        ],
    );
}

#[test]
fn two_that_insist_have_one_address() {
    let list = [
        (0, ASKS, FIRST, A, ROUTER),
        (10, ASKS, OTHER, A, ROUTER),
        (20, ASKS, FIRST, A, ROUTER),
        (30, ASKS, OTHER, A, ROUTER),
        (40, ASKS, FIRST, A, ROUTER),
    ];
    check(
        &packets(&list),
        &expect![
            "warning duplicate-address ->10.0.0.1:0 x2 from 2, 0 flows: 02:00:00:00:00:09 and 02:00:00:00:00:01 both have the address"
        ],
    );
    check(&packets(&list[..3]), &expect![""]);
}

#[test]
fn an_address_may_change_hands() {
    // A standby takes over, and tells it to all.
    let announced = [
        (0, ASKS, FIRST, A, B),
        (10, ANSWERS, OTHER, A, A),
        (11, ASKS, OTHER, A, A),
        (12, ANSWERS, OTHER, A, A),
        (13, ANSWERS, OTHER, A, A),
        (100, ASKS, OTHER, A, B),
    ];
    check(&packets(&announced), &expect![""]);
    // A lease ends, and another host gets it. The first has it again later.
    let leased = [
        (0, ASKS, FIRST, A, B),
        (100, ASKS, OTHER, A, B),
        (200, ASKS, FIRST, A, B),
        (300, ASKS, OTHER, A, B),
    ];
    check(&packets(&leased), &expect![""]);
}

#[test]
fn what_was_asked_for_is_not_forged() {
    let mut list = vec![(0, ANSWERS, FIRST, ROUTER, A)];
    for n in 1..10 {
        list.push((n * 10, ASKS, FIRST, A, ROUTER));
        list.push((n * 10 + 1, ANSWERS, OTHER, ROUTER, A));
    }
    check(&packets(&list), &expect![""]);
}

#[test]
fn probes_claim_nothing() {
    let list = [
        (0, ASKS, FIRST, [0; 4], A),
        (1, ASKS, OTHER, [0; 4], A),
        (2, ASKS, FIRST, [0; 4], A),
    ];
    check(&packets(&list), &expect![""]);
}
