//! What the calls of one connection share: its receive window, and so our
//! back-pressure.

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::time::Instant;

/// The connections that have a call at the moment.
#[derive(Debug, Default)]
pub struct Connections {
    open: Mutex<HashMap<SocketAddr, Weak<Connection>>>,
}

/// Tells connections apart while this process lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ConnectionId(u64);

impl ConnectionId {
    /// One that no other connection has.
    #[must_use]
    pub fn generate() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Self(NEXT.fetch_add(1, Ordering::Relaxed))
    }
}

/// One connection. Its clock stands still while any of its calls is held back
/// by us: what that call leaves unread takes of the window of all the others,
/// so no client of the connection can be told from a slow one then.
#[derive(Debug)]
pub struct Connection {
    pub id: ConnectionId,
    began: Instant,
    held: Mutex<Held>,
    /// Where it is listed; nowhere for a connection without an address.
    listed: Option<(SocketAddr, Arc<Connections>)>,
}

#[derive(Debug, Default)]
struct Held {
    calls: usize,
    /// When the first of these calls was held back.
    since: Option<Instant>,
    /// Before that.
    total: Duration,
}

/// A call that is held back; ends when dropped.
#[derive(Debug)]
pub struct HeldBack<'a>(&'a Connection);

impl Connections {
    /// The connection of this client's address. Without an address each call
    /// has one of its own.
    #[must_use]
    pub fn of(self: &Arc<Self>, client: Option<SocketAddr>) -> Arc<Connection> {
        let Some(client) = client else {
            return Arc::new(Connection::new(None));
        };
        let mut open = self.lock();
        if let Some(connection) = open.get(&client).and_then(Weak::upgrade) {
            return connection;
        }
        let connection = Arc::new(Connection::new(Some((client, Arc::clone(self)))));
        open.insert(client, Arc::downgrade(&connection));
        connection
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<SocketAddr, Weak<Connection>>> {
        // No code that can panic runs under the lock.
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Connection {
    fn new(listed: Option<(SocketAddr, Arc<Connections>)>) -> Self {
        Self {
            id: ConnectionId::generate(),
            began: Instant::now(),
            held: Mutex::default(),
            listed,
        }
    }

    /// Stops the clock for as long as the answer lives.
    #[must_use]
    pub fn hold_back(&self) -> HeldBack<'_> {
        let mut held = self.lock();
        held.calls += 1;
        held.since.get_or_insert_with(Instant::now);
        HeldBack(self)
    }

    /// How long none of its calls was held back.
    #[must_use]
    pub fn clock(&self) -> Duration {
        let held = self.lock();
        let until = held.since.unwrap_or_else(Instant::now);
        (until - self.began).saturating_sub(held.total)
    }

    fn lock(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for HeldBack<'_> {
    fn drop(&mut self) {
        let mut held = self.0.lock();
        held.calls -= 1;
        if held.calls == 0
            && let Some(since) = held.since.take()
        {
            held.total += since.elapsed();
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        if let Some((client, connections)) = &self.listed {
            let mut open = connections.lock();
            // A new call may have listed its successor meanwhile.
            if open.get(client).is_some_and(|c| c.strong_count() == 0) {
                open.remove(client);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[tokio::test(start_paused = true)]
    async fn the_clock_stands_still_while_a_call_is_held_back() {
        let connection = Connection::new(None);
        advance(SECOND).await;
        let first = connection.hold_back();
        advance(SECOND).await;
        let second = connection.hold_back();
        drop(first);
        advance(SECOND).await;
        assert_eq!(connection.clock(), SECOND);
        drop(second);
        advance(SECOND).await;
        assert_eq!(connection.clock(), 2 * SECOND);
    }

    #[tokio::test(start_paused = true)]
    async fn calls_of_one_address_share_a_connection_until_the_last_ends() {
        let connections = Arc::new(Connections::default());
        let address = |port| Some(SocketAddr::from(([127, 0, 0, 1], port)));
        let (first, second) = (connections.of(address(1)), connections.of(address(1)));
        assert!(Arc::ptr_eq(&first, &second));
        assert!(!Arc::ptr_eq(&first, &connections.of(address(2))));
        assert!(!Arc::ptr_eq(&connections.of(None), &connections.of(None)));
        drop((first, second));
        assert!(connections.lock().is_empty());
    }
}
