//! Start line and headers, by httparse, told to be as lenient as it can.

use std::{borrow::Cow, mem::MaybeUninit};

use httparse::{Header, ParserConfig, Status};

use super::{
    body::Body,
    framing::{Framing, InvalidLength},
    login,
};
use crate::{dissect::text::wire_text, record::HttpTransaction};

/// Longest head read; common servers refuse less.
pub(super) const HEAD_BYTES_MAX: usize = 64 << 10;

/// Header lines of one head; common servers refuse beyond 100.
const HEADERS_MAX: usize = 256;

/// IANA's "HTTP Method Registry" and UPnP's, most frequent first.
const METHODS: &[&[u8]] = &[
    b"GET",
    b"POST",
    b"HEAD",
    b"PUT",
    b"OPTIONS",
    b"CONNECT",
    b"DELETE",
    b"PATCH",
    b"TRACE",
    b"PROPFIND",
    b"PROPPATCH",
    b"MKCOL",
    b"COPY",
    b"MOVE",
    b"LOCK",
    b"UNLOCK",
    b"SEARCH",
    b"REPORT",
    b"NOTIFY",
    b"SUBSCRIBE",
    b"UNSUBSCRIBE",
    b"M-SEARCH",
    b"ACL",
    b"BIND",
    b"CHECKIN",
    b"CHECKOUT",
    b"LABEL",
    b"LINK",
    b"MERGE",
    b"MKACTIVITY",
    b"MKCALENDAR",
    b"MKREDIRECTREF",
    b"MKWORKSPACE",
    b"ORDERPATCH",
    b"QUERY",
    b"REBIND",
    b"UNBIND",
    b"UNCHECKOUT",
    b"UNLINK",
    b"UPDATE",
    b"UPDATEREDIRECTREF",
    b"VERSION-CONTROL",
];

const VERSION: &[u8] = b"HTTP/1.";

/// What a direction's first bytes look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Look {
    Request,
    Response,
    TooShort,
    Neither,
}

/// A request's head, as text.
#[derive(Debug, Default)]
pub(in super::super) struct Request {
    pub(super) method: Cow<'static, str>,
    pub(super) target: String,
    pub(super) version: Cow<'static, str>,
    pub(super) host: String,
    pub(super) user_agent: String,
    pub(super) referrer: String,
    /// Who sends a secret in the head.
    pub(super) login: Option<String>,
    /// The body is one.
    pub(super) is_form: bool,
    framing: Framing,
}

/// A response's head, as text.
#[derive(Debug, Default)]
pub(in super::super) struct Response {
    pub(super) status: u16,
    pub(super) version: Cow<'static, str>,
    pub(super) content_type: String,
    pub(super) server: String,
    framing: Framing,
}

/// Whether a segment surely begins with a head, as far as it can be seen.
pub(super) fn begins(data: &[u8]) -> bool {
    match look(data) {
        Look::Response => true,
        Look::Request => match data.iter().position(|byte| *byte == b'\n') {
            // SIP, RTSP and others have the same methods.
            Some(end) => {
                let line = data[..end].trim_ascii_end();
                let version = line.len().checked_sub(VERSION.len() + 1);
                version.is_some_and(|at| line[at..].starts_with(VERSION))
            }
            None => true,
        },
        Look::TooShort | Look::Neither => false,
    }
}

pub(super) fn look(data: &[u8]) -> Look {
    let data = &data[line_ends(data)..];
    if data.len() < VERSION.len() && VERSION.starts_with(data) {
        return Look::TooShort;
    }
    if data.starts_with(VERSION) {
        return Look::Response;
    }
    let is_of_method = |byte: &u8| byte.is_ascii_uppercase() || *byte == b'-';
    let end = data.iter().position(|byte| !is_of_method(byte));
    let mut methods = METHODS.iter();
    match end {
        Some(0) => {}
        Some(end) if data[end] == b' ' && methods.any(|method| *method == &data[..end]) => {
            return Look::Request;
        }
        Some(_) => {}
        None if methods.any(|method| method.starts_with(data)) => return Look::TooShort,
        None => {}
    }
    Look::Neither
}

/// Length of the head at the front of `data`, its empty line included; its first
/// `searched` bytes are known not to have it.
pub(super) fn length(data: &[u8], searched: usize) -> Option<usize> {
    let blank = line_ends(data);
    // The empty line may have begun before.
    let mut at = searched.saturating_sub(3).max(blank);
    loop {
        at += data.get(at..)?.iter().position(|byte| *byte == b'\n')? + 1;
        match data.get(at..)? {
            [b'\n', ..] => return Some(at + 1),
            [b'\r', b'\n', ..] => return Some(at + 2),
            _ => {}
        }
    }
}

