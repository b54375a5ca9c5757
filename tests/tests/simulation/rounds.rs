//! Random days: writers on both services, and whatever befalls network, hosts
//! and storage. Each is drawn from its seed, and goes the same way each time.

use std::{sync::Arc, time::Duration};

use weir_tests::random::{Random, variable};

use super::{
    script::Event,
    uploader::{Acknowledged, Uploader, capture},
    world::{ANALYZER, INGEST, INGEST_TOO, Setup, World},
};

/// Days of a plain test run: some seconds.
const DAYS: u64 = 12;

/// For a longer search, and for going back to what it found.
const DAYS_VARIABLE: &str = "WEIR_SIMULATION_DAYS";
const SEED_VARIABLE: &str = "WEIR_SIMULATION_SEED";

const CLIENTS: [&str; 4] = ["client-0", "client-1", "client-2", "client-3"];

#[test]
fn nothing_acknowledged_is_lost_whatever_befalls_the_network() {
    let first = variable(SEED_VARIABLE).unwrap_or(1);
    let days = variable(DAYS_VARIABLE).unwrap_or(DAYS);
    let mut failures = 0;
    for seed in first..first + days {
        let lines = day(seed);
        failures += lines.iter().filter(|line| line.contains("failed")).count();
    }
    println!("{days} days from seed {first}: {failures} failed calls");
    // Days without failures would show nothing.
    assert!(failures > 0);
}

#[test]
fn the_same_seed_gives_the_same_day() {
    for seed in [1, 2, 3] {
        let (first, second) = (day(seed), day(seed));
        let same = first
            .iter()
            .zip(&second)
            .take_while(|(a, b)| a == b)
            .count();
        assert_eq!(
            first.get(same),
            second.get(same),
            "line {same} of seed {seed}"
        );
        assert_eq!(first.len(), second.len());
    }
}

/// One capture, from its first chunk until every writer has seen it whole.
fn day(seed: u64) -> Vec<String> {
    let mut random = Random::seeded(seed);
    let setup = Setup {
        faults_per_mille: [0, 20, 100][random.below(3)],
        ..Setup::of(seed)
    };
    let mut world = World::new(setup);
    let n_chunks = 1 + u32::try_from(random.below(60)).unwrap();
    let (spec, chunks) = capture("c", n_chunks, &mut random);
    let (chunks, acknowledged) = (Arc::new(chunks), Acknowledged::default());
    let n_writers = 1 + random.below(CLIENTS.len());
    for name in &CLIENTS[..n_writers] {
        let host = [INGEST, INGEST_TOO][random.below(2)];
        let uploader = Uploader {
            name: (*name).to_owned(),
            host: host.to_owned(),
            spec: spec.clone(),
            chunks: Arc::clone(&chunks),
            pause: Duration::from_millis(1 + random.bits() % 200),
            acknowledged: acknowledged.clone(),
            trace: world.trace(),
        };
        world.client(name, async move {
            uploader.until_sealed().await;
            uploader.check_whole().await;
        });
    }
    let script = script(&mut random, &CLIENTS[..n_writers]);
    world.run_as_far(&script);
    world.trace().lines()
}

/// Some troubles, each of which passes.
fn script(random: &mut Random, clients: &[&'static str]) -> Vec<(u64, Event)> {
    let mut script = Vec::new();
    let mut at = 0;
    for _ in 0..1 + random.below(6) {
        at += random.bits() % 4_000;
        let host = [INGEST, INGEST_TOO][random.below(2)];
        let peer = match random.below(8) {
            0 => ANALYZER,
            _ => clients[random.below(clients.len())],
        };
        let until = at + 1 + random.bits() % [300, 3_000, 30_000][random.below(3)];
        match random.below(4) {
            0 => script.extend([(at, Event::Crash(host)), (until, Event::Start(host))]),
            1 => script.extend([
                (at, Event::Hold(peer, host)),
                (until, Event::Release(peer, host)),
            ]),
            2 => script.extend([
                (at, Event::Partition(peer, host)),
                (until, Event::Repair(peer, host)),
            ]),
            _ => {
                let latency = Duration::from_millis(5 + random.bits() % 1_000);
                script.push((at, Event::Latency(peer, host, latency)));
            }
        }
        // One after the other: a link is in one state at a time.
        at = script.last().map_or(at, |(until, _)| *until);
    }
    script
}
