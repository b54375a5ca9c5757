//! Where a head says that its body ends (RFC 9112, 6).

use httparse::Header;

use super::body::{Body, Chunk};

/// What the Transfer-Encoding and Content-Length fields of a head come to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Framing {
    #[default]
    Unsaid,
    Length(u64),
    Chunked,
    /// A coding that does not tell where it ends; a length does not count beside it.
    OtherCoding,
    /// A length that is no number, or more than one.
    Invalid,
}

/// Nothing tells where the body ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct InvalidLength;

impl Framing {
    pub(super) fn of(headers: &[Header<'_>]) -> Self {
        // RFC 9110, 5.3: many lines are one list, whose last coding tells.
        match elements(headers, "transfer-encoding").last() {
            Some(coding) if coding.eq_ignore_ascii_case(b"chunked") => return Self::Chunked,
            // RFC 2616 had it for "none".
            Some(coding) if !coding.eq_ignore_ascii_case(b"identity") => {
                return Self::OtherCoding;
            }
            _ => {}
        }
        // RFC 9112, 6.3: the same value many times is one.
        let mut lengths = elements(headers, "content-length").map(number);
        match lengths.next() {
            None => Self::Unsaid,
            Some(Some(length)) if lengths.all(|other| other == Some(length)) => {
                Self::Length(length)
            }
            Some(_) => Self::Invalid,
        }
    }

    /// The body of a request: without framing there is none.
    pub(super) fn of_request(self) -> Result<Option<Body>, InvalidLength> {
        match self {
            Self::Unsaid => Ok(None),
            Self::OtherCoding => Err(InvalidLength),
            _ => self.body(),
        }
    }

    /// The body of a response that may have one.
    pub(super) fn of_response(self) -> Result<Option<Body>, InvalidLength> {
        self.body()
    }

    fn body(self) -> Result<Option<Body>, InvalidLength> {
        Ok(Some(match self {
            Self::Length(0) => return Ok(None),
            Self::Length(bytes) => Body::Length(bytes),
            Self::Chunked => Body::Chunked(Chunk::Size),
            Self::Unsaid | Self::OtherCoding => Body::UntilClose,
            Self::Invalid => return Err(InvalidLength),
        }))
    }
}

/// The list that all fields of this name make.
fn elements<'a>(headers: &'a [Header<'a>], name: &'a str) -> impl Iterator<Item = &'a [u8]> {
    let lines = headers
        .iter()
        .filter(move |header| header.name.eq_ignore_ascii_case(name));
    let elements = lines.flat_map(|header| header.value.split(|byte| *byte == b','));
    elements.map(<[u8]>::trim_ascii)
}

/// Digits and nothing else (RFC 9110, 8.6).
fn number(text: &[u8]) -> Option<u64> {
    if !text.iter().all(u8::is_ascii_digit) {
        return None;
    }
    str::from_utf8(text).ok()?.parse().ok()
}
