mod analyses;

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use ingest_service::{
    catalog::{
        Backlog, Catalog, CatalogError, CommitRules, Committed, Content, DeadFate, DeadLetter,
        DeadPlace, EventLog, EventPage, Fold, Folding, InstanceId, ListQuery, SegmentCommit, Slots,
        StoredChunk, StoredSegment, Times, Turn, Turned,
    },
    domain::{
        capture::{Capture, DigestOnTheWay, SealParams, SealStep, Spec},
        event::{Event, EventId, Position},
        id::{CaptureId, ChunkIndex, SegmentId, Sha256, Uid},
        range::Missing,
        time::Timestamp,
    },
};
use weir_shared::store::Durability;

use super::{Fate, Faults};

/// A catalog whose operations end as [`Faults`] decides. None is ever half
/// done: each is a transaction.
#[derive(Debug)]
pub struct FaultyCatalog {
    pub(super) catalog: Arc<dyn Catalog>,
    faults: Faults,
}

impl FaultyCatalog {
    #[must_use]
    pub fn new(catalog: Arc<dyn Catalog>, faults: Faults) -> Self {
        Self { catalog, faults }
    }

    pub(super) async fn fated<T: Send>(
        &self,
        operation: impl Future<Output = Result<T, CatalogError>> + Send,
    ) -> Result<T, CatalogError> {
        fated(&self.faults, operation).await
    }
}

pub(super) async fn fated<T: Send>(
    faults: &Faults,
    operation: impl Future<Output = Result<T, CatalogError>> + Send,
) -> Result<T, CatalogError> {
    match faults.next().await {
        Fate::Good => faults.carry_out(operation).await,
        Fate::Before => Err(injected()),
        Fate::After | Fate::Torn => {
            faults.carry_out(operation).await?;
            Err(injected())
        }
    }
}

fn injected() -> CatalogError {
    CatalogError::Unavailable("injected".into())
}

#[async_trait]
impl EventLog for FaultyCatalog {
    async fn events(&self, after: Position, limit: u32) -> Result<EventPage, CatalogError> {
        self.fated(self.catalog.events(after, limit)).await
    }

    async fn event(&self, id: EventId) -> Result<Option<Event>, CatalogError> {
        self.fated(self.catalog.event(id)).await
    }

    async fn forget_events(
        &self,
        before: Timestamp,
        handlers: &[&str],
        limit: u32,
    ) -> Result<bool, CatalogError> {
        self.fated(self.catalog.forget_events(before, handlers, limit))
            .await
    }

    async fn turn(&self, turn: &Turn) -> Result<Turned, CatalogError> {
        self.fated(self.catalog.turn(turn)).await
    }

    async fn advance(&self, handler: &str, to: Position) -> Result<Position, CatalogError> {
        self.fated(self.catalog.advance(handler, to)).await
    }

    async fn lead(
        &self,
        handler: &str,
        instance: InstanceId,
        to: Position,
    ) -> Result<Option<Position>, CatalogError> {
        self.fated(self.catalog.lead(handler, instance, to)).await
    }

    async fn cede(&self, handler: &str, instance: InstanceId) -> Result<(), CatalogError> {
        self.fated(self.catalog.cede(handler, instance)).await
    }

    async fn dead_letters(
        &self,
        handler: Option<&str>,
        after: Option<&DeadPlace>,
        limit: u32,
    ) -> Result<Vec<DeadLetter>, CatalogError> {
        self.fated(self.catalog.dead_letters(handler, after, limit))
            .await
    }

    async fn dead_letter(
        &self,
        handler: &str,
        event: EventId,
    ) -> Result<Option<DeadLetter>, CatalogError> {
        self.fated(self.catalog.dead_letter(handler, event)).await
    }

    async fn settle_dead_letters(
        &self,
        handler: &str,
        events: &[EventId],
        fate: DeadFate,
        now: Timestamp,
    ) -> Result<u64, CatalogError> {
        let settled = self.catalog.settle_dead_letters(handler, events, fate, now);
        self.fated(settled).await
    }

    async fn forget_dead_letters(
        &self,
        before: Timestamp,
        limit: u32,
    ) -> Result<bool, CatalogError> {
        self.fated(self.catalog.forget_dead_letters(before, limit))
            .await
    }

    async fn backlog(&self) -> Result<Vec<Backlog>, CatalogError> {
        self.fated(self.catalog.backlog()).await
    }

    async fn beat(&self, instance: InstanceId, alive: Duration) -> Result<(), CatalogError> {
        self.fated(self.catalog.beat(instance, alive)).await
    }

    async fn leave(&self, instance: InstanceId) -> Result<(), CatalogError> {
        self.fated(self.catalog.leave(instance)).await
    }
}

