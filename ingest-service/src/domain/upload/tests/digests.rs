//! A digest computed on the way stands for what is stored, or for nothing.

use std::{
    future::{Future, poll_fn},
    task::Poll,
    time::Duration,
};

use super::*;
use crate::domain::testing::spec;

#[tokio::test]
async fn bytes_that_lost_their_slot_prove_no_digest() {
    for (declared, then) in [
        (b"AB", "the capture's SHA-256 is another one"),
        (b"AX", "sealed"),
    ] {
        let rig = Rig::new().await;
        let id = ID.parse().unwrap();
        let declared = of_digest(declared, Some(2));
        rig.ingest
            .create(&spec(ID, declared.clone()))
            .await
            .unwrap();
        rig.ingest
            .put_chunk(&id, incoming(1, "X"), room())
            .await
            .unwrap();
        let items = vec![open(ID, declared), chunk(0, "A"), chunk(1, "B")];
        let told = told(&rig, items).await;
        let conflict = "chunk 1 differs from the one already stored";
        assert!(told.starts_with(conflict), "{told}");

        // Joins the check that the last commit began.
        let capture = rig.ingest.get(&id).await.unwrap();
        let params = SealParams::default();
        let sealed = match rig.ingest.seal(&capture, &params, None).await {
            Ok(sealed) => {
                assert_eq!(sealed.sha256, Some(Sha256::of(b"AX")));
                "sealed".to_owned()
            }
            Err(error) => error.to_string(),
        };
        assert_eq!(sealed, then);
    }
}

/// Drops a call when it is woken after so many polls. False: it was over before.
pub(super) async fn drop_after<T>(polls: u32, call: impl Future<Output = T>) -> bool {
    let mut call = Box::pin(call);
    let mut left = polls;
    poll_fn(move |context| {
        if left == 0 {
            return Poll::Ready(true);
        }
        left -= 1;
        call.as_mut().poll(context).map(|_| false)
    })
    .await
}

#[tokio::test]
async fn a_call_dropped_at_any_point_leaves_no_check_undone() {
    let rig = Rig::new().await;
    let digest = Some(Sha256::of(b"a"));
    for by_seal in [true, false] {
        let mut polls = 1;
        loop {
            let name = format!("{by_seal}-{polls}");
            let items = vec![open(&name, Declared::default()), chunk(0, "a")];
            let capture = upload(&rig, items).await.unwrap().capture;
            let seal = async {
                let params = SealParams {
                    sha256: digest,
                    ..SealParams::default()
                };
                rig.ingest.seal(&capture, &params, None).await.unwrap();
            };
            let create = async {
                let declared = of_digest(b"a", Some(1));
                rig.ingest.create(&spec(&name, declared)).await.unwrap();
            };
            let dropped = match by_seal {
                true => drop_after(polls, seal).await,
                false => drop_after(polls, create).await,
            };
            let sealed = tokio::time::timeout(Duration::from_secs(20), until_sealed(&rig, &name));
            sealed.await.expect("what was begun ends");
            if !dropped {
                break;
            }
            polls += 1;
        }
    }
}

async fn until_sealed(rig: &Rig, name: &str) {
    let id = name.parse().unwrap();
    // Each look gives way to the other tasks.
    while rig.ingest.get(&id).await.unwrap().state != State::Sealed {}
}
