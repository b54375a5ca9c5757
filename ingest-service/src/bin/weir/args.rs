//! The command line, parsed once into what the commands need.

use std::{env, ffi::OsString, path::PathBuf, time::Duration};

use clap::{Parser, Subcommand, ValueEnum};
use tonic::transport::Uri;
use weir_shared::proto::{Timestamp, ingest::v1::CaptureState};

pub(crate) mod analyses;
pub(crate) mod events;
pub(crate) mod options;
pub(crate) mod preview;
pub(crate) mod search;
pub(crate) mod value;

use crate::failure::Failure;
use analyses::Analyses;
use options::Options;

/// Most rows of one table. They are held in memory until the summary comes.
const ROWS_MAX: u64 = 10_000;

/// Most captures that one `weir captures` lists before it says how to go on.
const LISTED_MAX: u64 = 1_000_000;

const EXIT_STATUSES: &str = "\
Exit status:
  0    done; a damaged capture is analyzed too, its verdict says so
  2    wrong usage
  3    not a capture, or a file that is empty, unreadable or not writable
  4    the service refused or is away
  5    what the service has of the capture is damaged (verify)
  124  the deadline (--timeout) passed
  130  interrupted";

/// Sends packet captures to Weir and shows what is in them.
///
/// Without --endpoint both services run inside this command and keep their
/// data in --data, so that a second run of the same file sends nothing again.
#[derive(Debug, Parser)]
#[command(name = "weir", version, after_help = EXIT_STATUSES)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Command,
    #[command(flatten)]
    pub(crate) common: Common,
}

/// What every command takes.
#[derive(Debug, clap::Args)]
pub(crate) struct Common {
    /// A running ingest-service, such as http://127.0.0.1:7301
    #[arg(long, global = true, env = "WEIR_ENDPOINT", value_name = "URL", value_parser = value::endpoint)]
    pub(crate) endpoint: Option<Uri>,
    /// Where the services inside this command keep captures
    /// [default: $XDG_DATA_HOME/weir, else ~/.local/share/weir]
    #[arg(long, global = true, env = "WEIR_DATA", value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
    /// Give up after so long; covers everything the command does: 30, 1.5, 500ms, 2m
    #[arg(long, global = true, env = "WEIR_TIMEOUT", value_name = "SECONDS", value_parser = value::timeout)]
    pub(crate) timeout: Option<Duration>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Upload captures and show what is in them
    Analyze(Analyze),
    /// Upload a capture, or what is still missing of it
    Upload(Upload),
    /// Analyses that go on without their caller
    #[command(subcommand)]
    Analyses(Analyses),
    /// Get a picture of a capture: activity over time and its protocols
    Preview(preview::Preview),
    /// List the captures that the service has, newest first
    Captures(Captures),
    /// Read a capture back into a file and check it
    Get(Get),
    /// Have the service read all that it has of a capture and check it
    Verify(Verify),
    /// Remove a capture
    Delete(Delete),
    /// Show what has happened to captures and analyses
    Events(events::Events),
    /// Find captures by words: hosts, names, user agents, files, labels, findings
    Search(search::Search),
    /// Find records of background analyses
    Query(search::Query),
    /// What handlers of events gave up
    #[command(subcommand)]
    DeadLetters(events::DeadLetters),
}

#[derive(Debug, clap::Args)]
pub(crate) struct Analyze {
    /// Capture files: pcap or pcapng
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    /// Tables to read, or one JSON object a line as they come: {"captureInfo":…},
    /// each record, {"summary":…}. With several FILEs each has its own three
    /// parts, in order, and the first line also names its "file"
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub(crate) format: Format,
    /// Rows of each table
    #[arg(long, value_name = "ROWS", default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..=ROWS_MAX))]
    pub(crate) limit: u64,
    #[command(flatten)]
    pub(crate) options: Options,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Upload {
    /// The capture file; - is standard input, sent as it comes
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// Name of the capture [default: made from the file's path, size, time and
    /// inode; for standard input chosen by the service]. Resuming standard
    /// input needs it
    #[arg(long, value_name = "ID", value_parser = value::capture_id)]
    pub(crate) id: Option<String>,
    /// Kept with the capture; may be repeated
    #[arg(long = "label", value_name = "KEY=VALUE", value_parser = value::label)]
    pub(crate) labels: Vec<(String, String)>,
    /// Have the capture analyzed in the background once it is sealed, or not
    /// [default: as the service does]. Told when its upload begins, and the same
    /// from then on
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub(crate) analyze: Option<bool>,
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub(crate) format: Format,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Captures {
    /// Only those with this label; may be repeated
    #[arg(long = "label", value_name = "KEY=VALUE", value_parser = value::label)]
    pub(crate) labels: Vec<(String, String)>,
    /// Only those in this state
    #[arg(long, value_enum)]
    pub(crate) state: Option<State>,
    /// Only those created then or later: 2026-11-20, 2026-11-20T08:30:00Z, or
    /// so long ago: 90m, 2h
    #[arg(long, value_name = "TIME", value_parser = value::moment)]
    pub(crate) since: Option<Timestamp>,
    /// Only those created before then
    #[arg(long, value_name = "TIME", value_parser = value::moment)]
    pub(crate) before: Option<Timestamp>,
    /// Most captures to list
    #[arg(long, value_name = "CAPTURES", default_value_t = 100, value_parser = clap::value_parser!(u64).range(1..=LISTED_MAX))]
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
pub(crate) struct Get {
    #[arg(value_name = "ID", value_parser = value::capture_id)]
    pub(crate) id: String,
    /// Where to; an existing file is replaced once all is read and checked, a pipe or a
    /// device is written to as it comes
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: PathBuf,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Verify {
    #[arg(value_name = "ID", value_parser = value::capture_id)]
    pub(crate) id: String,
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub(crate) format: Format,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Delete {
    #[arg(value_name = "ID", value_parser = value::capture_id)]
    pub(crate) id: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For a person
    Table,
    /// For a program: one JSON object a line
    Json,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum State {
    Receiving,
    Sealing,
    Sealed,
}

impl From<State> for CaptureState {
    fn from(state: State) -> Self {
        match state {
            State::Receiving => Self::Receiving,
            State::Sealing => Self::Sealing,
            State::Sealed => Self::Sealed,
        }
    }
}

impl Common {
    /// The directory of the embedded pair.
    ///
    /// # Errors
    /// Usage, when none is given and the environment names no home.
    pub(crate) fn data_dir(&self) -> Result<PathBuf, Failure> {
        match &self.data {
            Some(dir) => Ok(dir.clone()),
            None => default_data_dir(env::var_os("XDG_DATA_HOME"), env::var_os("HOME")),
        }
    }
}

/// The XDG Base Directory rule: a relative or empty value does not count.
fn default_data_dir(xdg: Option<OsString>, home: Option<OsString>) -> Result<PathBuf, Failure> {
    let absolute = |dir: Option<OsString>| dir.map(PathBuf::from).filter(|dir| dir.is_absolute());
    if let Some(dir) = absolute(xdg) {
        return Ok(dir.join("weir"));
    }
    let Some(home) = absolute(home) else {
        let text = "no directory to keep captures in: give --data DIR or set HOME";
        return Err(Failure::Usage(text.to_owned()));
    };
    Ok(home.join(".local/share/weir"))
}

#[cfg(test)]
mod tests;
