//! Clients that know what they want and ask whichever instance answers until it
//! is done: the same request again, as the contract allows.

use std::{net::SocketAddr, sync::Mutex, time::Duration};

use bytes::Bytes;
use tokio::time::{sleep, timeout};
use tonic::{Code, Status, transport::Channel};
use weir_shared::{
    proto::{
        analyzer::v1::AnalysisRecord,
        ingest::v1::{AnalysisState, CaptureSpec, DeleteCaptureRequest, StartAnalysisRequest},
    },
    status::reason,
};
use weir_tests::{
    background::{Background, wanted},
    caller::{Caller, channel},
    messages::{chunk, finish, open_with, spec},
    random::Random,
};

use super::{
    plan::{Life, Wanted},
    services::Addresses,
};

/// The longest that a client waits for an answer: the instance may stand still.
const CALL_MAX: Duration = Duration::from_secs(2);
/// Before it asks again.
const PAUSE: Duration = Duration::from_millis(20);
/// For everything that a client wants: above any number of kills and stalls.
const CLIENT_MAX: Duration = Duration::from_secs(120);

const CHUNK_BYTES: usize = 256 << 10;

/// What a client was told that it got.
#[derive(Debug, Default)]
pub(crate) struct Got {
    pub(crate) analyses: Vec<Started>,
}

#[derive(Debug)]
pub(crate) struct Started {
    pub(crate) id: String,
    pub(crate) request_id: String,
    /// It was told to be cancelled.
    pub(crate) is_cancelled: bool,
    /// What somebody saw of it who watched all the time, to its end.
    pub(crate) watched: Option<Vec<AnalysisRecord>>,
}

/// Asks one of the instances.
pub(crate) struct Asker<'a> {
    pub(crate) addresses: &'a Addresses,
    pub(crate) random: Mutex<Random>,
}

impl Asker<'_> {
    fn address(&self) -> SocketAddr {
        let which = self.random.lock().unwrap().below(2);
        self.addresses.lock().unwrap()[which]
    }

    pub(crate) fn channel(&self) -> Channel {
        channel(self.address())
    }

    pub(crate) async fn ask<T>(
        &self,
        mut call: impl AsyncFnMut(Channel) -> Result<T, Status>,
    ) -> T {
        loop {
            match timeout(CALL_MAX, call(self.channel())).await {
                Ok(Ok(answer)) => return answer,
                Ok(Err(status)) => check_passing(&status),
                Err(_elapsed) => {}
            }
            sleep(PAUSE).await;
        }
    }
}

/// An instance of a bad day may say that its storage is away or that it ends, or
/// just vanish.
pub(crate) fn check_passing(status: &Status) {
    match reason(status).as_deref() {
        None => {}
        Some("STORAGE_UNAVAILABLE" | "SHUTTING_DOWN" | "OVERLOADED") => {}
        Some(other) => panic!("{other}: {status:?}"),
    }
}

/// Of the capture with this number.
pub(crate) fn capture_id(number: usize) -> String {
    format!("c-{number}")
}

/// Lives a capture's life.
pub(crate) async fn live(asker: Asker<'_>, number: usize, life: &Life, bytes: &Bytes) -> Got {
    let living = async {
        let id = capture_id(number);
        upload(&asker, &id, life, bytes).await;
        let mut got = Got::default();
        let asked = life.analyses.iter().enumerate();
        let asked = asked.map(|(n, wanted)| analyze(&asker, &id, n, wanted));
        let all = futures::future::join_all(asked);
        let deleted = async {
            if let Some(after) = life.deleted_after {
                sleep(after).await;
                delete(&asker, &id).await;
            }
        };
        let (analyses, ()) = tokio::join!(all, deleted);
        got.analyses.extend(analyses.into_iter().flatten());
        got
    };
    let lived = timeout(CLIENT_MAX, living).await;
    lived.unwrap_or_else(|_| panic!("capture {number} did not get what it wanted"))
}

