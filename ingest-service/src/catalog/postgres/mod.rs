//! The catalog in a PostgreSQL database, for any number of services at once.
//!
//! A transaction runs at READ COMMITTED and locks the rows of the captures that
//! it changes: after the lock it reads what all before it have committed.

mod open;

use std::time::Duration;

use sqlx::Postgres;
use weir_shared::store::Durability;

use super::sql::{Dialect, SqlCatalog, SqlIndex, TextEngine};

/// See the module.
pub type PostgresCatalog = SqlCatalog<Postgres>;

/// The read side, in the same database.
pub(super) type PostgresIndex = SqlIndex<Postgres>;

/// The server ends a statement after this: above the longest there is, the
/// deletion of a capture of a million chunks.
const STATEMENT_TIMEOUT: Duration = Duration::from_secs(60);

/// The server ends the wait for a lock after this: far above any commit, below
/// what a caller waits for.
const LOCK_TIMEOUT: Duration = Duration::from_secs(10);

/// The server ends a transaction whose service says nothing for so long, and
/// frees what it locked: the service is gone, cut off, or stands still. Whoever waits for its
/// lock gets it; ours say nothing only while the machine lets them not.
const IDLE_IN_TRANSACTION_TIMEOUT: Duration = Duration::from_secs(8);
const _: () = assert!(IDLE_IN_TRANSACTION_TIMEOUT.as_secs() < LOCK_TIMEOUT.as_secs());

/// The service gives up on the server after this: it is gone, or cut off.
/// The server's own timeouts come first wherever they can.
const PATIENCE: Duration = Duration::from_secs(90);
const _: () = assert!(PATIENCE.as_secs() > STATEMENT_TIMEOUT.as_secs());
const _: () = assert!(STATEMENT_TIMEOUT.as_secs() > LOCK_TIMEOUT.as_secs());

pub(super) const DIALECT: Dialect = Dialect {
    begin: "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE",
    begin_snapshot: "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
    // Cut by a timeout, the wait for a synchronous standby is no error: COMMIT
    // would tell of a copy that is not there.
    before_commit: Some("SET LOCAL statement_timeout = 0"),
    for_update: " FOR UPDATE OF c",
    for_share: " FOR SHARE OF c",
    for_update_of_free: " FOR UPDATE OF c SKIP LOCKED",
    now_us: "CAST(extract(epoch FROM clock_timestamp()) * 1000000 AS BIGINT)",
    text: TextEngine::TsVector,
    // Until the table is vacuumed each that is counted is looked for in it, too: 1 to 2 µs when
    // its page is in shared_buffers.
    few: 5_000,
    json_object: "json_object_agg(name, value)",
    reusable_bytes: None,
    numbers_of_second: "(SELECT CAST(value AS BIGINT) FROM json_array_elements_text(CAST($2 AS json)))",
    values_without_names: false,
    patience: Some(PATIENCE),
    durability: Durability::ObjectStore,
};

#[cfg(test)]
mod tests;
