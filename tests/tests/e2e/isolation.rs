//! Calls that are not read do not hold up those beside them on a connection.

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

use futures::StreamExt as _;
use weir_shared::proto::ingest::v1::{CaptureState, PutOutcome, ReadCaptureRequest};
use weir_tests::{
    gate::Gate,
    messages::{chunk, finish, open},
    pair::{Pair, Setup},
    until::{until, within},
};

const MIB: usize = 1 << 20;

/// Calls whose windows fit in that of their connection with room to spare.
const UNREAD: usize = 3;

/// Of each upload: more than the budget and its window hold of it.
const CHUNKS: u32 = 32;

/// Chunks that are on their way when the budget of 16 MiB is full and the
/// windows of three uploads fill: 15, and most of 6.
const UNDER_WAY: u32 = 18;

#[tokio::test]
async fn three_uploads_that_are_held_back_do_not_delay_a_fourth_call() {
    let gate = Gate::opened();
    gate.hold_puts(true);
    let pair = Pair::with(Setup {
        ingest: Some(|config| config.staging_bytes = 16 << 20),
        ingest_gate: Some(gate.clone()),
        ..Setup::default()
    })
    .await;
    let caller = pair.caller();
    caller.upload(vec![open("other")]).await.unwrap();
    let under_way = Arc::new(AtomicU32::new(0));
    let uploads = (0..UNREAD).map(|n| {
        let (mut rpc, sent) = (caller.rpc.clone(), Arc::clone(&under_way));
        let chunks = (0..CHUNKS).map(move |index| {
            sent.fetch_add(1, Ordering::Relaxed);
            chunk(index, vec![7; MIB])
        });
        let messages = std::iter::once(open(&format!("c{n}")))
            .chain(chunks)
            .chain([finish(CHUNKS)]);
        async move { rpc.upload_capture(tokio_stream::iter(messages)).await }
    });
    let uploads = futures::future::try_join_all(uploads);
    let fourth = async {
        until("a full budget", || async {
            (under_way.load(Ordering::Relaxed) >= UNDER_WAY).then_some(())
        })
        .await;
        for _ in 0..10 {
            caller.get("other").await.unwrap();
        }
        gate.hold_puts(false);
    };
    let (uploads, ()) = within("the uploads", async { tokio::join!(uploads, fourth) }).await;
    for upload in uploads.unwrap() {
        let capture = upload.into_inner().capture.unwrap();
        assert_eq!(capture.state(), CaptureState::Sealed);
    }
}

#[tokio::test]
async fn three_answers_that_are_not_read_do_not_delay_a_fourth_call() {
    let pair = Pair::start().await;
    let caller = pair.caller();
    let data = weir_tests::random::noise(12 * MIB, 3);
    caller.store("c", &data, MIB).await;
    let mut unread = Vec::new();
    for _ in 0..UNREAD {
        let request = ReadCaptureRequest {
            capture_id: "c".into(),
            offset: 0,
            length: 0,
        };
        let answer = caller.rpc.clone().read_capture(request).await.unwrap();
        unread.push(answer.into_inner());
    }
    let beside = async {
        let read = caller.read("c", 0, 0).await.unwrap();
        assert!(read == data, "what a fourth call reads");
        caller.upload(vec![open("d")]).await.unwrap();
        let put = caller.put("d", 0, vec![1; MIB]).await.unwrap();
        assert_eq!(put, PutOutcome::Stored);
        assert_eq!(caller.get("d").await.unwrap().chunks_durable, 1);
    };
    within("the calls beside", beside).await;
    for answer in unread {
        let sizes = answer.map(|part| part.unwrap().data.len());
        let bytes: usize = sizes.collect::<Vec<_>>().await.into_iter().sum();
        assert_eq!(bytes, data.len());
    }
}
