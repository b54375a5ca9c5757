//! What a client sends in a request, as it comes.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use h2::{Reason, RecvStream};
use http_body::Frame;

use super::windows::Sending;

/// The body of a request. What is not polled stays in the windows of its stream and of its
/// connection; dropped, it gives them back.
#[derive(Debug)]
pub(super) struct RequestBody {
    stream: RecvStream,
    is_data_over: bool,
    /// `None` once nothing more can come.
    sending: Option<Sending>,
}

impl RequestBody {
    pub(super) fn new(stream: RecvStream, sending: Sending) -> Self {
        let mut body = Self {
            stream,
            is_data_over: false,
            sending: Some(sending),
        };
        body.note_end();
        body
    }

    fn note_end(&mut self) {
        if self.stream.is_end_stream() {
            self.sending = None;
        }
    }
}

/// A client that goes away is no error of its request: a reset ends it as its end does,
/// and what came before it counts.
fn of_error(error: h2::Error) -> Option<Result<Frame<Bytes>, h2::Error>> {
    match error.reason() {
        Some(Reason::NO_ERROR | Reason::CANCEL) => None,
        _ => Some(Err(error)),
    }
}

impl http_body::Body for RequestBody {
    type Data = Bytes;
    type Error = h2::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, h2::Error>>> {
        if !self.is_data_over {
            match ready!(self.stream.poll_data(context)) {
                Some(Ok(data)) => {
                    self.note_end();
                    let released = self.stream.flow_control().release_capacity(data.len());
                    return Poll::Ready(Some(released.map(|()| Frame::data(data))));
                }
                Some(Err(error)) => {
                    self.sending = None;
                    return Poll::Ready(of_error(error));
                }
                None => self.is_data_over = true,
            }
        }
        let trailers = ready!(self.stream.poll_trailers(context));
        self.sending = None;
        Poll::Ready(match trailers {
            Ok(trailers) => trailers.map(|trailers| Ok(Frame::trailers(trailers))),
            Err(error) => of_error(error),
        })
    }

    fn is_end_stream(&self) -> bool {
        self.stream.is_end_stream()
    }
}
