//! Flags of `weir search` and `weir query`.

use clap::ValueEnum;
use weir_shared::proto::{
    Timestamp,
    analyzer::v1::{RecordKind, Severity as Wire},
    ingest::v1::QueryRecordsRequest,
};

use super::{
    Format, LISTED_MAX,
    value::{self, Kind},
};

#[derive(Debug, clap::Args)]
pub(crate) struct Search {
    /// Words that all have to be there; in quotes: side by side; word*: what
    /// begins so
    #[arg(required = true, value_name = "WORD")]
    pub(crate) words: Vec<String>,
    /// Most captures to show
    #[arg(long, value_name = "CAPTURES", default_value_t = 20, value_parser = clap::value_parser!(i32).range(1..=1_000))]
    pub(crate) limit: i32,
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub(crate) format: Format,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Query {
    /// Only of this capture
    #[arg(long, value_name = "ID", value_parser = value::capture_id)]
    pub(crate) capture: Option<String>,
    /// Only these records: flow,dns,http,tls,quic,ssh,dhcp,finding [default: all]
    #[arg(long, value_enum, value_delimiter = ',', hide_possible_values = true)]
    pub(crate) kinds: Vec<Kind>,
    /// Only with this address, or one of this network (10.1.0.0/16)
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) address: Option<String>,
    /// Only with this port
    #[arg(long, value_name = "PORT", value_parser = clap::value_parser!(u32).range(1..=65_535))]
    pub(crate) port: Option<u32>,
    /// Only of this host; .example.com: and those below it
    #[arg(long, value_name = "HOST")]
    pub(crate) host: Option<String>,
    /// Only of flows with this service
    #[arg(long, value_name = "SERVICE")]
    pub(crate) service: Option<String>,
    /// Only of the flow with this Community ID
    #[arg(long, value_name = "ID")]
    pub(crate) community_id: Option<String>,
    /// Only findings of this severity or a higher one
    #[arg(long, value_enum)]
    pub(crate) severity: Option<Severity>,
    /// Only with a capture time of then or later: 2026-11-20, 2026-11-20T08:30:00Z, or
    /// so long ago: 90m, 2h
    #[arg(long, value_name = "TIME", value_parser = value::moment)]
    pub(crate) since: Option<Timestamp>,
    /// Only with a capture time before then
    #[arg(long, value_name = "TIME", value_parser = value::moment)]
    pub(crate) before: Option<Timestamp>,
    /// Most records to show
    #[arg(long, value_name = "RECORDS", default_value_t = 100, value_parser = clap::value_parser!(u64).range(1..=LISTED_MAX))]
    pub(crate) limit: u64,
    /// Go on where an earlier query ended
    #[arg(
        long,
        value_name = "TOKEN",
        default_value = "",
        hide_default_value = true
    )]
    pub(crate) page_token: String,
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub(crate) format: Format,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Severity {
    Info,
    Warning,
    Alert,
}

impl Query {
    /// Without its page.
    pub(crate) fn request(&self) -> QueryRecordsRequest {
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        let kinds = self.kinds.iter().map(|kind| RecordKind::from(*kind).into());
        let severity = match self.severity {
            None => Wire::Unspecified,
            Some(Severity::Info) => Wire::Info,
            Some(Severity::Warning) => Wire::Warning,
            Some(Severity::Alert) => Wire::Alert,
        };
        QueryRecordsRequest {
            page_size: 0,
            page_token: String::new(),
            capture_id: text(&self.capture),
            kinds: kinds.collect(),
            address: text(&self.address),
            port: self.port.unwrap_or(0),
            host: text(&self.host),
            service: text(&self.service),
            community_id: text(&self.community_id),
            severity_min: severity.into(),
            time_from: self.since,
            time_before: self.before,
        }
    }
}
