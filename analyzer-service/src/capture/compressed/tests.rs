mod frames;

use std::io::Write as _;

use flate2::{Compression as Level, write::GzEncoder};
use lz4_flex::frame::{BlockSize, FrameEncoder, FrameInfo};
use weir_capture_builder::{Order, pcap::Pcap};

use super::*;
use crate::{
    analysis::{AnalysisError, Event, Options},
    testing::{Pieces, run, try_run},
};

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Level::default());
    encoder.write_all(bytes).expect("memory");
    encoder.finish().expect("memory")
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    zstd::encode_all(bytes, 3).expect("memory")
}

fn lz4(bytes: &[u8]) -> Vec<u8> {
    let info = FrameInfo::new()
        .block_size(BlockSize::Max64KB)
        .block_checksums(true)
        .content_checksum(true);
    lz4_frame(info, bytes)
}

fn lz4_frame(info: FrameInfo, bytes: &[u8]) -> Vec<u8> {
    let mut encoder = FrameEncoder::with_frame_info(info, Vec::new());
    encoder.write_all(bytes).expect("memory");
    encoder.finish().expect("memory")
}

type Encode = fn(&[u8]) -> Vec<u8>;

const ALL: [(Compression, Encode); 3] = [
    (Compression::Gzip, gzip),
    (Compression::Zstd, zstd),
    (Compression::Lz4, lz4),
];

/// Larger than the window of the reader and than a block.
fn capture() -> Vec<u8> {
    let mut noise = 1_u32;
    let mut pcap = Pcap::new(Order::Little);
    for at in 0..600 {
        let mut byte = || {
            noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            noise.to_be_bytes()[0]
        };
        let data: Vec<u8> = (0..1_000).map(|_| byte()).collect();
        pcap = pcap.packet(at, 0, &data);
    }
    pcap.bytes()
}

fn compression_of(events: &[Event]) -> Compression {
    match events.first() {
        Some(Event::CaptureInfo(info)) => info.compression,
        other => panic!("the first event is {other:?}"),
    }
}

#[test]
fn what_is_inside_is_analyzed_as_if_it_lay_open() {
    let open = capture();
    let expected = run(&open, &Options::default());
    assert_eq!(compression_of(&expected.events), Compression::None);
    for (compression, encode) in ALL {
        let (half, rest) = open.split_at(open.len() / 2);
        let files = [
            encode(&open),
            // Members and frames follow each other, some of them empty.
            [encode(half), encode(&[]), encode(rest)].concat(),
        ];
        for file in files {
            for sizes in [vec![usize::MAX], vec![1, 4_096, 7]] {
                let input = Pieces::new(&file, sizes);
                let kept = try_run(input, &Options::default()).expect("a capture");
                assert_eq!(compression_of(&kept.events), compression);
                assert_eq!(kept.events[1..], expected.events[1..], "{compression}");
                let n_stored = kept.polls.last().map_or(0, |progress| progress.bytes_read);
                assert!(n_stored <= file.len() as u64, "{compression}");
            }
        }
    }
}

#[test]
fn a_read_that_was_interrupted_is_tried_again() {
    struct Interrupted<'a>(&'a [u8], bool);
    impl Read for Interrupted<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            self.1 = !self.1;
            if self.1 {
                return Err(ErrorKind::Interrupted.into());
            }
            let n_most = buffer.len().min(3);
            self.0.read(&mut buffer[..n_most])
        }
    }
    let open = capture();
    for (compression, encode) in ALL {
        let file = encode(&open);
        let kept = try_run(Interrupted(&file, false), &Options::default()).expect("a capture");
        assert_eq!(kept, run(&file, &Options::default()), "{compression}");
    }
}

#[test]
fn a_cut_file_is_truncated_and_gives_what_was_there() {
    let open = capture();
    for (compression, encode) in ALL {
        let file = encode(&open);
        for n_bytes in [file.len() / 3, file.len() / 2, file.len() - 1] {
            let kept = run(&file[..n_bytes], &Options::default());
            let Verdict::Truncated(stop) = &kept.summary().verdict else {
                panic!("{compression}: {:?}", kept.summary().verdict);
            };
            assert_eq!(stop.because, format!("{compression}: the file ends early"));
            // In front of a packet of the decompressed capture.
            assert_eq!(
                stop.at_byte,
                24 + kept.summary().packets * 1_016,
                "{compression}"
            );
        }
    }
}

#[test]
fn every_cut_of_a_small_file_is_told() {
    let open = Pcap::new(Order::Big).packet(0, 0, b"?").bytes();
    for (compression, encode) in ALL {
        let file = [encode(&open[..30]), encode(&open[30..])].concat();
        assert_eq!(
            run(&file, &Options::default()).summary().verdict,
            Verdict::Complete
        );
        let first = encode(&open[..30]).len();
        for n_bytes in 4..file.len() {
            match try_run(&file[..n_bytes], &Options::default()) {
                Ok(kept) if n_bytes != first => {
                    let verdict = &kept.summary().verdict;
                    let says = matches!(verdict, Verdict::Truncated(stop) if
                        stop.because.starts_with(&compression.to_string()));
                    assert!(says, "{compression} cut at {n_bytes}: {verdict:?}");
                }
                Ok(kept) => {
                    let verdict = &kept.summary().verdict;
                    assert!(matches!(verdict, Verdict::Truncated(_)), "{verdict:?}");
                }
                Err(AnalysisError::Compressed(_)) => {}
                Err(error) => panic!("{compression} cut at {n_bytes}: {error}"),
            }
        }
    }
}

