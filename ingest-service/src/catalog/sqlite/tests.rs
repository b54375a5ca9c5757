use std::{sync::Arc, time::Duration};

use tokio::runtime::Handle;

use super::*;
use crate::{
    catalog::{
        Catalog as _, CatalogError, OpenError, Times, conformance, open_with_index,
        sql::knows_segment,
    },
    domain::{
        capture::Spec,
        id::{ChunkIndex, SegmentId},
        time::Timestamp,
    },
};

async fn open(directory: &tempfile::TempDir) -> SqliteCatalog {
    let url = format!("sqlite://{}/catalog.db", directory.path().display());
    SqliteCatalog::open(&url).await.unwrap()
}

#[tokio::test]
async fn sqlite_is_a_catalog() {
    let directory = tempfile::tempdir().unwrap();
    conformance::suite(&open(&directory).await).await;
}

#[tokio::test]
async fn sqlite_is_an_index() {
    let directory = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}/catalog.db", directory.path().display());
    let (_catalog, index) = open_with_index(&url).await.unwrap();
    conformance::index::suite(&*index).await;
}

#[tokio::test]
async fn what_was_committed_is_there_after_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let catalog = open(&directory).await;
    let before = conformance::store_two_of_three(&catalog, "restart").await;
    drop(catalog);
    let again = open(&directory).await;
    assert_eq!(again.by_uid(before.uid).await.unwrap(), Some(before));
}

#[tokio::test]
async fn an_entered_segment_settles_a_commit_whose_outcome_is_unknown() {
    let directory = tempfile::tempdir().unwrap();
    let catalog = open(&directory).await;
    let capture = conformance::store_two_of_three(&catalog, "settle").await;
    let chunks = catalog.chunks(capture.uid, ChunkIndex(0), 1).await.unwrap();
    assert!(knows_segment(&catalog, chunks[0].segment).await.unwrap());
    let unknown = knows_segment(&catalog, SegmentId::generate(capture.uid)).await;
    assert!(!unknown.unwrap());
}

#[tokio::test]
async fn every_commit_is_synced() {
    let directory = tempfile::tempdir().unwrap();
    let catalog = open(&directory).await;
    let pragma = |name: &'static str| sqlx::query_scalar::<_, String>(name);
    let synchronous = sqlx::query_scalar::<_, i64>("PRAGMA synchronous");
    let (full, foreign_keys) = (2, sqlx::query_scalar::<_, i64>("PRAGMA foreign_keys"));
    assert_eq!(synchronous.fetch_one(&catalog.writers).await.unwrap(), full);
    assert_eq!(foreign_keys.fetch_one(&catalog.writers).await.unwrap(), 1);
    let journal = pragma("PRAGMA journal_mode").fetch_one(&catalog.writers);
    assert_eq!(journal.await.unwrap(), "wal");
}

#[tokio::test]
async fn a_dropped_commit_leaves_the_writer_usable() {
    let directory = tempfile::tempdir().unwrap();
    let catalog = open(&directory).await;
    let mut tx = catalog.writers.begin_with(DIALECT.begin).await.unwrap();
    sqlx::query("DELETE FROM captures")
        .execute(&mut *tx)
        .await
        .unwrap();
    drop(tx);
    let next = tokio::time::timeout(
        Duration::from_secs(60),
        catalog.writers.begin_with(DIALECT.begin),
    );
    next.await.expect("the writer is free again").unwrap();
}

#[tokio::test]
async fn what_is_no_catalog_is_not_opened() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("catalog.db");
    std::fs::write(&path, "x".repeat(5000)).unwrap();
    let url = format!("sqlite://{}", path.display());
    assert!(matches!(
        SqliteCatalog::open(&url).await,
        Err(OpenError::Open(_) | OpenError::Migrate(_))
    ));
}

#[tokio::test]
async fn a_url_of_no_file_is_refused_and_makes_none() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("catalog.db");
    for url in [
        "postgres://x/y",
        "postgres:/x/y",
        "catalog.db",
        "sqlite://",
        "sqlite://:memory:",
        "sqlite::memory:",
        "sqlite://catalog.db",
        &format!("sqlite://{}?mode=memory", file.display()),
        &format!("sqlite:{}", file.display()),
    ] {
        let opened = SqliteCatalog::open(url).await;
        assert!(matches!(opened, Err(OpenError::Scheme)), "{url}");
    }
    assert_eq!(directory.path().read_dir().unwrap().count(), 0);
}

#[tokio::test]
async fn a_full_disk_is_told_and_leaves_the_writer_usable() {
    let directory = tempfile::tempdir().unwrap();
    let catalog = open(&directory).await;
    let full = sqlx::query_scalar::<_, i64>("PRAGMA max_page_count = 1");
    full.fetch_one(&catalog.writers).await.unwrap();
    let at = Times {
        now: Timestamp(1),
        expires: Timestamp(2),
        retained_until: None,
    };
    let large = |n: u32| Spec {
        id: Some(format!("c{n}").parse().unwrap()),
        file_name: "x".repeat(5000),
        ..Spec::default()
    };
    let mut refused = None;
    for n in 0..100 {
        if let Err(error) = catalog.create(&large(n), at, 1000).await {
            refused = Some(error);
            break;
        }
    }
    assert!(
        matches!(refused, Some(CatalogError::Full(_))),
        "{refused:?}"
    );
    // The limit was of the connection that failed.
    catalog.create(&large(100), at, 1000).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn several_may_open_a_new_catalog_at_once() {
    // One round alone meets the moment of conflict too rarely to show anything.
    for round in 0..32 {
        let directory = Arc::new(tempfile::tempdir().unwrap());
        let opened = (0..4).map(|_| {
            let directory = Arc::clone(&directory);
            tokio::task::spawn_blocking(move || Handle::current().block_on(open(&directory)))
        });
        for opened in futures::future::join_all(opened).await {
            let at = Times {
                now: Timestamp(1),
                expires: Timestamp(2),
                retained_until: None,
            };
            let created = opened.unwrap().create(&Spec::default(), at, 1000).await;
            assert!(created.is_ok(), "round {round}: {created:?}");
        }
    }
}
