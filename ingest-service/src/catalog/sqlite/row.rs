//! A capture's row, read and written.

use std::collections::BTreeMap;

use sqlx::{Row as _, SqliteConnection, sqlite::SqliteRow};

use super::super::CatalogError;
use crate::domain::{
    capture::{Capture, Declared, Progress, SealParams, State},
    id::{CaptureId, ChunkIndex, Sha256, Uid},
    time::Timestamp,
};

/// Columns of a capture, with its labels as one JSON object.
macro_rules! select_captures {
    ($($rest:literal)?) => {
        concat!(
            "SELECT uid, id, state, chunk_count, size_bytes, sha256, chunk_bytes, file_name, \
             chunks_durable, bytes_durable, highest_index, short_index, sealing_count, \
             sealing_size, sealing_sha256, whole_crc32c, whole_sha256, created_us, sealed_us, \
             expires_us, (SELECT json_group_object(name, value) FROM capture_labels l \
             WHERE l.uid = c.uid) AS labels FROM captures c ",
            $($rest)?
        )
    };
}
pub(super) use select_captures;

pub(super) async fn by_id(
    db: &mut SqliteConnection,
    id: &CaptureId,
) -> Result<Option<Capture>, CatalogError> {
    let query = sqlx::query(select_captures!("WHERE id = ?")).bind(id.as_str());
    query
        .fetch_optional(db)
        .await?
        .as_ref()
        .map(read)
        .transpose()
}

pub(super) async fn by_uid(
    db: &mut SqliteConnection,
    uid: Uid,
) -> Result<Option<Capture>, CatalogError> {
    let query = sqlx::query(select_captures!("WHERE uid = ?")).bind(&uid.as_bytes()[..]);
    query
        .fetch_optional(db)
        .await?
        .as_ref()
        .map(read)
        .transpose()
}

pub(super) fn read(row: &SqliteRow) -> Result<Capture, CatalogError> {
    let labels: BTreeMap<String, String> = serde_json::from_str(row.try_get("labels")?)
        .map_err(|_| CatalogError::Inconsistent("labels"))?;
    Ok(Capture {
        id: row
            .try_get::<String, _>("id")?
            .try_into()
            .map_err(|_| CatalogError::Inconsistent("capture id"))?,
        uid: uid(row, "uid")?,
        state: state(row.try_get("state")?)?,
        declared: Declared {
            chunk_count: number(row, "chunk_count")?,
            size_bytes: number(row, "size_bytes")?,
            sha256: sha256(row, "sha256")?,
            chunk_bytes: number(row, "chunk_bytes")?,
        },
        file_name: row.try_get("file_name")?,
        labels,
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
        created: Timestamp(row.try_get("created_us")?),
        sealed: row.try_get::<Option<i64>, _>("sealed_us")?.map(Timestamp),
        expires: Timestamp(row.try_get("expires_us")?),
    })
}

const INSERT: &str = "INSERT INTO captures (state, chunk_count, size_bytes, sha256, chunk_bytes, \
    chunks_durable, bytes_durable, highest_index, short_index, sealing_count, sealing_size, \
    sealing_sha256, whole_crc32c, whole_sha256, sealed_us, expires_us, uid, id, file_name, \
    created_us) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";

const UPDATE: &str = "UPDATE captures SET state = ?, chunk_count = ?, size_bytes = ?, sha256 = ?, \
    chunk_bytes = ?, chunks_durable = ?, bytes_durable = ?, highest_index = ?, short_index = ?, \
    sealing_count = ?, sealing_size = ?, sealing_sha256 = ?, whole_crc32c = ?, whole_sha256 = ?, \
    sealed_us = ?, expires_us = ? WHERE uid = ?";

type Query<'q> = sqlx::query::Query<'q, sqlx::Sqlite, sqlx::sqlite::SqliteArguments>;

pub(super) async fn insert(db: &mut SqliteConnection, c: &Capture) -> Result<(), CatalogError> {
    bind_changing(sqlx::query(INSERT), c)
        .bind(c.id.as_str())
        .bind(&c.file_name)
        .bind(c.created.0)
        .execute(&mut *db)
        .await?;
    for (name, value) in &c.labels {
        sqlx::query("INSERT INTO capture_labels (uid, name, value) VALUES (?, ?, ?)")
            .bind(&c.uid.as_bytes()[..])
            .bind(name)
            .bind(value)
            .execute(&mut *db)
            .await?;
    }
    Ok(())
}

/// Writes all that can change.
pub(super) async fn update(db: &mut SqliteConnection, c: &Capture) -> Result<(), CatalogError> {
    let done = bind_changing(sqlx::query(UPDATE), c).execute(db).await?;
    if done.rows_affected() != 1 {
        return Err(CatalogError::Inconsistent("a locked capture is gone"));
    }
    Ok(())
}

fn bind_changing<'q>(query: Query<'q>, c: &'q Capture) -> Query<'q> {
    let blob = |digest: &'q Option<Sha256>| digest.as_ref().map(|d| &d.0[..]);
    query
        .bind(state_code(c.state))
        .bind(c.declared.chunk_count)
        .bind(c.declared.size_bytes.map(u64::cast_signed))
        .bind(blob(&c.declared.sha256))
        .bind(c.declared.chunk_bytes)
        .bind(c.progress.chunks)
        .bind(c.progress.bytes.cast_signed())
        .bind(c.progress.highest.map(|i| i.0))
        .bind(c.progress.short.map(|i| i.0))
        .bind(c.sealing.chunk_count)
        .bind(c.sealing.size_bytes.map(u64::cast_signed))
        .bind(blob(&c.sealing.sha256))
        .bind(c.crc32c)
        .bind(blob(&c.sha256))
        .bind(c.sealed.map(|t| t.0))
        .bind(c.expires.0)
        .bind(&c.uid.as_bytes()[..])
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

pub(super) fn uid(row: &SqliteRow, column: &str) -> Result<Uid, CatalogError> {
    Ok(Uid::from_bytes(bytes(row, column)?))
}

/// Raw bytes of a fixed length.
pub(super) fn bytes<const N: usize>(
    row: &SqliteRow,
    column: &str,
) -> Result<[u8; N], CatalogError> {
    raw(row.try_get(column)?)
}

fn raw<const N: usize>(bytes: &[u8]) -> Result<[u8; N], CatalogError> {
    let length = CatalogError::Inconsistent("length of raw bytes");
    bytes.try_into().map_err(|_| length)
}

fn sha256(row: &SqliteRow, column: &str) -> Result<Option<Sha256>, CatalogError> {
    let bytes: Option<&[u8]> = row.try_get(column)?;
    bytes.map(raw).transpose().map(|b| b.map(Sha256))
}

/// An unsigned number of any width; the columns are signed.
pub(super) fn number<T: TryFrom<i64>>(
    row: &SqliteRow,
    column: &str,
) -> Result<Option<T>, CatalogError> {
    let value: Option<i64> = row.try_get(column)?;
    let range = CatalogError::Inconsistent("a number out of its range");
    value.map(T::try_from).transpose().map_err(|_| range)
}

pub(super) fn required<T: TryFrom<i64>>(row: &SqliteRow, column: &str) -> Result<T, CatalogError> {
    number(row, column)?.ok_or(CatalogError::Inconsistent("a number is missing"))
}
