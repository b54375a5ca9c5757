//! A store whose reads wait at a gate, so that a test decides when an analysis
//! goes on.

use std::{ops::Range, sync::Arc};

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;
use tokio::sync::watch;
use weir_shared::store::{ObjectKey, ObjectMeta, SegmentStore, StoreError};

/// Opens and closes the gate, and tells who waits there.
#[derive(Clone, Debug)]
pub struct Gate {
    open: watch::Sender<bool>,
    waiting: watch::Sender<usize>,
}

impl Gate {
    #[must_use]
    pub fn closed() -> Self {
        Self {
            open: watch::Sender::new(false),
            waiting: watch::Sender::new(0),
        }
    }

    pub fn open(&self) {
        self.open.send_replace(true);
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

    async fn pass(&self) {
        let here = Waiting::at(self);
        let mut open = self.open.subscribe();
        open.wait_for(|open| *open).await.unwrap();
        drop(here);
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
        self.store.put(key, body).await
    }

    async fn get(&self, key: &ObjectKey, range: Range<u64>) -> Result<Bytes, StoreError> {
        self.gate.pass().await;
        self.store.get(key, range).await
    }

    async fn size(&self, key: &ObjectKey) -> Result<u64, StoreError> {
        self.gate.pass().await;
        self.store.size(key).await
    }

    async fn delete(&self, key: &ObjectKey) -> Result<(), StoreError> {
        self.store.delete(key).await
    }

    fn list(&self, prefix: Option<&ObjectKey>) -> BoxStream<'_, Result<ObjectMeta, StoreError>> {
        self.store.list(prefix)
    }
}
