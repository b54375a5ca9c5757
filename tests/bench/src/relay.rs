//! A link whose far end may go and come back elsewhere, and that counts what
//! goes there.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::watch,
};
use tokio_util::task::TaskTracker;

/// Held of one direction, bytes: what is counted is soon there.
const PIECE_BYTES: usize = 64 << 10;

/// See the module. It lives as long as the process.
#[derive(Debug)]
pub struct Relay {
    /// Where clients connect.
    pub address: SocketAddr,
    target: watch::Sender<SocketAddr>,
    sent: Arc<AtomicU64>,
}

impl Relay {
    /// Starts one before this address.
    pub async fn start(target: SocketAddr) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (target, targets) = watch::channel(target);
        let sent = Arc::new(AtomicU64::new(0));
        let (tasks, counter) = (TaskTracker::new(), Arc::clone(&sent));
        tasks.clone().spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                let target = *targets.borrow();
                tasks.spawn(pass(near, target, Arc::clone(&counter)));
            }
        });
        Self {
            address,
            target,
            sent,
        }
    }

    /// Where new connections go from now on.
    pub fn retarget(&self, target: SocketAddr) {
        self.target.send_replace(target);
    }

    /// What clients have sent so far, bytes, the transport's own among them.
    #[must_use]
    pub fn sent_bytes(&self) -> u64 {
        self.sent.load(Ordering::Acquire)
    }
}

/// When one end goes, so does the other: nobody waits for a server that died.
async fn pass(mut near: TcpStream, target: SocketAddr, sent: Arc<AtomicU64>) {
    let Ok(mut far) = TcpStream::connect(target).await else {
        return;
    };
    near.set_nodelay(true).unwrap();
    far.set_nodelay(true).unwrap();
    let (near_read, near_write) = near.split();
    let (far_read, far_write) = far.split();
    tokio::select! {
        () = copy(near_read, far_write, Some(&sent)) => {}
        () = copy(far_read, near_write, None) => {}
    }
}

async fn copy(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    counter: Option<&AtomicU64>,
) {
    let mut buffer = vec![0; PIECE_BYTES];
    while let Ok(bytes @ 1..) = from.read(&mut buffer).await {
        if let Some(counter) = counter {
            counter.fetch_add(bytes as u64, Ordering::AcqRel);
        }
        if to.write_all(&buffer[..bytes]).await.is_err() {
            return;
        }
    }
}
