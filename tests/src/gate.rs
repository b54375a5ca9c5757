//! A store whose reads and writes wait at a gate, and which fails as told, so that a test
//! decides when an analysis goes on and what befalls an upload.

use std::{ops::Range, sync::Arc, time::SystemTime};

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;
use tokio::sync::{Semaphore, watch};
use weir_shared::store::{Durability, ObjectKey, ObjectMeta, SegmentStore, StoreError};

/// How the store behind the gate fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    Full,
    Unavailable,
}

/// Opens the gate, tells who waits there, and sets faults.
#[derive(Clone, Debug)]
pub struct Gate {
    fault: watch::Sender<Option<Fault>>,
    open: watch::Sender<bool>,
    /// Reads that may pass although it is closed.
    passes: Arc<Semaphore>,
    puts_held: watch::Sender<bool>,
    waiting: watch::Sender<usize>,
}

impl Gate {
    #[must_use]
    pub fn closed() -> Self {
        Self {
            fault: watch::Sender::new(None),
            open: watch::Sender::new(false),
            passes: Arc::new(Semaphore::new(0)),
            puts_held: watch::Sender::new(false),
            waiting: watch::Sender::new(0),
        }
    }

    /// A gate that everybody passes at once.
    #[must_use]
    pub fn opened() -> Self {
        let gate = Self::closed();
        gate.open();
        gate
    }

    /// What every call of the store comes to from now on.
    pub fn fail(&self, fault: Option<Fault>) {
        self.fault.send_replace(fault);
    }

    /// Whether writes wait from now on.
    pub fn hold_puts(&self, held: bool) {
        self.puts_held.send_replace(held);
    }

    pub fn open(&self) {
        self.open.send_replace(true);
    }

    /// Lets so many reads pass, and holds those after them.
    pub fn let_pass(&self, reads: usize) {
        self.passes.add_permits(reads);
    }

    /// Reads wait from now on.
    pub fn close(&self) {
        self.open.send_replace(false);
    }

    /// Returns when so many reads wait at the gate.
    pub async fn until_waiting(&self, reads: usize) {
        let mut waiting = self.waiting.subscribe();
        let seen = waiting.wait_for(|now| *now == reads);
        crate::until::within("reads at the gate", seen)
            .await
            .unwrap();
    }

    /// The same store behind this gate.
    #[must_use]
    pub fn before(&self, store: Arc<dyn SegmentStore>) -> Arc<dyn SegmentStore> {
        Arc::new(GatedStore {
            store,
            gate: self.clone(),
        })
    }

    async fn pass(&self) -> Result<(), StoreError> {
        let here = Waiting::at(self);
        let mut open = self.open.subscribe();
        tokio::select! {
            opened = open.wait_for(|open| *open) => drop(opened.unwrap()),
            pass = self.passes.acquire() => pass.unwrap().forget(),
        }
        drop(here);
        self.check()
    }

    fn check(&self) -> Result<(), StoreError> {
        match *self.fault.borrow() {
            None => Ok(()),
            Some(Fault::Full) => Err(StoreError::Full("full, as told".into())),
            Some(Fault::Unavailable) => Err(StoreError::Unavailable("away, as told".into())),
        }
    }
}

/// Counts for as long as it lives: a read that is dropped does not wait any more.
struct Waiting<'a>(&'a Gate);

impl<'a> Waiting<'a> {
    fn at(gate: &'a Gate) -> Self {
        gate.waiting.send_modify(|now| *now += 1);
        Self(gate)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.waiting.send_modify(|now| *now -= 1);
    }
}

#[derive(Debug)]
struct GatedStore {
    store: Arc<dyn SegmentStore>,
    gate: Gate,
}

#[async_trait]
impl SegmentStore for GatedStore {
    async fn put(&self, key: &ObjectKey, body: Vec<Bytes>) -> Result<(), StoreError> {
        let mut held = self.gate.puts_held.subscribe();
        held.wait_for(|held| !held).await.unwrap();
        self.gate.check()?;
        self.store.put(key, body).await
    }

    async fn get(&self, key: &ObjectKey, range: Range<u64>) -> Result<Bytes, StoreError> {
        self.gate.pass().await?;
        self.store.get(key, range).await
    }

    /// Does not wait: the service's own check at its start asks for sizes too,
    /// and would be taken for a read that a test waits for.
    async fn size(&self, key: &ObjectKey) -> Result<u64, StoreError> {
        self.gate.check()?;
        self.store.size(key).await
    }

    async fn delete(&self, key: &ObjectKey) -> Result<(), StoreError> {
        self.store.delete(key).await
    }

    fn list(&self, prefix: Option<&ObjectKey>) -> BoxStream<'_, Result<ObjectMeta, StoreError>> {
        self.store.list(prefix)
    }

    async fn remove_unfinished(
        &self,
        prefix: &ObjectKey,
        before: SystemTime,
    ) -> Result<u64, StoreError> {
        self.store.remove_unfinished(prefix, before).await
    }

    fn durability(&self) -> Durability {
        self.store.durability()
    }
}
