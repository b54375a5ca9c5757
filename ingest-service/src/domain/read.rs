//! Stored bytes, read back and verified.

use std::{ops::Range, sync::Arc};

use bytes::Bytes;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use weir_shared::limits::{CHUNK_BYTES_RECOMMENDED, SEGMENT_BYTES_MAX};

use super::{
    capture::Capture,
    error::Error,
    extent::{Extent, Extents},
    id::ChunkIndex,
    ingest::Ingest,
    live::InUse,
    range::{IndexRange, IndexRanges},
};

/// What a read holds at a time, bytes: a chunk at least, and far below a
/// segment, since many reads may wait for slow clients.
const READ_EXTENT_BYTES_MAX: u64 = 2 << 20;

/// Ranges that name corrupt chunks: they travel in headers.
const CORRUPT_RANGES_MAX: usize = 64;

/// Chunks of one extent: it is as long as a segment at most.
const EXTENT_CHUNKS_MAX: u32 = 10_000;

impl Ingest {
    /// The bytes of an extent, verified.
    ///
    /// # Errors
    /// [`Error::Corrupt`] names the chunks; [`Error::Deleted`] or
    /// [`Error::ObjectMissing`] when the object is gone.
    pub async fn fetch(&self, capture: &Arc<Capture>, extent: &Extent) -> Result<Bytes, Error> {
        let bytes = self.stored(capture, extent).await?;
        if crc32c::crc32c(&bytes) == extent.crc32c {
            return Ok(bytes);
        }
        let mut ranges = IndexRanges::at_most(CORRUPT_RANGES_MAX);
        for index in self.corrupt_chunks(capture, extent, &bytes).await? {
            ranges.push(index);
        }
        Err(Error::Corrupt {
            capture: capture.id.clone(),
            ranges: ranges.into_vec(),
        })
    }

    /// The bytes that lie where an extent should, whatever they are.
    pub(super) async fn stored(&self, capture: &Capture, extent: &Extent) -> Result<Bytes, Error> {
        let place = extent.offset..extent.offset + extent.bytes;
        self.contents.get(capture, extent.segment, place).await
    }

    /// An extent that failed its CRC elsewhere, read again to name its chunks.
    pub async fn why_corrupt(&self, capture: &Arc<Capture>, extent: &Extent) -> Error {
        match self.fetch(capture, extent).await {
            Err(error) => error,
            // Good here: it was damaged on the way, or there.
            Ok(_) => Error::Corrupt {
                capture: capture.id.clone(),
                ranges: IndexRange::new(extent.first, extent.last)
                    .into_iter()
                    .collect(),
            },
        }
    }

    /// Those chunks of an extent whose bytes fail their checksum.
    pub(super) async fn corrupt_chunks(
        &self,
        capture: &Arc<Capture>,
        extent: &Extent,
        bytes: &[u8],
    ) -> Result<Vec<ChunkIndex>, Error> {
        let chunks = self
            .contents
            .chunks(capture, extent.first, EXTENT_CHUNKS_MAX);
        let (_, chunks) = chunks.await?;
        let mut corrupt = Vec::new();
        for chunk in chunks.iter().take_while(|c| c.index <= extent.last) {
            let begin = u64::from(chunk.offset).saturating_sub(extent.offset);
            let span = begin..begin + u64::from(chunk.bytes);
            if slice(bytes, span).map(crc32c::crc32c) != Some(chunk.crc32c) {
                corrupt.push(chunk.index);
            }
        }
        Ok(corrupt)
    }

    /// Sends these bytes of a sealed capture, in order.
    ///
    /// # Errors
    /// What ended it early; [`Error::Ended`] when the call did.
    pub async fn read(
        &self,
        capture: Arc<Capture>,
        used: InUse,
        span: Range<u64>,
        sink: mpsc::Sender<Bytes>,
        ended: CancellationToken,
    ) -> Result<(), Error> {
        let contents = Arc::clone(&self.contents);
        let mut extents = Extents::new(contents, Arc::clone(&capture), READ_EXTENT_BYTES_MAX);
        let mut begin = extents.skip_to(span.start).await?;
        while begin < span.end {
            let Some(extent) = extents.next().await? else {
                return Ok(());
            };
            let end = begin + extent.bytes;
            if end > span.start {
                // A store that stalls does not hold up the call's end.
                let bytes = tokio::select! {
                    biased;
                    () = ended.cancelled() => return Err(Error::Ended),
                    () = used.deleted() => return Err(Error::Deleted(capture.id.clone())),
                    fetched = self.fetch(&capture, &extent) => fetched?,
                };
                let from = span.start.saturating_sub(begin);
                let to = span.end.min(end) - begin;
                send(&capture, &used, cut(&bytes, from..to), &sink, &ended).await?;
            }
            begin = end;
        }
        Ok(())
    }
}

/// The one way a relaying task waits: for the client, the end of its call, or
/// the deletion of what it reads.
async fn send(
    capture: &Capture,
    used: &InUse,
    mut bytes: Bytes,
    sink: &mpsc::Sender<Bytes>,
    ended: &CancellationToken,
) -> Result<(), Error> {
    while !bytes.is_empty() {
        let piece = bytes.split_to(bytes.len().min(CHUNK_BYTES_RECOMMENDED));
        tokio::select! {
            biased;
            () = ended.cancelled() => return Err(Error::Ended),
            () = used.deleted() => return Err(Error::Deleted(capture.id.clone())),
            sent = sink.send(piece) => sent.map_err(|_| Error::Ended)?,
        }
    }
    Ok(())
}

fn cut(bytes: &Bytes, span: Range<u64>) -> Bytes {
    let part = slice(bytes, span).unwrap_or_default();
    bytes.slice_ref(part)
}

fn slice(bytes: &[u8], span: Range<u64>) -> Option<&[u8]> {
    let begin = usize::try_from(span.start).ok()?;
    let end = usize::try_from(span.end).ok()?;
    bytes.get(begin..end)
}

/// The bytes that a caller asks for: `length` zero reads to the end.
///
/// # Errors
/// [`Error::Range`] when they are not all there.
pub fn span(capture: &Capture, offset: u64, length: u64) -> Result<Range<u64>, Error> {
    let bytes = capture.progress.bytes;
    let end = match length {
        0 => Some(bytes),
        _ => offset.checked_add(length),
    };
    match end {
        Some(end) if offset <= end && end <= bytes => Ok(offset..end),
        _ => Err(Error::Range { bytes }),
    }
}

impl Ingest {
    /// Why a reader elsewhere could not use the run of extents that begins at
    /// this offset of the capture; `None` when it did not say which.
    pub async fn why_bad(&self, capture: &Arc<Capture>, offset: Option<u64>) -> Error {
        let contents = Arc::clone(&self.contents);
        let mut extents = Extents::new(contents, Arc::clone(capture), SEGMENT_BYTES_MAX);
        let mut begin = 0;
        loop {
            match extents.next().await {
                Ok(Some(extent)) if Some(begin) == offset => {
                    return self.why_corrupt(capture, &extent).await;
                }
                Ok(Some(extent)) => begin += extent.bytes,
                Ok(None) => break,
                Err(error) => return error,
            }
        }
        Error::Corrupt {
            capture: capture.id.clone(),
            ranges: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests;
