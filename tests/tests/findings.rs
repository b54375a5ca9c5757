//! What is found in recordings, one by one. `docs/findings.md` says why each is right, or
//! why it is left.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a panic is how a test fails, and what it printed is shown then"
)]

use std::{
    collections::BTreeMap,
    fs,
    ops::ControlFlow,
    path::{Path, PathBuf},
};

use analyzer_service::{
    analysis::{Event, Options, Sink, analyze},
    record::{Body, Finding, Progress, Severity},
};
use expect_test::{Expect, expect};

/// What breaks a format, which the public captures do on purpose.
const OF_FORMATS: [&str; 6] = [
    "malformed",
    "fragment",
    "tcp-overlap",
    "nesting",
    "bad-timestamp",
    "oversized",
];

#[derive(Default)]
struct Findings(Vec<Finding>);

impl Sink for Findings {
    fn event(&mut self, event: Event) -> ControlFlow<()> {
        if let Event::Records(records) = event {
            let found = records.into_iter().filter_map(|record| match record.body {
                Body::Finding(finding) => Some(*finding),
                _ => None,
            });
            self.0.extend(found);
        }
        ControlFlow::Continue(())
    }

    fn poll(&mut self, _: &Progress) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }
}

/// In order; none of what is no capture.
fn findings(path: &Path) -> Vec<Finding> {
    let mut found = Findings::default();
    let file = fs::File::open(path).unwrap();
    match analyze(file, &Options::default(), &mut found) {
        Ok(()) => found.0,
        Err(_) => Vec::new(),
    }
}

fn is_of_format(finding: &Finding) -> bool {
    OF_FORMATS
        .iter()
        .any(|front| finding.code.starts_with(front))
}

fn line(finding: &Finding) -> String {
    let severity = match finding.severity {
        Severity::Info => "info",
        Severity::Warning => "warning",
        Severity::Alert => "alert",
    };
    let address = |one: &Option<_>| one.map_or("-".to_owned(), |one| format!("{one}"));
    format!(
        "{severity} {} {}>{}:{} x{} from {}: {}",
        finding.code,
        address(&finding.source),
        address(&finding.target),
        finding.target_port,
        finding.count,
        finding.first_packet_number,
        finding.message
    )
}

/// All captures in and below a folder, by name.
fn captures(folder: &Path) -> Vec<PathBuf> {
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            paths.extend(captures(&path));
        } else if path.to_str().unwrap().contains(".pcap") {
            paths.push(path);
        }
    }
    paths.sort();
    paths
}

/// By capture.
fn told(folder: &Path, wanted: impl Fn(&Finding) -> bool) -> String {
    let mut lines = Vec::new();
    for path in captures(folder) {
        let found = findings(&path);
        let found: Vec<_> = found.iter().filter(|one| wanted(one)).collect();
        if !found.is_empty() {
            let name = path.strip_prefix(folder).unwrap();
            lines.push(name.display().to_string());
            lines.extend(found.iter().map(|one| format!("    {}", line(one))));
        }
    }
    lines.join("\n")
}

fn project() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

#[track_caller]
fn check(folder: &Path, expected: &Expect) {
    expected.assert_eq(&told(folder, |one| !is_of_format(one)));
}

