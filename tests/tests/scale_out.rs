//! Two of each service on one S3 server and one PostgreSQL: nobody is special.
//! Ignored without the servers: `.ci/run scale_out` starts them.
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::{collections::BTreeSet, path::Path, sync::Arc};

use futures::{FutureExt, TryStreamExt as _, future::try_join_all};
use tonic::{Code, Request, Status, Streaming};
use weir_shared::{
    proto::ingest::v1::{
        CaptureSpec, CaptureState, DeleteCaptureRequest, PutOutcome, ReadCaptureRequest,
        ReadCaptureResponse,
    },
    store::{self, ObjectKey, SegmentStore},
};
use weir_tests::{
    caller::{Caller, narrow_channel},
    catalog,
    errors::{check_error, check_refused},
    messages::{open_with, spec},
    pair::store_url,
    process::Process,
    random::noise,
    recordings,
    until::until,
};

/// Sweepers that look all the time, and spare little: a commit takes longer
/// than that only on a machine that hardly runs.
const SWEEP: &[(&str, &str)] = &[("WEIR_SWEEP_INTERVAL", "0.1"), ("WEIR_SWEEP_GRACE", "3")];

/// A whole UUID that no service has made up.
const ORPHAN: &str = "seg/0192b9c0-7f00-7000-8000-000000000001";

struct Services {
    analyzers: [Process; 2],
    ingests: [Process; 2],
    store: Arc<dyn SegmentStore>,
}

impl Services {
    async fn start(directory: &Path) -> Self {
        let url = store_url(directory);
        assert!(
            url.starts_with("s3://"),
            "WEIR_TEST_STORE names no server: {url}"
        );
        let catalog = catalog::url(directory).await;
        assert!(
            catalog.starts_with("postgres://"),
            "WEIR_TEST_POSTGRES names no server"
        );
        let analyzer = env!("CARGO_BIN_EXE_test-analyzer-service");
        let analyzers = [
            Process::analyzer(analyzer, directory, &[]).await,
            Process::analyzer(analyzer, directory, &[]).await,
        ];
        let ingest = env!("CARGO_BIN_EXE_test-ingest-service");
        let ingests = [
            Process::ingest(ingest, directory, analyzers[0].address, SWEEP).await,
            Process::ingest(ingest, directory, analyzers[1].address, SWEEP).await,
        ];
        Self {
            analyzers,
            ingests,
            store: store::open(&url).unwrap(),
        }
    }

    fn callers(&self) -> [Caller; 2] {
        [self.ingests[0].caller(), self.ingests[1].caller()]
    }

    /// Returns when a sweeper has removed an object that is older than the grace time.
    async fn until_swept(&self) {
        let orphan = ORPHAN.parse().unwrap();
        self.store.put(&orphan, vec!["x".into()]).await.unwrap();
        until("the orphan's end", || async {
            self.store.size(&orphan).await.is_err().then_some(())
        })
        .await;
    }

    async fn objects(&self) -> BTreeSet<ObjectKey> {
        let objects = self.store.list(None).map_ok(|object| object.key);
        objects.try_collect().await.unwrap()
    }

    /// All end well, and none has logged a secret.
    async fn stop(self) {
        let secret = std::env::var("AWS_SECRET_ACCESS_KEY").unwrap();
        for process in self.ingests.into_iter().chain(self.analyzers) {
            let (status, log) = process.terminate().await;
            assert!(status.success(), "{log:?}");
            assert!(!log.iter().any(|line| line.contains(&secret)), "{log:?}");
        }
    }
}

/// Every chunk through both services at once, in opposite orders.
async fn put_by_both(callers: &[Caller; 2], id: &str, bytes: &[u8], chunk_bytes: usize) -> usize {
    let parts: Vec<_> = bytes.chunks(chunk_bytes).collect();
    let one = &callers[0];
    let indexed: Vec<_> = (0_u32..).zip(&parts).collect();
    let puts = indexed.iter().map(|(i, part)| one.put(id, *i, part));
    let other = &callers[1];
    let again = indexed
        .iter()
        .rev()
        .map(|(i, part)| other.put(id, *i, part));
    let puts = puts
        .map(FutureExt::boxed)
        .chain(again.map(FutureExt::boxed));
    let outcomes = try_join_all(puts).await.unwrap();
    outcomes
        .iter()
        .filter(|o| **o == PutOutcome::Stored)
        .count()
}