/// How many bytes of line ends there are in front. RFC 9112, 2.2: before a head they do not
/// count.
pub(super) fn line_ends(data: &[u8]) -> usize {
    let other = |byte: &u8| !matches!(byte, b'\r' | b'\n');
    data.iter().position(other).unwrap_or(data.len())
}

impl Request {
    /// None when it is no request.
    pub(in super::super) fn parse(head: &[u8]) -> Option<Self> {
        let head = &head[line_ends(head)..];
        if let Some(request) = Self::parse_text(head) {
            return Some(request);
        }
        // httparse wants the target in UTF-8: show it the escaped line.
        let end = head.iter().position(|byte| *byte == b'\n')?;
        let line = wire_text(head[..end].trim_ascii_end());
        let escaped = [line.as_bytes(), b"\r\n", &head[end + 1..]].concat();
        Self::parse_text(&escaped)
    }

    fn parse_text(head: &[u8]) -> Option<Self> {
        let mut headers = [const { MaybeUninit::uninit() }; HEADERS_MAX];
        let mut parsed = httparse::Request::new(&mut []);
        let status = lenient().parse_request_with_uninit_headers(&mut parsed, head, &mut headers);
        let Ok(Status::Complete(_)) = status else {
            return None;
        };
        Some(Self {
            method: method(parsed.method?),
            target: wire_text(parsed.path?.as_bytes()),
            login: login::field(parsed.headers).or_else(|| login::query(parsed.path?.as_bytes())),
            is_form: login::is_form(parsed.headers),
            version: version(parsed.version?),
            host: header(parsed.headers, "host"),
            user_agent: header(parsed.headers, "user-agent"),
            referrer: header(parsed.headers, "referer"),
            framing: Framing::of(parsed.headers),
        })
    }

    /// What it says of its transaction.
    pub(in super::super) fn into_record(self) -> HttpTransaction {
        HttpTransaction {
            method: self.method,
            host: self.host,
            target: self.target,
            version: self.version,
            user_agent: self.user_agent,
            referrer: self.referrer,
            ..HttpTransaction::default()
        }
    }

    /// RFC 9112, 6.3.
    pub(super) fn body(&self) -> Result<Option<Body>, InvalidLength> {
        self.framing.of_request()
    }
}

impl Response {
    /// None when it is no response.
    pub(in super::super) fn parse(head: &[u8]) -> Option<Self> {
        let head = &head[line_ends(head)..];
        let mut headers = [const { MaybeUninit::uninit() }; HEADERS_MAX];
        let mut parsed = httparse::Response::new(&mut []);
        let status = lenient().parse_response_with_uninit_headers(&mut parsed, head, &mut headers);
        let Ok(Status::Complete(_)) = status else {
            return None;
        };
        Some(Self {
            status: parsed.code?,
            version: version(parsed.version?),
            content_type: header(parsed.headers, "content-type"),
            server: header(parsed.headers, "server"),
            framing: Framing::of(parsed.headers),
        })
    }

    /// What it says of its transaction.
    pub(in super::super) fn into_record(self) -> HttpTransaction {
        HttpTransaction {
            status: self.status,
            version: self.version,
            content_type: self.content_type,
            server: self.server,
            ..HttpTransaction::default()
        }
    }

    /// The body of this response to a request with `method`.
    pub(super) fn body(&self, method: &str) -> Result<Option<Body>, InvalidLength> {
        if method == "HEAD" || matches!(self.status, 100..200 | 204 | 304) {
            return Ok(None);
        }
        self.framing.of_response()
    }
}

fn lenient() -> ParserConfig {
    let mut config = ParserConfig::default();
    config
        .allow_spaces_after_header_name_in_responses(true)
        .allow_obsolete_multiline_headers_in_responses(true)
        .allow_multiple_spaces_in_request_line_delimiters(true)
        .allow_multiple_spaces_in_response_status_delimiters(true)
        .allow_space_before_first_header_name(true)
        .ignore_invalid_headers_in_requests(true)
        .ignore_invalid_headers_in_responses(true);
    config
}

/// The first of this name; empty if there is none.
fn header(headers: &[Header<'_>], name: &str) -> String {
    let mut headers = headers.iter();
    let header = headers.find(|header| header.name.eq_ignore_ascii_case(name));
    header.map_or_else(String::new, |header| wire_text(header.value))
}

fn method(name: &str) -> Cow<'static, str> {
    let known = METHODS.iter().find(|known| **known == name.as_bytes());
    match known.and_then(|known| str::from_utf8(known).ok()) {
        Some(known) => known.into(),
        None => wire_text(name.as_bytes()).into(),
    }
}

fn version(minor: u8) -> Cow<'static, str> {
    match minor {
        0 => "HTTP/1.0".into(),
        1 => "HTTP/1.1".into(),
        other => format!("HTTP/1.{other}").into(),
    }
}
