//! The fuzz targets on any toolchain: their seeds, whole and cut, and what made one fail
//! before. `fuzz/README.md` says how to look for more.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a panic is how a test fails, and what it printed is shown then"
)]

#[path = "../../fuzz/src/conversation.rs"]
#[allow(unreachable_pub, reason = "a module of another crate too")]
mod conversation;
#[path = "../../fuzz/src/harness.rs"]
#[allow(unreachable_pub, reason = "a module of another crate too")]
mod harness;
#[path = "../../fuzz/src/seeds.rs"]
#[allow(unreachable_pub, reason = "a module of another crate too")]
mod seeds;

use std::{
    fs,
    path::{Path, PathBuf},
};

use weir_tests::recordings;

/// Places at which a seed is cut; what follows them is damaged.
const CUTS: usize = 8;

fn folder(name: &str) -> PathBuf {
    let project = Path::new(env!("CARGO_MANIFEST_DIR"));
    project.join("../fuzz").join(name)
}

/// By the name of its target; in folders of that name.
fn stored(name: &str) -> Vec<(String, PathBuf)> {
    let mut inputs = Vec::new();
    for target in fs::read_dir(folder(name)).unwrap() {
        let target = target.unwrap().path();
        if !target.is_dir() {
            continue;
        }
        let name = target.file_name().unwrap().to_str().unwrap().to_owned();
        for input in fs::read_dir(target).unwrap() {
            inputs.push((name.clone(), input.unwrap().path()));
        }
    }
    inputs.sort();
    inputs
}

/// Whole, cut, and with a byte changed where it was cut.
fn run_with_damage(target: &str, input: &[u8]) {
    assert!(harness::run(target, input), "no target {target}");
    for cut in (0..CUTS).map(|n| n * input.len() / CUTS) {
        harness::run(target, &input[..cut]);
        let mut damaged = input.to_vec();
        if let Some(byte) = damaged.get_mut(cut) {
            *byte ^= 0x81;
        }
        harness::run(target, &damaged);
    }
}

#[test]
fn seeds_of_recordings() {
    let captures = recordings::all().into_iter().map(|one| one.bytes);
    let seeds = seeds::of(&captures.collect::<Vec<_>>());
    for (target, seeds) in &seeds {
        for seed in seeds {
            run_with_damage(target, seed);
        }
    }
    // What the recordings have, in a seed of its own.
    let expected = ["pcap", "pcapng", "packets", "filter", "dns-udp", "tls-tcp"];
    for target in expected {
        assert!(seeds.contains_key(target), "{target} has no seed");
    }
    let names = harness::names();
    assert!(seeds.keys().all(|target| names.contains(target)));
}

#[test]
fn stored_seeds() {
    let stored = stored("seeds");
    assert!(!stored.is_empty());
    for (target, path) in stored {
        run_with_damage(&target, &fs::read(path).unwrap());
    }
}

#[test]
fn what_failed_before() {
    for (target, path) in stored("crashes") {
        println!("{}", path.display());
        assert!(harness::run(&target, &fs::read(path).unwrap()));
    }
}
