//! A capture's row, read, locked and written.

use std::collections::{BTreeMap, HashMap};

use super::{
    super::CatalogError,
    session::{Row, Session, Statement, sql},
};
use crate::domain::{
    capture::{Capture, Declared, ManifestObject, Progress, SealParams, State, StoredManifest},
    id::{Blake3, CaptureId, ChunkIndex, SegmentId, Sha256, Uid},
    time::Timestamp,
};

/// The columns of captures `c`, with their labels as one JSON object.
pub(super) fn select_captures<'a, S: Session>() -> Statement<'a> {
    sql(format!(
        "SELECT c.uid, c.id, c.state, c.chunk_count, c.size_bytes, c.sha256, c.chunk_bytes, \
         c.file_name, c.chunks_durable, c.bytes_durable, c.highest_index, c.short_index, \
         c.sealing_count, c.sealing_size, c.sealing_sha256, c.whole_crc32c, c.whole_sha256, \
         c.created_us, c.sealed_us, c.expires_us, c.retained_until_us, c.content, c.folded, \
         c.manifest, c.manifest_object, c.manifest_bytes, c.manifest_blake3, c.objects, \
         c.analyze_on_seal, \
         coalesce((SELECT CAST({} AS TEXT) FROM capture_labels l WHERE l.uid = c.uid), '{{}}') \
         AS labels FROM captures c ",
        S::DIALECT.json_object
    ))
}

pub(super) async fn by_id<S: Session>(
    db: &mut S,
    id: &CaptureId,
) -> Result<Option<Capture>, CatalogError> {
    let found = select_captures::<S>().and("WHERE c.id = $1");
    one(db, found.bind(id.as_str())).await
}

pub(super) async fn by_uid<S: Session>(
    db: &mut S,
    uid: Uid,
) -> Result<Option<Capture>, CatalogError> {
    let found = select_captures::<S>().and("WHERE c.uid = $1");
    one(db, found.bind(uid.as_bytes())).await
}

/// The capture stays as it is until the transaction changes it.
pub(super) async fn lock_by_id<S: Session>(
    db: &mut S,
    id: &CaptureId,
) -> Result<Option<Capture>, CatalogError> {
    let found = select_captures::<S>().and("WHERE c.id = $1");
    let locked = found.and(S::DIALECT.for_update);
    one(db, locked.bind(id.as_str())).await
}

/// The same by uid.
pub(super) async fn lock<S: Session>(
    db: &mut S,
    uid: Uid,
) -> Result<Option<Capture>, CatalogError> {
    let found = select_captures::<S>().and("WHERE c.uid = $1");
    let locked = found.and(S::DIALECT.for_update);
    one(db, locked.bind(uid.as_bytes())).await
}

/// The same for several, in the order of their uids: two transactions that
/// want some of the same never wait for each other. Those that are gone are
/// left out.
pub(super) async fn lock_all<S: Session>(
    db: &mut S,
    uids: &[Uid],
) -> Result<HashMap<Uid, Capture>, CatalogError> {
    if uids.is_empty() {
        return Ok(HashMap::new());
    }
    let found = select_captures::<S>()
        .push("WHERE c.uid IN ")
        .push_list(uids.iter().map(Uid::as_bytes))
        .push(" ORDER BY c.uid")
        .push(S::DIALECT.for_update);
    let rows = found.all(db).await?;
    rows.iter()
        .map(|row| read(row).map(|capture| (capture.uid, capture)))
        .collect()
}

async fn one<S: Session>(
    db: &mut S,
    question: Statement<'_>,
) -> Result<Option<Capture>, CatalogError> {
    let found = question.optional(db).await?;
    found.as_ref().map(read).transpose()
}

pub(super) fn read(row: &impl Row) -> Result<Capture, CatalogError> {
    let labels: BTreeMap<String, String> = serde_json::from_str(row.text("labels")?)
        .map_err(|_| CatalogError::Inconsistent("labels"))?;
    Ok(Capture {
        id: row
            .text("id")?
            .parse()
            .map_err(|_| CatalogError::Inconsistent("capture id"))?,
        uid: uid(row, "uid")?,
        content: uid(row, "content")?,
        manifest: manifest(row)?,
        state: state(required(row, "state")?)?,
        declared: Declared {
            chunk_count: number(row, "chunk_count")?,
            size_bytes: number(row, "size_bytes")?,
            sha256: sha256(row, "sha256")?,
            chunk_bytes: number(row, "chunk_bytes")?,
        },
        file_name: row.text("file_name")?.to_owned(),
        labels,
        analyze_on_seal: number::<i64>(row, "analyze_on_seal")?.map(|asked| asked != 0),
        progress: Progress {
            chunks: required(row, "chunks_durable")?,
            bytes: required(row, "bytes_durable")?,
            highest: number(row, "highest_index")?.map(ChunkIndex),
            short: number(row, "short_index")?.map(ChunkIndex),
        },
        sealing: SealParams {
            chunk_count: number(row, "sealing_count")?,
            sha256: sha256(row, "sealing_sha256")?,
            size_bytes: number(row, "sealing_size")?,
        },
        crc32c: number(row, "whole_crc32c")?,
        sha256: sha256(row, "whole_sha256")?,
        created: Timestamp(required(row, "created_us")?),
        sealed: number(row, "sealed_us")?.map(Timestamp),
        expires: Timestamp(required(row, "expires_us")?),
        retained_until: number(row, "retained_until_us")?.map(Timestamp),
    })
}

