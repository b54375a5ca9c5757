use std::{ops::Range, sync::Arc, time::SystemTime};

use async_trait::async_trait;
use bytes::Bytes;
use futures::{
    StreamExt as _,
    stream::{self, BoxStream},
};
use weir_shared::store::{Durability, ObjectKey, ObjectMeta, SegmentStore, StoreError};

use super::{Fate, Faults};

/// A store whose operations end as [`Faults`] decides.
#[derive(Debug)]
pub struct FaultyStore {
    store: Arc<dyn SegmentStore>,
    faults: Faults,
}

impl FaultyStore {
    #[must_use]
    pub fn new(store: Arc<dyn SegmentStore>, faults: Faults) -> Self {
        Self { store, faults }
    }

    /// For what can't be half done.
    async fn whole<T: Send>(
        &self,
        operation: impl Future<Output = Result<T, StoreError>> + Send,
    ) -> Result<T, StoreError> {
        match self.faults.next().await {
            Fate::Good => self.faults.carry_out(operation).await,
            Fate::Before => Err(injected()),
            Fate::After | Fate::Torn => {
                self.faults.carry_out(operation).await?;
                Err(injected())
            }
        }
    }
}

fn injected() -> StoreError {
    StoreError::Unavailable("injected".into())
}

/// The front half of an object's bytes.
fn half(body: &[Bytes]) -> Vec<Bytes> {
    let whole = body.concat();
    vec![Bytes::copy_from_slice(&whole[..whole.len() / 2])]
}

#[async_trait]
impl SegmentStore for FaultyStore {
    async fn put(&self, key: &ObjectKey, body: Vec<Bytes>) -> Result<(), StoreError> {
        match self.faults.next().await {
            Fate::Good => self.faults.carry_out(self.store.put(key, body)).await,
            Fate::Before => Err(injected()),
            Fate::After => {
                self.faults.carry_out(self.store.put(key, body)).await?;
                Err(injected())
            }
            Fate::Torn => {
                let torn = self.store.put(key, half(&body));
                self.faults.carry_out(torn).await?;
                Err(injected())
            }
        }
    }

    async fn get(&self, key: &ObjectKey, range: Range<u64>) -> Result<Bytes, StoreError> {
        self.whole(self.store.get(key, range)).await
    }

    async fn size(&self, key: &ObjectKey) -> Result<u64, StoreError> {
        self.whole(self.store.size(key)).await
    }

    async fn delete(&self, key: &ObjectKey) -> Result<(), StoreError> {
        self.whole(self.store.delete(key)).await
    }

    fn list(&self, prefix: Option<&ObjectKey>) -> BoxStream<'_, Result<ObjectMeta, StoreError>> {
        let all = self
            .faults
            .carry_out(self.store.list(prefix).collect::<Vec<_>>());
        let listed = stream::once(all)
            .flat_map(stream::iter)
            .then(async |object| match self.faults.next().await {
                Fate::Good => object,
                Fate::Before | Fate::After | Fate::Torn => Err(injected()),
            });
        listed.boxed()
    }

    async fn remove_unfinished(
        &self,
        prefix: &ObjectKey,
        before: SystemTime,
    ) -> Result<u64, StoreError> {
        self.whole(self.store.remove_unfinished(prefix, before))
            .await
    }

    fn durability(&self) -> Durability {
        self.store.durability()
    }
}