#[test]
fn in_the_projects_recordings() {
    check(
        &project().join("captures"),
        &expect![[r#"
        mail-and-mqtt.pcap
            info certificate-self-signed 192.0.2.1>192.0.2.2:2500 x1 from 24: the certificate of CN=weir.test is signed by itself
        scan.pcap
            warning port-scan 192.0.2.1>192.0.2.2:0 x200 from 6: probes of many ports of one host
        tls-midstream.pcap
            info certificate-self-signed 192.0.2.1>192.0.2.2:443 x3 from 21: the certificate of CN=weir.test is signed by itself
        tls.pcap
            info certificate-self-signed 192.0.2.1>192.0.2.2:443 x3 from 27: the certificate of CN=weir.test is signed by itself"#]],
    );
}

/// They lie beside the project in CI only.
#[test]
fn in_public_captures() {
    let folder = project().join("../../shared/captures");
    if !folder.is_dir() {
        println!("no ../shared/captures beside the project");
        return;
    }
    check(
        &folder,
        &expect![[r#"
        protocols/many-protocols.pcap
            warning certificate-weak-signature 10.0.0.1>173.194.78.104:443 x1 from 78: the certificate of C=US, ST=California, L=Mountain View, O=Google Inc, CN=www.google.com is signed with sha1WithRSAEncryption
            warning tls-weak-cipher 10.0.0.1>212.199.202.50:443 x3 from 971: TLS_RSA_WITH_RC4_128_SHA was negotiated
            warning tls-weak-cipher 10.0.0.1>172.224.37.171:443 x1 from 977: TLS_RSA_WITH_RC4_128_SHA was negotiated
            warning certificate-weak-signature 10.0.0.1>64.233.166.94:443 x1 from 3924: the certificate of C=US, ST=California, L=Mountain View, O=Google Inc, CN=*.google.co.il is signed with sha1WithRSAEncryption
            warning certificate-weak-signature 10.0.0.1>212.199.219.221:443 x1 from 4004: the certificate of C=US, ST=California, L=Mountain View, O=Google Inc, CN=*.google.com is signed with sha1WithRSAEncryption
            warning certificate-weak-signature 10.0.0.1>212.199.219.227:443 x2 from 4126: the certificate of C=US, ST=California, L=Mountain View, O=Google Inc, CN=*.google.com is signed with sha1WithRSAEncryption
            warning certificate-weak-signature 10.0.0.1>212.199.219.226:443 x2 from 4130: the certificate of C=US, ST=California, L=Mountain View, O=Google Inc, CN=*.google.com is signed with sha1WithRSAEncryption
            warning certificate-weak-signature 10.0.0.1>173.194.115.255:443 x1 from 4380: the certificate of C=US, ST=California, L=Mountain View, O=Google Inc, CN=*.google.co.il is signed with sha1WithRSAEncryption
            warning certificate-weak-signature 10.0.0.1>176.9.42.179:443 x1 from 4465: the certificate of description=tVGkOj1pqLLZF02a, C=DE, ST=Niedersachsen, L=Hannover, O=Abakus Internet Marketing GmbH, CN=www.cybersear.ch, Email=hostmaster@cybersear.ch is signed with sha1WithRSAEncryption
        protocols/tls.pcap
            info certificate-self-signed 192.168.1.4>192.168.1.3:443 x1 from 4: the certificate of C=IN, ST=KAR, L=BAN, O=SMSC, OU=QA, CN=BAWMASHBIJ.corp.smsc.com, Email=ashbi.jose@smsc.com is signed by itself
            warning certificate-weak-key 192.168.1.4>192.168.1.3:443 x1 from 4: the certificate of C=IN, ST=KAR, L=BAN, O=SMSC, OU=QA, CN=BAWMASHBIJ.corp.smsc.com, Email=ashbi.jose@smsc.com has a key of 1024 bits
            warning tls-old-version 192.168.1.4>192.168.1.3:443 x1 from 4: TLS 1.0 was negotiated
            warning tls-weak-cipher 192.168.1.4>192.168.1.3:443 x1 from 4: TLS_RSA_WITH_RC4_128_SHA was negotiated
            warning certificate-weak-signature 10.0.0.1>212.199.219.221:443 x1 from 18: the certificate of C=US, ST=California, L=Mountain View, O=Google Inc, CN=*.google.com is signed with sha1WithRSAEncryption"#]],
    );
}

#[test]
fn what_breaks_formats_is_found_as_often_as_before() {
    let mut counts = BTreeMap::<_, u64>::new();
    for path in captures(&project().join("captures")) {
        for finding in findings(&path).iter().filter(|one| is_of_format(one)) {
            *counts.entry(finding.code).or_default() += finding.count;
        }
    }
    expect![[r#"
        {
            "fragment-tiny": 1,
        }
    "#]]
    .assert_debug_eq(&counts);
}
