use tokio_stream::{StreamExt as _, wrappers::ReceiverStream};

use super::*;
use crate::domain::{
    capture::Declared,
    testing::{Rig, chunk, open, upload},
};

const ID: &str = "cap";

/// Five chunks of two calls, the second of them backwards: `0011223344`.
async fn rig() -> Rig {
    let rig = Rig::new().await;
    let declared = Declared {
        chunk_count: Some(5),
        ..Declared::default()
    };
    let first = vec![open(ID, declared.clone()), chunk(1, "11"), chunk(2, "22")];
    upload(&rig, first).await.unwrap();
    let second = vec![
        open(ID, declared),
        chunk(4, "44"),
        chunk(3, "33"),
        chunk(0, "00"),
    ];
    upload(&rig, second).await.unwrap();
    rig
}

async fn read(rig: &Rig, offset: u64, length: u64) -> Result<String, Error> {
    let (capture, used) = rig.ingest.use_sealed(&ID.parse().unwrap()).await?;
    let wanted = span(&capture, offset, length)?;
    let (sink, pieces) = mpsc::channel(1);
    let ended = CancellationToken::new();
    let reading = rig.ingest.read(capture, used, wanted, sink, ended);
    let (done, pieces) = tokio::join!(reading, ReceiverStream::new(pieces).collect::<Vec<_>>());
    done.map(|()| String::from_utf8(pieces.concat()).unwrap())
}

#[tokio::test]
async fn every_range_is_read_as_it_was_sent() {
    let rig = rig().await;
    let whole = "0011223344";
    for offset in 0..=10_usize {
        for length in 1..=10 - offset {
            let wanted = &whole[offset..offset + length];
            let got = read(&rig, offset as u64, length as u64).await.unwrap();
            assert_eq!(got, wanted, "{offset} {length}");
        }
        let to_the_end = read(&rig, offset as u64, 0).await.unwrap();
        assert_eq!(to_the_end, whole[offset..], "{offset}");
    }
    for (offset, length) in [(11, 0), (10, 1), (0, 11), (1, u64::MAX)] {
        let past = read(&rig, offset, length).await;
        assert!(
            matches!(past, Err(Error::Range { bytes: 10 })),
            "{offset} {length}"
        );
    }
}

#[tokio::test]
async fn neighbours_in_one_object_are_one_extent() {
    let rig = rig().await;
    let capture = Arc::new(rig.ingest.get(&ID.parse().unwrap()).await.unwrap());
    let mut extents = Extents::new(Arc::clone(&rig.ingest.contents), capture, SEGMENT_BYTES_MAX);
    let mut seen = Vec::new();
    while let Some(extent) = extents.next().await.unwrap() {
        seen.push((extent.first.0, extent.last.0, extent.offset, extent.crc32c));
    }
    let crc = |data: &[u8]| crc32c::crc32c(data);
    let wanted = [
        (0, 0, 4, crc(b"00")),
        (1, 2, 0, crc(b"1122")),
        (3, 3, 2, crc(b"33")),
        (4, 4, 0, crc(b"44")),
    ];
    assert_eq!(seen, wanted);
}

#[tokio::test]
async fn damage_is_told_by_chunk_and_never_sent() {
    let rig = rig().await;
    // The first byte of each object: chunks 1 and 4.
    rig.store.corrupt_all(0);
    assert_eq!(read(&rig, 0, 2).await.unwrap(), "00");
    let Err(Error::Corrupt { ranges, .. }) = read(&rig, 2, 4).await else {
        panic!("the damage was not seen");
    };
    let named: Vec<_> = ranges.iter().map(|r| (r.first().0, r.last().0)).collect();
    assert_eq!(named, [(1, 1)]);

    // The same, as a reader elsewhere tells it.
    let capture = Arc::new(rig.ingest.get(&ID.parse().unwrap()).await.unwrap());
    let told = rig.ingest.why_bad(&capture, Some(8)).await;
    assert!(matches!(told, Error::Corrupt { ranges, .. } if ranges[0].first().0 == 4));
}

#[tokio::test]
async fn a_missing_object_is_a_deletion_or_a_loss() {
    let rig = rig().await;
    let (capture, _used) = rig.ingest.use_sealed(&ID.parse().unwrap()).await.unwrap();
    for key in rig.store.keys() {
        rig.ingest.store.delete(&key).await.unwrap();
    }
    assert!(matches!(
        read(&rig, 0, 0).await,
        Err(Error::ObjectMissing(_))
    ));
    rig.ingest.delete(&ID.parse().unwrap()).await.unwrap();
    let why = rig.ingest.contents.why_missing(&capture).await;
    assert!(matches!(why, Error::Deleted(_)));
}
