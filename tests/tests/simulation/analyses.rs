//! What befalls analyses between client, ingest-service and analyzer-service.

use std::time::Duration;

use tokio::time::{Instant, sleep};
use tonic::{Code, Status};
use weir_shared::{proto::analyzer::v1::AnalysisOptions, status::reason};
use weir_tests::{
    caller::Caller,
    errors::{check_error, check_unavailable},
    messages::{finish, open},
    recordings, synth,
};

use super::{
    script::Event,
    trace::Trace,
    uploader::CAPTURE_BYTES_MAX,
    world::{ANALYZER, INGEST, Setup, World, caller, narrow_caller},
};

const CLIENT: &str = "client";

/// More answers than all windows and queues between its ends take in.
const FLOWS: u32 = 20_000;

/// When the captures are stored, and an analysis may begin.
const STORED: Duration = Duration::from_secs(60);

/// One analysis at a time: a place that is not given back is seen at once.
fn setup(seed: u64) -> Setup {
    Setup {
        analyzer: |config| config.analyses_max = Some(1),
        ..Setup::of(seed)
    }
}

/// A small capture `small`, and a large one `large`, by the time of [`STORED`].
async fn store() {
    let client = caller(INGEST);
    let large = synth::many_flows(FLOWS);
    for (id, bytes) in [("small", recordings::bytes("icmp.pcap")), ("large", large)] {
        client.upload(vec![open(id)]).await.unwrap();
        let mut count = 0;
        for part in bytes.chunks(CAPTURE_BYTES_MAX) {
            client.put(id, count, part).await.unwrap();
            count += 1;
        }
        client.upload(vec![open(id), finish(count)]).await.unwrap();
    }
    let at = turmoil::sim_elapsed().unwrap();
    sleep(STORED.checked_sub(at).unwrap()).await;
}

/// Progress goes by the clock of the machine.
fn without_progress() -> AnalysisOptions {
    AnalysisOptions {
        progress_interval: Some(pbjson_types::Duration {
            seconds: 3600,
            nanos: 0,
        }),
        ..AnalysisOptions::default()
    }
}

/// Reads an answer of the large capture, one message a second for so long, and
/// what comes then at once; how it ended, and after what time.
async fn read_slowly(
    client: &Caller,
    deadline: Duration,
    slow_for: Duration,
    trace: &Trace,
) -> (Result<u32, Status>, Duration) {
    let begun = Instant::now();
    let reading = async {
        let mut answer = client
            .begin_analysis_with("large", Some(deadline), without_progress())
            .await?;
        let mut messages = 0;
        while answer.message().await?.is_some() {
            messages += 1;
            let left = slow_for.saturating_sub(begun.elapsed());
            sleep(left.min(Duration::from_secs(1))).await;
        }
        Ok(messages)
    };
    let ended: Result<u32, Status> = reading.await;
    let took = begun.elapsed();
    match &ended {
        Ok(messages) => trace.tell(CLIENT, format_args!("{messages} messages in {took:?}")),
        Err(status) => {
            let told = (status.code(), reason(status));
            trace.tell(CLIENT, format_args!("{told:?} after {took:?}"));
        }
    }
    (ended, took)
}

async fn check_small_is_analyzed(trace: &Trace) {
    let options = without_progress();
    let analysis = caller(INGEST).analyze("small", options).await.unwrap();
    assert!(!analysis.records.is_empty());
    let records = analysis.records.len();
    trace.tell(CLIENT, format_args!("{records} records of the small one"));
}

fn check(
    seed: u64,
    script: &[(u64, Event)],
    scenario: impl AsyncFnOnce(Trace) + 'static,
) -> Vec<String> {
    let mut world = World::new(setup(seed));
    let trace = world.trace();
    let telling = trace.clone();
    world.client(CLIENT, async move {
        store().await;
        scenario(telling).await;
    });
    world.run(script);
    trace.lines()
}

/// Beyond what befalls the analysis, 2 s after its begin.
const SLOW: Duration = Duration::from_secs(4);
const MINUTE: Duration = Duration::from_secs(60);

#[test]
fn an_analysis_over_slow_links_is_whole_and_the_same_each_time() {
    let run = || {
        let slow = Duration::from_millis(300);
        let script = [
            (0, Event::Latency(INGEST, ANALYZER, slow)),
            (55_000, Event::Latency(CLIENT, INGEST, slow)),
        ];
        check(1, &script, async |trace| {
            let client = caller(INGEST);
            let (ended, _) = read_slowly(&client, MINUTE, Duration::ZERO, &trace).await;
            ended.unwrap();
            check_small_is_analyzed(&trace).await;
        })
    };
    assert_eq!(run(), run());
}

