//! What tests of the domain stand on: a store that fails as told, a catalog on
//! a directory of its own, and uploads as lists of items.

use std::{
    collections::BTreeMap,
    ops::Range,
    sync::{Arc, LazyLock, Mutex},
    time::{Duration, SystemTime},
};

use async_trait::async_trait;
use bytes::Bytes;
use futures::{StreamExt as _, stream::BoxStream};
use sqlx::{
    ConnectOptions as _, Executor as _,
    sqlite::{SqliteConnectOptions, SqliteConnection},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use weir_shared::store::{Durability, ObjectKey, ObjectMeta, SegmentStore, StoreError};

use super::{
    capture::{Declared, Spec},
    chunk::{ChunkLimits, IncomingChunk},
    connection::{ConnectionId, Connections},
    error::Error,
    id::{ChunkIndex, SegmentId},
    ingest::{Ingest, Settings},
    staging::{Reserved, Staging},
    time::{Keeping, Timestamp},
    upload::{PaceLimits, UploadItem, Uploaded},
};
use crate::catalog::{Catalog, SqliteCatalog};

/// A store in memory that fails as told.
#[derive(Debug, Default)]
pub(crate) struct FaultyStore {
    objects: Mutex<BTreeMap<ObjectKey, (Bytes, SystemTime)>>,
    faults: Mutex<Faults>,
    /// A sweeper that comes between the next put and its commit.
    pub(crate) sweeper: Mutex<Option<Arc<dyn Catalog>>>,
}

#[derive(Debug, Default)]
struct Faults {
    puts_before_failing: Option<usize>,
    disk_full: bool,
    undeletable: Option<ObjectKey>,
    reads_refused: bool,
}

impl FaultyStore {
    /// After so many more puts every one fails.
    pub(crate) fn fail_after(&self, puts: usize, disk_full: bool) {
        *self.faults.lock().unwrap() = Faults {
            puts_before_failing: Some(puts),
            disk_full,
            ..Faults::default()
        };
    }

    /// This object can't be deleted, and each listing has a fault before all else.
    pub(crate) fn keep(&self, key: &ObjectKey) {
        self.faults.lock().unwrap().undeletable = Some(key.clone());
    }

    pub(crate) fn heal(&self) {
        *self.faults.lock().unwrap() = Faults::default();
    }

    pub(crate) fn keys(&self) -> Vec<ObjectKey> {
        self.objects.lock().unwrap().keys().cloned().collect()
    }

    /// Flips one byte of every object.
    pub(crate) fn corrupt_all(&self, offset: usize) {
        for (body, _) in self.objects.lock().unwrap().values_mut() {
            let mut bytes = body.to_vec();
            bytes[offset] ^= 1;
            *body = bytes.into();
        }
    }

    pub(crate) fn lose_all(&self) {
        self.objects.lock().unwrap().clear();
    }

    pub(crate) fn refuse_reads(&self, refused: bool) {
        self.faults.lock().unwrap().reads_refused = refused;
    }

    fn put_now(&self, key: &ObjectKey, body: &[Bytes]) -> Result<(), StoreError> {
        let mut faults = self.faults.lock().unwrap();
        let disk_full = faults.disk_full;
        match &mut faults.puts_before_failing {
            Some(0) if disk_full => return Err(StoreError::Full("injected".into())),
            Some(0) => return Err(StoreError::Unavailable("injected".into())),
            Some(puts) => *puts -= 1,
            None => {}
        }
        let mut objects = self.objects.lock().unwrap();
        if objects.contains_key(key) {
            return Err(StoreError::Exists);
        }
        objects.insert(key.clone(), (body.concat().into(), SystemTime::now()));
        Ok(())
    }
}

#[async_trait]
impl SegmentStore for FaultyStore {
    async fn put(&self, key: &ObjectKey, body: Vec<Bytes>) -> Result<(), StoreError> {
        self.put_now(key, &body)?;
        let sweeper = self.sweeper.lock().unwrap().take();
        if let Some(catalog) = sweeper {
            let segment = SegmentId::of_object(key).unwrap();
            let now = Timestamp::now();
            catalog.condemn_orphans(&[segment], now).await.unwrap();
        }
        Ok(())
    }

    async fn get(&self, key: &ObjectKey, range: Range<u64>) -> Result<Bytes, StoreError> {
        if self.faults.lock().unwrap().reads_refused {
            return Err(StoreError::Unavailable("injected".into()));
        }
        let objects = self.objects.lock().unwrap();
        let (body, _) = objects.get(key).ok_or(StoreError::Missing)?;
        let span = usize::try_from(range.start).unwrap()..usize::try_from(range.end).unwrap();
        if span.end > body.len() {
            return Err(StoreError::OutsideObject);
        }
        Ok(body.slice(span))
    }

    async fn size(&self, key: &ObjectKey) -> Result<u64, StoreError> {
        let objects = self.objects.lock().unwrap();
        let (body, _) = objects.get(key).ok_or(StoreError::Missing)?;
        Ok(body.len() as u64)
    }

    async fn delete(&self, key: &ObjectKey) -> Result<(), StoreError> {
        if self.faults.lock().unwrap().undeletable.as_ref() == Some(key) {
            return Err(StoreError::Unavailable("injected".into()));
        }
        self.objects.lock().unwrap().remove(key);
        Ok(())
    }

    fn list(&self, prefix: Option<&ObjectKey>) -> BoxStream<'_, Result<ObjectMeta, StoreError>> {
        let prefix = prefix.map_or(String::new(), |p| format!("{p}/"));
        let objects = self.objects.lock().unwrap();
        let faults = self.faults.lock().unwrap();
        let fault = faults.undeletable.as_ref();
        let fault = fault.map(|_| Err(StoreError::Unavailable("injected".into())));
        let listed = objects
            .iter()
            .filter(|(key, _)| key.as_ref().starts_with(&prefix))
            .map(|(key, (body, modified))| {
                Ok(ObjectMeta {
                    key: key.clone(),
                    bytes: body.len() as u64,
                    modified: *modified,
                })
            });
        let listed: Vec<_> = fault.into_iter().chain(listed).collect();
        futures::stream::iter(listed).boxed()
    }

    async fn remove_unfinished(&self, _: &ObjectKey, _: SystemTime) -> Result<u64, StoreError> {
        Ok(0)
    }

    fn durability(&self) -> Durability {
        Durability::ObjectStore
    }
}

