use clap::Parser as _;
use expect_test::{Expect, expect};

use super::*;

#[track_caller]
fn check(args: &[&str], expected: &Expect) {
    let args = ["ingest-service"].iter().chain(args);
    let told = match Config::try_parse_from(args) {
        Ok(config) => format!("{:?} {}", config.commit_interval, config.staging_bytes),
        Err(error) => error
            .to_string()
            .lines()
            .next()
            .unwrap_or_default()
            .to_owned(),
    };
    expected.assert_eq(&told);
}

#[test]
fn flags_are_checked_before_anything_starts() {
    check(&[], &expect!["2s 50331648"]);
    check(&["--commit-interval", "0.25"], &expect!["250ms 50331648"]);
    check(
        &["--commit-interval", "0"],
        &expect![
            "error: invalid value '0' for '--commit-interval <COMMIT_INTERVAL>': must be from a millisecond to ten years"
        ],
    );
    check(
        &["--commit-interval", "NaN"],
        &expect![
            "error: invalid value 'NaN' for '--commit-interval <COMMIT_INTERVAL>': must be from a millisecond to ten years"
        ],
    );
    check(
        &["--staging-bytes", "1"],
        &expect![
            "error: invalid value '1' for '--staging-bytes <STAGING_BYTES>': must be from 16777216 to 1099511627776"
        ],
    );
    check(
        &["--listen", "x"],
        &expect!["error: invalid value 'x' for '--listen <LISTEN>': invalid socket address syntax"],
    );
}

#[test]
fn the_defaults_of_flags_and_of_a_directory_agree() {
    let flags = Config::parse_from(["ingest-service"]);
    let flags = Config {
        store: Some(flags.store_url().unwrap()),
        catalog: Some(flags.catalog_url().unwrap()),
        ..flags
    };
    let directory = Config {
        listen: listen(),
        ..Config::default_in(Path::new(DATA_DIRECTORY)).unwrap()
    };
    assert_eq!(format!("{flags:?}"), format!("{directory:?}"));
}

#[test]
fn a_directory_with_blanks_makes_urls() {
    let config = Config::default_in(Path::new("/a b/ö")).unwrap();
    let urls = (config.store_url().unwrap(), config.catalog_url().unwrap());
    assert_eq!(urls.0, "file:///a%20b/%C3%B6/store/");
    assert_eq!(urls.1, "sqlite:///a%20b/%C3%B6/catalog.db");
}
