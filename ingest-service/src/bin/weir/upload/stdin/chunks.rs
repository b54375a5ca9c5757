//! Input of unknown length, cut into chunks.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _},
    time::Instant,
};

use crate::failure::Failure;

/// When a chunk is done.
#[derive(Clone, Copy, Debug)]
pub(super) enum Cut {
    /// When it is full; only the last may be smaller.
    Full,
    /// When it is full, or so long after its first byte.
    FullOrAfter(Duration),
}

#[derive(Debug)]
pub(super) struct Chunks<R> {
    input: R,
    chunk_bytes: usize,
    cut: Cut,
    pending: BytesMut,
    /// When the pending bytes are a chunk at the latest.
    due: Option<Instant>,
}

impl<R: AsyncRead + Unpin> Chunks<R> {
    pub(super) fn new(input: R, chunk_bytes: u32, cut: Cut) -> Self {
        Self {
            input,
            chunk_bytes: chunk_bytes as usize,
            cut,
            pending: BytesMut::new(),
            due: None,
        }
    }

    /// The next chunk, never empty; `None` at the end of the input.
    ///
    /// Cancel safety: what was read is kept for the next call.
    ///
    /// # Errors
    /// [`Failure::File`] when the input cannot be read.
    pub(super) async fn next(&mut self) -> Result<Option<Bytes>, Failure> {
        loop {
            if self.pending.len() >= self.chunk_bytes {
                return Ok(Some(self.split()));
            }
            let room = self.chunk_bytes - self.pending.len();
            self.pending.reserve(room);
            let mut limited = (&mut self.input).take(room as u64);
            let read = limited.read_buf(&mut self.pending);
            let read = match self.due {
                None => read.await,
                Some(due) => match tokio::time::timeout_at(due, read).await {
                    Ok(read) => read,
                    Err(_due) => return Ok(Some(self.split())),
                },
            };
            let n = read.map_err(|error| Failure::File(format!("standard input: {error}")))?;
            if n == 0 {
                return Ok((!self.pending.is_empty()).then(|| self.split()));
            }
            if let (None, Cut::FullOrAfter(wait)) = (self.due, self.cut) {
                self.due = Some(Instant::now() + wait);
            }
        }
    }

    fn split(&mut self) -> Bytes {
        self.due = None;
        self.pending.split().freeze()
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncWriteExt as _;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    /// Writes each piece, a second apart, and tells what chunks come of them.
    async fn check(cut: Cut, pieces: &[&str], want: &[&str]) {
        let (mut writer, reader) = tokio::io::duplex(64);
        let write = async {
            let mut pace = tokio::time::interval(SECOND);
            pace.tick().await;
            for piece in pieces {
                writer.write_all(piece.as_bytes()).await.unwrap();
                pace.tick().await;
            }
            drop(writer);
        };
        let read = async {
            let mut chunks = Chunks::new(reader, 4, cut);
            let mut got = Vec::new();
            while let Some(chunk) = chunks.next().await.unwrap() {
                got.push(String::from_utf8(chunk.to_vec()).unwrap());
            }
            got
        };
        let ((), got) = tokio::join!(write, read);
        assert_eq!(got, want);
    }

    #[tokio::test(start_paused = true)]
    async fn full_chunks_wait_for_their_bytes() {
        check(Cut::Full, &["ab", "cde", "f"], &["abcd", "ef"]).await;
        check(Cut::Full, &["abcdefgh"], &["abcd", "efgh"]).await;
        check(Cut::Full, &[], &[]).await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_source_is_cut_in_time() {
        let cut = Cut::FullOrAfter(SECOND / 2);
        check(cut, &["ab", "cdefg", "h"], &["ab", "cdef", "g", "h"]).await;
    }
}
