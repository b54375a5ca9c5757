//! One attempt of a delivery: whatever the handler does, it ends, and its end
//! is an outcome.

use std::{sync::Arc, time::Duration};

use backon::{BackoffBuilder as _, ExponentialBuilder};
use tokio_util::{
    sync::CancellationToken,
    task::{AbortOnDropHandle, TaskTracker},
};
use tracing::Instrument as _;
use weir_shared::{chain::Chain, traceparent};

use super::handler::{Failure, Handler, Limits};
use crate::{
    catalog::{Attempt, Delivery, Outcome},
    domain::{event::kind, time::Timestamp},
};

/// Attempts that a delivery remembers, the last ones.
const HISTORY_MAX: usize = 20;
/// Of an attempt's error, bytes.
const ERROR_BYTES_MAX: usize = 1_000;

/// Tries once. Dropped, the handler's work is dropped with it. What fails because the
/// service ends was not tried: long work that many restarts cut is never given up.
pub(super) async fn attempt(
    handler: Arc<dyn Handler>,
    delivery: Delivery,
    tasks: TaskTracker,
    shutdown: &CancellationToken,
) -> Outcome {
    let span = tracing::info_span!(
        parent: None,
        "deliver",
        otel.name = format!("deliver {} to {}", delivery.event.kind, delivery.handler),
        otel.kind = "consumer",
        handler = delivery.handler,
        event.id = %delivery.event.id,
        event.kind = delivery.event.kind,
        capture.id = %delivery.event.capture_id,
        attempt = delivery.attempt,
    );
    if let Some(parent) = &delivery.event.traceparent {
        traceparent::follow(&span, parent);
    }
    let limits = handler.limits();
    let (attempt, mut history) = (delivery.attempt, delivery.history.clone());
    // In a task of its own: a panic of the handler is its own.
    let handled = tasks.spawn(handle(handler, delivery).instrument(span.clone()));
    let handled = AbortOnDropHandle::new(handled);
    let failure = match tokio::time::timeout(limits.timeout, handled).await {
        Ok(Ok(Ok(()))) => return Outcome::Done,
        Ok(Ok(Err(failure))) => failure,
        Ok(Err(panicked)) => Failure::transient(panicked),
        Err(_) => Failure::transient(format!("it took longer than {:?}", limits.timeout)),
    };
    let now = Timestamp::now();
    if let Failure::Later { cause, pause } = &failure {
        span.in_scope(|| tracing::warn!(error = %Chain(&**cause), ?pause, "a handler rests"));
        let at = now.plus(*pause);
        return Outcome::Released { at };
    }
    if shutdown.is_cancelled() && matches!(failure, Failure::Transient(_)) {
        return Outcome::Released { at: now };
    }
    history.push(Attempt {
        at_us: now.0,
        error: text(&failure),
    });
    history.drain(..history.len().saturating_sub(HISTORY_MAX));
    let is_given_up = matches!(failure, Failure::Permanent(_)) || attempt >= limits.attempts;
    span.in_scope(|| tracing::warn!(error = %Chain(&failure), is_given_up, "a delivery failed"));
    match is_given_up {
        true => Outcome::Dead { history },
        false => Outcome::Again {
            at: now.plus(pause_after(attempt, limits)),
            history,
        },
    }
}

async fn handle(handler: Arc<dyn Handler>, delivery: Delivery) -> Result<(), Failure> {
    let event = &delivery.event;
    // It died with the service again and again, without a word.
    if delivery.attempt > handler.limits().attempts {
        return Err(Failure::permanent(
            "the service died at each attempt to handle it",
        ));
    }
    if !handler.kinds().contains(&&*event.kind) {
        let of_family = |known: &&&str| kind::family(known) == kind::family(&event.kind);
        let known: Vec<&str> = handler.kinds().iter().filter(of_family).copied().collect();
        return Err(Failure::permanent(format!(
            "{} is not known to {}; known are {}",
            event.kind,
            handler.name(),
            known.join(", "),
        )));
    }
    let fact = event.fact().map_err(Failure::permanent)?;
    handler.handle(event, fact).await
}

/// Before the attempt after this one.
pub(super) fn pause_after(attempt: u32, limits: Limits) -> Duration {
    let pauses = ExponentialBuilder::default()
        .with_min_delay(limits.pause_min)
        .with_max_delay(limits.pause_max)
        .without_max_times()
        .with_jitter()
        .build();
    let before = usize::try_from(attempt.saturating_sub(1)).unwrap_or(usize::MAX);
    let mut pauses = pauses.skip(before);
    pauses.next().unwrap_or(limits.pause_max)
}

fn text(failure: &Failure) -> String {
    let mut text = Chain(failure).to_string();
    if text.len() > ERROR_BYTES_MAX {
        text.truncate(text.floor_char_boundary(ERROR_BYTES_MAX));
        text.push('…');
    }
    text
}

#[cfg(test)]
mod tests;
