//! Flags of `weir events` and `weir dead-letters`.

use clap::Subcommand;

use super::{Format, LISTED_MAX, value};

#[derive(Debug, clap::Args)]
pub(crate) struct Events {
    /// Go on with what happens from now on, until interrupted
    #[arg(long)]
    pub(crate) follow: bool,
    /// Only what happened after the event with this cursor; "now": only what
    /// happens from now on [default: all that is kept]
    #[arg(
        long,
        value_name = "CURSOR",
        default_value = "",
        hide_default_value = true
    )]
    pub(crate) cursor: String,
    /// Only of this type, such as weir.capture.sealed; may be repeated
    #[arg(long = "type", value_name = "TYPE")]
    pub(crate) types: Vec<String>,
    /// Only of this capture
    #[arg(long, value_name = "ID", value_parser = value::capture_id)]
    pub(crate) capture: Option<String>,
    /// Only of captures with this label; may be repeated
    #[arg(long = "label", value_name = "KEY=VALUE", value_parser = value::label)]
    pub(crate) labels: Vec<(String, String)>,
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub(crate) format: Format,
}

#[derive(Debug, Subcommand)]
pub(crate) enum DeadLetters {
    /// List them, oldest event first
    List(ListDead),
    /// Show one with its history
    Show(ShowDead),
    /// Deliver again
    Redrive(Named),
    /// Forget
    Drop(Named),
}

#[derive(Debug, clap::Args)]
pub(crate) struct ListDead {
    /// Only of this handler
    #[arg(long, value_name = "HANDLER")]
    pub(crate) handler: Option<String>,
    /// Most to list
    #[arg(long, value_name = "LETTERS", default_value_t = 100, value_parser = clap::value_parser!(u64).range(1..=LISTED_MAX))]
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
pub(crate) struct ShowDead {
    #[arg(value_name = "HANDLER")]
    pub(crate) handler: String,
    #[arg(value_name = "EVENT")]
    pub(crate) event: String,
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub(crate) format: Format,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Named {
    #[arg(value_name = "HANDLER")]
    pub(crate) handler: String,
    /// Ids of events
    #[arg(
        value_name = "EVENT",
        required_unless_present = "all",
        conflicts_with = "all"
    )]
    pub(crate) events: Vec<String>,
    /// All of the handler
    #[arg(long)]
    pub(crate) all: bool,
}
