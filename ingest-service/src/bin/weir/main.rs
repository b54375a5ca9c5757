//! The `weir` command: captures to Weir, and what is in them back.

mod analyze;
mod args;
mod caller;
mod captures;
mod connect;
mod failure;
mod get;
mod output;
mod render;
mod report;
mod upload;

use std::{process::ExitCode, time::Duration};

use clap::Parser as _;
use tokio::task::JoinSet;
use weir_shared::call::Deadline;

use args::{Args, Command, Format};
use caller::Caller;
use connect::Services;
use failure::Failure;
use output::{Notes, Output};

/// Reads of standard input and stalled writes cannot be cancelled: they get so
/// long to end, then the process does.
const STUCK_THREADS_WAIT: Duration = Duration::from_millis(100);

fn main() -> ExitCode {
    let args = Args::parse();
    let notes = Notes::stderr(args.format());
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => {
            notes.say(&format!("cannot start: {error}"));
            return Failure::Service(String::new()).exit_code();
        }
    };
    let result = runtime.block_on(run(args, notes.clone()));
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

/// Runs the command to the first of: its end, the deadline, an interrupt, the
/// end of the services inside this process. The latter are stopped in any case.
async fn run(args: Args, notes: Notes) -> Result<(), Failure> {
    let deadline = args.common.timeout.map(Deadline::after);
    let (mut services, channel) = Services::connect(&args.common).await?;
    let caller = Caller::new(channel, deadline, notes);
    // A task of its own: a write to a reader that stalls does not hold up the
    // waiting below.
    let mut command = JoinSet::new();
    command.spawn(execute(args.command, caller));
    let result = tokio::select! {
        biased;
        Some(ended) = command.join_next() => {
            ended.unwrap_or_else(|panic| Err(Failure::Service(format!("the command broke: {panic}"))))
        }
        Ok(()) = tokio::signal::ctrl_c() => Err(Failure::Interrupted),
        () = passed(deadline) => Err(Failure::Deadline),
        failure = services.failed() => Err(failure),
    };
    drop(command);
    services.stop().await;
    result
}

async fn passed(deadline: Option<Deadline>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline.instant()).await,
        None => std::future::pending().await,
    }
}

async fn execute(command: Command, caller: Caller) -> Result<(), Failure> {
    let mut output = Output::stdout();
    match &command {
        Command::Analyze(args) => analyze::run(args, &caller, &mut output).await,
        Command::Upload(args) => upload::run(args, &caller, &mut output).await,
        Command::Captures(args) => captures::list(args, &caller, &mut output).await,
        Command::Get(args) => get::run(args, &caller).await,
        Command::Delete(args) => captures::delete(args, &caller).await,
    }
}

impl Args {
    fn format(&self) -> Format {
        match &self.command {
            Command::Analyze(args) => args.format,
            Command::Upload(args) => args.format,
            Command::Captures(args) => args.format,
            Command::Get(_) | Command::Delete(_) => Format::Table,
        }
    }
}
