use proptest::prelude::*;

use super::*;

fn segment(owner: Uid, bytes: u64) -> StoredSegment {
    StoredSegment {
        segment: SegmentId::generate(owner),
        bytes,
    }
}

/// Chunks of these lengths, written by so many writers in turns, each of which
/// fills segments of so many chunks.
fn rows(lengths: &[u32], writers: usize, per_segment: usize) -> (Manifest, Vec<StoredChunk>) {
    let owner = Uid::generate();
    let mut segments: Vec<StoredSegment> = Vec::new();
    let mut open = vec![(None::<usize>, 0); writers];
    let mut chunks = Vec::new();
    for (index, &bytes) in (0..).zip(lengths) {
        let (place, filled) = &mut open[index as usize % writers];
        let place = match *place {
            Some(place) if *filled < per_segment => place,
            _ => {
                *filled = 0;
                segments.push(segment(owner, 0));
                *place.insert(segments.len() - 1)
            }
        };
        *filled += 1;
        chunks.push(StoredChunk {
            index: ChunkIndex(index),
            bytes,
            crc32c: index.wrapping_mul(0x9e37_79b9),
            segment: segments[place].segment,
            offset: u32::try_from(segments[place].bytes).unwrap(),
        });
        segments[place].bytes += u64::from(bytes);
    }
    let mut builder = Builder::new(owner, segments);
    for chunk in &chunks {
        builder.push(chunk).unwrap();
    }
    (builder.finish(), chunks)
}

#[track_caller]
fn check(lengths: &[u32], writers: usize, per_segment: usize) {
    let (manifest, chunks) = rows(lengths, writers, per_segment);
    let decoded = Manifest::decode(&manifest.encode()).unwrap();
    assert_eq!(decoded, manifest);
    for from in 0..=chunks.len() {
        let index = ChunkIndex(u32::try_from(from).unwrap());
        let found: Vec<_> = decoded.chunks_from(index).collect();
        assert_eq!(found, chunks[from..], "from {from}");
    }
    let mut begin = 0;
    for chunk in &chunks {
        for byte in [begin, begin + u64::from(chunk.bytes) - 1] {
            assert_eq!(decoded.chunk_at(byte), Some((chunk.index, begin)));
        }
        begin += u64::from(chunk.bytes);
    }
    assert_eq!((decoded.bytes(), decoded.chunk_at(begin)), (begin, None));
    let one_length = |lengths: &[u32]| lengths.iter().all(|l| *l == lengths[0]);
    let uniform = match lengths {
        [] => None,
        [one] => Some(*one),
        [most @ .., _] => one_length(most).then(|| most[0]),
    };
    let last = lengths.last().copied().unwrap_or(0);
    assert_eq!(decoded.shape(), Shape { uniform, last });
}

#[test]
fn chunks_are_found_again_however_they_came() {
    check(&[], 1, 1);
    check(&[5], 1, 1);
    check(&[5, 5], 1, 2);
    check(&[5, 3], 1, 2);
    check(&[3, 5], 1, 2);
    check(&[4, 4, 4, 4, 1], 1, 3);
    check(&[4, 4, 4, 4, 4, 4, 2], 3, 2);
    check(&[1, 2, 3, 3, 3, 2, 1], 2, 2);
}

#[test]
fn a_capture_that_came_in_order_costs_few_bytes_a_chunk() {
    let most = |chunks: usize, writers| {
        let lengths = vec![1 << 20; chunks];
        let (manifest, _) = rows(&lengths, writers, 8);
        manifest.encode().len() / chunks
    };
    // Four are the CRC; of eight chunks in a segment each bears an eighth of its id.
    assert_eq!(most(10_000, 1), 6);
    assert_eq!(most(10_000, 10), 12);
}

#[test]
fn what_is_no_manifest_is_refused() {
    let (manifest, _) = rows(&[4, 4, 4, 1], 2, 2);
    let encoded = manifest.encode();
    for end in 0..encoded.len() {
        assert!(Manifest::decode(&encoded[..end]).is_err(), "cut at {end}");
    }
    let mut other = encoded.clone();
    other[0] = 2;
    assert!(matches!(
        Manifest::decode(&other),
        Err(DecodeError::Version(2))
    ));
}

#[test]
fn chunks_that_do_not_follow_are_no_capture() {
    let owner = Uid::generate();
    let holder = segment(owner, 10);
    let chunk = |index, bytes, offset| StoredChunk {
        index: ChunkIndex(index),
        bytes,
        crc32c: 0,
        segment: holder.segment,
        offset,
    };
    let refused = |chunk: &StoredChunk| Builder::new(owner, vec![holder]).push(chunk);
    assert_eq!(refused(&chunk(0, 10, 0)), Ok(()));
    assert_eq!(refused(&chunk(1, 1, 0)), Err(NotWhole));
    assert_eq!(refused(&chunk(0, 0, 0)), Err(NotWhole));
    assert_eq!(refused(&chunk(0, 11, 0)), Err(NotWhole));
    assert_eq!(refused(&chunk(0, 1, u32::MAX)), Err(NotWhole));
    let foreign = StoredChunk {
        segment: SegmentId::generate(owner),
        ..chunk(0, 1, 0)
    };
    assert_eq!(refused(&foreign), Err(NotWhole));
}

proptest! {
    #[test]
    fn any_bytes_are_a_manifest_or_an_error(
        lengths in prop::collection::vec(1_u32..9, 0..20),
        place in any::<prop::sample::Index>(),
        byte in any::<u8>(),
    ) {
        let (manifest, _) = rows(&lengths, 2, 3);
        let mut bytes = manifest.encode();
        let place = place.index(bytes.len());
        bytes[place] = byte;
        if let Ok(decoded) = Manifest::decode(&bytes) {
            let sum: u64 = decoded.chunks_from(ChunkIndex(0)).map(|c| u64::from(c.bytes)).sum();
            prop_assert_eq!(sum, decoded.bytes());
        }
    }

    #[test]
    fn a_manifest_is_what_was_encoded(
        lengths in prop::collection::vec(1_u32..5, 0..60),
        writers in 1_usize..5,
        per_segment in 1_usize..5,
    ) {
        check(&lengths, writers, per_segment);
    }
}
