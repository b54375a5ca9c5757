//! One connection: its settings, its requests, its end.

use std::time::Duration;

use bytes::Bytes;
use h2::RecvStream;
use http::Request;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tonic::body::Body;

use super::{
    Answers,
    body::RequestBody,
    exchange::answer,
    reads::{LastRead, Noted},
    windows::{Limits, NARROWEST, Requests, Windows},
};
use crate::serve::{ServeConfig, listener::Connection};

/// Largest HTTP/2 frame, bytes: 256 KiB halves the CPU time per GiB of uploads
/// against the default of 16 KiB.
const FRAME_BYTES_MAX: u32 = 256 << 10;

/// Header fields of one request, bytes as HPACK counts them (RFC 7541, 4.1): a
/// call has some ten short ones.
const HEADER_BYTES_MAX: u32 = 16 << 10;

/// What one stream keeps that waits to be written, bytes: a message of records.
const SEND_BUFFER_BYTES_MAX: usize = 400 << 10;

/// From the connection to the client's first settings: as long as a silent
/// client is borne later.
const HANDSHAKE_TIME_MAX: Duration = Duration::from_secs(20);

/// Serves one connection until it is closed.
pub(super) async fn serve<C: Connection>(
    config: ServeConfig,
    io: C,
    service: impl Answers,
    tasks: TaskTracker,
    shutdown: CancellationToken,
) {
    let info = io.connect_info();
    let last_read = LastRead::now();
    let io = Noted::new(io, last_read.clone());
    let mut settings = h2::server::Builder::new();
    settings
        .initial_window_size(NARROWEST)
        .initial_connection_window_size(config.connection_window)
        .max_concurrent_streams(config.streams_max)
        .max_frame_size(FRAME_BYTES_MAX)
        .max_header_list_size(HEADER_BYTES_MAX)
        .max_send_buffer_size(SEND_BUFFER_BYTES_MAX);
    let handshake = tokio::time::timeout(HANDSHAKE_TIME_MAX, settings.handshake::<_, Bytes>(io));
    let made = tokio::select! {
        biased;
        made = handshake => made,
        () = shutdown.cancelled() => return,
    };
    let mut connection = match made {
        Ok(Ok(connection)) => connection,
        Ok(Err(error)) => return tracing::debug!(%error, "a connection does not speak HTTP/2"),
        Err(_elapsed) => return tracing::debug!("a connection says nothing"),
    };
    let (requests, mut windows) = Windows::new(Limits {
        // The other half is for those that are read. Many that join one by one, and that nobody
        // reads, may fill it none the less: narrower windows take nothing back of what came.
        all: config.connection_window / 2,
        widest: config.stream_window,
    });
    let Some(pings) = connection.ping_pong() else {
        return tracing::error!("a new connection has no pings");
    };
    let mut lost = std::pin::pin!(last_read.until_lost(pings));
    let mut is_ending = false;
    loop {
        tokio::select! {
            biased;
            () = shutdown.cancelled(), if !is_ending => {
                is_ending = true;
                connection.graceful_shutdown();
            }
            window = windows.next() => match connection.set_initial_window_size(window) {
                Ok(()) => windows.told(window),
                Err(_unacknowledged) => windows.later(),
            },
            accepted = connection.accept() => match accepted {
                Some(Ok((request, respond))) => {
                    let mut request = with_body(request, &requests);
                    request.extensions_mut().insert(info.clone());
                    tasks.spawn(answer(service.clone(), request, respond));
                }
                Some(Err(error)) => return tracing::debug!(%error, "a connection broke"),
                None => return,
            },
            // After what came was read: an answer that lies there was no silence.
            () = &mut lost => return tracing::debug!("a client is silent"),
        }
    }
}

fn with_body(request: Request<RecvStream>, requests: &Requests) -> Request<Body> {
    request.map(|stream| Body::new(RequestBody::new(stream, requests.begin())))
}
