//! The read side: what analyses have found, to be found again.
//!
//! It follows the events and is never read by what writes. All of it can be made
//! again from the catalog and the store.

pub mod indexer;
pub mod lanes;
mod rebuild;
pub mod sealed;
pub mod words;

use std::{fmt::Debug, net::IpAddr};

use async_trait::async_trait;
use bytes::Bytes;

use super::{
    analyses::Records,
    analysis::AnalysisId,
    error::Error,
    id::{CaptureId, Uid},
    time::Timestamp,
};
use crate::catalog::CatalogError;
use words::{Text, Words};

/// What is indexed, and asked.
#[async_trait]
pub trait Index: Debug + Send + Sync + 'static {
    /// Begins to write what an analysis of this capture has found.
    async fn begin(&self, capture: Uid) -> Result<Run, CatalogError>;

    /// Writes some of it. Nobody finds it yet.
    async fn add(&self, run: Run, records: &[IndexRecord]) -> Result<(), CatalogError>;

    /// From now on what this run has written is found, and nothing else of the capture.
    ///
    /// # Errors
    /// [`CatalogError::Unavailable`] when another run of the capture came in between:
    /// look again, and begin again.
    async fn publish(
        &self,
        capture: &IndexedCapture,
        written: Written,
        text: &Text,
    ) -> Result<(), CatalogError>;

    /// From now on these captures are found by their words: all of them that are not
    /// found already.
    async fn publish_words(&self, captures: &[(IndexedCapture, Text)]) -> Result<(), CatalogError>;

    /// Which analysis of a capture is found; the inner `None`: its words alone.
    async fn indexed(&self, capture: Uid) -> Result<Option<Option<AnalysisId>>, CatalogError>;

    /// Forgets captures: at once for who asks.
    async fn forget(&self, captures: &[Uid]) -> Result<(), CatalogError>;

    /// Removes up to `limit` records of these captures that are not found any
    /// more. False: there are none left.
    async fn clean(&self, captures: &[Uid], limit: u32) -> Result<bool, CatalogError>;

    async fn query(&self, query: &RecordQuery) -> Result<Vec<FoundRecord>, CatalogError>;

    /// Best first.
    async fn search(&self, words: &Words, limit: u32) -> Result<Vec<FoundCapture>, CatalogError>;

    /// Whether what was there before the index was is indexed.
    async fn is_whole(&self) -> Result<bool, CatalogError>;

    async fn set_whole(&self) -> Result<(), CatalogError>;
}

/// One writing of what an analysis has found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run(pub i64);

/// What a run has written.
#[derive(Clone, Copy, Debug)]
pub struct Written {
    pub run: Run,
    pub analysis: AnalysisId,
    pub records: u64,
    /// The analysis that was found until now, in whose place it comes.
    pub instead_of: Option<AnalysisId>,
}

/// A capture as it is found.
#[derive(Clone, Debug)]
pub struct IndexedCapture {
    pub uid: Uid,
    pub id: CaptureId,
    pub file_name: String,
}

/// A record as it is found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IndexRecord {
    pub sequence: u64,
    /// Capture time, microseconds since 1970 UTC.
    pub time_us: i64,
    /// Number of its kind.
    pub kind: u32,
    /// Number of a finding's severity; else 0.
    pub severity: u32,
    pub client: Option<IpAddr>,
    pub server: Option<IpAddr>,
    pub client_port: u32,
    pub server_port: u32,
    /// As it stands in the record.
    pub host: String,
    pub services: Vec<String>,
    pub community: String,
    /// An encoded message.
    pub body: Bytes,
    /// What it says for those who look for words.
    pub words: Vec<(Field, String)>,
}

/// Where words stand: what is found in the first weighs most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    /// Of hosts, DNS, servers.
    Name,
    /// User agents.
    Agent,
    /// File names and labels.
    About,
    Finding,
}

/// Reads records as they are stored: the wire's messages are none of the domain's.
pub trait ReadRecords: Debug + Send + Sync + 'static {
    /// # Errors
    /// When they are damaged.
    fn read(&self, records: Records) -> Result<Vec<IndexRecord>, Error>;
}

/// Addresses from one to another, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AddressRange {
    pub first: [u8; 16],
    pub last: [u8; 16],
}

/// Which records: all that is set must hold.
#[derive(Clone, Debug, Default)]
pub struct RecordQuery {
    /// Only those that come after this place.
    pub after: Option<RecordPlace>,
    pub capture: Option<Uid>,
    /// Numbers of kinds; none: all.
    pub kinds: Vec<u32>,
    pub addresses: Option<AddressRange>,
    pub port: Option<u32>,
    pub host: Option<Host>,
    pub service: Option<String>,
    pub community: Option<String>,
    pub severity_min: Option<u32>,
    pub from: Option<Timestamp>,
    pub before: Option<Timestamp>,
    pub limit: u32,
}

/// A record's place: newest capture time first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordPlace {
    pub time_us: i64,
    pub run: i64,
    pub sequence: u64,
}

/// Which hosts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Host {
    Is(String),
    /// And those below it.
    Below(String),
}

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundRecord {
    pub place: RecordPlace,
    pub capture_id: CaptureId,
    pub analysis: AnalysisId,
    pub body: Bytes,
}

/// A capture that has the words.
#[derive(Clone, Debug, PartialEq)]
pub struct FoundCapture {
    pub id: CaptureId,
    pub uid: Uid,
    pub file_name: String,
    /// The higher the better.
    pub score: f64,
}

/// An address of 16 bytes, IPv4 mapped.
#[must_use]
pub fn mapped(address: IpAddr) -> [u8; 16] {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped().octets(),
        IpAddr::V6(address) => address.octets(),
    }
}

/// A name in lower case, last label first, without the root's dot: those below
/// one name stand together.
#[must_use]
pub fn reversed(host: &str) -> String {
    let host = host.to_lowercase();
    let labels: Vec<&str> = host.trim_end_matches('.').rsplit('.').collect();
    labels.join(".")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_below_one_stand_together() {
        for (host, wanted) in [
            ("www.Example.com", "com.example.www"),
            ("example.com.", "com.example"),
            ("localhost", "localhost"),
            ("", ""),
        ] {
            assert_eq!(reversed(host), wanted);
        }
    }
}
