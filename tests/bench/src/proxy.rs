//! A link with a round trip: a proxy that passes on what it gets a while later.

use std::{
    net::{Ipv4Addr, SocketAddr},
    time::Duration,
};

use bytes::Bytes;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::mpsc,
    time::{Instant, sleep_until},
};
use tokio_util::task::TaskTracker;

/// Read at a time, bytes.
const PIECE_BYTES: usize = 64 << 10;

/// Pieces on their way in one direction: 256 MiB, above what any window here
/// lets be there, so that the link delays and never limits.
const PIECES_MAX: usize = 4096;

/// Starts one before this address. It lives as long as the process.
pub async fn start(target: SocketAddr, round_trip: Duration) -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let tasks = TaskTracker::new();
    tasks.clone().spawn(async move {
        while let Ok((near, _)) = listener.accept().await {
            let far = TcpStream::connect(target).await.unwrap();
            near.set_nodelay(true).unwrap();
            far.set_nodelay(true).unwrap();
            let (near_read, near_write) = near.into_split();
            let (far_read, far_write) = far.into_split();
            for (from, to) in [(near_read, far_write), (far_read, near_write)] {
                let (pieces, queue) = mpsc::channel(PIECES_MAX);
                tasks.spawn(take(from, pieces, round_trip / 2));
                tasks.spawn(give(to, queue));
            }
        }
    });
    address
}

async fn take(mut from: OwnedReadHalf, pieces: mpsc::Sender<(Instant, Bytes)>, delay: Duration) {
    let mut buffer = vec![0; PIECE_BYTES];
    while let Ok(bytes @ 1..) = from.read(&mut buffer).await {
        let piece = Bytes::copy_from_slice(&buffer[..bytes]);
        if pieces.send((Instant::now() + delay, piece)).await.is_err() {
            return;
        }
    }
}

async fn give(mut to: OwnedWriteHalf, mut queue: mpsc::Receiver<(Instant, Bytes)>) {
    while let Some((due, piece)) = queue.recv().await {
        sleep_until(due).await;
        if to.write_all(&piece).await.is_err() {
            return;
        }
    }
}
