//! Records of application protocols.

use std::time::Duration;

/// Field meanings: `DnsTransaction` in records.proto.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DnsTransaction {
    pub id: u16,
    pub query_name: String,
    pub query_type: String,
    pub query_class: String,
    /// Empty when no answer was seen.
    pub response_code: String,
    pub answers: Vec<DnsAnswer>,
    pub response_time: Option<Duration>,
    pub truncated: bool,
    pub opcode: u8,
    pub authoritative: bool,
    pub recursion_desired: bool,
    pub recursion_available: bool,
    /// "udp", "tcp", "mdns", "llmnr".
    pub transport: &'static str,
    pub query_seen: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DnsAnswer {
    pub name: String,
    pub record_type: String,
    pub ttl: u32,
    pub data: String,
}

/// Field meanings: `HttpTransaction` in records.proto.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HttpTransaction {
    pub method: String,
    pub host: String,
    pub target: String,
    pub version: String,
    pub user_agent: String,
    /// Zero when no response was seen.
    pub status: u16,
    pub content_type: String,
    pub request_body_bytes: u64,
    pub response_body_bytes: u64,
    pub referrer: String,
    pub response_time: Option<Duration>,
    /// From 1.
    pub depth: u32,
    pub server: String,
    pub incomplete: bool,
}

/// Field meanings: `TlsHandshake` in records.proto.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TlsHandshake {
    pub server_name: String,
    /// Negotiated; empty when no ServerHello was seen.
    pub version: String,
    pub cipher_suite: String,
    pub client_alpn: Vec<String>,
    pub server_alpn: String,
    /// Highest offered.
    pub client_version: String,
    pub client_hello_seen: bool,
    pub server_hello_seen: bool,
    pub resumed: bool,
    pub established: bool,
    /// The first fatal alert.
    pub alert: String,
}
