//! Where the catalogs of the tests are.

use std::path::Path;

use sqlx::{Postgres, migrate::MigrateDatabase as _};
use url::Url;

/// The URL of a PostgreSQL server where databases may be made. When it is set,
/// every pair has its catalog there instead of in SQLite.
const SERVER: &str = "WEIR_TEST_POSTGRES";

/// The catalog that belongs to this directory, the same after a restart.
pub async fn url(directory: &Path) -> String {
    let Ok(server) = std::env::var(SERVER) else {
        return format!("sqlite://{}/catalog.db", directory.display());
    };
    // Temporary directories have names of their own, in both cases.
    let name = directory.file_name().expect("a directory with a name");
    let name: String = name
        .as_encoded_bytes()
        .iter()
        .map(|b| format!("{b:02x}"))
        .collect();
    let mut url = Url::parse(&server).unwrap();
    url.set_path(&format!("weir_e2e_{name}"));
    let url = String::from(url);
    if !Postgres::database_exists(&url).await.unwrap() {
        Postgres::create_database(&url).await.unwrap();
    }
    url
}