#[async_trait]
impl Catalog for FaultyCatalog {
    async fn create(&self, spec: &Spec, at: Times, open_max: u32) -> Result<Capture, CatalogError> {
        self.fated(self.catalog.create(spec, at, open_max)).await
    }

    async fn by_id(&self, id: &CaptureId) -> Result<Option<Capture>, CatalogError> {
        self.fated(self.catalog.by_id(id)).await
    }

    async fn by_uid(&self, uid: Uid) -> Result<Option<Capture>, CatalogError> {
        self.fated(self.catalog.by_uid(uid)).await
    }

    async fn list(&self, query: &ListQuery) -> Result<Vec<Capture>, CatalogError> {
        self.fated(self.catalog.list(query)).await
    }

    async fn slots(&self, uid: Uid, indexes: &[ChunkIndex]) -> Result<Slots, CatalogError> {
        self.fated(self.catalog.slots(uid, indexes)).await
    }

    async fn commit(
        &self,
        segments: &[SegmentCommit],
        rules: CommitRules,
    ) -> Result<Vec<Committed>, CatalogError> {
        self.fated(self.catalog.commit(segments, rules)).await
    }

    async fn seal(
        &self,
        uid: Uid,
        params: &SealParams,
        known: Option<DigestOnTheWay>,
        at: Times,
    ) -> Result<Option<(Capture, SealStep)>, CatalogError> {
        self.fated(self.catalog.seal(uid, params, known, at)).await
    }

    async fn settle_digest(
        &self,
        uid: Uid,
        computed: DigestOnTheWay,
        at: Times,
    ) -> Result<Option<Capture>, CatalogError> {
        self.fated(self.catalog.settle_digest(uid, computed, at))
            .await
    }

    async fn abandon_seal(&self, uid: Uid, expires: Timestamp) -> Result<(), CatalogError> {
        self.fated(self.catalog.abandon_seal(uid, expires)).await
    }

    async fn sealing(&self) -> Result<Vec<Uid>, CatalogError> {
        self.fated(self.catalog.sealing()).await
    }

    async fn missing(
        &self,
        uid: Uid,
        count: Option<u32>,
        ranges_max: usize,
    ) -> Result<Option<(Capture, Missing)>, CatalogError> {
        self.fated(self.catalog.missing(uid, count, ranges_max))
            .await
    }

    async fn chunks(
        &self,
        uid: Uid,
        from: ChunkIndex,
        limit: u32,
    ) -> Result<Vec<StoredChunk>, CatalogError> {
        self.fated(self.catalog.chunks(uid, from, limit)).await
    }

    async fn segments(
        &self,
        uid: Uid,
        after: Option<SegmentId>,
        limit: u32,
    ) -> Result<Vec<StoredSegment>, CatalogError> {
        self.fated(self.catalog.segments(uid, after, limit)).await
    }

    async fn unfolded(
        &self,
        sha256: Option<Sha256>,
        after: Option<Uid>,
        limit: u32,
    ) -> Result<Vec<Capture>, CatalogError> {
        self.fated(self.catalog.unfolded(sha256, after, limit))
            .await
    }

    async fn fold(&self, folds: &[Fold]) -> Result<Vec<Folding>, CatalogError> {
        self.fated(self.catalog.fold(folds)).await
    }

    async fn keep_rows(&self, uid: Uid) -> Result<(), CatalogError> {
        self.fated(self.catalog.keep_rows(uid)).await
    }

    async fn drop_folded_rows(&self, limit: u32) -> Result<bool, CatalogError> {
        self.fated(self.catalog.drop_folded_rows(limit)).await
    }

    async fn contents(&self, owners: &[Uid]) -> Result<Vec<(Uid, Content)>, CatalogError> {
        self.fated(self.catalog.contents(owners)).await
    }

    async fn delete(&self, id: &CaptureId, now: Timestamp) -> Result<Option<Uid>, CatalogError> {
        self.fated(self.catalog.delete(id, now)).await
    }

    async fn expire(&self, now: Timestamp) -> Result<Option<Uid>, CatalogError> {
        self.fated(self.catalog.expire(now)).await
    }

    async fn condemn_orphans(
        &self,
        segments: &[SegmentId],
        now: Timestamp,
    ) -> Result<(), CatalogError> {
        self.fated(self.catalog.condemn_orphans(segments, now))
            .await
    }

    async fn condemned(
        &self,
        after: Option<SegmentId>,
        limit: u32,
    ) -> Result<Vec<SegmentId>, CatalogError> {
        self.fated(self.catalog.condemned(after, limit)).await
    }

    async fn swept(&self, segments: &[SegmentId]) -> Result<(), CatalogError> {
        self.fated(self.catalog.swept(segments)).await
    }

    async fn forget_swept(&self, before: Timestamp) -> Result<(), CatalogError> {
        self.fated(self.catalog.forget_swept(before)).await
    }

    fn durability(&self) -> Durability {
        self.catalog.durability()
    }
}
