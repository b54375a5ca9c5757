//! The store on the S3 server that the environment names. Ignored without one:
//! `.ci/run s3` starts it, and runs these and the end-to-end tests on it.
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use weir_shared::store::{Durability, conformance, open};
use weir_tests::pair::store_url;

#[tokio::test]
#[ignore = "needs an S3 server: .ci/run s3"]
async fn a_real_server_conforms() {
    let directory = tempfile::tempdir().unwrap();
    let url = store_url(directory.path());
    assert!(
        url.starts_with("s3://"),
        "WEIR_TEST_STORE names no server: {url}"
    );
    let store = open(&url).unwrap();
    assert_eq!(store.durability(), Durability::ObjectStore);
    conformance(&*store).await;
}
