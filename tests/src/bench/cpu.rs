//! CPU time of this process and of programs it ran, as Linux counts it.

use std::{
    fs,
    process::{Command, Stdio},
    time::Duration,
};

/// `sysconf(_SC_CLK_TCK)`: 100 on every Linux for user space.
const TICKS_PER_SECOND: u64 = 100;

/// Fields of proc_pid_stat(5) behind the command's name, from 0: user and
/// system time of the process, and of its children that were waited for.
const OWN: [usize; 2] = [11, 12];
const CHILDREN: [usize; 2] = [13, 14];

fn ticks(fields: [usize; 2]) -> Duration {
    let stat = fs::read_to_string("/proc/self/stat").unwrap();
    let (_, rest) = stat.rsplit_once(") ").unwrap();
    let values: Vec<&str> = rest.split(' ').collect();
    let ticks: u64 = fields
        .iter()
        .map(|&field| values[field].parse::<u64>().unwrap())
        .sum();
    Duration::from_millis(ticks * 1000 / TICKS_PER_SECOND)
}

/// User and system time that this process spends meanwhile.
pub fn of<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    let before = ticks(OWN);
    let done = work();
    (done, ticks(OWN).saturating_sub(before))
}

/// User and system time of a program that must succeed.
pub fn of_program(program: &str, args: &[&str]) -> Duration {
    let before = ticks(CHILDREN);
    let status = Command::new(program)
        .args(args)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    let status = status.unwrap_or_else(|error| panic!("{program}: {error}"));
    assert!(status.success(), "{program}: {status}");
    ticks(CHILDREN).saturating_sub(before)
}