async fn check_equal(callers: &[Caller; 2], id: &str, bytes: &[u8]) {
    let [one, other] = callers;
    assert_eq!(one.get(id).await.unwrap(), other.get(id).await.unwrap());
    for caller in callers {
        let capture = caller.get(id).await.unwrap();
        assert_eq!(capture.state(), CaptureState::Sealed);
        assert!(
            caller.read(id, 0, 0).await.unwrap() == bytes,
            "{id} comes back"
        );
    }
}

async fn declare(caller: &Caller, id: &str, chunks: usize) {
    let declared = open_with(CaptureSpec {
        chunk_count: Some(u32::try_from(chunks).unwrap()),
        ..spec(id)
    });
    caller.upload(vec![declared]).await.unwrap();
}

async fn begin_read(caller: &Caller, id: &str) -> Streaming<ReadCaptureResponse> {
    let request = Request::new(ReadCaptureRequest {
        capture_id: id.to_owned(),
        offset: 0,
        length: 0,
    });
    let answer = caller.rpc.clone().read_capture(request).await;
    answer.unwrap().into_inner()
}

#[tokio::test]
#[ignore = "needs an S3 server and PostgreSQL: .ci/run scale_out"]
async fn two_of_each_service_are_one() {
    let directory = tempfile::tempdir().unwrap();
    let services = Services::start(directory.path()).await;
    let callers = services.callers();

    // One capture through both, each chunk sent to both: stored once, sealed once.
    const CHUNK: usize = 4096;
    let bytes = recordings::bytes("http.pcap");
    let chunks = bytes.len().div_ceil(CHUNK);
    declare(&callers[0], "both", chunks).await;
    assert_eq!(put_by_both(&callers, "both", &bytes, CHUNK).await, chunks);
    check_equal(&callers, "both", &bytes).await;
    for caller in &callers {
        let analysis = caller.analyze("both", Default::default()).await.unwrap();
        assert_eq!(analysis.summary.packets, 282);
    }

    // The last two chunks at one moment.
    for round in 0..10 {
        let id = format!("last-{round}");
        declare(&callers[round % 2], &id, 2).await;
        let puts = tokio::join!(
            callers[0].put(&id, 0, "zero"),
            callers[1].put(&id, 1, "one")
        );
        assert_eq!(
            (puts.0.unwrap(), puts.1.unwrap()),
            (PutOutcome::Stored, PutOutcome::Stored)
        );
        check_equal(&callers, &id, b"zeroone").await;
    }

    // Sweepers of both leave what is needed.
    services.until_swept().await;
    check_equal(&callers, "both", &bytes).await;

    deleted_while_it_is_read(&services, &callers).await;
    check_equal(&callers, "both", &bytes).await;
    services.stop().await;
}

/// Deleted through one service and swept while the other's caller reads it.
async fn deleted_while_it_is_read(services: &Services, callers: &[Caller; 2]) {
    let before = services.objects().await;
    // More than any buffer between the store and a caller that does not read.
    let bytes = noise(24 << 20, 7);
    callers[0].store("large", &bytes, 1 << 20).await;
    let its = &services.objects().await - &before;
    assert!(its.len() >= 3, "{its:?}");
    let slow = Caller::new(narrow_channel(services.ingests[1].address));
    let mut read = begin_read(&slow, "large").await;
    let mut data = read.message().await.unwrap().unwrap().data.to_vec();
    let request = DeleteCaptureRequest {
        capture_id: "large".into(),
        allow_missing: false,
    };
    callers[0]
        .rpc
        .clone()
        .delete_capture(request)
        .await
        .unwrap();
    until("the objects' end", || async {
        services.objects().await.is_disjoint(&its).then_some(())
    })
    .await;
    let end: Status = loop {
        match read.message().await {
            Ok(Some(part)) => data.extend_from_slice(&part.data),
            Ok(None) => panic!("{} bytes, and no end", data.len()),
            Err(status) => break status,
        }
    };
    check_error(&end, Code::Aborted, "CAPTURE_DELETED");
    assert!(bytes.starts_with(&data), "what came before is right");
    for caller in callers {
        let gone = caller.read("large", 0, 0).await;
        check_refused(gone, Code::NotFound, "CAPTURE_UNKNOWN");
    }
}
