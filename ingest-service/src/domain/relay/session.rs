//! One connection's worth of publishing.

use std::{sync::Arc, time::Duration};

use futures::{
    FutureExt as _, StreamExt as _,
    future::{BoxFuture, OptionFuture},
    stream::FuturesUnordered,
};
use tokio::{
    sync::watch,
    time::{Instant, sleep, sleep_until},
};
use tracing::Instrument as _;
use weir_shared::{chain::Chain, traceparent};

use super::{BrokerError, Confirm, Ended, Publisher, window::Window};
use crate::{
    catalog::CatalogError,
    domain::{
        event::{Event, Position},
        ingest::Ingest,
        tail::SharedEvent,
    },
};

/// Events in one question to the log.
const PAGE: u32 = 256;

/// Between two words to the catalog about how far we are: what was confirmed in
/// it is sent again after a crash.
const TELL_INTERVAL: Duration = Duration::from_millis(100);

/// A broker that confirms nothing of what is on its way for so long is taken for
/// lost, unless it has said that it takes nothing.
pub(super) const SILENCE_MAX: Duration = Duration::from_secs(30);
/// Between two looks whether it has said so.
const SILENCE_LOOK: Duration = Duration::from_secs(1);

/// How long the end, or a refusal, waits for what is on its way. Below the grace time of the service.
const DRAIN_MAX: Duration = Duration::from_secs(3);

type Answer = (Arc<SharedEvent>, Result<(), BrokerError>);

pub(super) struct Session<'a> {
    ingest: &'a Ingest,
    publisher: &'a dyn Publisher,
    window: Window,
    answers: FuturesUnordered<BoxFuture<'static, Answer>>,
    news: watch::Receiver<Position>,
    /// There may be more events than those that were read.
    is_behind: bool,
    /// As the catalog knows it.
    told: Position,
    /// When the broker gave a sign of life, or there was nothing to say.
    heard: Instant,
    confirmed: &'a mut u64,
}

impl<'a> Session<'a> {
    pub(super) fn new(
        ingest: &'a Ingest,
        publisher: &'a dyn Publisher,
        position: Position,
        confirmed: &'a mut u64,
    ) -> Self {
        Self {
            ingest,
            publisher,
            window: Window::after(position),
            answers: FuturesUnordered::new(),
            news: ingest.tail.last(),
            is_behind: true,
            told: position,
            heard: Instant::now(),
            confirmed,
        }
    }

    pub(super) async fn run(mut self, lost: &mut BoxFuture<'static, BrokerError>) -> Ended {
        let ingest = self.ingest;
        let ended = tokio::select! {
            biased;
            () = ingest.shutdown.cancelled() => Ended::Shutdown,
            error = lost => error.into(),
            ended = self.publish_all() => ended,
        };
        match ended {
            Ended::Shutdown | Ended::Broker(BrokerError::Refused(_)) => {
                // Late answers only save sending again.
                tokio::time::timeout(DRAIN_MAX, self.drain()).await.ok();
            }
            Ended::Displaced => return ended,
            Ended::Broker(_) | Ended::Catalog(_) => {}
        }
        if self.window.confirmed() > self.told
            && let Err(error) = ingest.lead(self.window.confirmed()).await
        {
            tracing::warn!(error = %Chain(&error), "events that the broker has will be sent again");
        }
        ended
    }

    async fn drain(&mut self) {
        while let Some((event, answer)) = self.answers.next().await {
            if let Err(BrokerError::Away(_)) = self.take(&event, answer) {
                break;
            }
        }
    }

    async fn publish_all(&mut self) -> Ended {
        let mut telling: Option<BoxFuture<'a, Result<Option<Position>, CatalogError>>> = None;
        let mut next_word = Instant::now();
        loop {
            if self.answers.is_empty() {
                self.heard = Instant::now();
            }
            if let Err(ended) = self.fill().await {
                return ended;
            }
            let has_news = telling.is_none() && self.window.confirmed() > self.told;
            let is_full = self.window.room() == 0;
            tokio::select! {
                Some((event, answer)) = self.answers.next() => {
                    if let Err(error) = self.take(&event, answer) {
                        return error.into();
                    }
                }
                () = sleep_until(next_word), if has_news => {
                    telling = Some(self.ingest.lead(self.window.confirmed()).boxed());
                }
                Some(told) = OptionFuture::from(telling.as_mut()) => {
                    telling = None;
                    next_word = Instant::now() + TELL_INTERVAL;
                    match told {
                        Ok(Some(position)) => self.told = position,
                        Ok(None) => return Ended::Displaced,
                        Err(error) => {
                            tracing::warn!(error = %Chain(&error), "the catalog does not know what the broker has");
                        }
                    }
                }
                Ok(()) = self.news.changed(), if !is_full => self.is_behind = true,
                () = sleep(SILENCE_LOOK), if !self.answers.is_empty() => {
                    if let Err(silent) = still_there(self.publisher, &mut self.heard) {
                        return silent.into();
                    }
                }
            }
        }
    }

    /// Reads and sends as much as may be on its way.
    async fn fill(&mut self) -> Result<(), Ended> {
        loop {
            while let Some(event) = self.window.next() {
                self.send(event).await?;
            }
            let room = u32::try_from(self.window.room()).unwrap_or(u32::MAX);
            let page = room.min(PAGE);
            if !self.is_behind || page == 0 {
                return Ok(());
            }
            let (taken, wanted) = (self.window.taken(), page as usize);
            let events = match self.ingest.tail.after(taken, wanted) {
                Some(events) if !events.is_empty() => events,
                _ => {
                    let read = self.ingest.catalog.events(taken, page).await?;
                    let events = read.events.into_iter();
                    events.map(SharedEvent::new).map(Arc::new).collect()
                }
            };
            self.is_behind = events.len() == wanted;
            self.window.take(events);
        }
    }

    async fn send(&mut self, event: Arc<SharedEvent>) -> Result<(), Ended> {
        let span = tracing::info_span!(
            parent: None,
            "publish",
            otel.name = format!("publish {}", event.kind),
            otel.kind = "producer",
            event.id = %event.id,
            event.kind,
            capture.id = %event.capture_id,
        );
        if let Some(parent) = &event.traceparent {
            traceparent::follow(&span, parent);
        }
        let publishing = publish(self.publisher, &event, &mut self.heard);
        let confirm = publishing.instrument(span.clone()).await?;
        let answer = async move { (event, confirm.await) };
        self.answers.push(answer.instrument(span).boxed());
        Ok(())
    }

    fn take(&mut self, event: &Event, answer: Result<(), BrokerError>) -> Result<(), BrokerError> {
        self.heard = Instant::now();
        self.ingest.metrics.relay.answered(&answer);
        answer?;
        *self.confirmed += 1;
        self.window.confirm(event);
        Ok(())
    }
}

async fn publish(
    publisher: &dyn Publisher,
    event: &Event,
    heard: &mut Instant,
) -> Result<Confirm, BrokerError> {
    let mut publishing = publisher.publish(event);
    loop {
        match tokio::time::timeout(SILENCE_LOOK, &mut publishing).await {
            Ok(sent) => return sent,
            Err(_) => still_there(publisher, heard)?,
        }
    }
}

/// Nothing has come for a moment.
fn still_there(publisher: &dyn Publisher, heard: &mut Instant) -> Result<(), BrokerError> {
    if publisher.is_blocked() {
        *heard = Instant::now();
    }
    match heard.elapsed() < SILENCE_MAX {
        true => Ok(()),
        false => Err(BrokerError::Silent(SILENCE_MAX)),
    }
}
