//! Captures cut anywhere and changed at random, through the analysis core: it
//! never panics, never says COMPLETE of a record that was cut, and stays small.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a panic is how a test fails, and what it printed is shown then"
)]

use std::{
    fs,
    ops::ControlFlow,
    panic::{AssertUnwindSafe, catch_unwind},
    thread,
};

use analyzer_service::{
    analysis::{AnalysisError, Event, Options, Sink, analyze},
    record::{Progress, Summary, Verdict},
};
use weir_tests::{
    random::Random,
    recordings::{self, Recording},
};

const MUTATIONS: usize = 10_000;

/// Most that the process may grow over all mutations, KiB. The samples are of
/// at most 180 KB, and what is kept of a packet is of about its size.
const GROWTH_KIB_MAX: u64 = 128 << 10;

/// Cuts per recording: all of a small one, spread over a large one.
const CUTS_MAX: usize = 1_500;

/// Holds the order of events, keeps the summary.
#[derive(Default)]
struct Last {
    began: bool,
    summary: Option<Summary>,
}

impl Sink for Last {
    fn event(&mut self, event: Event) -> ControlFlow<()> {
        assert!(self.summary.is_none(), "nothing comes after the summary");
        match event {
            Event::CaptureInfo(_) => {
                assert!(!self.began, "the capture info comes once");
                self.began = true;
            }
            Event::Records(records) => assert!(self.began && !records.is_empty()),
            Event::Summary(summary) => {
                assert!(self.began, "the capture info comes first");
                self.summary = Some(*summary);
            }
        }
        ControlFlow::Continue(())
    }

    fn poll(&mut self, _: &Progress) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }
}

/// None: not a capture.
fn summary(bytes: &[u8]) -> Option<Summary> {
    let mut last = Last::default();
    match analyze(bytes, &Options::default(), &mut last) {
        Ok(()) => Some(last.summary.expect("a summary")),
        Err(AnalysisError::NotACapture) => {
            assert!(!last.began, "nothing is told of what is not a capture");
            None
        }
        Err(error) => panic!("{error}"),
    }
}

/// Where the records of a capture begin, its end included; the file header of
/// a pcap is the first.
fn boundaries(bytes: &[u8]) -> Vec<usize> {
    let word = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap());
    let word = |at: usize| usize::try_from(word(at)).unwrap();
    let is_pcapng = bytes.starts_with(&[0x0a, 0x0d, 0x0d, 0x0a]);
    let mut boundaries = vec![0];
    let mut at = if is_pcapng { 0 } else { 24 };
    while at < bytes.len() {
        if at > 0 {
            boundaries.push(at);
        }
        at += if is_pcapng {
            word(at + 4)
        } else {
            16 + word(at + 8)
        };
    }
    assert_eq!(at, bytes.len());
    boundaries.push(at);
    boundaries
}

fn check_cuts(recording: &Recording) {
    let Recording { name, bytes, .. } = recording;
    let boundaries = boundaries(bytes);
    let step = bytes.len().div_ceil(CUTS_MAX);
    let cuts = (0..bytes.len()).step_by(step);
    let around = boundaries
        .iter()
        .flat_map(|&at| [at, at + 1, at.saturating_sub(1)]);
    // Around every record of a large capture would be too many.
    let around = around.step_by(step);
    for cut in cuts.chain(around).filter(|&cut| cut < bytes.len()) {
        let summary = summary(&bytes[..cut]);
        let is_boundary = boundaries.contains(&cut);
        match summary {
            None => assert!(cut < 4, "{name} cut at {cut}: not a capture"),
            Some(summary) => match &summary.verdict {
                Verdict::Complete => assert!(is_boundary, "{name} cut at {cut}: complete"),
                Verdict::Truncated(stop) => {
                    assert!(!is_boundary, "{name} cut at {cut}: truncated");
                    let begin = boundaries.iter().rfind(|&&at| at < cut).unwrap();
                    let told = usize::try_from(stop.at_byte).unwrap();
                    assert_eq!(told, *begin, "{name} cut at {cut}");
                }
                other => panic!("{name} cut at {cut}: {other:?}"),
            },
        }
    }
}

#[test]
fn a_capture_cut_anywhere_is_never_complete_inside_a_record() {
    for recording in recordings::all() {
        check_cuts(&recording);
    }
}

#[test]
fn random_mutations_neither_panic_nor_grow() {
    let seed = match std::env::var("WEIR_SEED") {
        Ok(text) => text.parse().expect("WEIR_SEED is a number"),
        Err(_unset) => 0x5eed,
    };
    println!("WEIR_SEED={seed}");
    let samples: Vec<Vec<u8>> = recordings::all().into_iter().map(|r| r.bytes).collect();
    for sample in &samples {
        assert!(summary(sample).is_some());
    }
    let before = peak_kib();
    let workers = thread::available_parallelism().map_or(1, Into::into);
    thread::scope(|scope| {
        for worker in 0..workers {
            let samples = &samples;
            scope.spawn(move || {
                for number in (worker..MUTATIONS).step_by(workers) {
                    check_mutation(samples, seed, number);
                }
            });
        }
    });
    let grown = peak_kib().saturating_sub(before);
    assert!(grown < GROWTH_KIB_MAX, "grew by {grown} KiB");
}

fn check_mutation(samples: &[Vec<u8>], seed: u64, number: usize) {
    let stream = seed ^ (number as u64).wrapping_mul(0x9e37_79b9);
    let mut random = Random::seeded(stream);
    let mutated = mutate(samples, &mut random);
    let outcome = catch_unwind(AssertUnwindSafe(|| summary(&mutated)));
    assert!(outcome.is_ok(), "WEIR_SEED={seed}, mutation {number}");
}

fn mutate(samples: &[Vec<u8>], random: &mut Random) -> Vec<u8> {
    // The smaller of two: large samples take long and have no more to break.
    let [one, other] = [(); 2].map(|()| &samples[random.below(samples.len())]);
    let smaller = if one.len() < other.len() { one } else { other };
    let mut bytes = smaller.clone();
    for _ in 0..=random.below(6) {
        if bytes.is_empty() {
            break;
        }
        let at = random.below(bytes.len());
        let length = 1 + random.below(64.min(bytes.len() - at));
        match random.below(8) {
            0 => bytes[at] ^= 1 << random.below(8),
            1 => bytes[at] = random.bits().to_le_bytes()[0],
            2 => {
                const EXTREMES: [u32; 6] =
                    [0, 1, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff, 0x0100_0000];
                let extreme = EXTREMES[random.below(EXTREMES.len())].to_le_bytes();
                let end = bytes.len().min(at + 4);
                bytes[at..end].copy_from_slice(&extreme[..end - at]);
            }
            3 => bytes.truncate(at),
            4 => drop(bytes.drain(at..at + length)),
            5 => {
                let copy = bytes[at..at + length].to_vec();
                let to = random.below(bytes.len());
                bytes.splice(to..to, copy);
            }
            6 => bytes[at..at + length].fill(random.bits().to_le_bytes()[0]),
            _ => {
                let other = &samples[random.below(samples.len())];
                let from = random.below(other.len());
                let end = other.len().min(from + 1 + random.below(2_000));
                bytes.splice(at..at, other[from..end].iter().copied());
            }
        }
    }
    bytes
}

/// Most memory that this process ever had, as Linux tells it.
fn peak_kib() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let number = line.expect("VmHWM").trim().trim_end_matches(" kB");
    number.parse().unwrap()
}
