//! Opening the file, and bringing it to this version's schema.

use std::{io::ErrorKind, path::Path, str::FromStr as _, time::Duration};

use backon::{ConstantBuilder, Retryable as _};
use nix::unistd::{AccessFlags, eaccess};
use sqlx::{
    SqlitePool,
    migrate::Migrator,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};
use weir_shared::store::create_synced;

use super::{SqliteCatalog, SqliteIndex};
use crate::catalog::{OpenError, sql::Room};

/// How long a transaction waits for another process's: far above any commit,
/// below what a caller waits for.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

/// Between two tries to open a file that others are opening, which takes them
/// milliseconds.
const BUSY_RETRY: Duration = Duration::from_millis(20);
/// As long as a transaction would wait.
const BUSY_RETRIES_MAX: usize = 500;

/// Connections that read. SQLite reads are short and from the page cache: more
/// would only wait for the two or four cores of a small machine.
const READERS: u32 = 4;

/// Pages that the index's writer keeps, in KiB by SQLite's minus: thousands of records in one
/// transaction go to places all over its indexes, which the usual 2 MiB write and read again.
const INDEX_CACHE: &str = "-16384";

/// Of the index's log, bytes, once what is in it has gone to the file: a large transaction gives
/// back what it took.
const INDEX_LOG_LIMIT: &str = "16777216";

static MIGRATIONS: Migrator = sqlx::migrate!("migrations/sqlite");
static INDEX_MIGRATIONS: Migrator = sqlx::migrate!("migrations/sqlite-index");

impl SqliteCatalog {
    /// Opens the file that `sqlite:///PATH` names, and makes it when there is none.
    ///
    /// # Errors
    /// [`OpenError`] says what is wrong with the URL, the file or its schema.
    pub async fn open(url: &str) -> Result<Self, OpenError> {
        let (writers, readers) = open_file(url, &MIGRATIONS, None).await?;
        Ok(Self { writers, readers })
    }
}

impl SqliteIndex {
    /// Opens the index of the catalog that `sqlite:///PATH` names, in `PATH-index`.
    ///
    /// # Errors
    /// As of [`SqliteCatalog::open`].
    pub(in crate::catalog) async fn open_beside(catalog: &str) -> Result<Self, OpenError> {
        let url = format!("{catalog}-index");
        let (writers, readers) = open_file(&url, &INDEX_MIGRATIONS, Some(INDEX_CACHE)).await?;
        let room = Room::beside(writers.connect_options().get_filename());
        Ok(Self {
            writers,
            readers,
            room,
        })
    }
}

/// The pools that write and that read.
async fn open_file(
    url: &str,
    migrations: &Migrator,
    writer_cache: Option<&'static str>,
) -> Result<(SqlitePool, SqlitePool), OpenError> {
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
    touch(options.get_filename()).map_err(OpenError::File)?;
    let writers = pool()
        .max_connections(1)
        .max_lifetime(None)
        .idle_timeout(None);
    let writer = match writer_cache {
        Some(size) => options
            .clone()
            .pragma("cache_size", size)
            .pragma("journal_size_limit", INDEX_LOG_LIMIT),
        None => options.clone(),
    };
    let writers = connect(&writers, &writer).await?;
    migrate(&writers, migrations).await?;
    let readers = pool().max_connections(READERS).max_lifetime(None);
    let readers = connect(&readers, &options.read_only(true)).await?;
    Ok((writers, readers))
}

/// SQLite itself says only that it could not open a file, and not why. One that is there is
/// not opened here: to close it would drop the locks that this process holds on it.
fn touch(file: &Path) -> std::io::Result<()> {
    let made = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(file);
    match made {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
        made => return made.map(drop),
    }
    if file.metadata()?.is_dir() {
        return Err(ErrorKind::IsADirectory.into());
    }
    Ok(eaccess(file, AccessFlags::R_OK | AccessFlags::W_OK)?)
}

/// Connects, for as long as others are opening the file: SQLite does not wait
/// by itself for the lock that turns a new file to WAL mode, it reports it busy.
async fn connect(
    pool: &SqlitePoolOptions,
    options: &SqliteConnectOptions,
) -> Result<SqlitePool, OpenError> {
    let begun = tokio::time::Instant::now();
    let connected = (|| pool.clone().connect_with(options.clone()))
        .retry(
            ConstantBuilder::default()
                .with_delay(BUSY_RETRY)
                .with_max_times(BUSY_RETRIES_MAX),
        )
        // A try may itself wait for as long: a lock that somebody keeps is told of.
        .when(|error| is_busy(error) && begun.elapsed() < BUSY_TIMEOUT)
        .await;
    connected.map_err(OpenError::Open)
}

/// <https://sqlite.org/rescode.html#busy>; the upper bits say why it is busy.
fn is_busy(error: &sqlx::Error) -> bool {
    const PRIMARY: u32 = 0xff;
    const SQLITE_BUSY: u32 = 5;
    let code = error.as_database_error().and_then(|error| error.code());
    code.and_then(|code| code.parse().ok())
        .is_some_and(|code: u32| code & PRIMARY == SQLITE_BUSY)
}

/// Under the write lock: another process may open the same new file now.
async fn migrate(writer: &SqlitePool, migrations: &Migrator) -> Result<(), OpenError> {
    let begun = writer.begin_with("BEGIN IMMEDIATE").await;
    let mut tx = begun.map_err(OpenError::Open)?;
    let migrated = migrations.run(&mut *tx).await;
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
