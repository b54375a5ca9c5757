//! `weir dead-letters`: what handlers gave up.

use weir_shared::proto::ingest::v1::{
    DropDeadLettersRequest, GetDeadLetterRequest, ListDeadLettersRequest, ListDeadLettersResponse,
    RedriveDeadLettersRequest,
};

use crate::{
    args::{
        Format,
        events::{DeadLetters, ListDead, Named, ShowDead},
    },
    caller::Caller,
    failure::Failure,
    output::Output,
    render::{events, text::escape, units::counted},
};

/// Dead letters of one page: what the service allows.
const PAGE_MAX: u64 = 1_000;

pub(crate) async fn run(
    args: &DeadLetters,
    caller: &Caller,
    output: &mut Output,
) -> Result<(), Failure> {
    match args {
        DeadLetters::List(args) => list(args, caller, output).await,
        DeadLetters::Show(args) => show(args, caller, output).await,
        DeadLetters::Redrive(args) => redrive(args, caller, output).await,
        DeadLetters::Drop(args) => forget(args, caller, output).await,
    }
}

async fn list(args: &ListDead, caller: &Caller, output: &mut Output) -> Result<(), Failure> {
    let mut left = args.limit;
    let mut page_token = args.page_token.clone();
    loop {
        let request = ListDeadLettersRequest {
            page_size: i32::try_from(left.min(PAGE_MAX)).unwrap_or(i32::MAX),
            page_token,
            handler: args.handler.clone().unwrap_or_default(),
        };
        let page = caller.repeat(caller.events(), request, async |mut client, request| {
            client.list_dead_letters(request).await
        });
        let ListDeadLettersResponse {
            dead_letters,
            next_page_token,
        } = page.await?;
        match args.format {
            Format::Table => output.text(&events::dead_letters(&dead_letters, output.view))?,
            Format::Json => {
                for letter in &dead_letters {
                    output.json(letter)?;
                }
            }
        }
        output.flush()?;
        left = left.saturating_sub(dead_letters.len() as u64);
        page_token = next_page_token;
        if page_token.is_empty() {
            return Ok(());
        }
        if left == 0 {
            let token = escape(&page_token);
            let more = format!("there are more: go on with --page-token {token}");
            caller.notes.say(&more);
            return Ok(());
        }
    }
}

async fn show(args: &ShowDead, caller: &Caller, output: &mut Output) -> Result<(), Failure> {
    let request = GetDeadLetterRequest {
        handler: args.handler.clone(),
        event_id: args.event.clone(),
    };
    let found = caller.repeat(caller.events(), request, async |mut client, request| {
        client.get_dead_letter(request).await
    });
    let letter = found.await?.dead_letter.unwrap_or_default();
    match args.format {
        Format::Table => output.text(&events::dead_letter(&letter, output.view))?,
        Format::Json => output.json(&letter)?,
    }
    output.flush()
}

async fn redrive(args: &Named, caller: &Caller, output: &mut Output) -> Result<(), Failure> {
    let request = RedriveDeadLettersRequest {
        handler: args.handler.clone(),
        event_ids: args.events.clone(),
    };
    let done = caller.repeat(caller.events(), request, async |mut client, request| {
        client.redrive_dead_letters(request).await
    });
    let redriven = done.await?.redriven;
    output.text(&format!(
        "{} to be delivered again\n",
        counted(redriven, "event")
    ))?;
    output.flush()
}

async fn forget(args: &Named, caller: &Caller, output: &mut Output) -> Result<(), Failure> {
    let request = DropDeadLettersRequest {
        handler: args.handler.clone(),
        event_ids: args.events.clone(),
    };
    let done = caller.repeat(caller.events(), request, async |mut client, request| {
        client.drop_dead_letters(request).await
    });
    let dropped = done.await?.dropped;
    output.text(&format!("{} dropped\n", counted(dropped, "dead letter")))?;
    output.flush()
}
