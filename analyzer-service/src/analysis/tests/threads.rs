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
