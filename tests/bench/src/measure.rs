//! What running a program costs. It is the only child of a process of its own, which this
//! program is again, so what the kernel adds up of children is that program's.

use std::{
    ffi::OsStr,
    fs,
    io::Read,
    path::Path,
    process::{Command, Stdio},
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use nix::sys::resource::{UsageWho, getrusage};
use serde_json::{Value, json};

/// First argument of the process that measures; then a folder or nothing, and the command.
pub const MEASURE: &str = "--measure";

/// Kept of what a program prints, from its end.
const TEXT_BYTES_MAX: usize = 1 << 20;

/// Between two looks at a folder.
const LOOK: Duration = Duration::from_millis(1);

/// A file with more than this has results: programs write a header at once.
const HEADER_BYTES_MAX: u64 = 1 << 10;

#[derive(Clone, Debug)]
pub struct Cost {
    /// User and system time, seconds.
    pub cpu: f64,
    pub wall: f64,
    /// Peak resident memory. Not less than what the measuring process has (some MiB).
    pub peak_mib: f64,
    /// Until the first byte on standard output, or of results in the folder; none when there
    /// was neither.
    pub first: Option<f64>,
    /// The end of what it printed.
    pub text: String,
}

/// Runs a command, which may leave its results in `folder`.
///
/// # Panics
/// When it fails.
#[must_use]
pub fn cost(command: &[String], folder: Option<&Path>) -> Cost {
    let this = std::env::current_exe().unwrap();
    let output = Command::new(this)
        .arg(MEASURE)
        .arg(folder.map_or(OsStr::new(""), Path::as_os_str))
        .args(command)
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .unwrap();
    assert!(output.status.success(), "{command:?}");
    let said: Value = serde_json::from_slice(&output.stdout).unwrap();
    Cost {
        cpu: said["cpu"].as_f64().unwrap(),
        wall: said["wall"].as_f64().unwrap(),
        peak_mib: said["peak_mib"].as_f64().unwrap(),
        first: said["first"].as_f64(),
        text: said["text"].as_str().unwrap().to_owned(),
    }
}

/// Is the process that measures: what there is to print, by the arguments behind [`MEASURE`].
///
/// # Panics
/// When the command fails.
#[must_use]
pub fn measure(arguments: &[String]) -> Value {
    let [folder, program, arguments @ ..] = arguments else {
        panic!("no command");
    };
    let begun = Instant::now();
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{program}: {error}"));
    let (stdout, stderr) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
    let over = AtomicBool::new(false);
    let (wall, first, text) = thread::scope(|scope| {
        let printed = scope.spawn(|| read(stdout, begun));
        let warned = scope.spawn(|| read(stderr, begun));
        let written = scope.spawn(|| watch(Path::new(folder), &over, begun));
        let status = child.wait().unwrap();
        let wall = begun.elapsed();
        over.store(true, Ordering::Release);
        let (printed, warned) = (printed.join().unwrap(), warned.join().unwrap());
        assert!(status.success(), "{program}: {status}: {}", warned.1);
        let first = match folder.is_empty() {
            true => printed.0,
            false => written.join().unwrap(),
        };
        (wall, first, printed.1 + &warned.1)
    });
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN).unwrap();
    let times = [usage.user_time(), usage.system_time()];
    let micros = times.map(|time| time.tv_sec() * 1_000_000 + time.tv_usec());
    let cpu = Duration::from_micros(u64::try_from(micros[0] + micros[1]).unwrap());
    let peak_kib = u32::try_from(usage.max_rss()).unwrap();
    json!({
        "cpu": cpu.as_secs_f64(),
        "wall": wall.as_secs_f64(),
        "peak_mib": f64::from(peak_kib) / 1024.0,
        "first": first.map(|first| first.as_secs_f64()),
        "text": text,
    })
}

/// When the first byte came, and the end of the text.
fn read(mut from: impl Read, begun: Instant) -> (Option<Duration>, String) {
    let (mut first, mut text) = (None, Vec::new());
    let mut buffer = vec![0; 64 << 10];
    while let Ok(bytes @ 1..) = from.read(&mut buffer) {
        first.get_or_insert_with(|| begun.elapsed());
        text.extend_from_slice(&buffer[..bytes]);
        if text.len() > 2 * TEXT_BYTES_MAX {
            text.drain(..text.len() - TEXT_BYTES_MAX);
        }
    }
    (first, String::from_utf8_lossy(&text).into_owned())
}

/// When a file in the folder has more than a header.
fn watch(folder: &Path, over: &AtomicBool, begun: Instant) -> Option<Duration> {
    loop {
        // Before the look: so that there is one after the end.
        let last = over.load(Ordering::Acquire);
        let files = fs::read_dir(folder).into_iter().flatten().flatten();
        let mut sizes = files.filter_map(|file| Some(file.metadata().ok()?.len()));
        if sizes.any(|bytes| bytes > HEADER_BYTES_MAX) {
            return Some(begun.elapsed());
        }
        if last {
            return None;
        }
        thread::sleep(LOOK);
    }
}
