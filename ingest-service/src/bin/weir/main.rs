//! The `weir` command: captures to Weir, and what is in them back.

mod analyses;
mod analyze;
mod args;
mod caller;
mod captures;
mod connect;
mod dead_letters;
mod embedded;
mod events;
mod failure;
mod get;
mod output;
mod pages;
mod preview;
mod render;
mod report;
mod search;
mod upload;
mod verify;

use std::{process::ExitCode, time::Duration};

use clap::Parser as _;
use tikv_jemallocator::Jemalloc;
use tokio::task::JoinSet;
use tracing::Instrument as _;
use weir_shared::{
    call::Deadline,
    processor,
    telemetry::{self, LogOptions},
};

use args::{Args, Command, Format, events::DeadLetters};
use caller::Caller;
use embedded::Services;
use failure::{Failure, with_causes};
use output::{Notes, Output};

/// Records, flows and messages are many small allocations: with the C library's
/// allocator they are a sixth of an analysis.
#[global_allocator]
static ALLOCATOR: Jemalloc = Jemalloc;

/// Reads of standard input and stalled writes cannot be cancelled: they get so
/// long to end, then the process does.
const STUCK_THREADS_WAIT: Duration = Duration::from_millis(100);

fn main() -> ExitCode {
    if let Err(error) = processor::check() {
        Notes::stderr(Format::Table).say(&error.to_string());
        return Failure::Service(String::new()).exit_code();
    }
    let args = Args::parse();
    let notes = Notes::stderr(args.format());
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => {
            notes.say(&format!("cannot start: {error}"));
            return Failure::Service(String::new()).exit_code();
        }
    };
    let result = runtime.block_on(traced(args, notes.clone()));
    runtime.shutdown_timeout(STUCK_THREADS_WAIT);
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            if !matches!(failure, Failure::OutputClosed) {
                notes.say(&failure.to_string());
            }
            failure.exit_code()
        }
    }
}

/// Runs the command as one trace, which its calls and the services go on with.
async fn traced(args: Args, notes: Notes) -> Result<(), Failure> {
    let telemetry = telemetry::init("weir", LogOptions::command())
        .map_err(|error| Failure::Usage(with_causes(&error)))?;
    let span = tracing::info_span!("command", otel.name = args.command.name());
    let result = run(args, notes).instrument(span).await;
    telemetry.shutdown().await;
    result
}

/// Runs the command to the first of: its end, the deadline, an interrupt, the
/// end of the services inside this process. The latter are stopped in any case.
async fn run(args: Args, notes: Notes) -> Result<(), Failure> {
    let deadline = args.common.timeout.map(Deadline::after);
    let (mut services, channel) = tokio::select! {
        biased;
        failure = cut_short(deadline) => return Err(failure),
        connected = Services::connect(&args.common) => connected?,
    };
    let caller = Caller::new(channel, deadline, notes);
    // A task of its own: a write to a reader that stalls does not hold up the
    // waiting below.
    let mut command = JoinSet::new();
    command.spawn(execute(args.command, caller).in_current_span());
    let result = tokio::select! {
        biased;
        Some(ended) = command.join_next() => {
            ended.unwrap_or_else(|panic| Err(Failure::Service(format!("the command broke: {panic}"))))
        }
        failure = cut_short(deadline) => Err(failure),
        failure = services.failed() => Err(failure),
    };
    drop(command);
    services.stop().await;
    result
}

/// Waits for whatever ends a command from outside.
async fn cut_short(deadline: Option<Deadline>) -> Failure {
    let passed = async {
        match deadline {
            Some(deadline) => tokio::time::sleep_until(deadline.instant()).await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        Ok(()) = tokio::signal::ctrl_c() => Failure::Interrupted,
        () = passed => Failure::Deadline,
    }
}

async fn execute(command: Command, caller: Caller) -> Result<(), Failure> {
    let mut output = Output::stdout();
    match &command {
        Command::Analyze(args) => analyze::run(args, &caller, &mut output).await,
        Command::Upload(args) => upload::run(args, &caller, &mut output).await,
        Command::Analyses(args) => analyses::run(args, &caller, &mut output).await,
        Command::Preview(args) => preview::run(args, &caller, &mut output).await,
        Command::Captures(args) => captures::list(args, &caller, &mut output).await,
        Command::Get(args) => get::run(args, &caller).await,
        Command::Verify(args) => verify::run(args, &caller, &mut output).await,
        Command::Delete(args) => captures::delete(args, &caller).await,
        Command::Events(args) => events::run(args, &caller, &mut output).await,
        Command::Search(args) => search::search(args, &caller, &mut output).await,
        Command::Query(args) => search::query(args, &caller, &mut output).await,
        Command::DeadLetters(args) => dead_letters::run(args, &caller, &mut output).await,
    }
}

impl Command {
    /// Its name in traces.
    fn name(&self) -> &'static str {
        match self {
            Self::Analyze(_) => "weir analyze",
            Self::Upload(_) => "weir upload",
            Self::Analyses(args) => args.name(),
            Self::Preview(_) => "weir preview",
            Self::Captures(_) => "weir captures",
            Self::Get(_) => "weir get",
            Self::Verify(_) => "weir verify",
            Self::Delete(_) => "weir delete",
            Self::Events(_) => "weir events",
            Self::Search(_) => "weir search",
            Self::Query(_) => "weir query",
            Self::DeadLetters(_) => "weir dead-letters",
        }
    }
}

impl Args {
    fn format(&self) -> Format {
        match &self.command {
            Command::Analyze(args) => args.format,
            Command::Upload(args) => args.format,
            Command::Analyses(args) => args.format(),
            Command::Captures(args) => args.format,
            Command::Verify(args) => args.format,
            Command::Events(args) => args.format,
            Command::Search(args) => args.format,
            Command::Query(args) => args.format,
            Command::DeadLetters(DeadLetters::List(args)) => args.format,
            Command::DeadLetters(DeadLetters::Show(args)) => args.format,
            Command::DeadLetters(DeadLetters::Redrive(_) | DeadLetters::Drop(_))
            | Command::Preview(_)
            | Command::Get(_)
            | Command::Delete(_) => Format::Table,
        }
    }
}
