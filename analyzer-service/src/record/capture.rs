//! What is said of the capture as a whole.

use std::{collections::BTreeMap, fmt, net::IpAddr, time::Duration};

use super::{Kind, Time};

/// Of the file: format and the interfaces known so far.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CaptureInfo {
    pub format: FileFormat,
    pub compression: Compression,
    pub interfaces: Vec<Interface>,
}

/// Around the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    None,
    Gzip,
    Zstd,
    Lz4,
}

impl fmt::Display for Compression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "none",
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
            Self::Lz4 => "lz4",
        })
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileFormat {
    Pcap,
    PcapNanosecond,
    PcapNg,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interface {
    /// Position in its section, from 0.
    pub id: u32,
    /// Position of its section in the file, from 0.
    pub section: u32,
    pub link_type: u16,
    pub snap_length: u32,
    pub name: String,
    pub timestamp_units_per_second: u64,
    pub packets: u64,
}

/// How far the reading is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Of the file, all of whose packets were handled; of a compressed one a little more.
    pub bytes_read: u64,
    pub packets: u64,
    /// Absent before the first packet.
    pub capture_time: Option<Time>,
}

/// How the reading ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    Complete,
    /// The file ends inside a record.
    Truncated(Stop),
    /// A record makes no sense.
    Corrupt(Stop),
    /// A limit of the request or the server ended the reading.
    Limited(Stop),
}

/// Where and why the reading stopped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stop {
    /// Where the first unread record starts, from 0.
    pub at_byte: u64,
    pub because: String,
}

/// Field meanings: `Summary` in records.proto.
#[derive(Clone, Debug, PartialEq)]
pub struct Summary {
    pub verdict: Verdict,
    pub packets: u64,
    pub captured_bytes: u64,
    pub wire_bytes: u64,
    pub truncated_packets: u64,
    /// Earliest and latest.
    pub first_packet_time: Option<Time>,
    pub last_packet_time: Option<Time>,
    pub time_ordered: bool,
    pub flows: u64,
    /// Those handed to the sink.
    pub records_by_kind: BTreeMap<Kind, u64>,
    pub protocol_hierarchy: Vec<ProtocolCount>,
    pub top_talkers: Vec<Talker>,
    pub activity: Option<TimeSeries>,
    pub dropped: Dropped,
    pub interfaces: Vec<Interface>,
    pub blocks_by_type: BTreeMap<String, u64>,
    pub packets_by_link_type: BTreeMap<u32, u64>,
    pub ip_checksum_errors: u64,
    pub tcp_checksum_errors: u64,
    pub udp_checksum_errors: u64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProtocolCount {
    pub path: String,
    pub packets: u64,
    pub bytes: u64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Talker {
    pub address: IpAddr,
    pub packets_sent: u64,
    pub packets_received: u64,
    pub bytes_sent: u64,
    pub bytes_received: u64,
    pub bytes_error: u64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TimeSeries {
    pub start: Time,
    pub bucket: Duration,
    pub packets: Vec<u64>,
    pub bytes: Vec<u64>,
    pub outside_packets: u64,
}

/// What bounds made the analysis drop.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Dropped {
    pub evicted_flows: u64,
    pub reassembly_bytes: u64,
    pub findings: u64,
    pub pending_transactions: u64,
    pub fragments: u64,
    pub paths: u64,
}