async fn upload(asker: &Asker<'_>, id: &str, life: &Life, bytes: &Bytes) {
    let spec = CaptureSpec {
        analyze_on_seal: life.analyze_on_seal,
        labels: [("round".to_owned(), id.to_owned())].into(),
        ..spec(id)
    };
    let mut messages = vec![open_with(spec)];
    let mut count = 0;
    for part in bytes.chunks(CHUNK_BYTES) {
        messages.push(chunk(count, part));
        count += 1;
    }
    messages.push(finish(count));
    asker
        .ask(async |channel| Caller::new(channel).upload(messages.clone()).await)
        .await;
}

async fn delete(asker: &Asker<'_>, id: &str) {
    let request = DeleteCaptureRequest {
        capture_id: id.to_owned(),
        allow_missing: true,
    };
    asker
        .ask(async |channel| {
            let mut rpc = Caller::new(channel).rpc;
            rpc.delete_capture(request.clone()).await
        })
        .await;
}

/// `None`: the capture was gone first.
async fn analyze(asker: &Asker<'_>, id: &str, n: usize, plan: &Wanted) -> Option<Started> {
    let request = StartAnalysisRequest {
        request_id: format!("{id}-{n}"),
        ..wanted(id)
    };
    let started = asker
        .ask(async |channel| {
            let started = Background::new(channel).start(request.clone()).await;
            unless_gone(started)
        })
        .await?;
    let started_id = &started.analysis_id;
    let watching = async {
        if plan.is_watched {
            watch(asker, started_id).await
        } else {
            None
        }
    };
    let cancelling = async {
        let after = plan.cancelled_after?;
        sleep(after).await;
        let cancelled = asker
            .ask(async |channel| unless_gone(Background::new(channel).cancel(started_id).await));
        cancelled.await
    };
    let (watched, cancelled) = tokio::join!(watching, cancelling);
    Some(Started {
        id: started.analysis_id.clone(),
        request_id: request.request_id.clone(),
        is_cancelled: cancelled.is_some_and(|told| told.state() == AnalysisState::Cancelled),
        watched,
    })
}

/// Watches through whatever happens, and asks for what follows what was told. `None`:
/// the capture was deleted.
async fn watch(asker: &Asker<'_>, id: &str) -> Option<Vec<AnalysisRecord>> {
    let mut records: Vec<AnalysisRecord> = Vec::new();
    loop {
        let after = records.len() as u64;
        let some = timeout(CALL_MAX, watch_from(asker, id, after, &mut records)).await;
        match some {
            Ok(Ok(true)) => return Some(records),
            Ok(Ok(false)) => return None,
            Ok(Err(status)) => check_passing(&status),
            Err(_elapsed) => {}
        }
        sleep(PAUSE).await;
    }
}

/// False: it is gone.
async fn watch_from(
    asker: &Asker<'_>,
    id: &str,
    after: u64,
    records: &mut Vec<AnalysisRecord>,
) -> Result<bool, Status> {
    let watched = Background::new(asker.channel()).watch(id, after).await;
    let Some(mut watched) = unless_gone(watched)? else {
        return Ok(false);
    };
    loop {
        let more = unless_gone(watched.next().await);
        // It says itself that sequences follow one another.
        records.append(&mut watched.records);
        match more? {
            None => return Ok(false),
            Some(true) => {}
            // In order only when it is over.
            Some(false) => return Ok(true),
        }
    }
}

fn unless_gone<T>(answer: Result<T, Status>) -> Result<Option<T>, Status> {
    match answer {
        Ok(answer) => Ok(Some(answer)),
        Err(status) if is_gone(&status) => Ok(None),
        Err(status) => Err(status),
    }
}

fn is_gone(status: &Status) -> bool {
    matches!(status.code(), Code::NotFound | Code::Aborted)
        && matches!(
            reason(status).as_deref(),
            Some("CAPTURE_UNKNOWN" | "CAPTURE_DELETED" | "ANALYSIS_UNKNOWN")
        )
}
