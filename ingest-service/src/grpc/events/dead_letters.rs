//! Dead letters: listed page by page, shown, delivered again, forgotten.

use weir_shared::proto::ingest::v1 as proto;

use super::{EventsApi, convert};
use crate::{
    catalog::{DeadFate, DeadLetter, DeadPlace},
    domain::{
        error::Error,
        event::{EventId, Position},
        time::Timestamp,
    },
    grpc::{
        convert::{invalid, time_to_proto},
        page::page_size,
    },
};

/// Events named in one request.
const NAMED_MAX: usize = 1_000;

/// Longest name of a handler, bytes.
const HANDLER_BYTES_MAX: usize = 64;

pub(super) async fn list(
    api: &EventsApi,
    request: proto::ListDeadLettersRequest,
) -> Result<proto::ListDeadLettersResponse, Error> {
    let proto::ListDeadLettersRequest {
        page_size: size,
        page_token,
        handler,
    } = request;
    let size = page_size(size)?;
    let only = match handler.is_empty() {
        true => None,
        false => Some(known(handler)?),
    };
    let after = match page_token.is_empty() {
        true => None,
        false => Some(place(&page_token)?),
    };
    // One more than is wanted, to know whether there is a next page.
    let listed = api
        .ingest
        .catalog
        .dead_letters(only.as_deref(), after.as_ref(), size + 1);
    let mut listed = listed.await?;
    let next_page_token = match listed.len() > size as usize {
        true => {
            listed.truncate(size as usize);
            listed.last().map(token).unwrap_or_default()
        }
        false => String::new(),
    };
    Ok(proto::ListDeadLettersResponse {
        dead_letters: listed.iter().map(brief).collect(),
        next_page_token,
    })
}

/// The place of the last one of a page.
fn token(last: &DeadLetter) -> String {
    format!("{}.{}", last.event.position.0, last.handler)
}

fn place(token: &str) -> Result<DeadPlace, Error> {
    let parts = token.split_once('.');
    let place = parts.and_then(|(position, handler)| {
        Some(DeadPlace {
            position: Position(position.parse().ok().filter(|p| *p <= Position::END.0)?),
            handler: known(handler.to_owned()).ok()?,
        })
    });
    place.ok_or_else(|| invalid("page_token", "is not a token that this listing gave"))
}

/// Not only of those that run now: letters of one that was removed stay.
fn known(handler: String) -> Result<String, Error> {
    let is_plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    match handler.bytes().all(is_plain) && (1..=HANDLER_BYTES_MAX).contains(&handler.len()) {
        true => Ok(handler),
        false => Err(invalid("handler", "is no name of a handler")),
    }
}

fn event_id(text: &str) -> Result<EventId, Error> {
    EventId::parse(text).ok_or_else(|| invalid("event_id", "is no UUID"))
}

pub(super) async fn get(
    api: &EventsApi,
    request: proto::GetDeadLetterRequest,
) -> Result<proto::GetDeadLetterResponse, Error> {
    let proto::GetDeadLetterRequest {
        handler,
        event_id: id,
    } = request;
    let (handler, id) = (known(handler)?, event_id(&id)?);
    let found = api.ingest.catalog.dead_letter(&handler, id).await?;
    let found = found.ok_or(Error::NoDeadLetter { handler, event: id })?;
    let attempts = found.history.iter().map(|attempt| proto::DeliveryAttempt {
        time: Some(time_to_proto(Timestamp(attempt.at_us))),
        error: attempt.error.clone(),
    });
    let dead_letter = proto::DeadLetter {
        history: attempts.collect(),
        event: Some(convert::event(&found.event, &api.source)),
        ..brief(&found)
    };
    Ok(proto::GetDeadLetterResponse {
        dead_letter: Some(dead_letter),
    })
}

fn brief(letter: &DeadLetter) -> proto::DeadLetter {
    let last = letter.history.last();
    proto::DeadLetter {
        handler: letter.handler.clone(),
        event_id: letter.event.id.to_string(),
        r#type: letter.event.kind.clone(),
        capture_id: letter.event.capture_id.to_string(),
        attempts: letter.attempts,
        error: last
            .map(|attempt| attempt.error.clone())
            .unwrap_or_default(),
        time: Some(time_to_proto(letter.at)),
        history: Vec::new(),
        event: None,
    }
}

pub(super) async fn redrive(
    api: &EventsApi,
    request: proto::RedriveDeadLettersRequest,
) -> Result<proto::RedriveDeadLettersResponse, Error> {
    let proto::RedriveDeadLettersRequest { handler, event_ids } = request;
    let redriven = settle(api, handler, &event_ids, DeadFate::Redriven).await?;
    Ok(proto::RedriveDeadLettersResponse { redriven })
}

pub(super) async fn forget(
    api: &EventsApi,
    request: proto::DropDeadLettersRequest,
) -> Result<proto::DropDeadLettersResponse, Error> {
    let proto::DropDeadLettersRequest { handler, event_ids } = request;
    let dropped = settle(api, handler, &event_ids, DeadFate::Dropped).await?;
    Ok(proto::DropDeadLettersResponse { dropped })
}

async fn settle(
    api: &EventsApi,
    handler: String,
    event_ids: &[String],
    fate: DeadFate,
) -> Result<u64, Error> {
    let handler = known(handler)?;
    if event_ids.len() > NAMED_MAX {
        return Err(invalid("event_ids", format!("at most {NAMED_MAX}")));
    }
    let ids: Result<Vec<EventId>, Error> = event_ids.iter().map(|id| event_id(id)).collect();
    let ids = ids?;
    let now = Timestamp::now();
    let settled = api
        .ingest
        .catalog
        .settle_dead_letters(&handler, &ids, fate, now);
    Ok(settled.await?)
}
