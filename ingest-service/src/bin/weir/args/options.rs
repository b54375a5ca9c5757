//! How to analyze, as every command that does says it.

use std::time::Duration;

use weir_shared::proto::analyzer::v1::{AnalysisOptions, RecordKind};

use super::value::{self, Kind};

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Options {
    /// Only these records: flow,dns,http,tls,quic,ssh,dhcp,finding [default: all]
    #[arg(long, value_enum, value_delimiter = ',', hide_possible_values = true)]
    pub(crate) kinds: Vec<Kind>,
    /// Only the packets of this libpcap filter, such as "host 10.0.0.1 and tcp"
    #[arg(
        long,
        value_name = "FILTER",
        default_value = "",
        hide_default_value = true
    )]
    pub(crate) filter: String,
    /// Capture time without a packet after which a flow ends; 0: never [default: 120]
    #[arg(long, value_name = "SECONDS", value_parser = value::span)]
    pub(crate) idle_timeout: Option<Duration>,
    /// Capture time after which a long flow is cut; 0: never [default: never]
    #[arg(long, value_name = "SECONDS", value_parser = value::span)]
    pub(crate) active_timeout: Option<Duration>,
    /// Capture time between updates of a long flow, in JSON with "interim": true;
    /// 0: none [default: none]
    #[arg(long, value_name = "SECONDS", value_parser = value::span)]
    pub(crate) interim: Option<Duration>,
}

impl From<&Options> for AnalysisOptions {
    fn from(options: &Options) -> Self {
        let kinds = options.kinds.iter();
        Self {
            record_kinds: kinds.map(|&kind| RecordKind::from(kind).into()).collect(),
            idle_timeout: options.idle_timeout.map(proto_duration),
            active_timeout: options.active_timeout.map(proto_duration),
            interim_interval: options.interim.map(proto_duration),
            filter: options.filter.clone(),
            ..Self::default()
        }
    }
}

pub(crate) fn proto_duration(span: Duration) -> pbjson_types::Duration {
    pbjson_types::Duration {
        seconds: i64::try_from(span.as_secs()).unwrap_or(i64::MAX),
        nanos: i32::try_from(span.subsec_nanos()).unwrap_or(0),
    }
}
