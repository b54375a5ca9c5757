//! TLS that protects less than it seems to: old versions, weak cipher suites, certificates
//! that a client should refuse.

use super::{Evidence, Subject};
use crate::record::{Certificate, FlowRef, Record, Severity, Time, TlsHandshake};

/// RFC 8996 and RFC 7568: must not be used.
const OLD_VERSIONS: [&str; 3] = ["SSL 3.0", "TLS 1.0", "TLS 1.1"];

/// Parts of the names of cipher suites that RFC 9325, 4.1 says not to negotiate: without
/// encryption or authentication, or with less than 128 bits. DES covers 3DES too, whose blocks
/// of 64 bits repeat (CVE-2016-2183).
const WEAK_PARTS: [&str; 9] = [
    "NULL",
    "anon",
    "EXPORT",
    "EXPORT1024",
    "RC4",
    "RC2",
    "DES",
    "DES40",
    "3DES",
];

/// Bits of a key for RSA or DSA that a certificate has at least (NIST SP 800-131A).
pub(super) const KEY_BITS_MIN: u32 = 2_048;

/// How the names of those keys' algorithms begin.
const SIZED_KEYS: [&str; 3] = ["rsa", "dsa", "id-dsa"];

/// Hashes that can be forged, in the names of signature algorithms (RFC 9155).
const WEAK_HASHES: [&str; 2] = ["md5", "sha1"];

/// 1995, when SSL began: a capture of before that has no clock, and tells nothing about
/// what is expired.
const CLOCKS_SINCE: Time = Time(788_918_400 * 1_000_000_000);

/// What is wrong with a handshake.
pub(super) fn handshake(record: &Record, tls: &TlsHandshake, out: &mut Vec<Evidence>) {
    let Some(flow) = record.flow else { return };
    let mut found = |code, severity, message, about| {
        out.push(evidence(record, &flow, code, severity, message, about));
    };
    let TlsHandshake {
        version,
        cipher_suite,
        server_certificates,
        ..
    } = tls;
    if OLD_VERSIONS.contains(&&**version) {
        let message = format!("{version} was negotiated");
        found("tls-old-version", Severity::Warning, message, String::new());
    }
    let mut parts = cipher_suite.split('_');
    if parts.any(|part| WEAK_PARTS.contains(&part)) {
        let message = format!("{cipher_suite} was negotiated");
        found("tls-weak-cipher", Severity::Warning, message, String::new());
    }
    // The server's own. Those above are often old roots that nobody needs.
    let Some(own) = server_certificates.first() else {
        return;
    };
    for (code, severity, message) in wrong(own, record.time) {
        let message = format!("the certificate of {} {message}", own.subject);
        found(code, severity, message, own.sha256.clone());
    }
}

/// What is wrong with a certificate that was shown at `now`.
fn wrong(
    certificate: &Certificate,
    now: Time,
) -> impl Iterator<Item = (&'static str, Severity, String)> {
    let Certificate {
        not_before,
        not_after,
        signature_algorithm,
        key_algorithm,
        key_bits,
        self_signed,
        ..
    } = certificate;
    // One that can't be read is a finding by itself.
    let is_read = !key_algorithm.is_empty();
    let has_clock = is_read && now >= CLOCKS_SINCE;
    let key = key_algorithm.to_ascii_lowercase();
    let has_small_key =
        SIZED_KEYS.iter().any(|name| key.starts_with(name)) && (1..KEY_BITS_MIN).contains(key_bits);
    let signature = signature_algorithm.to_ascii_lowercase();
    // A root's own signature is worth nothing anyway.
    let has_weak_hash = !self_signed && WEAK_HASHES.iter().any(|hash| signature.contains(hash));
    let all = [
        (has_clock && now > *not_after).then(|| {
            let days = now.since(*not_after).as_secs() / 86_400;
            let message = format!("expired {days} days ago");
            ("certificate-expired", Severity::Warning, message)
        }),
        (has_clock && now < *not_before).then(|| {
            let message = "is not valid yet".to_owned();
            ("certificate-not-yet-valid", Severity::Warning, message)
        }),
        (is_read && *self_signed).then(|| {
            let message = "is signed by itself".to_owned();
            ("certificate-self-signed", Severity::Info, message)
        }),
        has_small_key.then(|| {
            let message = format!("has a key of {key_bits} bits");
            ("certificate-weak-key", Severity::Warning, message)
        }),
        has_weak_hash.then(|| {
            let message = format!("is signed with {signature_algorithm}");
            ("certificate-weak-signature", Severity::Warning, message)
        }),
    ];
    all.into_iter().flatten()
}

fn evidence(
    record: &Record,
    flow: &FlowRef,
    code: &'static str,
    severity: Severity,
    message: String,
    about: String,
) -> Evidence {
    let server = Some(flow.server.address);
    Evidence {
        subject: Subject {
            code,
            // It is the server's, whoever came to see it.
            source: None,
            target: server,
            about,
        },
        severity,
        message: message.into(),
        source: Some(flow.client.address),
        target: server,
        target_port: flow.server.port,
        count: 1,
        first_packet: record.packet_number,
        flow_ids: vec![flow.flow_id],
    }
}