/// Of a folded capture.
fn manifest(row: &impl Row) -> Result<Option<StoredManifest>, CatalogError> {
    if !matches!(required::<i64>(row, "folded")?, 1 | 2) {
        return Ok(None);
    }
    if let Some(inline) = row.bytes("manifest")? {
        return Ok(Some(StoredManifest::Inline(inline.into())));
    }
    let content = uid(row, "content")?;
    Ok(Some(StoredManifest::Object(ManifestObject {
        segment: SegmentId::from_bytes(content, bytes(row, "manifest_object")?),
        bytes: required(row, "manifest_bytes")?,
        blake3: Blake3(bytes(row, "manifest_blake3")?),
    })))
}

const INSERT: &str = "INSERT INTO captures (state, chunk_count, size_bytes, sha256, chunk_bytes, \
    chunks_durable, bytes_durable, highest_index, short_index, sealing_count, sealing_size, \
    sealing_sha256, whole_crc32c, whole_sha256, sealed_us, expires_us, \
    retained_until_us, uid, id, file_name, created_us, content, analyze_on_seal) VALUES ($1, $2, $3, $4, $5, $6, \
    $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23) \
    ON CONFLICT (id) DO NOTHING";

const UPDATE: &str = "UPDATE captures SET state = $1, chunk_count = $2, size_bytes = $3, \
    sha256 = $4, chunk_bytes = $5, chunks_durable = $6, bytes_durable = $7, highest_index = $8, \
    short_index = $9, sealing_count = $10, sealing_size = $11, sealing_sha256 = $12, \
    whole_crc32c = $13, whole_sha256 = $14, sealed_us = $15, expires_us = $16, \
    retained_until_us = $17 WHERE uid = $18";

/// False when somebody else has just taken the id.
pub(super) async fn insert(db: &mut impl Session, c: &Capture) -> Result<bool, CatalogError> {
    let done = bind_changing(sql(INSERT), c)
        .bind(c.id.as_str())
        .bind(&*c.file_name)
        .bind(c.created.0)
        .bind(c.content.as_bytes())
        .bind(c.analyze_on_seal.map(u32::from))
        .execute(&mut *db)
        .await?;
    if done == 0 {
        return Ok(false);
    }
    for (name, value) in &c.labels {
        sql("INSERT INTO capture_labels (uid, name, value) VALUES ($1, $2, $3)")
            .bind(c.uid.as_bytes())
            .bind(&**name)
            .bind(&**value)
            .execute(&mut *db)
            .await?;
    }
    Ok(true)
}

/// Writes all that can change.
pub(super) async fn update(db: &mut impl Session, c: &Capture) -> Result<(), CatalogError> {
    if bind_changing(sql(UPDATE), c).execute(db).await? != 1 {
        return Err(CatalogError::Inconsistent("a locked capture is gone"));
    }
    Ok(())
}

fn bind_changing<'a>(statement: Statement<'a>, c: &'a Capture) -> Statement<'a> {
    let digest = |digest: &'a Option<Sha256>| digest.as_ref().map(|d| &d.0);
    statement
        .bind(state_code(c.state))
        .bind(c.declared.chunk_count)
        .bind(c.declared.size_bytes.map(u64::cast_signed))
        .bind(digest(&c.declared.sha256))
        .bind(c.declared.chunk_bytes)
        .bind(c.progress.chunks)
        .bind(c.progress.bytes.cast_signed())
        .bind(c.progress.highest.map(|i| i.0))
        .bind(c.progress.short.map(|i| i.0))
        .bind(c.sealing.chunk_count)
        .bind(c.sealing.size_bytes.map(u64::cast_signed))
        .bind(digest(&c.sealing.sha256))
        .bind(c.crc32c)
        .bind(digest(&c.sha256))
        .bind(c.sealed.map(|t| t.0))
        .bind(c.expires.0)
        .bind(c.retained_until.map(|t| t.0))
        .bind(c.uid.as_bytes())
}

pub(super) fn state_code(state: State) -> i64 {
    match state {
        State::Receiving => 1,
        State::Sealed => 2,
        State::Sealing => 3,
    }
}

fn state(code: i64) -> Result<State, CatalogError> {
    match code {
        1 => Ok(State::Receiving),
        2 => Ok(State::Sealed),
        3 => Ok(State::Sealing),
        _ => Err(CatalogError::Inconsistent("capture state")),
    }
}

pub(super) fn uid(row: &impl Row, column: &str) -> Result<Uid, CatalogError> {
    Ok(Uid::from_bytes(bytes(row, column)?))
}

/// Raw bytes of a fixed length.
pub(super) fn bytes<const N: usize>(row: &impl Row, column: &str) -> Result<[u8; N], CatalogError> {
    let missing = CatalogError::Inconsistent("raw bytes are missing");
    raw(row.bytes(column)?.ok_or(missing)?)
}

fn raw<const N: usize>(bytes: &[u8]) -> Result<[u8; N], CatalogError> {
    let length = CatalogError::Inconsistent("length of raw bytes");
    bytes.try_into().map_err(|_| length)
}

fn sha256(row: &impl Row, column: &str) -> Result<Option<Sha256>, CatalogError> {
    let bytes = row.bytes(column)?;
    bytes.map(raw).transpose().map(|b| b.map(Sha256))
}

/// A number of any width; the columns are of 64 bits, signed.
pub(super) fn number<T: TryFrom<i64>>(
    row: &impl Row,
    column: &str,
) -> Result<Option<T>, CatalogError> {
    let range = CatalogError::Inconsistent("a number out of its range");
    let value = row.integer(column)?;
    value.map(T::try_from).transpose().map_err(|_| range)
}

pub(super) fn required<T: TryFrom<i64>>(row: &impl Row, column: &str) -> Result<T, CatalogError> {
    number(row, column)?.ok_or(CatalogError::Inconsistent("a number is missing"))
}
