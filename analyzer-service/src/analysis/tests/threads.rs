//! An analysis says the same on any number of threads, and ends as soon.

use std::io::{self, Read};

use proptest::prelude::*;

use super::*;
use crate::testing::{Kept, Pieces, try_run};

/// Some blocks of all kinds of packets, in flows of some seconds.
fn large(order: &[u8]) -> Vec<u8> {
    let frames = frames();
    let mut pcap = Pcap::new(Order::Little);
    for n in 0..10_000_u32 {
        let at = usize::from(order[n as usize % order.len()]) + n as usize / 7;
        let mut data = frames[at % frames.len()].clone();
        // Another host's, where it is IPv4 in Ethernet.
        if data[12..14] == [8, 0] {
            data[29] = n.to_le_bytes()[1];
        }
        pcap = pcap.packet(1_700_000_000 + n / 20, 0, &data);
    }
    pcap.bytes()
}

fn on(threads: usize) -> Options {
    Options {
        threads: NonZeroUsize::new(threads).expect("a thread"),
        ..Options::default()
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn any_number_of_threads_gives_the_same_events(
        order in prop::collection::vec(any::<u8>(), 1..50),
        sizes in prop::collection::vec(1..300_000_usize, 1..5),
        threads in 2..5_usize,
        cut in any::<prop::sample::Index>(),
    ) {
        let capture = large(&order);
        prop_assert!(capture.len() > 600_000);
        let capture = &capture[..24 + cut.index(capture.len() - 24)];
        let one = run(capture, &on(1));
        let many = try_run(Pieces::new(capture, sizes), &on(threads)).expect("a capture");
        prop_assert_eq!(one, many);
    }
}

/// Wants no more after so many events and polls.
struct Impatient(usize);

impl Impatient {
    fn next(&mut self) -> ControlFlow<()> {
        self.0 = match self.0.checked_sub(1) {
            Some(left) => left,
            None => return ControlFlow::Break(()),
        };
        ControlFlow::Continue(())
    }
}

impl Sink for Impatient {
    fn event(&mut self, _: Event) -> ControlFlow<()> {
        self.next()
    }

    fn poll(&mut self, _: &Progress) -> ControlFlow<()> {
        self.next()
    }
}

#[test]
fn a_sink_that_breaks_ends_both_threads() {
    let capture = large(&[0, 3, 1]);
    for patience in (0..60).chain([1_000]) {
        let done = analyze(capture.as_slice(), &on(2), &mut Impatient(patience));
        assert!(done.is_ok(), "{patience}");
    }
}

/// Fails behind its bytes.
struct Failing<'a>(&'a [u8]);

impl Read for Failing<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.0.read(buffer)? {
            0 => Err(io::Error::other("the store is away")),
            n_read => Ok(n_read),
        }
    }
}

#[test]
fn what_came_before_an_input_failed_is_said() {
    let capture = large(&[0, 3, 1]);
    let said = |threads| {
        let mut kept = Kept::default();
        let failed = analyze(Failing(&capture), &on(threads), &mut kept);
        assert!(matches!(failed, Err(AnalysisError::Read(_))));
        kept
    };
    let one = said(1);
    assert!(one.events.len() > 2);
    assert_eq!(one, said(2));
}

/// More flows than one block may end, all idle at once, and questions among them; then packets
/// of one more flow.
fn crowd(n_flows: u16) -> Vec<u8> {
    let begun = (0..n_flows).fold(Pcap::new(Order::Little), |pcap, n| {
        let (port, payload) = match n % 5 {
            0 => (53, DNS_QUERY),
            _ => (9, b"away".as_slice()),
        };
        let packet = frame::udp(A, B, (10_000 + n, port), payload);
        pcap.packet(u32::from(n) / 1_000, 0, &frame::ethernet(&packet))
    });
    let late = frame::ethernet(&frame::udp(B, A, (9, 9), b"late"));
    (0..2_048)
        .fold(begun, |pcap, n| pcap.packet(10_000 + n / 1_000, 0, &late))
        .bytes()
}

#[test]
fn flows_that_end_at_once_come_in_their_order_however_many() {
    for n_flows in [63, 64, 65, 1_023, 1_024, 1_025, 2_049, 5_000] {
        let capture = crowd(n_flows);
        let one = run(&capture, &on(1));
        assert_eq!(one, run(&capture, &on(2)), "{n_flows}");
        let of = |kind: Kind| -> Vec<(u64, u64)> {
            let records = one.records().into_iter();
            let records = records.filter(|record| record.body.kind() == kind);
            records
                .filter_map(|record| Some((record.packet_number, record.flow?.flow_id)))
                .collect()
        };
        // Looked at with the first multiple of 1,024 that is late; the last flow at the end.
        let n_flows = u64::from(n_flows);
        let swept = (n_flows + 1).next_multiple_of(POLL_PACKETS);
        let mut expected: Vec<(u64, u64)> = (1..=n_flows).map(|id| (swept, id)).collect();
        expected.push((n_flows + 2_048, n_flows + 1));
        assert_eq!(of(Kind::Flow), expected);
        let questions = (1..=n_flows).step_by(5).map(|id| (swept, id));
        assert_eq!(of(Kind::Dns), questions.collect::<Vec<_>>());
    }
}

/// Packets in as many kinds of VLAN stacks as there are: more paths than are told apart at once,
/// with flows that begin, are cut and go on among them.
fn stacks() -> Vec<u8> {
    (0..12_000_u32)
        .fold(Pcap::new(Order::Little), |pcap, n| {
            let port = u16::try_from(n % 7).expect("a small number");
            let packet = frame::udp(A, B, (4_000 + port, 53), DNS_QUERY);
            // As a binary number, the lowest digit innermost.
            let (kind, packet) = (0..7).fold((0x0800, packet), |(kind, packet), digit| {
                let tag = [0x8100, 0x88a8][(n >> digit & 1) as usize];
                (tag, frame::vlan(5, kind, &packet))
            });
            pcap.packet(n / 100, 0, &frame::ethernet_of(kind, &packet))
        })
        .bytes()
}

#[test]
fn more_layers_than_are_told_apart_change_nothing() {
    let capture = stacks();
    assert!(capture.len() > 600_000);
    let with = |threads| Options {
        active_timeout: Some(Duration::from_secs(30)),
        interim_interval: Some(Duration::from_secs(7)),
        ..on(threads)
    };
    let one = run(&capture, &with(1));
    assert!(one.summary().protocol_hierarchy.len() > 128);
    assert_eq!(one, run(&capture, &with(2)));
}
