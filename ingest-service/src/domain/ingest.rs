//! The service's operations on captures.

use std::{sync::Arc, time::Duration};

use tokio::sync::{Mutex, Notify, Semaphore};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::Instrument as _;
use weir_shared::store::{Durability, SegmentStore};

use super::{
    capture::{Capture, State},
    chunk::{ChunkLimits, IncomingChunk},
    committer::{CommitSettings, Committer},
    contents::Contents,
    digest::RunningDigest,
    error::Error,
    event_pages::EventPages,
    id::CaptureId,
    instance::Instance,
    live::{InUse, Live},
    metrics::Metrics,
    range::Missing,
    sealer::Sealer,
    staging::{Reserved, Staging},
    tail::Tail,
    time::{Keeping, Timestamp},
    turn::NextTurn,
    upload::PaceLimits,
    watch::Looks,
    write::{Segment, Tally, WRITES_MAX, Writer},
};
use crate::catalog::{Catalog, ListQuery, Times};

/// Bounds and intervals of the service.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    pub chunks: ChunkLimits,
    pub capture_bytes_max: u64,
    /// Longest time from a chunk's receipt to the closing of its segment.
    pub commit_interval: Duration,
    pub keeping: Keeping,
    /// Captures that may be unsealed at once.
    pub open_captures_max: u32,
    /// How long a service that says nothing is taken for alive.
    pub lease: Duration,
    /// Bytes between receipt and commit, of all calls.
    pub staging_bytes: usize,
    pub pace: PaceLimits,
    /// What the transport allows; only told here.
    pub calls_per_connection_max: u32,
}

/// All that the operations share.
#[derive(Debug)]
pub struct Ingest {
    pub catalog: Arc<dyn Catalog>,
    pub store: Arc<dyn SegmentStore>,
    pub contents: Arc<Contents>,
    pub settings: Settings,
    pub tasks: TaskTracker,
    pub shutdown: CancellationToken,
    pub(super) writer: Writer,
    /// Where the room of a message comes from before it is read.
    pub staging: Arc<Staging>,
    pub(super) live: Arc<Live>,
    pub(super) instance: Instance,
    pub(super) tail: Arc<Tail>,
    pub(super) event_pages: Mutex<EventPages>,
    pub(super) sealer: Sealer,
    /// A capture was deleted here.
    pub(super) deleted: Notify,
    pub(super) looks: Looks,
    pub(super) metrics: Metrics,
}

/// What became of a single chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Put {
    Stored,
    /// The same bytes were there already: a retry, not an error.
    Duplicate,
}

impl Ingest {
    /// Starts the committing task; all others go on `tasks`.
    #[must_use]
    pub fn start(
        catalog: Arc<dyn Catalog>,
        store: Arc<dyn SegmentStore>,
        settings: Settings,
        tasks: TaskTracker,
        shutdown: CancellationToken,
    ) -> Arc<Self> {
        let commits = CommitSettings {
            keeping: settings.keeping,
            capture_bytes_max: settings.capture_bytes_max,
        };
        let committer = Committer::start(Arc::clone(&catalog), commits);
        let tail: Arc<Tail> = Arc::default();
        let live = Arc::new(Live::new(Arc::clone(&tail)));
        let contents = Contents::new(Arc::clone(&catalog), Arc::clone(&store));
        let contents = Arc::new(contents);
        let writer = Writer {
            catalog: Arc::clone(&catalog),
            contents: Arc::clone(&contents),
            live: Arc::clone(&live),
            store: Arc::clone(&store),
            committer,
            tasks: tasks.clone(),
            places: Arc::new(Semaphore::new(WRITES_MAX)),
        };
        Arc::new(Self {
            catalog,
            store,
            contents,
            settings,
            tasks,
            shutdown,
            writer,
            staging: Staging::new(settings.staging_bytes),
            live,
            instance: Instance::default(),
            tail,
            event_pages: Mutex::default(),
            sealer: Sealer::default(),
            deleted: Notify::new(),
            looks: Looks::default(),
            metrics: Metrics::default(),
        })
    }

