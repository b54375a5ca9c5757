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
    pages::Pages,
    render::{events, units::counted},
};

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
    let mut pages = Pages::new(args.limit, &args.page_token);
    loop {
        let (page_size, page_token) = pages.next();
        let request = ListDeadLettersRequest {
            page_size,
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
        if !pages.goes_on(dead_letters.len(), next_page_token, &caller.notes) {
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
