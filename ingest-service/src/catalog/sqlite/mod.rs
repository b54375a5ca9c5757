//! The catalog in one SQLite file: the embedded default.
//!
//! One connection writes, begun as `BEGIN IMMEDIATE`: that takes the database's
//! only write lock, so a row that a transaction read can't change under it, also
//! not by another process on the same file. A few connections read beside it (WAL).

mod open;

use sqlx::Sqlite;
use weir_shared::store::Durability;

use super::sql::{Dialect, SqlCatalog, SqlIndex, TextEngine};

/// See the module.
pub type SqliteCatalog = SqlCatalog<Sqlite>;

/// The read side, in a file of its own: what it writes keeps no upload waiting.
pub(super) type SqliteIndex = SqlIndex<Sqlite>;

/// Nothing needs locks of rows: the transaction has the only one there is.
/// The file is on this machine, so there is no server to wait for.
pub(super) const DIALECT: Dialect = Dialect {
    begin: "BEGIN IMMEDIATE",
    begin_snapshot: "BEGIN",
    before_commit: None,
    for_update: "",
    for_share: "",
    for_update_of_free: "",
    now_us: "CAST(unixepoch('subsec') * 1000000 AS INTEGER)",
    text: TextEngine::Fts5,
    few: 20_000,
    json_object: "json_group_object(name, value)",
    reusable_bytes: Some(
        "SELECT freelist_count * page_size AS bytes FROM pragma_freelist_count, pragma_page_size",
    ),
    numbers_of_second: "(SELECT value FROM json_each($2))",
    values_without_names: true,
    patience: None,
    durability: Durability::Synced,
};

#[cfg(test)]
mod tests;
