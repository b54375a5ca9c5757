//! What befalls uploads, and how they go on.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use futures::{StreamExt as _, stream};
use tokio::time::{Instant, sleep};
use tonic::Code;
use weir_shared::status::reason;
use weir_tests::{
    errors::check_quota,
    messages::{chunk, open, open_with},
    random::Random,
};

use super::{
    script::Event,
    uploader::{Acknowledged, Told, Uploader, capture},
    world::{INGEST, INGEST_TOO, Setup, World, caller},
};

const CLIENT: &str = "client";
const OTHER: &str = "other";

const N_CHUNKS: u32 = 40;
/// Before each chunk: the upload takes 4 s.
const PAUSE: Duration = Duration::from_millis(100);

/// A silent connection ends after the ping's interval and its timeout. The
/// interval runs from the last that was heard.
const SILENCE_MAX: Duration = Duration::from_millis(20_100);

/// A client of its own at each of these services, all with the same bytes.
fn uploaders(world: &World, seed: u64, hosts: &[(&str, &str)]) -> Vec<Uploader> {
    let (spec, chunks) = capture("c", N_CHUNKS, &mut Random::seeded(seed));
    let (chunks, acknowledged) = (Arc::new(chunks), Acknowledged::default());
    let uploader = |(name, host): &(&str, &str)| Uploader {
        name: (*name).to_owned(),
        host: (*host).to_owned(),
        spec: spec.clone(),
        chunks: Arc::clone(&chunks),
        pause: PAUSE,
        acknowledged: acknowledged.clone(),
        trace: world.trace(),
    };
    hosts.iter().map(uploader).collect()
}

/// One upload to its end through what the script says.
fn upload(setup: Setup, script: &[(u64, Event)]) -> Told {
    let mut world = World::new(setup);
    let [uploader] = uploaders(&world, setup.seed, &[(CLIENT, INGEST)])
        .try_into()
        .unwrap();
    let told = Arc::new(Mutex::new(Told::default()));
    let telling = Arc::clone(&told);
    world.client(CLIENT, async move {
        let uploaded = uploader.until_sealed().await;
        uploader.check_whole().await;
        *telling.lock().unwrap() = uploaded;
    });
    world.run(script);
    std::mem::take(&mut *told.lock().unwrap())
}

#[test]
fn without_faults_one_call_is_enough() {
    let told = upload(Setup::of(1), &[]);
    assert_eq!((told.sent, told.duplicates), (N_CHUNKS, 0));
    assert!(told.failures.is_empty(), "{told:?}");
}

#[test]
fn a_cut_off_client_notices_and_sends_only_what_is_missing() {
    let script = [
        (2_000, Event::Partition(CLIENT, INGEST)),
        (40_000, Event::Repair(CLIENT, INGEST)),
    ];
    let told = upload(Setup::of(2), &script);
    assert_eq!(told.duplicates, 0, "{told:?}");
    // What was under way when the link broke is sent again, and nothing else:
    // 19 chunks were given by then, and 2 more may be before the window closes.
    assert!(told.sent > N_CHUNKS, "{told:?}");
    let (first, code, _) = &told.failures[0];
    assert!(*first < Duration::from_secs(2) + SILENCE_MAX, "{told:?}");
    assert_eq!(*code, Code::Unavailable);
}

/// The other side: the service ends the call of a client that it hears nothing
/// of, and what has come of its open segment is durable then.
#[test]
fn a_service_ends_the_call_of_a_cut_off_client_and_keeps_what_came() {
    let setup = Setup {
        ingest: |config| config.commit_interval = Duration::from_secs(3600),
        ..Setup::of(3)
    };
    let mut world = World::new(setup);
    world.client(CLIENT, async {
        let begun = [open("c"), chunk(0, "zero"), chunk(1, "one")];
        let messages = stream::iter(begun).chain(stream::pending());
        let call = caller(INGEST).rpc.upload_capture(messages).await;
        assert_eq!(call.unwrap_err().code(), Code::Unavailable);
    });
    let trace = world.trace();
    world.client(OTHER, async move {
        sleep(Duration::from_secs(5)).await;
        let other = caller(INGEST);
        assert_eq!(other.get("c").await.unwrap().chunks_durable, 0);
        let begun = Instant::now();
        while other.get("c").await.unwrap().chunks_durable < 2 {
            assert!(begun.elapsed() < SILENCE_MAX, "the call goes on");
            sleep(Duration::from_millis(500)).await;
        }
        trace.tell(OTHER, "both are durable");
    });
    world.run(&[(4_000, Event::Partition(CLIENT, INGEST))]);
}

