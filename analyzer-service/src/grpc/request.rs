//! The request, parsed once: what comes out of here can't be wrong.

use std::{num::NonZeroU64, time::Duration};

use bytes::Bytes;
use weir_shared::{
    limits::{EXTENTS_PER_MESSAGE_MAX, SEGMENT_BYTES_MAX},
    proto::analyzer::v1 as pb,
};

use super::errors::RequestError;
use crate::{
    analysis::{IDLE_TIMEOUT, Options},
    filter::Filter,
    record::{Kind, KindSet},
    source::{Extent, ManifestRef},
};

/// Progress at most this often: more would be noise on the wire.
const PROGRESS_INTERVAL_MIN: Duration = Duration::from_millis(10);
const PROGRESS_INTERVAL_DEFAULT: Duration = Duration::from_millis(250);

/// Where the capture's bytes are.
#[derive(Clone, Debug)]
pub(super) enum Source {
    Inline(Bytes),
    Extents(Vec<Extent>),
    Manifest(ManifestRef),
}

/// One analysis, as asked for.
#[derive(Clone, Debug)]
pub(super) struct AnalysisRequest {
    pub(super) source: Source,
    pub(super) options: Options,
    pub(super) progress_interval: Duration,
}

pub(super) fn parse(
    request: pb::AnalyzeRequest,
    inline_bytes_max: usize,
) -> Result<AnalysisRequest, RequestError> {
    let pb::AnalyzeRequest { options, source } = request;
    let source = match source {
        None => return Err(field("source", "not set")),
        Some(pb::analyze_request::Source::Inline(bytes)) => {
            if bytes.len() > inline_bytes_max {
                return Err(RequestError::InlineTooLarge {
                    bytes: bytes.len(),
                    limit: inline_bytes_max,
                });
            }
            Source::Inline(bytes)
        }
        Some(pb::analyze_request::Source::Stored(stored)) => {
            if stored.extents.len() > EXTENTS_PER_MESSAGE_MAX {
                let text = format!("more than {EXTENTS_PER_MESSAGE_MAX}: send a manifest");
                return Err(field("stored.extents", &text));
            }
            Source::Extents(extents(stored)?)
        }
        Some(pb::analyze_request::Source::Manifest(manifest)) => {
            let pb::ManifestRef {
                capture_id: _,
                object,
                sha256,
            } = manifest;
            let object = object
                .parse()
                .map_err(|_| field("manifest.object", "not an object key"))?;
            let sha256 = <[u8; 32]>::try_from(&*sha256)
                .map_err(|_| field("manifest.sha256", "not 32 bytes"))?;
            Source::Manifest(ManifestRef { object, sha256 })
        }
    };
    let (options, progress_interval) = self::options(options.unwrap_or_default())?;
    Ok(AnalysisRequest {
        source,
        options,
        progress_interval,
    })
}

/// The extents of a stored capture, none of them outside of what an extent may be.
pub(super) fn extents(stored: pb::StoredCapture) -> Result<Vec<Extent>, RequestError> {
    let pb::StoredCapture {
        capture_id: _,
        extents,
    } = stored;
    let one = |(index, extent): (usize, pb::Extent)| {
        let pb::Extent {
            object,
            offset,
            length,
            crc32c,
        } = extent;
        let wrong = |reason| RequestError::Extent { index, reason };
        if !(1..=SEGMENT_BYTES_MAX).contains(&length) {
            return Err(wrong("the length is not 1 byte to 8 MiB"));
        }
        if offset.checked_add(length).is_none() {
            return Err(wrong("the end is past the largest offset"));
        }
        Ok(Extent {
            object: object.parse().map_err(|_| wrong("not an object key"))?,
            offset,
            length,
            crc32c,
        })
    };
    extents.into_iter().enumerate().map(one).collect()
}

fn options(options: pb::AnalysisOptions) -> Result<(Options, Duration), RequestError> {
    let pb::AnalysisOptions {
        record_kinds,
        idle_timeout,
        active_timeout,
        progress_interval,
        packet_limit,
        filter,
        interim_interval,
    } = options;
    let idle_timeout = duration("options.idle_timeout", idle_timeout)?;
    let options = Options {
        kinds: kinds(&record_kinds)?,
        idle_timeout: idle_timeout.map_or(Some(IDLE_TIMEOUT), nonzero),
        active_timeout: duration("options.active_timeout", active_timeout)?.and_then(nonzero),
        interim_interval: duration("options.interim_interval", interim_interval)?.and_then(nonzero),
        filter: self::filter(&filter)?,
        packet_limit: NonZeroU64::new(packet_limit),
        ..Options::default()
    };
    let progress_interval = duration("options.progress_interval", progress_interval)?
        .unwrap_or(PROGRESS_INTERVAL_DEFAULT)
        .max(PROGRESS_INTERVAL_MIN);
    Ok((options, progress_interval))
}

fn filter(text: &str) -> Result<Option<Filter>, RequestError> {
    match text {
        "" => Ok(None),
        text => Ok(Some(Filter::parse(text)?)),
    }
}

fn nonzero(duration: Duration) -> Option<Duration> {
    (!duration.is_zero()).then_some(duration)
}

fn duration(
    name: &str,
    value: Option<pbjson_types::Duration>,
) -> Result<Option<Duration>, RequestError> {
    let Some(value) = value else { return Ok(None) };
    match (u64::try_from(value.seconds), u32::try_from(value.nanos)) {
        (Ok(seconds), Ok(nanos)) if nanos < 1_000_000_000 => {
            Ok(Some(Duration::new(seconds, nanos)))
        }
        _ => Err(field(name, "negative, or nanos not below 1,000,000,000")),
    }
}

fn kinds(numbers: &[i32]) -> Result<KindSet, RequestError> {
    if numbers.is_empty() {
        return Ok(KindSet::all());
    }
    let mut set = KindSet::EMPTY;
    for &number in numbers {
        let kind = match pb::RecordKind::try_from(number) {
            Ok(pb::RecordKind::Flow) => Kind::Flow,
            Ok(pb::RecordKind::Dns) => Kind::Dns,
            Ok(pb::RecordKind::Http) => Kind::Http,
            Ok(pb::RecordKind::Tls) => Kind::Tls,
            Ok(pb::RecordKind::Quic) => Kind::Quic,
            Ok(pb::RecordKind::Ssh) => Kind::Ssh,
            Ok(pb::RecordKind::Dhcp) => Kind::Dhcp,
            Ok(pb::RecordKind::Finding) => Kind::Finding,
            Ok(pb::RecordKind::Unspecified) | Err(_) => {
                return Err(field(
                    "options.record_kinds",
                    &format!("unknown kind {number}"),
                ));
            }
        };
        set = set.with(kind);
    }
    Ok(set)
}

fn field(field: &str, reason: &str) -> RequestError {
    RequestError::Field {
        field: field.into(),
        reason: reason.into(),
    }
}

#[cfg(test)]
mod tests;