#[test]
fn damage_is_corrupt() {
    let open = capture();
    for (compression, encode) in ALL {
        let whole = encode(&open);
        let mut damaged = whole.clone();
        // The checksum at the end (zstd has none unless asked): else of a block's bytes.
        let at = match compression {
            Compression::Zstd => damaged.len() / 2,
            _ => damaged.len() - 6,
        };
        damaged[at] ^= 0x55;
        damaged[at + 1] ^= 0xaa;
        let behind = [whole.as_slice(), b"no frame at all"].concat();
        for (file, must) in [(damaged, compression != Compression::Zstd), (behind, true)] {
            let kept = run(&file, &Options::default());
            let verdict = &kept.summary().verdict;
            assert!(kept.summary().packets > 0, "{compression}");
            assert!(
                !must || matches!(verdict, Verdict::Corrupt(_)),
                "{compression}: {verdict:?}"
            );
        }
    }
}

#[test]
fn damage_ends_the_capture_at_one_byte_however_reads_are_split() {
    let open = capture();
    for (compression, encode) in ALL {
        let mut damaged = encode(&open);
        let at = damaged.len() / 2;
        damaged[at..at + 16].fill(0xff);
        let whole = run(&damaged, &Options::default());
        // Nearly all in front of it is there.
        let packets = whole.summary().packets;
        assert!(packets >= 225, "{compression}: {packets}");
        for sizes in [vec![61], vec![1, 100_000], vec![7_000]] {
            let split = try_run(Pieces::new(&damaged, sizes), &Options::default());
            assert_eq!(split.expect("a capture"), whole, "{compression}");
        }
    }
}

#[test]
fn what_grows_beyond_the_bound_is_limited() {
    let zeros = vec![0; 8 << 20];
    let add = |pcap: Pcap, at| pcap.packet(at, 0, &zeros);
    let small = (0..1).fold(Pcap::new(Order::Little), add).bytes();
    let large = (0..8).fold(Pcap::new(Order::Little), add).bytes();
    for (compression, encode) in [ALL[0], ALL[1]] {
        let kept = run(&encode(&small), &Options::default());
        assert_eq!(kept.summary().verdict, Verdict::Complete, "{compression}");
    }
    // Of gzip a thousandth at the least is left, of zstd less than that.
    let file = zstd(&large);
    assert!(file.len() < (48 << 20) / 1_000);
    let kept = run(&file, &Options::default());
    let verdict = &kept.summary().verdict;
    assert!(matches!(verdict, Verdict::Limited(_)), "{verdict:?}");
    assert!((1..8).contains(&kept.summary().packets));
}

#[test]
fn many_bytes_for_nothing_are_limited() {
    let open = Pcap::new(Order::Little).packet(0, 0, b"?").bytes();
    for (compression, encode) in ALL {
        let empty = encode(&[]);
        let most = usize::try_from(SILENT_BYTES_MAX + LZ4_BLOCK_BYTES_MAX).expect("small");
        let nothing = empty.repeat(most / empty.len() + 5_000);
        let kept = run(&[encode(&open), nothing].concat(), &Options::default());
        let verdict = &kept.summary().verdict;
        assert!(
            matches!(verdict, Verdict::Limited(_)),
            "{compression}: {verdict:?}"
        );
        assert_eq!(kept.summary().packets, 1);
    }
}

#[test]
fn a_window_that_takes_too_much_memory_is_limited() {
    let mut encoder = zstd::Encoder::new(Vec::new(), 1).expect("memory");
    encoder.window_log(ZSTD_WINDOW_LOG_MAX + 1).expect("a size");
    encoder.long_distance_matching(true).expect("a flag");
    encoder.write_all(&capture()).expect("memory");
    let file = encoder.finish().expect("memory");
    let error = try_run(file.as_slice(), &Options::default()).expect_err("no bytes");
    assert_eq!(
        error.to_string(),
        "not a pcap or pcapng file, as far as it can be decompressed: \
         zstd: it takes a window of more than 32 MiB"
    );
}

#[test]
fn what_is_compressed_and_no_capture_is_none() {
    for (_, encode) in ALL {
        let failed = try_run(encode(b"text, not packets").as_slice(), &Options::default());
        assert!(matches!(failed, Err(AnalysisError::NotACapture)));
        // Once is enough.
        let failed = try_run(encode(&encode(&capture())).as_slice(), &Options::default());
        assert!(matches!(failed, Err(AnalysisError::NotACapture)));
    }
}

#[test]
fn the_inputs_own_error_stays_what_it_was() {
    struct Failing<'a>(&'a [u8]);
    impl Read for Failing<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            if self.0.is_empty() {
                return Err(io::Error::other("the store is away"));
            }
            self.0.read(buffer)
        }
    }
    for (_, encode) in ALL {
        let file = encode(&capture());
        let failed = try_run(Failing(&file[..file.len() / 2]), &Options::default());
        let Err(AnalysisError::Read(error)) = failed else {
            panic!("{failed:?}");
        };
        assert_eq!(error.to_string(), "the store is away");
    }
}
