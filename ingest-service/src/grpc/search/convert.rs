//! Between queries of the wire and of the domain.

use std::net::IpAddr;

use weir_shared::proto::{
    analyzer::v1::{RecordKind, Severity},
    ingest::v1 as proto,
};

use super::SearchApi;
use crate::{
    domain::{
        error::Error,
        id::Uid,
        index::{AddressRange, Host, RecordQuery, mapped, words::Words},
    },
    grpc::{
        convert::{invalid, time},
        page::page_size,
    },
};

/// A DNS name has at most 255 bytes; what was seen on the wire may be longer.
const HOST_BYTES_MAX: usize = 1_024;
/// "1:" and 28 characters of base64.
const COMMUNITY_BYTES_MAX: usize = 64;
const SERVICE_BYTES_MAX: usize = 64;
/// Of a query for words.
const QUERY_BYTES_MAX: usize = 4_096;

/// Ports are of 16 bits.
const PORT_MAX: u32 = 65_535;

pub(super) fn records(
    request: proto::QueryRecordsRequest,
    capture: Option<Uid>,
) -> Result<RecordQuery, Error> {
    let proto::QueryRecordsRequest {
        page_size: _,
        page_token: _,
        capture_id: _,
        kinds,
        address,
        port,
        host: name,
        service,
        community_id,
        severity_min,
        time_from,
        time_before,
    } = request;
    Ok(RecordQuery {
        after: None,
        capture,
        kinds: kinds.into_iter().map(kind).collect::<Result<_, _>>()?,
        addresses: given(address, addresses)?,
        port: match port {
            0 => None,
            port if port <= PORT_MAX => Some(port),
            _ => return Err(invalid("port", "is above 65,535")),
        },
        host: given(name, host)?,
        service: given(service, self::service)?,
        community: given(community_id, community)?,
        severity_min: severity(severity_min)?,
        from: time("time_from", time_from)?,
        before: time("time_before", time_before)?,
        limit: 0,
    })
}

/// What is not empty.
fn given<T>(
    text: String,
    parse: impl FnOnce(String) -> Result<T, Error>,
) -> Result<Option<T>, Error> {
    match text.is_empty() {
        true => Ok(None),
        false => parse(text).map(Some),
    }
}

fn kind(number: i32) -> Result<u32, Error> {
    match RecordKind::try_from(number) {
        Ok(RecordKind::Unspecified) | Err(_) => Err(invalid("kinds", "has what is no kind")),
        Ok(kind) => u32::try_from(i32::from(kind)).map_err(|e| invalid("kinds", e)),
    }
}

fn severity(number: i32) -> Result<Option<u32>, Error> {
    match Severity::try_from(number) {
        Ok(Severity::Unspecified) => Ok(None),
        Ok(severity) => Ok(u32::try_from(i32::from(severity)).ok()),
        Err(_) => Err(invalid("severity_min", "is no severity")),
    }
}

/// One address, or a network in CIDR notation (RFC 4632, section 3.1).
fn addresses(text: String) -> Result<AddressRange, Error> {
    let wrong = || {
        invalid(
            "address",
            "is neither an address nor a network such as 10.1.0.0/16",
        )
    };
    let (address, bits) = match text.split_once('/') {
        Some((address, bits)) => (address, Some(bits)),
        None => (&*text, None),
    };
    let address: IpAddr = address.parse().map_err(|_| wrong())?;
    // Of the 16 bytes that an IPv4 address is mapped to, 12 are the same.
    let (length, before) = match address {
        IpAddr::V4(_) => (32, 96),
        IpAddr::V6(_) => (128, 0),
    };
    let bits = match bits {
        None => length,
        Some(bits) if bits.bytes().all(|b| b.is_ascii_digit()) => {
            let bits: u32 = bits.parse().map_err(|_| wrong())?;
            if bits > length {
                return Err(wrong());
            }
            bits
        }
        Some(_) => return Err(wrong()),
    };
    let hosts = u128::MAX.checked_shr(before + bits).unwrap_or(0);
    let address = u128::from_be_bytes(mapped(address));
    Ok(AddressRange {
        first: (address & !hosts).to_be_bytes(),
        last: (address | hosts).to_be_bytes(),
    })
}

fn host(text: String) -> Result<Host, Error> {
    if text.len() > HOST_BYTES_MAX {
        return Err(invalid(
            "host",
            format!("is longer than {HOST_BYTES_MAX} bytes"),
        ));
    }
    match text.strip_prefix('.') {
        Some("") => Err(invalid("host", "has no label")),
        Some(name) => Ok(Host::Below(name.to_owned())),
        None => Ok(Host::Is(text)),
    }
}

fn service(text: String) -> Result<String, Error> {
    let is_plain =
        |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'.' | b'/');
    match text.len() <= SERVICE_BYTES_MAX && text.bytes().all(is_plain) {
        true => Ok(text),
        false => Err(invalid("service", "is no name of a service")),
    }
}

fn community(text: String) -> Result<String, Error> {
    match text.starts_with("1:") && text.len() <= COMMUNITY_BYTES_MAX {
        true => Ok(text),
        false => Err(invalid("community_id", "is no Community ID of version 1")),
    }
}

pub(super) async fn search(
    api: &SearchApi,
    request: proto::SearchCapturesRequest,
) -> Result<proto::SearchCapturesResponse, Error> {
    let proto::SearchCapturesRequest {
        query,
        page_size: size,
    } = request;
    if query.len() > QUERY_BYTES_MAX {
        let why = format!("is longer than {QUERY_BYTES_MAX} bytes");
        return Err(invalid("query", why));
    }
    let words = Words::parse(&query).map_err(Error::Words)?;
    let found = api.index.search(&words, page_size(size)?).await?;
    let captures = found.into_iter().map(|capture| proto::FoundCapture {
        capture_id: capture.id.to_string(),
        capture_uid: capture.uid.to_string(),
        file_name: capture.file_name,
        score: capture.score,
    });
    Ok(proto::SearchCapturesResponse {
        captures: captures.collect(),
    })
}

#[cfg(test)]
mod tests;
