//! One request and its answer.

use std::{future::poll_fn, pin::pin};

use bytes::Bytes;
use h2::{Reason, SendStream, server::SendResponse};
use http::{Request, Response};
use http_body::{Body as HttpBody, Frame};
use http_body_util::BodyExt as _;
use tonic::body::Body;

use super::Answers;

/// Answers a request. Drops what works on the answer as soon as the client
/// resets its stream or the connection is gone.
pub(super) async fn answer(
    service: impl Answers,
    request: Request<Body>,
    mut respond: SendResponse<Bytes>,
) {
    let answered = tokio::select! {
        biased;
        answer = service.answer(request) => Some(answer),
        _reset_or_gone = poll_fn(|context| respond.poll_reset(context)) => None,
    };
    let Some(answer) = answered else { return };
    let (head, body) = answer.into_parts();
    let is_over = body.is_end_stream();
    let head = Response::from_parts(head, ());
    let sent = match respond.send_response(head, is_over) {
        Ok(stream) if !is_over => send(stream, body).await,
        sent => sent.map(drop),
    };
    if let Err(error) = sent {
        tracing::debug!(%error, "an answer could not be sent");
    }
}

/// Sends a body as the client takes it. One frame of it is asked for ahead of the window, since
/// the end of an answer, and so its status, needs none.
async fn send<B>(mut stream: SendStream<Bytes>, body: B) -> Result<(), h2::Error>
where
    B: HttpBody<Data = Bytes, Error: std::fmt::Display + Send>,
{
    let mut body = pin!(body);
    loop {
        let frame = tokio::select! {
            biased;
            reset = poll_fn(|context| stream.poll_reset(context)) => return reset.map(drop),
            frame = body.frame() => frame,
        };
        match frame.transpose() {
            Ok(Some(frame)) => {
                let is_sent = send_frame(&mut stream, frame, body.is_end_stream()).await?;
                if is_sent == Sent::Last {
                    return Ok(());
                }
            }
            Ok(None) => return stream.send_data(Bytes::new(), true),
            Err(error) => {
                tracing::debug!(%error, "an answer broke");
                stream.send_reset(Reason::INTERNAL_ERROR);
                return Ok(());
            }
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sent {
    More,
    /// Nothing can follow.
    Last,
}

async fn send_frame(
    stream: &mut SendStream<Bytes>,
    frame: Frame<Bytes>,
    is_last: bool,
) -> Result<Sent, h2::Error> {
    let sent = if is_last { Sent::Last } else { Sent::More };
    let frame = match frame.into_data() {
        Ok(data) => {
            if !data.is_empty() && !has_window(stream).await? {
                return Ok(Sent::Last);
            }
            stream.send_data(data, is_last)?;
            return Ok(sent);
        }
        Err(frame) => frame,
    };
    let Ok(trailers) = frame.into_trailers() else {
        return Ok(sent);
    };
    stream.send_trailers(trailers)?;
    Ok(Sent::Last)
}

/// Waits for window; `false` when the stream is closed.
async fn has_window(stream: &mut SendStream<Bytes>) -> Result<bool, h2::Error> {
    stream.reserve_capacity(1);
    while stream.capacity() == 0 {
        match poll_fn(|context| stream.poll_capacity(context)).await {
            Some(granted) => {
                granted?;
            }
            None => return Ok(false),
        }
    }
    Ok(true)
}
