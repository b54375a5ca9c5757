//! Every analysis came to what an attached one does, and is found as one.

use std::{collections::BTreeMap, time::Duration};

use tokio::time::{sleep, timeout};
use tonic::transport::Channel;
use weir_shared::proto::{
    analyzer::v1::AnalysisRecord,
    ingest::v1::{
        AnalysisState, GetPreviewRequest, ListDeadLettersRequest, PreviewFormat,
        QueryRecordsRequest, events_service_client::EventsServiceClient, get_preview_request::Of,
        search_service_client::SearchServiceClient,
    },
};
use weir_tests::{analysis::Analysis, background::Background, caller::Caller};

use super::{
    clients::{Got, capture_id},
    log::Course,
    plan::Plan,
};

/// For what was put off by faults to be done in the end: pauses double with each.
const SETTLE_MAX: Duration = Duration::from_secs(120);
const LOOK_INTERVAL: Duration = Duration::from_millis(50);

/// Looks until it is so.
pub(crate) async fn settled<T>(what: &str, mut look: impl AsyncFnMut() -> Result<T, String>) -> T {
    let mut last = String::new();
    let looking = async {
        loop {
            match look().await {
                Ok(seen) => return seen,
                Err(not_yet) => last = not_yet,
            }
            sleep(LOOK_INTERVAL).await;
        }
    };
    let looked = timeout(SETTLE_MAX, looking).await;
    looked.unwrap_or_else(|_| panic!("{what}: {last}"))
}

/// What those asked for who are still there, and what the service started itself.
pub(crate) fn check_asked(plan: &Plan, got: &[Got], courses: &BTreeMap<String, Course>) {
    for (number, (life, got)) in plan.captures.iter().zip(got).enumerate() {
        let id = capture_id(number);
        for started in &got.analyses {
            let course = courses
                .get(&started.id)
                .expect("an analysis that was started");
            assert_eq!(course.request_id, started.request_id);
            if started.is_cancelled {
                assert_eq!(course.end(), "cancelled", "{course:?}");
            }
        }
        let own = courses.values().filter(|course| course.capture_id == id);
        let mut requests: Vec<&str> = own.map(|course| &*course.request_id).collect();
        let total = requests.len();
        requests.sort_unstable();
        requests.dedup();
        assert_eq!(requests.len(), total, "{id}: a request that was done twice");
        let by_itself = courses.values().filter(|c| c.is_of_seal(&id)).count();
        let wanted = usize::from(life.is_analyzed_on_seal());
        match life.deleted_after {
            // It may have been gone before.
            Some(_) => assert!(by_itself <= wanted, "{id}"),
            None => assert_eq!(by_itself, wanted, "{id}"),
        }
    }
}

/// How many succeeded.
pub(crate) async fn check_results(
    channel: Channel,
    plan: &Plan,
    got: &[Got],
    courses: &BTreeMap<String, Course>,
) -> u64 {
    let mut succeeded = 0;
    for (number, (life, got)) in plan.captures.iter().zip(got).enumerate() {
        if life.deleted_after.is_some() {
            continue;
        }
        let id = capture_id(number);
        let caller = Caller::new(channel.clone());
        let attached = caller.analyze(&id, Default::default()).await.unwrap();
        let mut indexed: Vec<Vec<AnalysisRecord>> = Vec::new();
        let own = courses.iter().filter(|(_, course)| course.capture_id == id);
        for (analysis_id, course) in own {
            let records = check_result(&channel, analysis_id, course, &attached, plan).await;
            let seen = got.analyses.iter().find(|s| s.id == *analysis_id);
            if let Some(watched) = seen.and_then(|seen| seen.watched.as_ref()) {
                assert!(*watched == records, "{id}: a watcher saw other records");
            }
            if course.end() == "succeeded" {
                succeeded += 1;
                check_preview(&channel, analysis_id).await;
                indexed = vec![records];
            } else if !indexed.contains(&attached.records) {
                indexed.push(records);
            }
        }
        check_index(&channel, &id, &indexed).await;
    }
    succeeded
}

/// It has been drawn, whole.
async fn check_preview(channel: &Channel, analysis_id: &str) {
    let request = GetPreviewRequest {
        of: Some(Of::AnalysisId(analysis_id.to_owned())),
        format: PreviewFormat::Svg.into(),
    };
    let mut client = Background::new(channel.clone()).rpc;
    let preview = settled("a preview", async || {
        let answer = client.get_preview(request.clone()).await;
        answer.map_err(|status| format!("{status:?}"))
    })
    .await;
    let image = preview.into_inner().image;
    assert!(image.ends_with(b"</svg>\n"), "{analysis_id}");
}

async fn check_result(
    channel: &Channel,
    analysis_id: &str,
    course: &Course,
    attached: &Analysis,
    plan: &Plan,
) -> Vec<AnalysisRecord> {
    let watched = Background::new(channel.clone()).watched(analysis_id).await;
    let (last, records) = (watched.last(), &watched.records);
    assert_eq!(last.records, records.len() as u64);
    let is_part = attached.records.starts_with(records);
    assert!(is_part, "{course:?}: other records than an attached one");
    let state = match course.end() {
        "succeeded" => {
            assert_eq!(records.len(), attached.records.len(), "{course:?}");
            assert_eq!(last.summary.as_ref(), Some(&attached.summary));
            AnalysisState::Succeeded
        }
        "failed" => {
            let reason = &*last.failure_reason;
            let passing = ["ANALYZER_UNAVAILABLE", "STORAGE_UNAVAILABLE", "OVERLOADED"];
            let is_excused = plan.may_fail() && passing.contains(&reason);
            assert!(is_excused, "{course:?}: {reason}: {}", last.failure_message);
            AnalysisState::Failed
        }
        _ => AnalysisState::Cancelled,
    };
    assert_eq!(last.state(), state);
    watched.records
}

/// Each record of one of these is found, once.
async fn check_index(channel: &Channel, id: &str, wanted: &[Vec<AnalysisRecord>]) {
    settled("what is found", async || {
        let mut found = query(channel, id).await;
        found.sort_by_key(|record| record.sequence);
        match wanted.contains(&found) || wanted.is_empty() && found.is_empty() {
            true => Ok(()),
            false => {
                let lengths: Vec<usize> = wanted.iter().map(Vec::len).collect();
                Err(format!("{id}: {} records, not {lengths:?}", found.len()))
            }
        }
    })
    .await;
}

async fn query(channel: &Channel, id: &str) -> Vec<AnalysisRecord> {
    let mut request = QueryRecordsRequest {
        capture_id: id.to_owned(),
        page_size: 1_000,
        ..QueryRecordsRequest::default()
    };
    let mut client = SearchServiceClient::new(channel.clone());
    let mut all = Vec::new();
    loop {
        let page = client.query_records(request.clone()).await.unwrap();
        let page = page.into_inner();
        all.extend(page.records.into_iter().map(|found| found.record.unwrap()));
        if page.next_page_token.is_empty() {
            return all;
        }
        request.page_token = page.next_page_token;
    }
}

pub(crate) async fn check_no_dead_letters(channel: Channel) {
    let mut client = EventsServiceClient::new(channel);
    let dead = client.list_dead_letters(ListDeadLettersRequest::default());
    assert_eq!(dead.await.unwrap().into_inner().dead_letters, []);
}
