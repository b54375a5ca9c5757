use std::{
    io::Read as _,
    os::{
        fd::AsRawFd as _,
        unix::fs::{PermissionsExt as _, symlink},
    },
};

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

/// A copy that says "capture".
fn put(target: &Path) {
    let mut copy = Copy::begin(target).unwrap();
    copy.write(b"capture").unwrap();
    copy.finish().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_stays_and_what_it_leads_to_is_replaced_with_its_mode() {
    let dir = tempfile::tempdir().unwrap();
    let (file, link) = (dir.path().join("a.pcap"), dir.path().join("link"));
    fs::write(&file, "before").unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    symlink("a.pcap", &link).unwrap();
    put(&link);
    assert!(link.is_symlink());
    assert_eq!(fs::read(&file).unwrap(), b"capture");
    let mode = fs::metadata(&file).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(names(dir.path()), ["a.pcap", "link"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pipe_is_written_to() {
    let dir = tempfile::tempdir().unwrap();
    let (mut reader, writer) = io::pipe().unwrap();
    // As a shell names one: a link that leads nowhere in the file system.
    let fd = format!("/proc/self/fd/{}", writer.as_raw_fd());
    let link = dir.path().join("link");
    symlink(&fd, &link).unwrap();
    for target in [Path::new(&fd), &link] {
        put(target);
        let mut said = [0; 7];
        reader.read_exact(&mut said).unwrap();
        assert_eq!(&said, b"capture");
    }
    assert!(link.is_symlink());
    assert_eq!(names(dir.path()), ["link"]);
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