#[tokio::test]
async fn the_faulty_store_is_a_store() {
    weir_shared::store::conformance(&FaultyStore::default()).await;
}

/// A service on a catalog and a store of its own.
pub(crate) struct Rig {
    pub(crate) ingest: Arc<Ingest>,
    pub(crate) catalog: Arc<dyn Catalog>,
    pub(crate) store: Arc<FaultyStore>,
    pub(crate) shutdown: CancellationToken,
    directory: tempfile::TempDir,
}

pub(crate) const SETTINGS: Settings = Settings {
    chunks: ChunkLimits {
        chunk_bytes_max: 2 << 20,
        chunks_max: 1000,
    },
    capture_bytes_max: 1 << 30,
    commit_interval: Duration::from_secs(2),
    keeping: Keeping {
        unsealed_ttl: Duration::from_secs(3600),
        sealed_ttl: None,
    },
    open_captures_max: 1000,
    lease: Duration::from_secs(15),
    staging_bytes: 32 << 20,
    calls_per_connection_max: 256,
    pace: PaceLimits {
        idle: Duration::from_secs(3600),
        rate_min: 0,
    },
};

impl Rig {
    pub(crate) async fn with(settings: Settings) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}/catalog.db", directory.path().display());
        let catalog: Arc<dyn Catalog> = Arc::new(SqliteCatalog::open(&url).await.unwrap());
        let store = Arc::new(FaultyStore::default());
        let shutdown = CancellationToken::new();
        let ingest = Ingest::start(
            Arc::clone(&catalog),
            Arc::clone(&store) as Arc<dyn SegmentStore>,
            settings,
            TaskTracker::new(),
            shutdown.clone(),
        );
        Self {
            ingest,
            catalog,
            store,
            shutdown,
            directory,
        }
    }

    pub(crate) async fn new() -> Self {
        Self::with(SETTINGS).await
    }

    /// Keeps every writer of the catalog waiting until it is closed.
    pub(crate) async fn lock_catalog(&self) -> SqliteConnection {
        let file = self.directory.path().join("catalog.db");
        let options = SqliteConnectOptions::new().filename(file);
        let mut other = options.connect().await.unwrap();
        other.execute("BEGIN IMMEDIATE").await.unwrap();
        other
    }

    /// The same data, as another process finds it after a restart.
    pub(crate) fn restarted(self) -> Self {
        let shutdown = CancellationToken::new();
        let ingest = Ingest::start(
            Arc::clone(&self.catalog),
            Arc::clone(&self.store) as Arc<dyn SegmentStore>,
            SETTINGS,
            TaskTracker::new(),
            shutdown.clone(),
        );
        Self {
            ingest,
            shutdown,
            ..self
        }
    }
}

pub(crate) fn spec(id: &str, declared: Declared) -> Spec {
    Spec {
        id: Some(id.parse().unwrap()),
        declared,
        ..Spec::default()
    }
}

pub(crate) fn open(id: &str, declared: Declared) -> UploadItem {
    UploadItem::Open(spec(id, declared))
}

/// A chunk with room of a budget that is never short.
pub(crate) fn chunk(index: u32, data: impl Into<Bytes>) -> UploadItem {
    UploadItem::Chunk(incoming(index, data), room())
}

pub(crate) fn room() -> Reserved {
    static ENDLESS: LazyLock<Arc<Staging>> = LazyLock::new(|| Staging::new(usize::MAX >> 1));
    ENDLESS.try_reserve(4 << 20).unwrap()
}

/// A chunk with room of the service's own budget.
pub(crate) async fn chunk_of_budget(rig: &Rig, index: u32, data: impl Into<Bytes>) -> UploadItem {
    let chunk = incoming(index, data);
    let staging = Arc::clone(&rig.ingest.staging);
    let reserved = staging.reserve(ConnectionId::generate(), chunk.data.len());
    UploadItem::Chunk(chunk, reserved.await)
}

pub(crate) fn incoming(index: u32, data: impl Into<Bytes>) -> IncomingChunk {
    IncomingChunk {
        index: ChunkIndex(index),
        data: data.into(),
        crc32c: None,
    }
}

/// An upload of these items, by a client that then half-closes.
pub(crate) async fn upload(rig: &Rig, items: Vec<UploadItem>) -> Result<Uploaded, Error> {
    let ended = CancellationToken::new();
    let items = futures::stream::iter(items);
    let connection = Arc::new(Connections::default()).of(None);
    Arc::clone(&rig.ingest)
        .upload(items, connection, ended)
        .await
}
