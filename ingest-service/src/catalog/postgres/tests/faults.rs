//! Connections that break in the middle of something.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::{TcpListener, TcpStream, UnixStream},
};
use tokio_util::task::{AbortOnDropHandle, TaskTracker};

use super::*;
use crate::catalog::Committed;
use crate::{catalog::EventLog as _, domain::event::Position};
use conformance::{create, rules, segment, slots_of};

/// The backend that waits for a lock in this database.
async fn waiting_backend(db: &mut PgConnection) -> i32 {
    let asked = "SELECT pid FROM pg_stat_activity \
                 WHERE datname = current_database() AND wait_event_type = 'Lock'";
    loop {
        let pid = sqlx::query_scalar(asked).fetch_optional(&mut *db).await;
        if let Some(pid) = pid.unwrap() {
            return pid;
        }
    }
}

#[tokio::test]
#[ignore = "needs WEIR_TEST_POSTGRES"]
async fn a_backend_that_is_killed_in_a_transaction_leaves_nothing_of_it() {
    let url = database().await;
    let catalog = PostgresCatalog::open(&url).await.unwrap();
    let capture = create(&catalog, "killed", Declared::default()).await;
    let one = [segment(capture.uid, &[(0, b"x")])];
    let (mut other, mut admin) = (connect(&url).await, connect(&url).await);
    // It has entered its segment already, and waits for a slot.
    run(&mut other, "BEGIN; LOCK TABLE chunks IN EXCLUSIVE MODE").await;
    let killed = async {
        let pid = waiting_backend(&mut admin).await;
        let kill = sqlx::query("SELECT pg_terminate_backend($1)").bind(pid);
        kill.execute(&mut admin).await.unwrap();
    };
    let (committed, ()) = tokio::join!(catalog.commit(&one, rules()), killed);
    assert!(
        matches!(committed, Err(CatalogError::Unavailable(_))),
        "{committed:?}"
    );
    run(&mut other, "ROLLBACK").await;
    assert_eq!(catalog.by_uid(capture.uid).await.unwrap(), Some(capture));

    let (outcomes, _) = slots_of(conformance::commit(&catalog, one[0].clone()).await);
    assert_eq!(outcomes, [crate::domain::capture::SlotOutcome::Stored]);
}

/// Passes on what a client and the server say, until it cuts a commit.
struct Cutter {
    url: String,
    cuts: Arc<AtomicBool>,
    _task: AbortOnDropHandle<()>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cut {
    BeforeCommit,
    AfterCommit,
}

impl Cutter {
    async fn before(url: &str, cut: Cut) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = Url::parse(url).unwrap();
        let mut own = Url::parse("postgres://127.0.0.1").unwrap();
        own.set_port(Some(listener.local_addr().unwrap().port()))
            .unwrap();
        own.set_path(server.path());
        own.set_username(server.username()).unwrap();
        own.set_password(server.password()).unwrap();
        own.set_query(Some("sslmode=disable"));
        if let Some((_, user)) = server.query_pairs().find(|(name, _)| name == "user") {
            own.set_username(&user).unwrap();
        }
        let cuts = Arc::new(AtomicBool::new(false));
        let armed = Arc::clone(&cuts);
        let tasks = TaskTracker::new();
        let task = tasks.clone().spawn(async move {
            loop {
                let (client, _) = listener.accept().await.unwrap();
                let (server, armed) = (server.clone(), Arc::clone(&armed));
                tasks.spawn(async move {
                    match socket_directory(&server) {
                        Some(directory) => {
                            let port = server.port().unwrap_or(5432);
                            let path = format!("{directory}/.s.PGSQL.{port}");
                            let server = UnixStream::connect(path).await.unwrap();
                            pass(client, server, cut, &armed).await;
                        }
                        None => {
                            let port = server.port().unwrap_or(5432);
                            let host = server.host_str().unwrap().to_owned();
                            let server = TcpStream::connect((host, port)).await.unwrap();
                            pass(client, server, cut, &armed).await;
                        }
                    }
                });
            }
        });
        Self {
            url: own.into(),
            cuts,
            _task: AbortOnDropHandle::new(task),
        }
    }

