//! Records of application protocols.

use std::{borrow::Cow, net::Ipv4Addr, sync::Arc, time::Duration};

use super::Time;

/// Field meanings: `DnsTransaction` in records.proto.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DnsTransaction {
    pub id: u16,
    pub query_name: String,
    pub query_type: Cow<'static, str>,
    pub query_class: Cow<'static, str>,
    /// Empty when no answer was seen.
    pub response_code: Cow<'static, str>,
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
    pub record_type: Cow<'static, str>,
    pub ttl: u32,
    pub data: String,
}

/// Field meanings: `HttpTransaction` in records.proto.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HttpTransaction {
    pub method: Cow<'static, str>,
    pub host: String,
    pub target: String,
    pub version: Cow<'static, str>,
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
    /// Of a gRPC call.
    pub grpc_status: Option<u32>,
    pub incomplete: bool,
}

/// Field meanings: `TlsHandshake` in records.proto.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TlsHandshake {
    pub server_name: String,
    /// Negotiated; empty when no ServerHello was seen.
    pub version: Cow<'static, str>,
    pub cipher_suite: Cow<'static, str>,
    pub client_alpn: Vec<Cow<'static, str>>,
    pub server_alpn: Cow<'static, str>,
    /// Lower-case hex; empty when its hello was not seen. As are the next two.
    pub ja3: String,
    pub ja3s: String,
    pub ja4: String,
    /// As sent, the server's own first; shared by the handshakes that show the same.
    pub server_certificates: Vec<Arc<Certificate>>,
    /// Highest offered.
    pub client_version: Cow<'static, str>,
    pub client_hello_seen: bool,
    pub server_hello_seen: bool,
    pub resumed: bool,
    pub established: bool,
    /// The first fatal alert.
    pub alert: String,
}

/// Field meanings: `Certificate` in records.proto. All but the digest is empty when it
/// could not be read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Certificate {
    pub subject: String,
    pub issuer: String,
    pub subject_alt_names: Vec<String>,
    pub not_before: Time,
    pub not_after: Time,
    pub sha256: String,
    pub serial: String,
    pub signature_algorithm: String,
    pub key_algorithm: String,
    pub key_bits: u32,
    pub self_signed: bool,
}

impl Certificate {
    /// About what it takes, in memory and on the wire.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let names = self.subject_alt_names.iter();
        let names = names.map(|name| size_of::<String>() + name.len());
        let texts = [&self.subject, &self.issuer, &self.serial, &self.sha256];
        let texts = texts.iter().map(|text| text.len()).sum::<usize>();
        size_of::<Self>() + names.sum::<usize>() + texts
    }
}

/// Field meanings: `QuicHandshake` in records.proto.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct QuicHandshake {
    pub version: &'static str,
    pub server_name: String,
    pub client_alpn: Vec<Cow<'static, str>>,
    pub ja4: String,
}

/// Field meanings: `SshHandshake` in records.proto.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SshHandshake {
    pub client_banner: String,
    pub server_banner: String,
    pub hassh: String,
    pub hassh_server: String,
}

/// Field meanings: `DhcpExchange` in records.proto.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DhcpExchange {
    pub client_mac: String,
    pub host_name: String,
    pub assigned_address: Option<Ipv4Addr>,
    pub server_address: Option<Ipv4Addr>,
    pub lease_time: Option<Duration>,
    pub message_types: Vec<String>,
    pub requested_address: Option<Ipv4Addr>,
}
