//! `weir analyses …`

use std::time::Duration;

use clap::{Subcommand, ValueEnum};
use weir_shared::proto::ingest::v1::AnalysisState;

use super::{Format, LISTED_MAX, Options, ROWS_MAX, value};

#[derive(Debug, Subcommand)]
pub(crate) enum Analyses {
    /// Have a sealed capture analyzed, and don't wait for it
    Start(Start),
    /// List analyses, newest first
    List(List),
    /// Show one as it stands
    Show(One),
    /// Stop one; what it has found stays
    Cancel(One),
    /// Show what one has found and finds, to its end
    Watch(Watch),
}

#[derive(Debug, clap::Args)]
pub(crate) struct Start {
    /// The capture
    #[arg(value_name = "ID", value_parser = value::capture_id)]
    pub(crate) id: String,
    /// A name of this request: again with the same name, it starts nothing new
    #[arg(long, value_name = "NAME", value_parser = value::request_id)]
    pub(crate) request_id: Option<String>,
    /// Longest time that an attempt may take [default: what the service allows]
    #[arg(long, value_name = "SECONDS", value_parser = value::timeout)]
    pub(crate) max_duration: Option<Duration>,
    #[command(flatten)]
    pub(crate) options: Options,
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub(crate) format: Format,
}

#[derive(Debug, clap::Args)]
pub(crate) struct List {
    /// Only those of this capture
    #[arg(long, value_name = "ID", value_parser = value::capture_id)]
    pub(crate) capture: Option<String>,
    /// Only those in this state
    #[arg(long, value_enum)]
    pub(crate) state: Option<Stage>,
    /// Most analyses to list
    #[arg(long, value_name = "ANALYSES", default_value_t = 100, value_parser = clap::value_parser!(u64).range(1..=LISTED_MAX))]
    pub(crate) limit: u64,
    /// Go on where an earlier list ended
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

#[derive(Debug, clap::Args)]
pub(crate) struct One {
    #[arg(value_name = "ANALYSIS", value_parser = value::analysis_id)]
    pub(crate) id: String,
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub(crate) format: Format,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Watch {
    #[arg(value_name = "ANALYSIS", value_parser = value::analysis_id)]
    pub(crate) id: String,
    /// Only records after this sequence
    #[arg(long, value_name = "SEQUENCE", default_value_t = 0)]
    pub(crate) after: u64,
    /// Rows of each table
    #[arg(long, value_name = "ROWS", default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..=ROWS_MAX))]
    pub(crate) limit: u64,
    /// Tables at the end, or one JSON object a line as it comes: {"analysis":…}
    /// whenever the state has changed, and each record
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub(crate) format: Format,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Stage {
    Queued,
    Running,
    Succeeded,
    Failed,
    Cancelled,
}

impl From<Stage> for AnalysisState {
    fn from(state: Stage) -> Self {
        match state {
            Stage::Queued => Self::Queued,
            Stage::Running => Self::Running,
            Stage::Succeeded => Self::Succeeded,
            Stage::Failed => Self::Failed,
            Stage::Cancelled => Self::Cancelled,
        }
    }
}

impl Analyses {
    pub(crate) fn format(&self) -> Format {
        match self {
            Self::Start(args) => args.format,
            Self::List(args) => args.format,
            Self::Show(args) | Self::Cancel(args) => args.format,
            Self::Watch(args) => args.format,
        }
    }

    /// Its name in traces.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Start(_) => "weir analyses start",
            Self::List(_) => "weir analyses list",
            Self::Show(_) => "weir analyses show",
            Self::Cancel(_) => "weir analyses cancel",
            Self::Watch(_) => "weir analyses watch",
        }
    }
}
