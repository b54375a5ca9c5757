//! Which database a URL names.

use std::sync::Arc;

use sqlx::migrate::MigrateError;
use url::Url;
use weir_shared::store::may_pass;

use super::{
    Catalog, PostgresCatalog, SqliteCatalog,
    postgres::PostgresIndex,
    sql::{Room, is_away},
    sqlite::SqliteIndex,
};
use crate::domain::index::Index;

/// Why a catalog can't be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("cannot create the catalog's directory")]
    Directory(#[source] std::io::Error),
    #[error("cannot open the catalog's file")]
    File(#[source] std::io::Error),
    #[error("not supported: use sqlite:///PATH or postgres://USER@HOST/DATABASE")]
    Scheme,
    #[error("not a URL of this database")]
    Url(#[source] sqlx::Error),
    #[error("unknown parameter {0:?}")]
    Parameter(String),
    #[error("cannot open the catalog")]
    Open(#[source] sqlx::Error),
    #[error("cannot bring the catalog to this version's schema")]
    Migrate(#[source] sqlx::migrate::MigrateError),
}

impl OpenError {
    /// Whether the same URL may well open later, with nothing changed but the
    /// state of the machine or of the server.
    #[must_use]
    pub fn may_pass(&self) -> bool {
        match self {
            Self::Directory(error) | Self::File(error) => may_pass(error),
            Self::Scheme | Self::Url(_) | Self::Parameter(_) => false,
            Self::Open(error) => is_away(error),
            Self::Migrate(
                MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _),
            ) => is_away(error),
            // A schema of another version.
            Self::Migrate(_) => false,
        }
    }
}

/// Opens the catalog that this URL names, and makes its tables when it has none.
///
/// # Errors
/// [`OpenError`] says what is wrong with the URL, the database or its schema.
pub async fn open(url: &str) -> Result<Arc<dyn Catalog>, OpenError> {
    match url.split_once(':') {
        Some(("postgres" | "postgresql", _)) => Ok(Arc::new(PostgresCatalog::open(url).await?)),
        _ => Ok(Arc::new(SqliteCatalog::open(url).await?)),
    }
}

/// The same with the read side beside it.
///
/// # Errors
/// As of [`open`].
pub async fn open_with_index(url: &str) -> Result<(Arc<dyn Catalog>, Arc<dyn Index>), OpenError> {
    match url.split_once(':') {
        Some(("postgres" | "postgresql", _)) => {
            let catalog = PostgresCatalog::open(url).await?;
            let index = PostgresIndex {
                writers: catalog.writers.clone(),
                readers: catalog.readers.clone(),
                room: Room::of_server(),
            };
            Ok((Arc::new(catalog), Arc::new(index)))
        }
        _ => {
            let catalog = SqliteCatalog::open(url).await?;
            let index = SqliteIndex::open_beside(url).await?;
            Ok((Arc::new(catalog), Arc::new(index)))
        }
    }
}

/// The URL for messages and logs: a password in it is left out, and so are its
/// parameters, one of which may be a password as well.
#[must_use]
pub fn without_password(url: &str) -> String {
    let Ok(mut parsed) = Url::parse(url) else {
        let scheme = url.split_once(':').map_or("", |(scheme, _)| scheme);
        return format!("{scheme}:…");
    };
    parsed.set_query(None);
    if parsed.password().is_some() && parsed.set_password(Some("…")).is_err() {
        return format!("{}:…", parsed.scheme());
    }
    parsed.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(url: &str, told: &str) {
        assert_eq!(without_password(url), told, "{url}");
    }

    #[test]
    fn a_password_is_never_told() {
        check("postgres://weir@db/weir", "postgres://weir@db/weir");
        let hidden = "postgres://weir:%E2%80%A6@db:5433/weir";
        check("postgres://weir:secret@db:5433/weir", hidden);
        check("postgres://weir:se%20cret@db:5433/weir?password=x", hidden);
        check(
            "postgres:///weir?user=a&password=secret",
            "postgres:///weir",
        );
        check("postgres://weir:sec ret@d b/weir", "postgres:…");
        check("postgres://weir:secret@db:port/weir", "postgres:…");
        check("secret", ":…");
        check("sqlite:///data/catalog.db", "sqlite:///data/catalog.db");
    }

    #[tokio::test]
    async fn a_url_of_no_database_is_refused() {
        for url in ["mysql://x/y", "catalog.db", "", "file:///x"] {
            assert!(matches!(open(url).await, Err(OpenError::Scheme)), "{url}");
        }
    }
}
