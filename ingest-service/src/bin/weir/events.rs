//! `weir events`: what has happened, and what happens.

use tonic::Status;
use weir_shared::proto::ingest::v1::{WatchEventsRequest, WatchEventsResponse};

use crate::{
    args::{self, Format},
    caller::{Caller, Patience},
    failure::Failure,
    output::Output,
    render::events,
};

/// Goes on after a broken call with the event after the last one shown.
pub(crate) async fn run(
    args: &args::events::Events,
    caller: &Caller,
    output: &mut Output,
) -> Result<(), Failure> {
    let mut request = WatchEventsRequest {
        cursor: args.cursor.clone(),
        types: args.types.clone(),
        capture_id: args.capture.clone().unwrap_or_default(),
        labels: args.labels.iter().cloned().collect(),
        once: !args.follow,
    };
    let followed = follow(&mut request, args, caller, output).await;
    let has_moved = followed.is_ok() || request.cursor != args.cursor;
    if args.format == Format::Table && has_moved && !request.cursor.is_empty() {
        let cursor = &request.cursor;
        caller.notes.say(&format!("go on with --cursor {cursor}"));
    }
    followed
}

async fn follow(
    request: &mut WatchEventsRequest,
    args: &args::events::Events,
    caller: &Caller,
    output: &mut Output,
) -> Result<(), Failure> {
    let mut patience = Patience::new();
    loop {
        let before = request.cursor.clone();
        let watched = watch(request, args, &mut patience, caller, output);
        let Err(status) = watched.await? else {
            return Ok(());
        };
        if !args.follow && request.cursor != before {
            patience.restore();
        }
        let waited = patience.wait(status, &caller.notes).await;
        waited.map_err(|status| Failure::from_status(&status))?;
    }
}

/// The cursor of the request follows what was shown.
async fn watch(
    request: &mut WatchEventsRequest,
    args: &args::events::Events,
    patience: &mut Patience,
    caller: &Caller,
    output: &mut Output,
) -> Result<Result<(), Status>, Failure> {
    let mut client = caller.events();
    let answer = client.watch_events(caller.request(request.clone()));
    let mut told = match answer.await {
        Ok(answer) => answer.into_inner(),
        Err(status) => return Ok(Err(status)),
    };
    if args.follow {
        *patience = Patience::endless();
    }
    loop {
        let WatchEventsResponse { event, cursor } = match told.message().await {
            Ok(Some(told)) => told,
            Ok(None) => return Ok(Ok(())),
            Err(status) => return Ok(Err(status)),
        };
        if let Some(event) = event {
            match args.format {
                Format::Table => output.text(&events::line(&event))?,
                Format::Json => output.json(&event)?,
            }
            output.flush()?;
        }
        request.cursor = cursor;
    }
}