    fn arm(&self) {
        self.cuts.store(true, Ordering::SeqCst);
    }
}

/// As sqlx takes it: in the host or in a parameter.
fn socket_directory(server: &Url) -> Option<String> {
    let host = server.host_str().unwrap_or("").replace("%2F", "/");
    let parameter = server.query_pairs().find(|(name, _)| name == "host");
    let host = parameter.map_or(host, |(_, host)| host.into_owned());
    host.starts_with('/').then_some(host)
}

/// Ends, and with it both connections, when one side ends or a commit is cut.
async fn pass(
    mut client: TcpStream,
    mut server: impl AsyncRead + AsyncWrite + Unpin,
    cut: Cut,
    armed: &AtomicBool,
) {
    let (mut sent, mut told) = (vec![0; 1 << 13], vec![0; 1 << 13]);
    loop {
        tokio::select! {
            n = client.read(&mut sent) => {
                let Ok(n @ 1..) = n else { return };
                let is_commit = sent[..n].windows(7).any(|w| w == b"COMMIT\0");
                let cuts = is_commit && armed.swap(false, Ordering::SeqCst);
                if cuts && cut == Cut::BeforeCommit {
                    return;
                }
                if server.write_all(&sent[..n]).await.is_err() {
                    return;
                }
                if cuts {
                    // The answer comes when it is done.
                    server.read_u8().await.unwrap();
                    return;
                }
            }
            n = server.read(&mut told) => {
                let Ok(n @ 1..) = n else { return };
                if client.write_all(&told[..n]).await.is_err() {
                    return;
                }
            }
        }
    }
}

#[tokio::test]
#[ignore = "needs WEIR_TEST_POSTGRES"]
async fn a_commit_whose_answer_is_lost_is_settled_by_its_segment() {
    for cut in [Cut::AfterCommit, Cut::BeforeCommit] {
        let cutter = Cutter::before(&database().await, cut).await;
        let catalog = PostgresCatalog::open(&cutter.url).await.unwrap();
        let capture = create(&catalog, "cut", Declared::default()).await;
        let gone = segment(crate::domain::id::Uid::generate(), &[(0, b"x")]);
        let one = segment(capture.uid, &[(0, b"x")]);
        cutter.arm();
        let committed = catalog.commit(&[gone, one.clone()], rules()).await;
        let stored = catalog.chunks(capture.uid, ChunkIndex(0), 9).await.unwrap();
        match cut {
            Cut::AfterCommit => {
                let mut committed = committed.unwrap();
                assert_eq!(committed[0], Committed::CaptureGone);
                let (outcomes, _) = slots_of(committed.remove(1));
                assert_eq!(outcomes.len(), 1);
                assert_eq!(stored[0].segment, one.segment);
            }
            Cut::BeforeCommit => {
                let unknown = matches!(committed, Err(CatalogError::Unavailable(_)));
                assert!(unknown, "{committed:?}");
                assert_eq!(stored, []);
            }
        }
    }
}

#[tokio::test]
#[ignore = "needs WEIR_TEST_POSTGRES"]
async fn a_service_that_stands_still_in_a_transaction_does_not_fail_those_that_wait_for_it() {
    let url = database().await;
    let stopped = PostgresCatalog::open(&url).await.unwrap();
    let other = PostgresCatalog::open(&url).await.unwrap();
    other.advance("handler", Position(1)).await.unwrap();
    let mut held = stopped.writers.begin().await.unwrap();
    let lock = "SELECT 1 FROM subscriptions FOR UPDATE";
    held.execute(lock).await.unwrap();
    let advanced = other.advance("handler", Position(2)).await;
    assert_eq!(advanced.unwrap(), Position(2));
    assert!(held.execute("SELECT 1").await.is_err());
}
