//! What an analysis says: the domain's own records, free of the wire's types.
//! `grpc/convert.rs` turns them into protobuf.

mod application;
mod capture;
mod flow;
mod tunnel;

use std::{net::IpAddr, time::Duration};

pub use application::{
    Certificate, DhcpExchange, DnsAnswer, DnsTransaction, HttpTransaction, QuicHandshake,
    SshHandshake, TlsHandshake,
};
pub use capture::{
    CaptureInfo, Compression, Dropped, FileFormat, Interface, Progress, ProtocolCount, Stop,
    Summary, Talker, TimeSeries, Verdict,
};
pub use flow::{
    ConnState, Counters, EndReason, Flow, HISTORY_LETTERS_MAX, History, IcmpKind, SERVICES_MAX,
    Services, TcpSide, TcpStats,
};
pub use tunnel::{Tunnel, TunnelKind};

/// Capture time in nanoseconds since the Unix epoch, within years 1 to 9999.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time(pub i128);

impl Time {
    /// 0001-01-01T00:00:00Z, the earliest that `google.protobuf.Timestamp` can say.
    pub const MIN: Self = Self(-62_135_596_800 * 1_000_000_000);
    /// 9999-12-31T23:59:59.999999999Z, the latest.
    pub const MAX: Self = Self(253_402_300_799 * 1_000_000_000 + 999_999_999);

    /// Time since `earlier`; zero when `earlier` is later.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        let nanos = (self.0 - earlier.0).max(0);
        // Nearly always: 584 years, and no division of 128 bits.
        if let Ok(nanos) = u64::try_from(nanos) {
            return Duration::from_nanos(nanos);
        }
        let seconds = u64::try_from(nanos / 1_000_000_000).unwrap_or(u64::MAX);
        let rest = u32::try_from(nanos % 1_000_000_000).unwrap_or(0);
        Duration::new(seconds, rest)
    }
}

/// Kinds of record, in the order in which those of one packet and flow go out.
/// The numbers are the wire's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    Flow = 1,
    Dns = 2,
    Http = 3,
    Tls = 4,
    Quic = 5,
    Ssh = 6,
    Dhcp = 7,
    Finding = 8,
}

impl Kind {
    pub const ALL: [Self; 8] = [
        Self::Flow,
        Self::Dns,
        Self::Http,
        Self::Tls,
        Self::Quic,
        Self::Ssh,
        Self::Dhcp,
        Self::Finding,
    ];

    /// Name of its field in `AnalysisRecord.kind`.
    #[must_use]
    pub fn field_name(self) -> &'static str {
        match self {
            Self::Flow => "flow",
            Self::Dns => "dns",
            Self::Http => "http",
            Self::Tls => "tls",
            Self::Quic => "quic",
            Self::Ssh => "ssh",
            Self::Dhcp => "dhcp",
            Self::Finding => "finding",
        }
    }
}

/// A few kinds of record: those that somebody asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KindSet(u16);

impl KindSet {
    pub const EMPTY: Self = Self(0);

    /// Every kind there is.
    #[must_use]
    pub fn all() -> Self {
        Kind::ALL.into_iter().collect()
    }

    #[must_use]
    pub const fn with(self, kind: Kind) -> Self {
        Self(self.0 | 1 << kind as u16)
    }

    #[must_use]
    pub const fn contains(self, kind: Kind) -> bool {
        self.0 & 1 << kind as u16 != 0
    }

    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }
}

impl FromIterator<Kind> for KindSet {
    fn from_iter<I: IntoIterator<Item = Kind>>(kinds: I) -> Self {
        kinds.into_iter().fold(Self::EMPTY, Self::with)
    }
}

/// One end of a flow. The port is zero for protocols without ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Endpoint {
    pub address: IpAddr,
    pub port: u16,
}

/// Which flow a record belongs to: enough to stand alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FlowRef {
    /// From 1, in the order of first packets.
    pub flow_id: u64,
    pub client: Endpoint,
    pub server: Endpoint,
    /// IANA protocol number.
    pub ip_protocol: u8,
    /// Community ID v1, seed 0: the digest, without its `1:` and base64.
    pub community_id: [u8; 20],
}

/// A record with what every record carries.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// Time of the packet that completed it; for a flow its latest packet's.
    pub time: Time,
    /// The completing packet's number, from 1.
    pub packet_number: u64,
    /// None for a finding that rests on no flow.
    pub flow: Option<FlowRef>,
    pub body: Body,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Body {
    Flow(Box<Flow>),
    Dns(Box<DnsTransaction>),
    Http(Box<HttpTransaction>),
    Tls(Box<TlsHandshake>),
    Quic(Box<QuicHandshake>),
    Ssh(Box<SshHandshake>),
    Dhcp(Box<DhcpExchange>),
    Finding(Box<Finding>),
}

impl Body {
    #[must_use]
    pub fn kind(&self) -> Kind {
        match self {
            Self::Flow(_) => Kind::Flow,
            Self::Dns(_) => Kind::Dns,
            Self::Http(_) => Kind::Http,
            Self::Tls(_) => Kind::Tls,
            Self::Quic(_) => Kind::Quic,
            Self::Ssh(_) => Kind::Ssh,
            Self::Dhcp(_) => Kind::Dhcp,
            Self::Finding(_) => Kind::Finding,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    Info,
    Warning,
    Alert,
}

/// Something that a person should look at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Stable, lower case: "malformed-ipv4".
    pub code: &'static str,
    pub severity: Severity,
    pub message: String,
    pub source: Option<IpAddr>,
    pub target: Option<IpAddr>,
    pub target_port: u16,
    pub count: u64,
    /// From 1.
    pub first_packet_number: u64,
    /// At most 16.
    pub flow_ids: Vec<u64>,
}
