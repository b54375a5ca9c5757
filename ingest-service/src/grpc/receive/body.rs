//! A request's body, message by message.

use std::{
    fmt,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Wake, Waker, ready},
};

use bytes::{Buf as _, Bytes};
use futures::task::AtomicWaker;
use http_body::{Body as _, Frame};
use tonic::{Status, body::Body};
use weir_shared::limits::GRPC_MESSAGE_BYTES_MAX;

use super::Receipt;
use crate::domain::staging::{Reserved, Staging};

/// Before each gRPC message: a byte that says whether it is compressed, and its
/// length (the protocol's Length-Prefixed-Message).
const PREFIX_BYTES: usize = 5;

type Asking = Pin<Box<dyn Future<Output = Reserved> + Send>>;

/// See the module. Between messages it holds no room while nothing comes, and
/// at most what is left of one HTTP/2 frame beyond its room.
pub(super) struct MeteredBody {
    inner: Body,
    staging: Arc<Staging>,
    receipt: Receipt,
    handing: Handing,
    /// What came and was not passed on.
    rest: Bytes,
    stage: Stage,
    /// Of the message that is to come or that arrives.
    room: Option<Reserved>,
    asking: Option<Asking>,
    news: Arc<News>,
}

/// How a message reaches the handler.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Handing {
    /// Through tonic, which puts it together and decodes it.
    Through,
    /// In the receipt, but for compressed ones, which tonic opens.
    Beside,
}

enum Stage {
    /// So many bytes of the prefix have come.
    Prefix([u8; PREFIX_BYTES], usize),
    /// So many bytes of the message are still to come.
    Through(usize),
    /// What has come of a message that is put together here, and how many
    /// bytes are still to come.
    Beside(Vec<u8>, usize),
}

/// What tonic is shown instead of a message that is handed over beside it.
const EMPTY_MESSAGE: [u8; PREFIX_BYTES] = [0; PREFIX_BYTES];

/// What tonic is shown of a message that was begun and will never be whole:
/// with a part of a prefix it knows, with a whole one alone it would not.
const BEGUN_MESSAGE: [u8; 1] = [0];

const NOTHING_YET: Stage = Stage::Prefix([0; PREFIX_BYTES], 0);

/// Whether there may be something to read, so that who has nothing does not
/// ask for room again and again.
#[derive(Default)]
struct News {
    none: AtomicBool,
    reader: AtomicWaker,
}

impl Wake for News {
    fn wake(self: Arc<Self>) {
        self.none.store(false, Ordering::Release);
        self.reader.wake();
    }
}

impl fmt::Debug for MeteredBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MeteredBody").finish_non_exhaustive()
    }
}

impl MeteredBody {
    pub(super) fn new(
        inner: Body,
        staging: Arc<Staging>,
        receipt: Receipt,
        handing: Handing,
    ) -> Self {
        Self {
            inner,
            staging,
            receipt,
            handing,
            rest: Bytes::new(),
            stage: NOTHING_YET,
            room: None,
            asking: None,
            news: Arc::default(),
        }
    }

    /// Room for the largest message, until its prefix tells its length.
    fn poll_room(&mut self, context: &mut Context<'_>) -> Poll<()> {
        if self.room.is_none() && self.asking.is_none() {
            self.room = self.staging.try_reserve(GRPC_MESSAGE_BYTES_MAX);
        }
        if self.room.is_some() {
            return Poll::Ready(());
        }
        let (staging, connection) = (&self.staging, &self.receipt.connection);
        let asking = self.asking.get_or_insert_with(|| {
            let (staging, connection) = (Arc::clone(staging), Arc::clone(connection));
            Box::pin(async move {
                let _held = connection.hold_back();
                staging.reserve(connection.id, GRPC_MESSAGE_BYTES_MAX).await
            })
        });
        self.room = Some(ready!(asking.as_mut().poll(context)));
        self.asking = None;
        Poll::Ready(())
    }

