//! Captures become complete.

use futures::TryStreamExt as _;

use super::{
    super::{CatalogError, Times},
    events, row,
    session::{Session, sql},
};
use crate::domain::{
    capture::{Capture, DigestOnTheWay, Refusal, SealParams, SealStep, State},
    crc::CrcCombiner,
    id::Uid,
    time::Timestamp,
};

pub(super) async fn seal(
    db: &mut impl Session,
    uid: Uid,
    params: &SealParams,
    known: Option<DigestOnTheWay>,
    at: Times,
) -> Result<Option<(Capture, SealStep)>, CatalogError> {
    let Some(mut capture) = row::lock(db, uid).await? else {
        return Ok(None);
    };
    let before = capture.state;
    let step = capture.seal(params, known)?;
    finish(db, &mut capture, step, at).await?;
    row::update(db, &capture).await?;
    let told = events::of_capture(Some(before), &capture);
    events::append(db, &told, at.now).await?;
    Ok(Some((capture, step)))
}

/// Seals by the declared count; what stands against it is told to who asks.
pub(super) async fn seal_if_complete(
    db: &mut impl Session,
    capture: &mut Capture,
    known: Option<DigestOnTheWay>,
    at: Times,
) -> Result<(), CatalogError> {
    if capture.state != State::Receiving || !capture.has_every_declared_chunk() {
        return Ok(());
    }
    match capture.seal(&SealParams::default(), known) {
        Ok(step) => finish(db, capture, step, at).await,
        Err(refusal) => {
            tracing::info!(capture.id = %capture.id, %refusal, "complete, yet not sealed");
            Ok(())
        }
    }
}

/// The inner result is the digest's verdict: in either case the row has changed.
pub(super) async fn settle_digest(
    db: &mut impl Session,
    uid: Uid,
    computed: DigestOnTheWay,
    at: Times,
) -> Result<Result<Option<Capture>, Refusal>, CatalogError> {
    let Some(mut capture) = row::lock(db, uid).await? else {
        return Ok(Ok(None));
    };
    let before = capture.state;
    let settled = capture.settle_digest(computed);
    match settled {
        Ok(step) => finish(db, &mut capture, step, at).await?,
        Err(_) => capture.expires = at.expires,
    }
    row::update(db, &capture).await?;
    let told = events::of_capture(Some(before), &capture);
    events::append(db, &told, at.now).await?;
    Ok(settled.map(|_| Some(capture)))
}

pub(super) async fn abandon(
    db: &mut impl Session,
    uid: Uid,
    expires: Timestamp,
) -> Result<(), CatalogError> {
    let Some(mut capture) = row::lock(db, uid).await? else {
        return Ok(());
    };
    if capture.state == State::Sealing {
        capture.abandon_seal();
        capture.expires = expires;
        row::update(db, &capture).await?;
    }
    Ok(())
}

async fn finish(
    db: &mut impl Session,
    capture: &mut Capture,
    step: SealStep,
    at: Times,
) -> Result<(), CatalogError> {
    if step == SealStep::Sealed {
        capture.crc32c = Some(whole_crc(db, capture).await?);
        capture.sealed = Some(at.now);
        capture.retained_until = at.retained_until;
    }
    Ok(())
}

async fn whole_crc(db: &mut impl Session, capture: &Capture) -> Result<u32, CatalogError> {
    let chunks = sql("SELECT bytes, crc32c FROM chunks WHERE uid = $1 ORDER BY idx");
    let mut rows = db.rows(chunks.bind(capture.uid.as_bytes()));
    let mut whole = CrcCombiner::default();
    while let Some(chunk) = rows.try_next().await? {
        whole.append(
            row::required(&chunk, "crc32c")?,
            row::required(&chunk, "bytes")?,
        );
    }
    if whole.bytes() != capture.progress.bytes {
        return Err(CatalogError::Inconsistent(
            "chunks are not of the counted size",
        ));
    }
    Ok(whole.crc())
}
