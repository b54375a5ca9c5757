//! The session's loop: receive in order, then settle.

use std::{pin::pin, sync::Arc};

use futures::Stream;
use tokio_util::sync::CancellationToken;

use super::{
    UploadItem, Uploaded,
    filling::{Call, Filled, Filling, Wake},
    pace::Incoming,
};
use crate::domain::{
    capture::{Capture, DigestOnTheWay, SealParams, Spec, State},
    connection::Connection,
    error::Error,
    ingest::Ingest,
};

/// How the stream ended.
enum End {
    /// Half-closed, which a cancelled call looks like too.
    Closed,
    Finished(SealParams),
    Refused(Error),
    /// A segment failed: its error is told when all are settled.
    SegmentFailed,
}

impl Ingest {
    /// Runs one upload. To be run in a task of its own: it ends soon after
    /// `ended` is cancelled, with what arrived whole durable.
    ///
    /// # Errors
    /// What refused a message, or [`Error::Ended`].
    pub async fn upload(
        self: Arc<Self>,
        items: impl Stream<Item = UploadItem> + Send,
        connection: Arc<Connection>,
        ended: CancellationToken,
    ) -> Result<Uploaded, Error> {
        let items = pin!(items);
        let mut items = Incoming::new(items, Arc::clone(&connection), &self.settings);
        let first = tokio::select! {
            biased;
            () = ended.cancelled() => return Err(Error::Ended),
            first = items.next() => first,
        };
        let spec = match first {
            Some(UploadItem::Open(spec)) => spec,
            Some(UploadItem::Refused(error)) => return Err(error),
            Some(UploadItem::Broken) => return Err(Error::Ended),
            Some(UploadItem::Chunk(..) | UploadItem::Finish(_)) | None => {
                return Err(Error::Order("the first message must be open"));
            }
        };
        let capture = self.create(&spec).await?;
        if is_here_already(&spec, &capture) {
            return Ok(Uploaded {
                capture,
                stored: 0,
                duplicate: 0,
            });
        }
        let used = self.use_capture(&capture).await?;
        let call = Arc::new(Call {
            ingest: self,
            capture,
            used,
            connection,
            ended,
        });
        let mut filling = Filling::begin(Arc::clone(&call));
        let end = call.receive(&mut filling, &mut items).await;
        call.settle(filling.finish().await, end).await
    }
}

/// Whether what is declared is stored, by the digest that this service computed:
/// then nothing is to be sent.
fn is_here_already(spec: &Spec, capture: &Capture) -> bool {
    let declared = spec.declared.sha256;
    match capture.state {
        State::Sealed => declared.is_some() && declared == capture.sha256,
        State::Receiving | State::Sealing => false,
    }
}

impl Call {
    async fn receive<S>(&self, filling: &mut Filling, items: &mut Incoming<'_, S>) -> End
    where
        S: Stream<Item = UploadItem>,
    {
        loop {
            let item = tokio::select! {
                biased;
                () = self.ended.cancelled() => return End::Refused(Error::Ended),
                () = self.used.deleted() => return End::Refused(self.deleted()),
                wake = filling.wake() => {
                    match wake {
                        Wake::Done if filling.has_failed() => return End::SegmentFailed,
                        Wake::Done => {}
                        Wake::Close => {
                            let _held = self.connection.hold_back();
                            filling.close().await;
                        }
                    }
                    continue;
                }
                item = items.next() => item,
            };
            match item {
                Some(UploadItem::Chunk(chunk, reserved)) => {
                    let _held = self.connection.hold_back();
                    if let Err(refused) = filling.take(chunk, reserved).await {
                        return End::Refused(refused);
                    }
                }
                Some(UploadItem::Finish(params)) => {
                    // It may be long until the stream ends.
                    let held = self.connection.hold_back();
                    filling.close().await;
                    drop(held);
                    return self.expect_end(filling, items, params).await;
                }
                Some(UploadItem::Open(_)) => {
                    return End::Refused(Error::Order("open comes once, and first"));
                }
                Some(UploadItem::Refused(error)) => return End::Refused(error),
                Some(UploadItem::Broken) => return End::Refused(Error::Ended),
                None => return End::Closed,
            }
        }
    }

    /// Nothing may come after finish.
    async fn expect_end<S>(
        &self,
        filling: &mut Filling,
        items: &mut Incoming<'_, S>,
        params: SealParams,
    ) -> End
    where
        S: Stream<Item = UploadItem>,
    {
        let next = loop {
            tokio::select! {
                biased;
                () = self.ended.cancelled() => return End::Refused(Error::Ended),
                () = self.used.deleted() => return End::Refused(self.deleted()),
                // No segment is open any more, so that only ends can come.
                _ = filling.wake() => {
                    if filling.has_failed() {
                        return End::SegmentFailed;
                    }
                }
                next = items.next() => break next,
            }
        };
        match next {
            None => End::Finished(params),
            Some(UploadItem::Broken) => End::Refused(Error::Ended),
            Some(
                UploadItem::Open(_)
                | UploadItem::Chunk(..)
                | UploadItem::Finish(_)
                | UploadItem::Refused(_),
            ) => End::Refused(Error::Order("nothing may come after finish")),
        }
    }

    /// Answers, now that all that came is durable.
    async fn settle(&self, filled: Filled, end: End) -> Result<Uploaded, Error> {
        if self.used.is_deleted() {
            return Err(self.deleted());
        }
        // What failed came before what was refused.
        if let Some(error) = filled.failed {
            return Err(error);
        }
        let params = match end {
            End::Refused(error) => return Err(error),
            End::Finished(params) => Some(params),
            End::Closed | End::SegmentFailed => None,
        };
        Ok(Uploaded {
            capture: self.sealed(params, filled.digest).await?,
            stored: filled.stored,
            duplicate: filled.duplicate,
        })
    }

    /// Seals after a finish, or when every declared chunk is there.
    async fn sealed(
        &self,
        params: Option<SealParams>,
        known: Option<DigestOnTheWay>,
    ) -> Result<Capture, Error> {
        let now = self.ingest.catalog.by_uid(self.capture.uid).await?;
        let now = now.ok_or_else(|| self.deleted())?;
        let is_complete = now.state == State::Sealing || now.has_every_declared_chunk();
        let params = match params {
            None if !is_complete => return Ok(now),
            params => params.unwrap_or_default(),
        };
        tokio::select! {
            biased;
            () = self.ended.cancelled() => Err(Error::Ended),
            () = self.used.deleted() => Err(self.deleted()),
            sealed = self.ingest.seal(&now, &params, known) => sealed,
        }
    }
}