    /// What of the rest may be passed on, now that there is room.
    fn next_piece(&mut self) -> Option<Bytes> {
        match &mut self.stage {
            Stage::Prefix(prefix, have) => {
                let came = (PREFIX_BYTES - *have).min(self.rest.len());
                self.rest.copy_to_slice(&mut prefix[*have..*have + came]);
                *have += came;
                if *have < PREFIX_BYTES {
                    return None;
                }
                let prefix = *prefix;
                self.begin_message(prefix)
            }
            Stage::Through(left) => {
                let piece = self.rest.split_to((*left).min(self.rest.len()));
                *left -= piece.len();
                if *left == 0 {
                    self.end_message(None);
                }
                Some(piece)
            }
            Stage::Beside(have, left) => {
                let piece = self.rest.split_to((*left).min(self.rest.len()));
                *left -= piece.len();
                have.extend_from_slice(&piece);
                if *left > 0 {
                    return None;
                }
                let message = Bytes::from(std::mem::take(have));
                self.end_message(Some(message));
                Some(Bytes::from_static(&EMPTY_MESSAGE))
            }
        }
    }

    /// What tonic is shown of it now.
    fn begin_message(&mut self, prefix: [u8; PREFIX_BYTES]) -> Option<Bytes> {
        let [compressed, a, b, c, d] = prefix;
        let bytes = u32::from_be_bytes([a, b, c, d]) as usize;
        let is_legal = bytes <= GRPC_MESSAGE_BYTES_MAX;
        // A compressed one may become as long as any; of one that is too long
        // nothing but its prefix is read.
        if compressed == 0
            && let Some(room) = &mut self.room
        {
            room.shrink_to(if is_legal { bytes } else { 0 });
        }
        if self.handing == Handing::Beside && compressed == 0 && is_legal {
            self.stage = Stage::Beside(Vec::with_capacity(bytes), bytes);
            if bytes > 0 {
                return None;
            }
            self.end_message(Some(Bytes::new()));
            return Some(Bytes::from_static(&EMPTY_MESSAGE));
        }
        self.stage = Stage::Through(bytes);
        if bytes == 0 {
            self.end_message(None);
        }
        Some(Bytes::copy_from_slice(&prefix))
    }

    fn end_message(&mut self, bytes: Option<Bytes>) {
        self.stage = NOTHING_YET;
        if let Some(room) = self.room.take() {
            self.receipt.put(room, bytes);
        }
    }

    fn poll_inner(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        self.news.reader.register(context.waker());
        self.news.none.store(true, Ordering::Release);
        let waker = Waker::from(Arc::clone(&self.news));
        let polled = Pin::new(&mut self.inner).poll_frame(&mut Context::from_waker(&waker));
        match &polled {
            Poll::Ready(_) => self.news.none.store(false, Ordering::Release),
            Poll::Pending if matches!(self.stage, Stage::Prefix(..)) => self.room = None,
            Poll::Pending => {}
        }
        polled
    }
}

impl http_body::Body for MeteredBody {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let this = &mut *self;
        loop {
            if matches!(this.stage, Stage::Prefix(..)) && this.receipt.is_untaken() {
                ready!(this.poll_only_end(context));
                return Poll::Ready(None);
            }
            if this.rest.is_empty() {
                this.news.reader.register(context.waker());
                if this.news.none.load(Ordering::Acquire) {
                    return Poll::Pending;
                }
            }
            ready!(this.poll_room(context));
            if !this.rest.is_empty() {
                if let Some(piece) = this.next_piece() {
                    return Poll::Ready(Some(Ok(Frame::data(piece))));
                }
                continue;
            }
            match ready!(this.poll_inner(context)) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => {
                        this.staging.arrived();
                        this.rest = data;
                    }
                    Err(trailers) => return Poll::Ready(Some(Ok(trailers))),
                },
                end => return Poll::Ready(this.end(end)),
            }
        }
    }
}

impl MeteredBody {
    /// A call that looks for the end of its request before it takes its one
    /// message holds room, and so must not wait for more. What else comes is
    /// nothing that the call takes.
    fn poll_only_end(&mut self, context: &mut Context<'_>) -> Poll<()> {
        self.rest.clear();
        while let Some(Ok(_dropped)) = ready!(self.poll_inner(context)) {}
        Poll::Ready(())
    }

    /// Who reads on must see that a message was begun, and not a clean end.
    fn end(
        &mut self,
        end: Option<Result<Frame<Bytes>, Status>>,
    ) -> Option<Result<Frame<Bytes>, Status>> {
        self.room = None;
        let begun = match std::mem::replace(&mut self.stage, NOTHING_YET) {
            Stage::Prefix(_, have) => have > 0,
            Stage::Beside(..) => true,
            // It has seen that for itself.
            Stage::Through(_) => false,
        };
        if begun && end.is_none() {
            return Some(Ok(Frame::data(Bytes::from_static(&BEGUN_MESSAGE))));
        }
        end
    }
}

#[cfg(test)]
mod tests;
