//! Opening the file, and bringing it to this version's schema.

use std::{path::Path, str::FromStr as _, time::Duration};

use sqlx::{
    SqlitePool,
    migrate::Migrator,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};
use weir_shared::store::create_synced;

use super::SqliteCatalog;

/// How long a transaction waits for another process's: far above any commit,
/// below what a caller waits for.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

/// Connections that read. SQLite reads are short and from the page cache: more
/// would only wait for the two or four cores of a small machine.
const READERS: u32 = 4;

static MIGRATIONS: Migrator = sqlx::migrate!("migrations/sqlite");

/// Why a catalog can't be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("cannot create the catalog's directory")]
    Directory(#[source] std::io::Error),
    #[error("not supported: use sqlite:///PATH")]
    Scheme,
    #[error("not a SQLite URL")]
    Url(#[source] sqlx::Error),
    #[error("cannot open the catalog")]
    Open(#[source] sqlx::Error),
    #[error("cannot bring the catalog to this version's schema")]
    Migrate(#[source] sqlx::migrate::MigrateError),
}

impl SqliteCatalog {
    /// Opens the file that `sqlite:///PATH` names, and makes it when there is none.
    ///
    /// # Errors
    /// [`OpenError`] says what is wrong with the URL, the file or its schema.
    pub async fn open(url: &str) -> Result<Self, OpenError> {
        // sqlx takes any other URL for the name of a file. Parameters could
        // make it one in memory.
        if !url.starts_with("sqlite:///") || url.contains('?') {
            return Err(OpenError::Scheme);
        }
        let options = SqliteConnectOptions::from_str(url)
            .map_err(OpenError::Url)?
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            // In WAL mode only FULL syncs each commit.
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(BUSY_TIMEOUT);
        let directory = options.get_filename().parent();
        if let Some(directory) = directory.filter(|d| *d != Path::new("")) {
            create_synced(directory).map_err(OpenError::Directory)?;
        }
        let writer = pool()
            .max_connections(1)
            .max_lifetime(None)
            .idle_timeout(None)
            .connect_with(options.clone())
            .await
            .map_err(OpenError::Open)?;
        migrate(&writer).await?;
        let readers = pool()
            .max_connections(READERS)
            .max_lifetime(None)
            .connect_with(options.read_only(true))
            .await
            .map_err(OpenError::Open)?;
        Ok(Self { writer, readers })
    }
}

/// Under the write lock: another process may open the same new file now.
async fn migrate(writer: &SqlitePool) -> Result<(), OpenError> {
    let begun = writer.begin_with("BEGIN IMMEDIATE").await;
    let mut tx = begun.map_err(OpenError::Open)?;
    let migrated = MIGRATIONS.run(&mut *tx).await;
    migrated.map_err(OpenError::Migrate)?;
    tx.commit().await.map_err(OpenError::Open)
}

/// SQLite ends a transaction by itself when the disk is full or fails. sqlx
/// doesn't notice, and would begin nothing but nested ones on that connection
/// from then on: it is replaced by a new one.
fn pool() -> SqlitePoolOptions {
    SqlitePoolOptions::new().before_acquire(|connection, _| {
        Box::pin(async move { Ok(!sqlx::Connection::is_in_transaction(connection)) })
    })
}
