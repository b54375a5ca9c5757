//! Values of flags that clap does not know by itself.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use clap::ValueEnum;
use tonic::transport::Uri;
use weir_shared::proto::{Timestamp, analyzer::v1::RecordKind};

/// Longest span of time in a flag: a year, beyond any capture or patience, and
/// far below what a timer or a `grpc-timeout` holds.
const SPAN_MAX: Duration = Duration::from_secs(366 * 24 * 60 * 60);

/// Bytes of a capture's name, as the service counts them.
const CAPTURE_ID_BYTES_MAX: usize = 128;

/// Bytes of a request's name, as the service counts them.
const REQUEST_ID_BYTES_MAX: usize = 128;

/// Kinds of record by their names in JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Kind {
    Flow,
    Dns,
    Http,
    Tls,
    Quic,
    Ssh,
    Dhcp,
    Finding,
}

impl From<Kind> for RecordKind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Flow => Self::Flow,
            Kind::Dns => Self::Dns,
            Kind::Http => Self::Http,
            Kind::Tls => Self::Tls,
            Kind::Quic => Self::Quic,
            Kind::Ssh => Self::Ssh,
            Kind::Dhcp => Self::Dhcp,
            Kind::Finding => Self::Finding,
        }
    }
}

/// Seconds, or a number with the unit ms, s, m or h.
pub(super) fn span(text: &str) -> Result<Duration, String> {
    let unit_at = text
        .find(|c: char| c.is_ascii_alphabetic())
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(unit_at);
    let unit_seconds = match unit {
        "" | "s" => 1.0,
        "ms" => 0.001,
        "m" => 60.0,
        "h" => 3600.0,
        _ => return Err(format!("{unit:?} is no unit: use ms, s, m or h")),
    };
    let number: f64 = number
        .parse()
        .map_err(|_| "not a number of seconds".to_owned())?;
    let span = Duration::try_from_secs_f64(number * unit_seconds)
        .map_err(|_| "not a span of time".to_owned())?;
    if span > SPAN_MAX {
        return Err("more than a year".to_owned());
    }
    Ok(span)
}

/// A time after RFC 3339, in UTC when it is a date alone, or how long ago.
pub(super) fn moment(text: &str) -> Result<Timestamp, String> {
    if let Ok(ago) = span(text) {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let then = now.unwrap_or_default().saturating_sub(ago);
        return Ok(Timestamp {
            seconds: i64::try_from(then.as_secs()).unwrap_or(i64::MAX),
            nanos: then.subsec_nanos().cast_signed(),
        });
    }
    let told = serde_json::Value::String(text.to_owned());
    serde_json::from_value(told)
        .map_err(|_| "neither a time like 2026-11-20T08:30:00Z nor a span like 2h".to_owned())
}

/// A span that leaves time to do anything.
pub(super) fn timeout(text: &str) -> Result<Duration, String> {
    let span = span(text)?;
    if span.is_zero() {
        return Err("leaves no time; leave --timeout out to wait forever".to_owned());
    }
    Ok(span)
}

pub(super) fn endpoint(text: &str) -> Result<Uri, String> {
    let uri: Uri = text.parse().map_err(|_| "not a URL".to_owned())?;
    match uri.scheme_str() {
        Some("http") => {}
        Some(scheme) => return Err(format!("scheme {scheme:?}: only http is served")),
        None => return Err(format!("no scheme: did you mean http://{text}?")),
    }
    if uri.path_and_query().is_some_and(|p| p.as_str() != "/") {
        return Err("a gRPC endpoint has no path".to_owned());
    }
    Ok(uri)
}

pub(super) fn label(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some(("", _)) => Err("the key is empty".to_owned()),
        Some((key, value)) => Ok((key.to_owned(), value.to_owned())),
        None => Err("not of the form KEY=VALUE".to_owned()),
    }
}

/// `[A-Za-z0-9._:-]{1,128}`, the service's own rule.
pub(super) fn request_id(text: &str) -> Result<String, String> {
    let is_plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b':' | b'-');
    if text.is_empty() || text.len() > REQUEST_ID_BYTES_MAX || !text.bytes().all(is_plain) {
        return Err("1 to 128 of A-Z, a-z, 0-9, '.', '_', ':' and '-'".to_owned());
    }
    Ok(text.to_owned())
}

pub(super) fn analysis_id(text: &str) -> Result<String, String> {
    match uuid::Uuid::try_parse(text) {
        Ok(id) => Ok(id.to_string()),
        Err(_) => Err("an analysis' id is a UUID".to_owned()),
    }
}

/// `[a-z0-9][a-z0-9._-]{0,127}`, the service's own rule, told before anything is sent.
pub(super) fn capture_id(text: &str) -> Result<String, String> {
    let lower_or_digit = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let starts = text.bytes().next().is_some_and(lower_or_digit);
    let goes_on = text
        .bytes()
        .all(|b| lower_or_digit(b) || matches!(b, b'.' | b'_' | b'-'));
    if !starts || !goes_on || text.len() > CAPTURE_ID_BYTES_MAX {
        return Err(
            "a capture id is 1 to 128 of a-z, 0-9, '.', '_' and '-', and starts with a letter or digit"
                .to_owned(),
        );
    }
    Ok(text.to_owned())
}
