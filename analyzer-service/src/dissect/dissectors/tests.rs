mod names;

use proptest::prelude::*;

use super::*;
use crate::{
    dissect::{
        Begins, Direction, Taken, Transport,
        budget::ANALYSIS_BYTES_MAX,
        slot::LOOKS_MAX,
        tcp::CARRY_BYTES_MAX,
        testing::{CLIENT, Lab, SERVER},
    },
    record::Kind,
};

/// Takes messages of the length that their first byte says, 255 for one that
/// never ends, and knows a flow by a first byte of 3.
#[derive(Debug, Default)]
struct Toy {
    messages: u32,
}

static TOYS: &[Registration] = &[Registration {
    name: "toy",
    kind: Kind::Dns,
    transport: Transport::Tcp,
    ports: &[7],
    begins: Begins::Later(|data| data.first() == Some(&3)),
    scope: Scope::Flow,
    reads: Reads::With(|| Box::new(Toy::default())),
}];

impl Dissector for Toy {
    fn data(&mut self, _context: &Context<'_>, data: &[u8], out: &mut Output) -> Taken {
        let mut bytes = 0;
        let mut need = 0;
        while let Some(&length) = data.get(bytes) {
            // The one way to say no, so that a test can see what follows.
            if length == 0 {
                return Taken {
                    bytes,
                    need,
                    verdict: Verdict::NotMine,
                };
            }
            need = match length {
                u8::MAX => data.len() - bytes + 1,
                length => usize::from(length),
            };
            if data.len() - bytes < need {
                break;
            }
            bytes += need;
            need = 0;
            self.messages += 1;
            out.dropped_transactions += 1;
        }
        let verdict = match self.messages {
            0 => Verdict::Undecided,
            9.. => Verdict::Done,
            _ => Verdict::Mine,
        };
        Taken {
            bytes,
            need,
            verdict,
        }
    }

    fn gap(&mut self, _context: &Context<'_>, _missing: u64, _out: &mut Output) -> Verdict {
        Verdict::Mine
    }

    fn closed(&mut self, _context: &Context<'_>, _out: &mut Output) -> Verdict {
        Verdict::Mine
    }

    fn end(&mut self, _out: &mut Output) {}
}

fn toys() -> Lab {
    Lab::with(Dissectors::of(TOYS, KindSet::all()))
}

/// One client's segments to `port`; which of them a toy took, and how many messages.
fn check(port: u16, segments: &[&[u8]], expected: &str) {
    let mut lab = toys();
    let flow = lab.flow(4_000, port);
    lab.handshake(flow);
    for segment in segments {
        lab.send(flow, CLIENT, segment);
    }
    lab.end(flow);
    let named: Vec<_> = lab
        .log
        .lines()
        .filter_map(|line| line.strip_suffix(" is toy"))
        .collect();
    assert_eq!(
        format!("{} {}", named.join(" "), lab.out.dropped_transactions),
        expected
    );
    assert_eq!(lab.dissectors.held_bytes(), 0);
}

#[test]
fn a_row_of_the_table_is_all_that_a_dissector_needs() {
    check(7, &[&[1, 1], &[2, 0]], "#3 #4 3");
}

#[test]
fn what_a_dissector_leaves_is_shown_again_with_more() {
    check(7, &[&[2], &[0, 4, 0], &[0], &[0, 1]], "#4 #5 #6 3");
}

#[test]
fn bytes_decide_where_the_port_does_not() {
    check(8, &[&[3, 1, 1], &[1]], "#3 #4 2");
    check(8, &[&[1], &[2, 2], &[3, 0, 0]], "#5 1");
}

#[test]
fn a_refusal_leaves_the_flow_to_its_bytes() {
    check(7, &[&[0], &[1, 1], &[3, 0, 0], &[1]], "#5 #6 2");
}

#[test]
fn a_dissector_that_is_done_is_not_asked_again() {
    check(7, &[&[1; 9], &[3, 0, 0], &[1]], "#3 #4 #5 9");
}

