//! A flow, and what is known of it.

use std::time::Duration;

use arrayvec::{ArrayString, ArrayVec};

use super::{Time, Tunnel};

/// A flow changes its protocol once or twice (CONNECT, STARTTLS); more is noise.
pub const SERVICES_MAX: usize = 4;

/// Names of a flow's protocols.
pub type Services = ArrayVec<&'static str, SERVICES_MAX>;

/// Letters of a connection's history: one that is as it should be has about ten.
pub const HISTORY_LETTERS_MAX: usize = 30;

/// Zeek's history of a connection.
pub type History = ArrayString<HISTORY_LETTERS_MAX>;

/// One bidirectional flow, or one piece of it. Field meanings: `Flow` in records.proto.
#[derive(Clone, Debug, PartialEq)]
pub struct Flow {
    /// Lower case, in the order recognised.
    pub services: Services,
    pub start_time: Time,
    pub end_time: Time,
    pub client_to_server: Counters,
    pub server_to_client: Counters,
    /// None for an interim update.
    pub end_reason: Option<EndReason>,
    pub tcp: Option<TcpStats>,
    /// Outermost first.
    pub vlan_ids: Vec<u16>,
    /// Outermost first.
    pub tunnels: Vec<Tunnel>,
    /// From 1.
    pub part: u32,
    pub first_packet_number: u64,
    /// Absent where the link layer has none.
    pub client_mac: Option<[u8; 6]>,
    pub server_mac: Option<[u8; 6]>,
    pub midstream: bool,
    pub icmp: Option<IcmpKind>,
    pub checksum_errors: u64,
    /// An update of a flow that goes on; its counters are cumulative.
    pub interim: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IcmpKind {
    pub icmp_type: u8,
    pub code: u8,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    pub packets: u64,
    pub ip_bytes: u64,
    pub payload_bytes: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndReason {
    Fin,
    Rst,
    IdleTimeout,
    ActiveTimeout,
    /// The flow table was full.
    Evicted,
    CaptureEnd,
}

/// What a TCP flow's headers tell. Field meanings: `TcpStats` in records.proto.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TcpStats {
    pub state: ConnState,
    pub history: History,
    pub handshake_rtt: Option<Duration>,
    pub client: TcpSide,
    pub server: TcpSide,
}

/// What one side of a TCP flow sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TcpSide {
    /// All seen, as in the header.
    pub flags: u16,
    pub retransmissions: u64,
    pub out_of_order: u64,
    pub zero_windows: u64,
    pub missed_bytes: u64,
}

/// Zeek's `conn_state`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConnState {
    S0,
    S1,
    Sf,
    Rej,
    S2,
    S3,
    Rsto,
    Rstr,
    Rstos0,
    Rstrh,
    Sh,
    Shr,
    Oth,
}

impl ConnState {
    /// As Zeek writes it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::S0 => "S0",
            Self::S1 => "S1",
            Self::Sf => "SF",
            Self::Rej => "REJ",
            Self::S2 => "S2",
            Self::S3 => "S3",
            Self::Rsto => "RSTO",
            Self::Rstr => "RSTR",
            Self::Rstos0 => "RSTOS0",
            Self::Rstrh => "RSTRH",
            Self::Sh => "SH",
            Self::Shr => "SHR",
            Self::Oth => "OTH",
        }
    }
}
