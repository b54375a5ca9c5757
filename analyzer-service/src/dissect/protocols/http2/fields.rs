//! Header fields that are told (RFC 9113, 8.3; gRPC over HTTP/2).

use super::super::http::basic;
use crate::dissect::text::wire_text;

/// Of one block; empty or zero is absent.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Fields {
    pub(super) method: String,
    pub(super) path: String,
    pub(super) authority: String,
    pub(super) user_agent: String,
    pub(super) referrer: String,
    pub(super) content_type: String,
    pub(super) server: String,
    pub(super) status: u16,
    pub(super) grpc_status: Option<u32>,
    /// Who sends a secret.
    pub(super) login: Option<String>,
}

impl Fields {
    /// The first of a name counts.
    pub(super) fn add(&mut self, name: &[u8], value: &[u8]) {
        let text = match name {
            b":method" => &mut self.method,
            b":path" => &mut self.path,
            // RFC 9113, 8.3.1: either says it.
            b":authority" | b"host" => &mut self.authority,
            b"user-agent" => &mut self.user_agent,
            b"referer" => &mut self.referrer,
            b"content-type" => &mut self.content_type,
            b"server" => &mut self.server,
            b":status" if self.status == 0 => {
                self.status = number(value).unwrap_or(0);
                return;
            }
            b"grpc-status" if self.grpc_status.is_none() => {
                self.grpc_status = number(value);
                return;
            }
            b"authorization" | b"proxy-authorization" if self.login.is_none() => {
                self.login = basic(value);
                return;
            }
            _ => return,
        };
        if text.is_empty() {
            *text = wire_text(value);
        }
    }
}

fn number<T: std::str::FromStr>(value: &[u8]) -> Option<T> {
    std::str::from_utf8(value).ok()?.parse().ok()
}