#[test]
fn flows_that_nobody_wants_are_looked_at_a_few_times_only() {
    let noise: &[u8] = &[9, 9];
    let mut segments = vec![noise; usize::from(LOOKS_MAX)];
    segments.push(&[3, 0, 0]);
    check(8, &segments, " 0");
}

#[test]
fn first_bytes_that_come_late_still_decide() {
    let mut lab = toys();
    let flow = lab.flow(4_000, 8);
    lab.handshake(flow);
    let seq = |at: u32| (u32::MAX - 20).wrapping_add(at);
    let flags = TcpFlags::default();
    for (at, payload) in [(2, &[0, 1, 1][..]), (0, &[3, 0])] {
        lab.segment(
            flow,
            CLIENT,
            &Segment {
                seq: seq(at),
                flags,
                payload,
                missing: 0,
            },
        );
    }
    lab.end(flow);
    assert_eq!(lab.log, "#4 is toy\nend of flow 1: [\"toy\"]\n");
    assert_eq!(lab.out.dropped_transactions, 3);
}

#[test]
fn dissectors_of_kinds_nobody_asked_for_do_not_run() {
    for (kinds, expected) in [
        (KindSet::EMPTY.with(Kind::Flow), "end of flow 1: []\n"),
        (
            KindSet::EMPTY.with(Kind::Dns),
            "#1 is dns\nend of flow 1: [\"dns\"]\n",
        ),
    ] {
        let mut lab = Lab::with(Dissectors::new(kinds));
        let flow = lab.flow(4_000, 53);
        lab.datagram(flow, CLIENT, &[0; 12]);
        lab.end(flow);
        assert_eq!(lab.log, expected);
    }
}

#[test]
fn a_slot_is_small() {
    assert!(size_of::<AppSlot>() <= 48, "{}", size_of::<AppSlot>());
}

#[test]
fn all_flows_together_hold_a_bounded_amount() {
    let mut lab = toys();
    let flows = 2 * ANALYSIS_BYTES_MAX / (100 * 250);
    for _ in 0..flows {
        let flow = lab.flow(4_000, 7);
        lab.handshake(flow);
        lab.lose(flow, CLIENT, 1);
        for _ in 0..100 {
            lab.send(flow, CLIENT, &[250; 250]);
        }
        assert!(lab.dissectors.held_bytes() <= ANALYSIS_BYTES_MAX);
    }
    for flow in 0..flows {
        lab.end(flow);
    }
    assert_eq!(lab.dissectors.held_bytes(), 0);
}

#[test]
fn a_message_that_never_ends_is_dropped() {
    let mut lab = toys();
    let flow = lab.flow(4_000, 7);
    lab.handshake(flow);
    for _ in 0..CARRY_BYTES_MAX / 600 + 1 {
        lab.send(flow, CLIENT, &[u8::MAX; 600]);
        assert!(lab.dissectors.held_bytes() <= CARRY_BYTES_MAX + 600);
    }
    assert!(lab.out.dropped_bytes > CARRY_BYTES_MAX as u64);
}

proptest! {
    #[test]
    fn any_bytes_on_any_port_do_no_harm(
        row in any::<prop::sample::Index>(),
        sent in prop::collection::vec(
            (any::<bool>(), prop::collection::vec(any::<u8>(), 0..600), 0u32..3), 1..40),
    ) {
        let row = row.get(TABLE);
        let mut lab = Lab::new();
        let flow = lab.flow(4_000, row.ports.first().copied().unwrap_or(8));
        for (from_client, payload, missing) in &sent {
            let from = if *from_client { Direction::ToServer } else { SERVER };
            match row.transport {
                Transport::Udp => lab.datagram(flow, from, payload),
                Transport::Tcp => lab.send_cut(flow, from, payload, *missing),
            }
        }
        lab.end(flow);
        prop_assert_eq!(lab.dissectors.held_bytes(), 0);
    }
}
