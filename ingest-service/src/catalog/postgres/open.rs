//! Connecting, and bringing the database to this version's schema.

use std::{str::FromStr as _, time::Duration};

use sqlx::{
    ConnectOptions as _, Connection as _, Executor as _, PgConnection,
    migrate::Migrator,
    postgres::{PgConnectOptions, PgPoolOptions},
};
use url::Url;

use super::{IDLE_IN_TRANSACTION_TIMEOUT, LOCK_TIMEOUT, PostgresCatalog, STATEMENT_TIMEOUT};
use crate::catalog::OpenError;

/// Connections that change something: one commits for all uploads; creations,
/// seals and the upkeep use the others.
const WRITERS: u32 = 4;

/// Connections that read. Both together let eight services share the 100
/// connections that a server has by default.
const READERS: u32 = 8;

/// How long an operation waits for a connection, one that is to be made
/// included: callers are told to come again after that.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(10);

/// A connection that nobody used for so long is closed: another service may
/// need it.
const IDLE_TIMEOUT: Duration = Duration::from_secs(300);

/// How long a service that starts waits for another that brings the schema up
/// to date, and how long that may take.
const MIGRATION_TIMEOUT: Duration = Duration::from_secs(600);

/// Parameters of a URL that are known. sqlx would log others with their values.
const PARAMETERS: &[&str] = &[
    "application_name",
    "dbname",
    "host",
    "hostaddr",
    "options",
    "password",
    "port",
    "sslcert",
    "sslkey",
    "sslmode",
    "sslrootcert",
    "user",
];

/// Name of the connections in `pg_stat_activity`.
const APPLICATION_NAME: &str = "weir-ingest";

static MIGRATIONS: Migrator = sqlx::migrate!("migrations/postgres");

impl PostgresCatalog {
    /// Connects to the database that `postgres://USER:PASSWORD@HOST:PORT/DATABASE`
    /// names. What the URL leaves out is taken from the variables that
    /// PostgreSQL's own programs read, `PGPASSWORD` and `PGPASSFILE` among them.
    ///
    /// # Errors
    /// [`OpenError`] says what is wrong with the URL, the database or its schema.
    pub async fn open(url: &str) -> Result<Self, OpenError> {
        let options = options(url)?;
        migrate(&options).await?;
        let pool = async |connections| {
            let pool = pool().max_connections(connections);
            let opened = pool.connect_with(options.clone()).await;
            opened.map_err(OpenError::Open)
        };
        Ok(Self {
            writers: pool(WRITERS).await?,
            readers: pool(READERS).await?,
        })
    }
}

fn options(url: &str) -> Result<PgConnectOptions, OpenError> {
    let config = |error| OpenError::Url(sqlx::Error::Configuration(Box::new(error)));
    let parsed = Url::parse(url).map_err(config)?;
    let mut names = parsed.query_pairs().map(|(name, _)| name);
    if let Some(unknown) = names.find(|name| !PARAMETERS.contains(&&**name)) {
        return Err(OpenError::Parameter(unknown.into_owned()));
    }
    let options = PgConnectOptions::from_str(url).map_err(OpenError::Url)?;
    Ok(
        match parsed.query_pairs().any(|(n, _)| n == "application_name") {
            true => options,
            false => options.application_name(APPLICATION_NAME),
        },
    )
}

fn pool() -> PgPoolOptions {
    PgPoolOptions::new()
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .idle_timeout(IDLE_TIMEOUT)
        .after_connect(|connection, _| Box::pin(set_up(connection)))
}

/// Set here and not in the URL's options, which poolers of connections refuse,
/// and after whatever the role or the database has set.
async fn set_up(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    let limits = format!(
        "SET statement_timeout = {}; SET lock_timeout = {}; \
         SET idle_in_transaction_session_timeout = {}; {SYNC_COMMITS}",
        STATEMENT_TIMEOUT.as_millis(),
        LOCK_TIMEOUT.as_millis(),
        IDLE_IN_TRANSACTION_TIMEOUT.as_millis(),
    );
    connection.execute(sqlx::AssertSqlSafe(limits)).await?;
    Ok(())
}

/// A commit that returned must be on the server's disk. What asks for more
/// than that (`remote_apply`) stays.
const SYNC_COMMITS: &str = "SELECT set_config('synchronous_commit', 'on', false) \
    WHERE current_setting('synchronous_commit') NOT IN ('on', 'remote_apply')";

/// On a connection of its own: others may be bringing the same database up to
/// date, and the one that comes first holds a lock for as long as it takes.
async fn migrate(options: &PgConnectOptions) -> Result<(), OpenError> {
    let connecting = tokio::time::timeout(ACQUIRE_TIMEOUT, options.connect()).await;
    let connected = connecting.unwrap_or(Err(sqlx::Error::PoolTimedOut));
    let mut connection = connected.map_err(OpenError::Open)?;
    let timeout = format!("SET lock_timeout = {}", MIGRATION_TIMEOUT.as_millis());
    let set = connection.execute(sqlx::AssertSqlSafe(timeout)).await;
    set.map_err(OpenError::Open)?;
    warn_of_lost_syncs(&mut connection).await?;
    let migrated = MIGRATIONS.run(&mut connection).await;
    migrated.map_err(OpenError::Migrate)?;
    connection.close().await.map_err(OpenError::Open)
}

/// Some services that speak PostgreSQL's protocol keep data safe by other
/// means and say `off`: so it is no error.
async fn warn_of_lost_syncs(connection: &mut PgConnection) -> Result<(), OpenError> {
    let fsync = sqlx::query_scalar::<_, String>("SELECT current_setting('fsync')");
    let fsync = fsync.fetch_one(connection).await.map_err(OpenError::Open)?;
    if fsync != "on" {
        tracing::warn!("the catalog's server has fsync off: its crash may lose captures");
    }
    Ok(())
}
