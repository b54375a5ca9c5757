//! Peers as processes, on ports of their own.

use std::{
    fs::File,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::{Path, PathBuf},
    process::{ExitCode, Stdio},
};

use tokio::{
    net::TcpStream,
    process::{Child, Command},
};
use tokio_util::sync::CancellationToken;

use super::{Peer, s3, syncs};
use weir_tests::until::until;

use crate::sink;

/// Says that this process is to be the server of this name.
pub const SERVICE: &str = "WEIR_BENCH_SERVICE";

/// Where the peers' programs lie, if not where `.ci/run` puts them.
const PROGRAMS: &str = "WEIR_BENCH_PEERS";

/// A running program. Killed when dropped.
#[derive(Debug)]
pub(super) struct Program {
    pub(super) address: SocketAddr,
    child: Child,
}

impl Program {
    /// Starts it and waits until it listens.
    pub(super) async fn start(
        command: &[String],
        environment: &[(String, String)],
        address: SocketAddr,
        log: &Path,
        trace: Option<&Path>,
    ) -> Self {
        let output = File::create(log).unwrap();
        let command: Vec<_> = match trace {
            Some(trace) => syncs::tracing(trace, command),
            None => command.to_vec(),
        };
        let child = Command::new(&command[0])
            .args(&command[1..])
            .envs(environment.iter().cloned())
            .stdin(Stdio::null())
            .stdout(output.try_clone().unwrap())
            .stderr(output)
            .kill_on_drop(true)
            .spawn();
        let mut child = child.unwrap_or_else(|error| panic!("{}: {error}", command[0]));
        let listens = || {
            if let Some(status) = child.try_wait().unwrap() {
                let log = std::fs::read_to_string(log).unwrap();
                panic!("{command:?} ended, {status}: {log}");
            }
            async move { TcpStream::connect(address).await.ok() }
        };
        until("a peer that listens", listens).await;
        Self { address, child }
    }

    pub(super) async fn kill(mut self) {
        self.child.kill().await.unwrap();
    }
}

/// One that nobody has, for now.
pub(super) fn free_address() -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    listener.local_addr().unwrap()
}

/// This program, which can be some of the servers as well.
pub(super) fn current() -> String {
    let program = std::env::current_exe().unwrap();
    program.to_str().unwrap().to_owned()
}

pub(super) fn ourselves(peer: Peer) -> (String, String) {
    (SERVICE.to_owned(), peer.name().to_owned())
}

/// The path of a program that `.ci/run` installs.
///
/// # Panics
/// When it is not there: a peer is never left out silently.
pub(super) fn installed(name: &str) -> String {
    let folder = std::env::var_os(PROGRAMS).map_or_else(
        || {
            // target/release/PROGRAM
            let target = PathBuf::from(current());
            target.ancestors().nth(2).unwrap().join("foreign/bin")
        },
        PathBuf::from,
    );
    let program = folder.join(name);
    assert!(
        program.exists(),
        "{} is not there. Install the peers with: .ci/run minio_install peers_install",
        program.display()
    );
    program.to_str().unwrap().to_owned()
}

/// Is the server that [`SERVICE`] names, with this process' arguments.
pub async fn serve_as(name: &str) -> ExitCode {
    if name == Peer::Weir.name() {
        return weir_shared::serve::service_main::<ingest_service::Config>().await;
    }
    let mut arguments = std::env::args().skip(1);
    let address: SocketAddr = arguments.next().unwrap().parse().unwrap();
    let listener = tokio::net::TcpListener::bind(address).await.unwrap();
    if name == Peer::Sink.name() {
        sink::run(listener, CancellationToken::new()).await.unwrap();
    } else {
        assert_eq!(name, Peer::S3sFs.name());
        let directory = PathBuf::from(arguments.next().unwrap());
        s3::serve_directory(listener, &directory).await;
    }
    ExitCode::SUCCESS
}
