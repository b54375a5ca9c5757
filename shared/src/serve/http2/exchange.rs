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

/// Sends a body as the client takes it: nothing of it is asked for before there is window.
async fn send<B>(mut stream: SendStream<Bytes>, body: B) -> Result<(), h2::Error>
where
    B: HttpBody<Data = Bytes, Error: std::fmt::Display>,
{
    let mut body = pin!(body);
    loop {
        stream.reserve_capacity(1);
        while stream.capacity() == 0 {
            match poll_fn(|context| stream.poll_capacity(context)).await {
                Some(granted) => granted?,
                // The stream is closed.
                None => return Ok(()),
            };
        }
        let frame = tokio::select! {
            biased;
            reset = poll_fn(|context| stream.poll_reset(context)) => return reset.map(drop),
            frame = body.frame() => frame,
        };
        match frame.transpose() {
            Ok(Some(frame)) => {
                if send_frame(&mut stream, frame, body.is_end_stream())? {
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

/// Whether it was the last.
fn send_frame(
    stream: &mut SendStream<Bytes>,
    frame: Frame<Bytes>,
    is_last: bool,
) -> Result<bool, h2::Error> {
    let frame = match frame.into_data() {
        Ok(data) => {
            stream.send_data(data, is_last)?;
            return Ok(is_last);
        }
        Err(frame) => frame,
    };
    let Ok(trailers) = frame.into_trailers() else {
        return Ok(is_last);
    };
    // What was reserved for data that does not come.
    stream.reserve_capacity(0);
    stream.send_trailers(trailers)?;
    Ok(true)
}