/// The remaining time goes on with each call, so both ends are over at the
/// deadline although each hop takes a tenth of it. The client reads nothing.
#[test]
fn a_deadline_passes_through_both_services_under_delay() {
    const DEADLINE: Duration = Duration::from_secs(3);
    let slow = Duration::from_millis(300);
    let script = [
        (50_000, Event::Latency(CLIENT, INGEST, slow)),
        (50_000, Event::Latency(INGEST, ANALYZER, slow)),
    ];
    check(2, &script, async move |trace| {
        let client = narrow_caller(INGEST);
        // Nothing is read after the first messages: the call is over nevertheless.
        let mut unread = client
            .begin_analysis("large", Some(DEADLINE))
            .await
            .unwrap();
        assert!(unread.message().await.unwrap().is_some());
        sleep(DEADLINE).await;
        // The place is free, on time, for who comes now.
        check_small_is_analyzed(&trace).await;

        drop(unread);
        let (ended, took) = read_slowly(&client, DEADLINE, Duration::ZERO, &trace).await;
        check_error(&ended.unwrap_err(), Code::DeadlineExceeded, "DEADLINE");
        // The request's way there and the answer's back, and before it what the
        // transport has queued: hyper's 400 KiB, by a window of 64 KiB for each way
        // there and back.
        let queued = 400 / 64 * 2 * slow;
        let late = DEADLINE..DEADLINE + 3 * slow + queued;
        assert!(late.contains(&took), "{took:?}");
        check_small_is_analyzed(&trace).await;
    });
}

/// What is sent between the services is lost: ingest-service notices by its
/// pings, the analyzer by its own, and gives the place back.
#[test]
fn a_partition_behind_ingest_service_is_told_and_leaves_nothing_behind() {
    let script = [
        (62_000, Event::Partition(INGEST, ANALYZER)),
        (90_000, Event::Repair(INGEST, ANALYZER)),
    ];
    check(3, &script, async |trace| {
        let client = narrow_caller(INGEST);
        let (ended, took) = read_slowly(&client, 5 * MINUTE, SLOW, &trace).await;
        check_unavailable(&ended.unwrap_err(), "ANALYZER_UNAVAILABLE");
        // What was sent before is read slowly; then come the pings' 20 s.
        assert!(took < SLOW + Duration::from_secs(21), "{took:?}");
        // While it lasts a call ends soon: there is no connection to wait for.
        let options = without_progress();
        let away = caller(INGEST).analyze("small", options).await;
        check_unavailable(&away.unwrap_err(), "ANALYZER_UNAVAILABLE");
        let at = turmoil::sim_elapsed().unwrap();
        sleep(Duration::from_secs(91).checked_sub(at).unwrap()).await;
        check_small_is_analyzed(&trace).await;
    });
}

#[test]
fn a_deadline_ends_an_analysis_behind_a_partition() {
    const DEADLINE: Duration = Duration::from_secs(5);
    let script = [
        (62_000, Event::Partition(INGEST, ANALYZER)),
        (66_000, Event::Repair(INGEST, ANALYZER)),
    ];
    check(4, &script, async |trace| {
        let client = narrow_caller(INGEST);
        let (ended, took) = read_slowly(&client, DEADLINE, SLOW, &trace).await;
        check_error(&ended.unwrap_err(), Code::DeadlineExceeded, "DEADLINE");
        assert!(took < DEADLINE + Duration::from_millis(500), "{took:?}");
        // The analyzer was told the same deadline, and has no word from ingest-service:
        // its place is free. What was sent while the network was cut is lost here,
        // so the connection of before lives only until its pings fail.
        sleep(Duration::from_secs(25)).await;
        check_small_is_analyzed(&trace).await;
    });
}

#[test]
fn an_analyzer_that_crashes_is_told_and_used_again() {
    let script = [
        (62_000, Event::Crash(ANALYZER)),
        (64_000, Event::Start(ANALYZER)),
    ];
    check(5, &script, async |trace| {
        let client = narrow_caller(INGEST);
        let (ended, took) = read_slowly(&client, 5 * MINUTE, SLOW, &trace).await;
        check_unavailable(&ended.unwrap_err(), "ANALYZER_UNAVAILABLE");
        assert!(took < Duration::from_secs(5), "{took:?}");
        sleep(Duration::from_secs(3)).await;
        check_small_is_analyzed(&trace).await;
    });
}

#[test]
fn a_client_that_is_cut_off_leaves_its_place() {
    let script = [
        (62_000, Event::Partition(CLIENT, INGEST)),
        (95_000, Event::Repair(CLIENT, INGEST)),
    ];
    check(6, &script, async |trace| {
        let client = narrow_caller(INGEST);
        let (ended, took) = read_slowly(&client, 5 * MINUTE, SLOW, &trace).await;
        // Of its own connection, so without a word of the service.
        assert_eq!(reason(&ended.unwrap_err()), None);
        assert!(took < Duration::from_secs(23), "{took:?}");
        let at = turmoil::sim_elapsed().unwrap();
        sleep(Duration::from_secs(96).checked_sub(at).unwrap()).await;
        check_small_is_analyzed(&trace).await;
    });
}
