//! Several services that fold, share, sweep and delete at the same moment.

use futures::future::join_all;

use super::*;
use crate::{
    catalog::{Content, Fold, Folding, SegmentCommit},
    domain::{
        capture::{Capture, DigestOnTheWay, ManifestObject, State, StoredManifest},
        id::{Blake3, SegmentId, Sha256},
        shape::Shape,
    },
};
use conformance::{NOW, OPEN_MAX, commit, create, of_count, segment, slots_of, times};

fn declared(data: &[u8]) -> Declared {
    Declared {
        sha256: Some(Sha256::of(data)),
        ..of_count(1)
    }
}

/// A sealed capture of one chunk, whose digest is known.
async fn sealed(service: &PostgresCatalog, id: &str) -> (Capture, SegmentCommit) {
    let capture = create(service, id, declared(id.as_bytes())).await;
    let mut stored = segment(capture.uid, &[(0, id.as_bytes())]);
    stored.digest = Some(DigestOnTheWay {
        chunks: 1,
        sha256: Sha256::of(id.as_bytes()),
    });
    let (_, capture) = slots_of(commit(service, stored.clone()).await);
    assert_eq!(capture.state, State::Sealed);
    (capture, stored)
}

fn fold_of(capture: &Capture) -> Fold {
    Fold {
        uid: capture.uid,
        manifest: StoredManifest::Object(ManifestObject {
            segment: SegmentId::generate(capture.uid),
            bytes: 1,
            blake3: Blake3::of(b"m"),
        }),
        shape: Shape {
            uniform: Some(1),
            last: 1,
        },
        segments: 1,
        now: NOW,
    }
}

fn object_of(fold: &Fold) -> SegmentId {
    match &fold.manifest {
        StoredManifest::Object(object) => object.segment,
        StoredManifest::Inline(_) => panic!("an object"),
    }
}

async fn fold(service: &PostgresCatalog, fold: &Fold) -> Folding {
    let done = service.fold(std::slice::from_ref(fold)).await;
    done.unwrap()[0]
}

async fn content(service: &PostgresCatalog, capture: &Capture) -> Option<Content> {
    let found = service.contents(&[capture.uid]).await.unwrap();
    found.into_iter().next().map(|(_, content)| content)
}

#[tokio::test]
#[ignore = "needs WEIR_TEST_POSTGRES"]
async fn a_capture_that_two_fold_while_a_third_sweeps_loses_nothing() {
    let url = database().await;
    let services: Vec<_> = join_all((0..3).map(|_| PostgresCatalog::open(&url))).await;
    let services: Vec<_> = services.into_iter().map(Result::unwrap).collect();
    let mut first_to_fold = [0, 0];
    for round in 0..200 {
        let (capture, stored) = sealed(&services[0], &format!("fold-{round}")).await;
        let folds = [fold_of(&capture), fold_of(&capture)];
        let mut found = vec![stored.segment, object_of(&folds[0]), object_of(&folds[1])];
        found.rotate_left(round % 3);
        let (one, other, swept) = tokio::join!(
            fold(&services[0], &folds[0]),
            fold(&services[1], &folds[1]),
            services[2].condemn_orphans(&found, NOW),
        );
        swept.unwrap();
        let condemned = services[2].condemned(None, 100_000).await.unwrap();
        assert!(!condemned.contains(&stored.segment), "{one:?} {other:?}");
        let now = services[2].by_uid(capture.uid).await.unwrap().unwrap();
        let named = [one, other].iter().position(|f| *f == Folding::Folded);
        match named {
            Some(named) => {
                first_to_fold[named] += 1;
                assert_eq!(now.manifest.as_ref(), Some(&folds[named].manifest));
                assert!(!condemned.contains(&object_of(&folds[named])));
            }
            // The sweeper came first, to both objects.
            None => {
                assert_eq!([one, other], [Folding::Condemned; 2]);
                assert_eq!(now.manifest, None);
            }
        }
        assert!([one, other] != [Folding::Folded; 2]);
    }
    assert!(first_to_fold.iter().sum::<u32>() > 0, "nobody ever folded");
}

#[tokio::test]
#[ignore = "needs WEIR_TEST_POSTGRES"]
async fn what_is_shared_while_its_source_is_deleted_stays() {
    let url = database().await;
    let services: Vec<_> = join_all((0..2).map(|_| PostgresCatalog::open(&url))).await;
    let services: Vec<_> = services.into_iter().map(Result::unwrap).collect();
    for round in 0..200 {
        let id = format!("share-{round}");
        let (source, _) = sealed(&services[0], &id).await;
        fold(&services[0], &fold_of(&source)).await;
        let wanted = conformance::spec(&format!("shared-{round}"), declared(id.as_bytes()));
        let (shared, deleted) = tokio::join!(
            services[0].create(&wanted, times(), OPEN_MAX),
            services[1].delete(&source.id, NOW),
        );
        deleted.unwrap();
        let shared = shared.unwrap();
        match (shared.state, content(&services[1], &source).await) {
            (State::Sealed, Some(Content::Folded { capture, .. })) => {
                assert_eq!(*capture, shared);
            }
            (State::Receiving, Some(Content::Gone)) => {}
            (state, content) => panic!("{state:?}, and its contents {content:?}"),
        }
        // The last two at once: nobody has it then.
        if shared.state == State::Sealed {
            let more = conformance::spec(&format!("more-{round}"), declared(id.as_bytes()));
            let more = services[0].create(&more, times(), OPEN_MAX).await.unwrap();
            let (one, other) = tokio::join!(
                services[0].delete(&shared.id, NOW),
                services[1].delete(&more.id, NOW),
            );
            one.unwrap();
            other.unwrap();
            let left = content(&services[0], &source).await;
            assert!(matches!(left, None | Some(Content::Gone)), "{left:?}");
        }
    }
}
