//! A service as a process of its own, to be killed or traced.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::Path,
    process::{ExitStatus, Stdio},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering},
    },
};

use tokio::{
    io::{AsyncBufReadExt as _, BufReader, Lines},
    process::{Child, ChildStderr, Command},
    task::JoinHandle,
};
use tokio_util::task::TaskTracker;

use crate::{
    analysis::AnalyzerCaller,
    background::Background,
    caller::{Caller, channel},
    catalog,
    pair::store_url,
    until::{until, within},
};

/// A running service. Killed when dropped.
#[derive(Debug)]
pub struct Process {
    pub address: SocketAddr,
    child: Child,
    log: Arc<Mutex<Vec<String>>>,
    reading: JoinHandle<()>,
}

impl Process {
    /// Starts one of this crate's service binaries on a port of its own.
    pub async fn start(program: &str, args: &[&str], environment: &[(&str, &str)]) -> Self {
        Self::start_at((own_address(), 0).into(), program, args, environment).await
    }

    /// The same where another one was: its clients find it again.
    pub async fn start_at(
        listen: SocketAddr,
        program: &str,
        args: &[&str],
        environment: &[(&str, &str)],
    ) -> Self {
        let host = listen.ip();
        let mut child = Command::new(program)
            .args(["--listen", &listen.to_string()])
            .args(args)
            .env("RUST_LOG", "info")
            .envs(environment.iter().copied())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let log = Arc::new(Mutex::new(Vec::new()));
        let address = within("the service's address", address(host, &mut lines, &log)).await;
        let rest = Arc::clone(&log);
        let reading = TaskTracker::new().spawn(async move {
            while let Ok(Some(line)) = lines.next_line().await {
                rest.lock().unwrap().push(line);
            }
        });
        Self {
            address,
            child,
            log,
            reading,
        }
    }

    /// ingest-service on this directory, with its analyzer there.
    pub async fn ingest(
        program: &str,
        directory: &Path,
        analyzer: SocketAddr,
        environment: &[(&str, &str)],
    ) -> Self {
        let catalog = catalog::url(directory).await;
        let args = [
            &format!("--store={}", store_url(directory)),
            &format!("--catalog={catalog}"),
            &format!("--analyzer=http://{analyzer}"),
        ];
        Self::start(program, &args.map(String::as_str), environment).await
    }

    /// analyzer-service on this directory.
    pub async fn analyzer(program: &str, directory: &Path, environment: &[(&str, &str)]) -> Self {
        let store = format!("--store={}", store_url(directory));
        Self::start(program, &[&store], environment).await
    }

    #[must_use]
    pub fn caller(&self) -> Caller {
        Caller::new(channel(self.address))
    }

    #[must_use]
    pub fn background(&self) -> Background {
        Background::new(channel(self.address))
    }

    #[must_use]
    pub fn analyzer_caller(&self) -> AnalyzerCaller {
        AnalyzerCaller::new(channel(self.address))
    }

    /// The most memory that it has had resident so far (`VmHWM` of proc(5)), bytes.
    #[must_use]
    pub fn peak_memory_bytes(&self) -> u64 {
        let id = self.child.id().expect("a running process");
        let status = std::fs::read_to_string(format!("/proc/{id}/status")).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib = line.unwrap().trim().trim_end_matches(" kB");
        kib.parse::<u64>().unwrap() << 10
    }

    /// User and system time so far (proc(5)), seconds.
    #[must_use]
    pub fn cpu_seconds(&self) -> f64 {
        /// `USER_HZ`, which is 100 wherever Linux runs Rust.
        const TICKS: f64 = 100.0;
        let id = self.child.id().expect("a running process");
        let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).unwrap();
        // Behind the name, which may hold anything: the 14th and the 15th of all fields.
        let (_, fields) = stat.rsplit_once(") ").unwrap();
        let fields = fields.split(' ').skip(11).take(2);
        fields
            .map(|ticks| ticks.parse::<f64>().unwrap())
            .sum::<f64>()
            / TICKS
    }

    /// Ends it as a crash would: nothing is drained or flushed.
    pub async fn kill(mut self) {
        self.child.kill().await.unwrap();
    }

    /// Waits until it has logged a line with this text.
    pub async fn logs(&self, text: &str) {
        until(&format!("it logs {text:?}"), || async {
            let log = self.log.lock().unwrap();
            log.iter().any(|line| line.contains(text)).then_some(())
        })
        .await;
    }

    /// Ends it as an operator does; gives its exit status and what it logged.
    pub async fn terminate(mut self) -> (ExitStatus, Vec<String>) {
        self.signal("TERM").await;
        let status = within("the process' end", self.child.wait()).await.unwrap();
        within("the end of its log", self.reading).await.unwrap();
        let log = self.log.lock().unwrap().clone();
        (status, log)
    }

    /// Sends it a signal of this name (kill(1)).
    pub async fn signal(&self, name: &str) {
        let id = self.child.id().expect("a running process");
        let kill = format!("kill -{name} {id}");
        let sent = Command::new("sh").args(["-c", &kill]).status().await;
        assert!(sent.unwrap().success());
    }
}

/// An address of this machine that no other service had or will have: a client of one
/// that was killed must not find another one at its port.
fn own_address() -> Ipv4Addr {
    static STARTED: AtomicU32 = AtomicU32::new(0);
    let n = STARTED.fetch_add(1, Ordering::Relaxed);
    // The whole of 127.0.0.0/8 is here; tests that run beside this one have other ids.
    let [_, _, high, low] = (1 + n % 60_000).to_be_bytes();
    let [.., own] = (1 + std::process::id() % 200).to_be_bytes();
    Ipv4Addr::new(127, own, high, low)
}

/// Services log where they listen once they do.
async fn address(
    host: IpAddr,
    lines: &mut Lines<BufReader<ChildStderr>>,
    log: &Mutex<Vec<String>>,
) -> SocketAddr {
    let listens = format!("{host}:");
    while let Some(line) = lines.next_line().await.unwrap() {
        let port = line
            .split_once(&*listens)
            .and_then(|(_, rest)| rest.split(|c: char| !c.is_ascii_digit()).next())
            .and_then(|port| port.parse().ok());
        log.lock().unwrap().push(line);
        if let Some(port) = port {
            return (host, port).into();
        }
    }
    panic!("it ended: {:?}", log.lock().unwrap());
}
