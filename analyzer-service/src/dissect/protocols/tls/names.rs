//! Names of the numbers in IANA's "TLS Parameters".

use std::borrow::Cow;

use tls_parser::TlsCipherSuite;

use crate::dissect::text::wire_text;

pub(super) const TLS_1_3: u16 = 0x0304;

/// "TLS 1.3"; hexadecimal when unnamed.
pub(super) fn version(number: u16) -> Cow<'static, str> {
    match number {
        0x0300 => "SSL 3.0".into(),
        0x0301 => "TLS 1.0".into(),
        0x0302 => "TLS 1.1".into(),
        0x0303 => "TLS 1.2".into(),
        TLS_1_3 => "TLS 1.3".into(),
        // RFC 8446 before it was one.
        0x7f00..=0x7fff => format!("TLS 1.3 draft {}", number & 0xff).into(),
        _ => format!("0x{number:04x}").into(),
    }
}

/// IANA's description; hexadecimal when unnamed.
pub(super) fn cipher_suite(number: u16) -> Cow<'static, str> {
    match TlsCipherSuite::from_id(number) {
        Some(suite) => suite.name.into(),
        None => format!("0x{number:04x}").into(),
    }
}

/// Protocols offered by ALPN, as they are; usual ones take no memory of their own.
pub(super) fn protocol(name: &[u8]) -> Cow<'static, str> {
    match name {
        b"h2" => "h2".into(),
        b"h3" => "h3".into(),
        b"http/1.1" => "http/1.1".into(),
        b"http/1.0" => "http/1.0".into(),
        other => wire_text(other).into(),
    }
}

/// IANA's description; the number when unnamed.
pub(super) fn alert(description: u8) -> String {
    let name = match description {
        0 => "close_notify",
        10 => "unexpected_message",
        20 => "bad_record_mac",
        21 => "decryption_failed",
        22 => "record_overflow",
        30 => "decompression_failure",
        40 => "handshake_failure",
        41 => "no_certificate",
        42 => "bad_certificate",
        43 => "unsupported_certificate",
        44 => "certificate_revoked",
        45 => "certificate_expired",
        46 => "certificate_unknown",
        47 => "illegal_parameter",
        48 => "unknown_ca",
        49 => "access_denied",
        50 => "decode_error",
        51 => "decrypt_error",
        52 => "too_many_cids_requested",
        60 => "export_restriction",
        70 => "protocol_version",
        71 => "insufficient_security",
        80 => "internal_error",
        86 => "inappropriate_fallback",
        90 => "user_canceled",
        100 => "no_renegotiation",
        109 => "missing_extension",
        110 => "unsupported_extension",
        111 => "certificate_unobtainable",
        112 => "unrecognized_name",
        113 => "bad_certificate_status_response",
        114 => "bad_certificate_hash_value",
        115 => "unknown_psk_identity",
        116 => "certificate_required",
        117 => "general_error",
        120 => "no_application_protocol",
        121 => "ech_required",
        _ => return format!("alert {description}"),
    };
    name.to_owned()
}
