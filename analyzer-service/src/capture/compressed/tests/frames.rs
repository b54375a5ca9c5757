//! Files of several frames.

use lz4_flex::frame::BlockMode;

use super::*;

/// A frame of zstd or LZ4 that is to be skipped.
fn skipped(bytes: &[u8]) -> Vec<u8> {
    let n_bytes = u32::try_from(bytes.len()).expect("a short one");
    [
        &0x184d_2a57_u32.to_le_bytes(),
        &n_bytes.to_le_bytes(),
        bytes,
    ]
    .concat()
}

#[test]
fn frames_to_be_skipped_come_first_too() {
    let open = capture();
    let expected = run(&open, &Options::default());
    let before = [skipped(b""), skipped(b"pzstd"), skipped(&[0; 5_000])].concat();
    for (compression, encode) in &ALL[1..] {
        let file = [before.clone(), encode(&open)].concat();
        for sizes in [vec![usize::MAX], vec![1, 4_096, 7]] {
            let kept = try_run(Pieces::new(&file, sizes), &Options::default()).expect("a capture");
            assert_eq!(compression_of(&kept.events), *compression);
            assert_eq!(kept.events[1..], expected.events[1..], "{compression}");
        }
        let n_stored = run(&file, &Options::default())
            .polls
            .last()
            .map_or(0, |poll| poll.bytes_read);
        assert!(n_stored <= file.len() as u64, "{compression}");
    }
    // Too long, cut, and with nothing behind them that has such frames.
    let long = vec![0; usize::try_from(SILENT_BYTES_MAX + 1).expect("small")];
    let long = [skipped(&long), zstd(&open)].concat();
    let cut = &before[..before.len() - 1];
    let nothing: &[u8] = b"";
    for (front, behind) in [
        (&long[..], nothing),
        (cut, nothing),
        (&before, &open),
        (&before, &gzip(&open)),
        (&before, nothing),
    ] {
        let failed = try_run([front, behind].concat().as_slice(), &Options::default());
        assert!(
            matches!(failed, Err(AnalysisError::NotACapture)),
            "{failed:?}"
        );
    }
}

#[test]
fn lz4_frames_of_any_shape_follow_each_other() {
    use {BlockMode::*, BlockSize::*};
    let open = capture();
    let expected = run(&open, &Options::default());
    let shapes = [
        (Max4MB, Independent, false),
        (Max64KB, Independent, true),
        (Max4MB, Linked, true),
        (Max64KB, Linked, false),
        (Max256KB, Independent, false),
    ];
    let mut file = Vec::new();
    for (part, (size, mode, sums)) in open.chunks(open.len() / 5 + 1).zip(shapes) {
        let info = FrameInfo::new()
            .block_size(size)
            .block_mode(mode)
            .block_checksums(sums)
            .content_checksum(sums);
        let mut frame = lz4_frame(info, part);
        // Blocks that hold nothing, as they are and compressed, in front of the end.
        let n_end = if sums { 8 } else { 4 };
        let end = frame.split_off(frame.len() - n_end);
        if !sums {
            frame.extend([0, 0, 0, 0x80]);
            frame.extend([1, 0, 0, 0, 0]);
        }
        file.extend([frame, end, skipped(b""), skipped(b"for another program")].concat());
    }
    for sizes in [vec![usize::MAX], vec![1, 4_096, 7]] {
        let kept = try_run(Pieces::new(&file, sizes), &Options::default()).expect("a capture");
        assert_eq!(kept.events[1..], expected.events[1..]);
    }
    for (behind, cut) in [(skipped(b"cut"), 1), (skipped(b""), 2), (skipped(b""), 6)] {
        let cut_file = [&file[..], &behind[..behind.len() - cut]].concat();
        let verdict = run(&cut_file, &Options::default())
            .summary()
            .verdict
            .clone();
        assert!(matches!(verdict, Verdict::Truncated(_)), "{verdict:?}");
    }
    file.extend(0x184c_2102_u32.to_le_bytes());
    let Verdict::Corrupt(stop) = run(&file, &Options::default()).summary().verdict.clone() else {
        panic!("what has no end is read");
    };
    assert_eq!(stop.because, "lz4: a frame of the legacy format");
}
