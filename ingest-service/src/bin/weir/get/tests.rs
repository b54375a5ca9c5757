use super::*;

fn names(dir: &Path) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[tokio::test(flavor = "multi_thread")]
async fn a_whole_copy_takes_the_place_of_the_file() {
    let dir = tempfile::tempdir().unwrap();
    let target = dir.path().join("a.pcap");
    fs::write(&target, "before").unwrap();
    let mut copy = Copy::begin(&target).unwrap();
    copy.write(b"cap").unwrap();
    copy.write(b"ture").unwrap();
    assert_eq!(fs::read(&target).unwrap(), b"before");
    copy.finish().unwrap();
    assert_eq!(fs::read(&target).unwrap(), b"capture");
    assert_eq!(names(dir.path()), ["a.pcap"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_that_is_given_up_leaves_everything_as_it_was() {
    let dir = tempfile::tempdir().unwrap();
    let target = dir.path().join("a.pcap");
    fs::write(&target, "before").unwrap();
    let mut copy = Copy::begin(&target).unwrap();
    copy.write(b"half").unwrap();
    drop(copy);
    assert_eq!(fs::read(&target).unwrap(), b"before");
    assert_eq!(names(dir.path()), ["a.pcap"]);
}

#[test]
fn a_directory_is_no_target() {
    let dir = tempfile::tempdir().unwrap();
    let failure = Copy::begin(dir.path()).unwrap_err().to_string();
    assert!(
        failure.ends_with("cannot write: is a directory"),
        "{failure}"
    );
}

fn check(capture: Capture, want: Option<&str>) {
    let dir = tempfile::tempdir().unwrap();
    let mut copy = Copy::begin(&dir.path().join("a")).unwrap();
    tokio::runtime::Runtime::new()
        .unwrap()
        .block_on(async { copy.write(b"123456789") })
        .unwrap();
    let said = copy
        .check(&capture)
        .err()
        .map(|failure| failure.to_string());
    let want = want.map(|what| format!("capture c: the bytes read have another {what}"));
    assert_eq!(said, want);
}

#[test]
fn every_digest_that_is_known_counts() {
    let capture = || Capture {
        capture_id: "c".into(),
        ..Default::default()
    };
    check(capture(), None);
    // The check value of CRC-32C.
    check(
        Capture {
            crc32c: Some(0xe306_9283),
            size_bytes: Some(9),
            ..capture()
        },
        None,
    );
    check(
        Capture {
            crc32c: Some(1),
            ..capture()
        },
        Some("CRC32C"),
    );
    check(
        Capture {
            size_bytes: Some(8),
            ..capture()
        },
        Some("size"),
    );
    check(
        Capture {
            sha256: vec![7; 32].into(),
            ..capture()
        },
        Some("SHA-256"),
    );
}
