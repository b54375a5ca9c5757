//! A service as a process of its own, to be killed or traced.

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::Path,
    process::{ExitStatus, Stdio},
    sync::{Arc, Mutex},
};

use tokio::{
    io::{AsyncBufReadExt as _, BufReader, Lines},
    process::{Child, ChildStderr, Command},
    task::JoinHandle,
};
use tokio_util::task::TaskTracker;

use crate::{
    analysis::AnalyzerCaller,
    caller::{Caller, channel},
    catalog,
    pair::store_url,
    until::within,
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
        let mut child = Command::new(program)
            .args(["--listen", "127.0.0.1:0"])
            .args(args)
            .env("RUST_LOG", "info")
            .envs(environment.iter().copied())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let log = Arc::new(Mutex::new(Vec::new()));
        let address = within("the service's address", address(&mut lines, &log)).await;
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

    /// Ends it as a crash would: nothing is drained or flushed.
    pub async fn kill(mut self) {
        self.child.kill().await.unwrap();
    }

    /// Ends it as an operator does; gives its exit status and what it logged.
    pub async fn terminate(mut self) -> (ExitStatus, Vec<String>) {
        let id = self.child.id().expect("a running process");
        let kill = format!("kill -TERM {id}");
        let sent = Command::new("sh").args(["-c", &kill]).status().await;
        assert!(sent.unwrap().success());
        let status = within("the process' end", self.child.wait()).await.unwrap();
        within("the end of its log", self.reading).await.unwrap();
        let log = self.log.lock().unwrap().clone();
        (status, log)
    }
}

/// Services log where they listen once they do.
async fn address(
    lines: &mut Lines<BufReader<ChildStderr>>,
    log: &Mutex<Vec<String>>,
) -> SocketAddr {
    const LOOPBACK: &str = "127.0.0.1:";
    while let Some(line) = lines.next_line().await.unwrap() {
        let port = line
            .split_once(LOOPBACK)
            .and_then(|(_, rest)| rest.split(|c: char| !c.is_ascii_digit()).next())
            .and_then(|port| port.parse().ok());
        log.lock().unwrap().push(line);
        if let Some(port) = port {
            return (Ipv4Addr::LOCALHOST, port).into();
        }
    }
    panic!("it ended: {:?}", log.lock().unwrap());
}
