//! On a real server: `WEIR_TEST_POSTGRES` is the URL of one where databases may
//! be made. Each test makes its own.

mod analyses;
mod faults;
mod folds;
mod queries;
mod races;

use sqlx::{Connection as _, Executor as _, PgConnection, migrate::MigrateDatabase as _};
use url::Url;
use uuid::Uuid;

use super::*;
use crate::{
    catalog::{
        Catalog as _, CatalogError, OpenError, conformance, open, open_with_index, sql::is_conflict,
    },
    domain::{capture::Declared, id::ChunkIndex},
};

/// The URL of a new, empty database.
async fn database() -> String {
    let server = std::env::var("WEIR_TEST_POSTGRES").expect("WEIR_TEST_POSTGRES");
    let mut url = Url::parse(&server).unwrap();
    url.set_path(&format!("weir_{}", Uuid::new_v4().simple()));
    Postgres::create_database(url.as_str()).await.unwrap();
    url.into()
}

async fn connect(url: &str) -> PgConnection {
    PgConnection::connect(url).await.unwrap()
}

async fn run(db: &mut PgConnection, statement: &str) {
    let statement = sqlx::AssertSqlSafe(statement.to_owned());
    db.execute(statement).await.unwrap();
}

#[tokio::test]
#[ignore = "needs WEIR_TEST_POSTGRES"]
async fn postgres_is_a_catalog() {
    let catalog = PostgresCatalog::open(&database().await).await.unwrap();
    conformance::suite(&catalog).await;
}

#[tokio::test]
#[ignore = "needs WEIR_TEST_POSTGRES"]
async fn postgres_is_an_index() {
    let (_catalog, index) = open_with_index(&database().await).await.unwrap();
    conformance::index::suite(&*index).await;
}

#[tokio::test]
#[ignore = "needs WEIR_TEST_POSTGRES"]
async fn what_was_committed_is_there_after_a_restart() {
    let url = database().await;
    let catalog = open(&url).await.unwrap();
    let before = conformance::store_two_of_three(&*catalog, "restart").await;
    drop(catalog);
    let again = open(&url).await.unwrap();
    assert_eq!(again.by_uid(before.uid).await.unwrap(), Some(before));
}

#[tokio::test]
#[ignore = "needs WEIR_TEST_POSTGRES"]
async fn several_may_open_a_new_catalog_at_once() {
    let url = database().await;
    let opened = futures::future::join_all((0..8).map(|_| open(&url))).await;
    for catalog in opened {
        catalog.unwrap();
    }
}

#[tokio::test]
#[ignore = "needs WEIR_TEST_POSTGRES"]
async fn commits_are_synced_and_waits_bounded_whatever_the_database_says() {
    for (set, wanted) in [
        ("off", "on"),
        ("local", "on"),
        ("remote_write", "on"),
        ("remote_apply", "remote_apply"),
    ] {
        let url = database().await;
        let name = Url::parse(&url).unwrap().path()[1..].to_owned();
        let mut admin = connect(&url).await;
        let setting = format!("ALTER DATABASE {name} SET synchronous_commit = {set}");
        run(&mut admin, &setting).await;
        let catalog = PostgresCatalog::open(&url).await.unwrap();
        for (name, wanted) in [
            ("synchronous_commit", wanted),
            ("statement_timeout", "1min"),
            ("lock_timeout", "10s"),
            ("idle_in_transaction_session_timeout", "8s"),
        ] {
            let setting = sqlx::query_scalar::<_, String>("SELECT current_setting($1)");
            let setting = setting
                .bind(name)
                .fetch_one(&catalog.writers)
                .await
                .unwrap();
            assert_eq!(setting, wanted, "{name}, {set}");
        }
    }
}

#[tokio::test]
#[ignore = "needs WEIR_TEST_POSTGRES"]
async fn a_dropped_transaction_leaves_the_connections_usable() {
    let catalog = PostgresCatalog::open(&database().await).await.unwrap();
    let kept = conformance::store_two_of_three(&catalog, "dropped").await;
    for _ in 0..32 {
        let mut tx = catalog.writers.begin().await.unwrap();
        tx.execute("DELETE FROM captures").await.unwrap();
    }
    assert_eq!(catalog.by_uid(kept.uid).await.unwrap(), Some(kept.clone()));
    let deleted = catalog.delete(&kept.id, conformance::NOW).await;
    assert_eq!(deleted.unwrap(), Some(kept.uid));
}

#[tokio::test]
#[ignore = "needs WEIR_TEST_POSTGRES"]
async fn what_the_server_says_becomes_what_a_caller_can_act_on() {
    let mut db = connect(&database().await).await;
    for (state, told) in [
        ("53100", "no space left for the catalog"),
        ("53300", "catalog unavailable"),
        ("57P01", "catalog unavailable"),
        ("57014", "catalog unavailable"),
        ("55P03", "catalog unavailable"),
        ("40001", "catalog unavailable, again"),
        ("40P01", "catalog unavailable, again"),
        ("23505", "the catalog is inconsistent: a key is taken"),
        ("23503", "the catalog is inconsistent: a row refers to none"),
        (
            "23514",
            "the catalog is inconsistent: a value is out of its range",
        ),
    ] {
        let raise = format!("DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = '{state}'; END $$");
        let raised = db.execute(sqlx::AssertSqlSafe(raise)).await;
        let error = CatalogError::from(raised.unwrap_err());
        let again = if is_conflict(&error) { ", again" } else { "" };
        assert_eq!(format!("{error}{again}"), told, "{state}");
    }
}

/// Needs no server: there is none at that address.
#[tokio::test]
async fn no_error_of_opening_tells_the_password() {
    let directory = tempfile::tempdir().unwrap();
    let host = directory.path().display().to_string().replace('/', "%2F");
    for (url, wanted) in [
        (format!("postgres://u:secret@{host}/db"), "cannot open"),
        (
            format!("postgres://{host}/db?password=secret&user=u"),
            "cannot open",
        ),
        (
            format!("postgres://u:secret@{host}/db?passwd=secret"),
            "unknown parameter",
        ),
        (
            format!("postgres://u:secret@{host}/db?sslmode=secret"),
            "not a URL",
        ),
        ("postgres://u:secret@host:port/db".to_owned(), "not a URL"),
    ] {
        let error = anyhow::Error::from(open(&url).await.unwrap_err());
        let told = format!("{error:#} {error:?}");
        assert!(told.contains(wanted), "{told}");
        // The value of a parameter that is no password may be told.
        assert!(
            !told.contains("secret") || url.contains("sslmode=secret"),
            "{told}"
        );
    }
}

#[tokio::test]
async fn a_parameter_that_is_not_known_is_refused() {
    let opened = open("postgres://u@h/db?sslmod=require").await;
    assert!(matches!(opened, Err(OpenError::Parameter(name)) if name == "sslmod"));
}