    /// What an acknowledgement survives: the least of store and catalog.
    #[must_use]
    pub fn durability(&self) -> Durability {
        match (self.store.durability(), self.catalog.durability()) {
            (Durability::Synced, Durability::Synced) => Durability::Synced,
            (Durability::ObjectStore, _) | (_, Durability::ObjectStore) => Durability::ObjectStore,
        }
    }

    /// Stores one chunk.
    ///
    /// Cancel safety: a dropped call may still store it.
    ///
    /// # Errors
    /// As for a chunk of an upload.
    pub async fn put_chunk(
        self: &Arc<Self>,
        id: &CaptureId,
        chunk: IncomingChunk,
        mut reserved: Reserved,
    ) -> Result<Put, Error> {
        let capture = self.get(id).await?;
        let chunk = chunk.check(&capture.declared, self.settings.chunks)?;
        reserved.shrink_to(chunk.data.len());
        let segment = Segment {
            capture: capture.id.clone(),
            uid: capture.uid,
            chunks: vec![chunk],
            reserved,
        };
        let running = capture.declared.sha256.map(|_| RunningDigest::default());
        let turn = NextTurn::first(running).begin();
        let ingest = Arc::clone(self);
        let writing = async move {
            let written = ingest.writer.write(segment, turn).await;
            ingest.check_digest_after(written.as_ref().ok());
            written
        };
        let written = self.tasks.spawn(writing.in_current_span());
        let tally = written.await.map_err(|e| Error::Internal(Arc::new(e)))??;
        Ok(match tally.stored {
            0 => Put::Duplicate,
            _ => Put::Stored,
        })
    }

    /// # Errors
    /// [`Error::Unknown`]
    pub async fn get(&self, id: &CaptureId) -> Result<Capture, Error> {
        let found = self.catalog.by_id(id).await?;
        found.ok_or_else(|| Error::Unknown(id.clone()))
    }

    /// A capture as it is now, and what it still lacks.
    ///
    /// # Errors
    /// [`Error::Deleted`], or when the catalog is away.
    pub async fn missing(
        &self,
        capture: Capture,
        ranges_max: usize,
    ) -> Result<(Capture, Missing), Error> {
        match capture.state {
            State::Receiving => {}
            State::Sealing | State::Sealed => return Ok((capture, Missing::default())),
        }
        let now = self.catalog.missing(capture.uid, None, ranges_max).await?;
        now.ok_or(Error::Deleted(capture.id))
    }

    /// # Errors
    /// When the catalog is away.
    pub async fn list(&self, query: &ListQuery) -> Result<Vec<Capture>, Error> {
        Ok(self.catalog.list(query).await?)
    }

    /// Begins to use a capture: the call ends when it is deleted.
    ///
    /// # Errors
    /// [`Error::Deleted`] when it is gone already.
    pub async fn use_capture(&self, capture: &Capture) -> Result<InUse, Error> {
        let used = self.live.use_capture(capture.uid);
        match self.catalog.by_uid(capture.uid).await? {
            Some(_) => Ok(used),
            None => Err(Error::Deleted(capture.id.clone())),
        }
    }

    /// A sealed capture, in use by this call.
    ///
    /// # Errors
    /// [`Error::Unknown`] or [`Error::NotSealed`].
    pub async fn use_sealed(&self, id: &CaptureId) -> Result<(Arc<Capture>, InUse), Error> {
        let capture = self.get(id).await?;
        match capture.state {
            State::Sealed => {}
            State::Receiving | State::Sealing => return Err(Error::NotSealed(id.clone())),
        }
        let used = self.use_capture(&capture).await?;
        Ok((Arc::new(capture), used))
    }

    /// Begins the check that a commit may have left to do.
    pub(super) fn check_digest_after(self: &Arc<Self>, tally: Option<&Tally>) {
        if let Some(capture) = tally.and_then(|t| t.capture.as_deref())
            && capture.state == State::Sealing
        {
            self.check_digest(capture);
        }
    }

    /// Of a change that happens now.
    pub(super) fn times(&self) -> Times {
        self.settings.keeping.times(Timestamp::now())
    }
}
