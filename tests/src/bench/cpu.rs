//! CPU time of this process and of programs it ran, to the microsecond.

use std::{
    process::{Command, Stdio},
    time::Duration,
};

use nix::sys::resource::{UsageWho, getrusage};

fn spent(who: UsageWho) -> Duration {
    let usage = getrusage(who).unwrap();
    let times = [usage.user_time(), usage.system_time()];
    let micros: i64 = times
        .iter()
        .map(|time| time.tv_sec() * 1_000_000 + time.tv_usec())
        .sum();
    Duration::from_micros(u64::try_from(micros).unwrap())
}

/// User and system time that this process spends meanwhile.
pub fn of<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    let before = spent(UsageWho::RUSAGE_SELF);
    let done = work();
    (done, spent(UsageWho::RUSAGE_SELF).saturating_sub(before))
}

/// User and system time of a program that must succeed, once it is waited for.
pub fn of_program(program: &str, args: &[&str]) -> Duration {
    let before = spent(UsageWho::RUSAGE_CHILDREN);
    let status = Command::new(program)
        .args(args)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    let status = status.unwrap_or_else(|error| panic!("{program}: {error}"));
    assert!(status.success(), "{program}: {status}");
    spent(UsageWho::RUSAGE_CHILDREN).saturating_sub(before)
}