#[test]
fn a_link_that_is_held_up_delays_an_upload_and_does_not_end_it() {
    let script = [
        (2_000, Event::Hold(CLIENT, INGEST)),
        (12_000, Event::Release(CLIENT, INGEST)),
    ];
    let told = upload(Setup::of(4), &script);
    assert_eq!((told.sent, told.duplicates), (N_CHUNKS, 0));
    assert!(told.failures.is_empty(), "{told:?}");
}

#[test]
fn an_upload_over_a_slow_link_is_whole() {
    let slow = Duration::from_millis(700);
    let told = upload(Setup::of(5), &[(0, Event::Latency(CLIENT, INGEST, slow))]);
    assert_eq!((told.sent, told.duplicates), (N_CHUNKS, 0));
    assert!(told.failures.is_empty(), "{told:?}");
}

#[test]
fn a_service_that_crashes_again_and_again_loses_nothing_acknowledged() {
    let script = [
        (1_000, Event::Crash(INGEST)),
        (1_500, Event::Start(INGEST)),
        (4_000, Event::Crash(INGEST)),
        (7_000, Event::Start(INGEST)),
        (8_600, Event::Crash(INGEST)),
        (8_700, Event::Start(INGEST)),
    ];
    let told = upload(Setup::of(6), &script);
    assert!(told.failures.len() >= 3, "{told:?}");
    assert_eq!(told.duplicates, 0, "{told:?}");
}

/// Two clients send the same capture through two services. The link of one is
/// held up until the other is done: then its chunks come after all.
#[test]
fn writers_on_both_sides_of_a_healed_link_end_with_one_capture() {
    check_two(&[
        (1_000, Event::Hold(CLIENT, INGEST)),
        (12_000, Event::Release(CLIENT, INGEST)),
    ]);
}

#[test]
fn writers_on_both_sides_of_a_healed_partition_end_with_one_capture() {
    check_two(&[
        (1_000, Event::Partition(CLIENT, INGEST)),
        (9_000, Event::Repair(CLIENT, INGEST)),
    ]);
}

fn check_two(script: &[(u64, Event)]) {
    let mut world = World::new(Setup::of(7));
    for uploader in uploaders(&world, 7, &[(CLIENT, INGEST), (OTHER, INGEST_TOO)]) {
        let name = uploader.name.clone();
        world.client(&name, async move {
            uploader.until_sealed().await;
            uploader.check_whole().await;
        });
    }
    world.run(script);
}

/// Other bytes that were held up on the way come too late: the first ones stay,
/// and who sent the others is told.
#[test]
fn other_bytes_that_come_late_are_refused() {
    let mut world = World::new(Setup::of(8));
    let [other] = uploaders(&world, 8, &[(OTHER, INGEST_TOO)])
        .try_into()
        .unwrap();
    let spec = other.spec.clone();
    let trace = world.trace();
    world.client(CLIENT, async move {
        let late = stream::once(async {
            sleep(Duration::from_secs(1)).await;
            chunk(7, "other bytes")
        });
        let messages = stream::iter([open_with(spec)]).chain(late);
        let late = caller(INGEST).rpc.upload_capture(messages).await;
        let refused = late.unwrap_err();
        assert_eq!(reason(&refused).as_deref(), Some("CHUNK_CONFLICT"));
        trace.tell(CLIENT, "refused");
    });
    world.client(OTHER, async move {
        other.until_sealed().await;
        other.check_whole().await;
        sleep(Duration::from_secs(10)).await;
        other.check_whole().await;
    });
    world.run(&[
        (900, Event::Hold(CLIENT, INGEST)),
        (12_000, Event::Release(CLIENT, INGEST)),
    ]);
}

#[test]
fn an_upload_below_the_minimum_rate_ends_and_keeps_what_came() {
    const RATE_MIN: u32 = 100_000;
    let setup = Setup {
        ingest: |config| config.upload_rate_min = RATE_MIN,
        ..Setup::of(9)
    };
    let mut world = World::new(setup);
    world.client(CLIENT, async {
        let client = caller(INGEST);
        let begun = Instant::now();
        // A tenth of it.
        let messages = stream::unfold(0, |n| async move {
            if n == 0 {
                return Some((open("c"), 1));
            }
            sleep(Duration::from_secs(1)).await;
            Some((chunk(n - 1, [7; 10_000]), n + 1))
        });
        let ended = client.rpc.clone().upload_capture(messages).await;
        check_quota(&ended.unwrap_err(), "upload_rate_min");
        // A minute behind, and the time of one chunk of 2 MiB: 81 s at a tenth less.
        let took = begun.elapsed().as_secs();
        assert!((85..100).contains(&took), "{took} s");
        assert!(client.get("c").await.unwrap().chunks_durable > 80);
    });
    world.run(&[]);
}
