//! Captures of one digest share what is stored.

use super::{
    folding::{content_of, drop_rows, fold, inline, now, sealed},
    *,
};
use crate::{
    catalog::Content,
    domain::{
        capture::{DigestOnTheWay, State},
        event::Position,
    },
};

pub(super) async fn suite(catalog: &dyn Catalog) {
    a_digest_that_is_here_makes_a_sealed_capture(catalog).await;
    a_digest_that_is_read_after_the_seal_is_as_good(catalog).await;
    contents_are_gone_with_their_last_capture(catalog).await;
}

async fn a_digest_that_is_here_makes_a_sealed_capture(catalog: &dyn Catalog) {
    let (source, _) = sealed(catalog, "share-source", [b"sh", b"a"]).await;
    let of = |declared: Declared| Declared {
        sha256: source.sha256,
        ..declared
    };
    // Not before it is folded: its rows can't be shared.
    let early = create(catalog, "share-early", of(Declared::default())).await;
    assert_eq!(early.state, State::Receiving);
    fold(catalog, source.uid, inline(b"shared")).await;
    drop_rows(catalog).await;

    let asked = Times {
        now: NOW.plus(KEPT),
        expires: NOW.plus(KEPT * 2),
        retained_until: Some(NOW.plus(KEPT * 9)),
    };
    let mut wanted = spec("share-one", of(of_count(2)));
    wanted.labels = [("site".to_owned(), "b".to_owned())].into();
    wanted.file_name = "other.pcap".to_owned();
    // Whatever is unsealed: it is sealed at once.
    let shared = catalog.create(&wanted, asked, 0).await.unwrap();
    assert_ne!(shared.uid, source.uid);
    assert_eq!(
        (shared.state, shared.sealed),
        (State::Sealed, Some(asked.now))
    );
    assert_eq!(
        (shared.content, &shared.manifest),
        (source.uid, &Some(inline(b"shared")))
    );
    assert_eq!(
        (shared.crc32c, shared.sha256),
        (source.crc32c, source.sha256)
    );
    assert_eq!(
        (shared.progress, shared.retained_until),
        (source.progress, asked.retained_until)
    );
    assert_eq!(
        (&shared.labels, &*shared.file_name),
        (&wanted.labels, "other.pcap")
    );
    assert_eq!(now(catalog, shared.uid).await, shared);
    // Asked again it is the same; other parameters differ from it.
    assert_eq!(catalog.create(&wanted, asked, 0).await.unwrap(), shared);
    let other = spec("share-one", of(of_count(3)));
    assert!(catalog.create(&other, asked, 0).await.is_err());
    // Of one that shares, others can share, also when the first is gone.
    catalog.delete(&source.id, NOW).await.unwrap();
    let second = create(catalog, "share-two", of(Declared::default())).await;
    assert_eq!((second.state, second.content), (State::Sealed, source.uid));

    // What is declared otherwise is not the same.
    let no_shares = [
        ("share-count", of(of_count(3))),
        (
            "share-size",
            of(Declared {
                size_bytes: Some(4),
                ..Declared::default()
            }),
        ),
        (
            "share-split",
            of(Declared {
                chunk_bytes: Some(2),
                ..Declared::default()
            }),
        ),
        (
            "share-digest",
            Declared {
                sha256: sha(b"sh"),
                ..Declared::default()
            },
        ),
    ];
    for (id, declared) in no_shares {
        assert_eq!(
            create(catalog, id, declared).await.state,
            State::Receiving,
            "{id}"
        );
    }
}

async fn a_digest_that_is_read_after_the_seal_is_as_good(catalog: &dyn Catalog) {
    let capture = create(catalog, "late-source", of_count(2)).await;
    let stored = segment(capture.uid, &[(0, b"read "), (1, b"late")]);
    let (_, sealed) = slots_of(commit(catalog, stored).await);
    assert_eq!((sealed.state, sealed.sha256), (State::Sealed, None));
    fold(catalog, sealed.uid, inline(b"late")).await;
    let last = catalog.events(Position(0), 1).await.unwrap().last;
    let digest = |data: &[u8]| DigestOnTheWay {
        chunks: 2,
        sha256: Sha256::of(data),
    };
    // The first one stays, also for a read that began before it came.
    for read in [digest(b"read late"), digest(b"other")] {
        let settled = catalog.settle_digest(sealed.uid, read, times()).await;
        let expected = Capture {
            manifest: Some(inline(b"late")),
            sha256: sha(b"read late"),
            ..sealed.clone()
        };
        assert_eq!(settled.unwrap(), Some(expected.clone()));
        assert_eq!(now(catalog, sealed.uid).await, expected);
    }
    // Nothing has happened to the capture.
    let told = catalog.events(last, 1).await.unwrap();
    assert_eq!(told.last, last);

    let declared = Declared {
        sha256: sha(b"read late"),
        ..Declared::default()
    };
    let second = create(catalog, "late-second", declared).await;
    assert_eq!(
        (second.state, second.content),
        (State::Sealed, sealed.content)
    );
    catalog.delete(&sealed.id, NOW).await.unwrap();
    let gone = catalog.settle_digest(sealed.uid, digest(b"read late"), times());
    assert_eq!(gone.await.unwrap(), None);
    let content = content_of(catalog, sealed.content).await;
    assert!(matches!(content, Some(Content::Folded { capture, .. }) if *capture == second));
}

async fn contents_are_gone_with_their_last_capture(catalog: &dyn Catalog) {
    let (first, _) = sealed(catalog, "gone-first", [b"go", b"n"]).await;
    let owner = first.uid;
    assert_eq!(content_of(catalog, Uid::generate()).await, None);
    fold(catalog, owner, inline(b"m")).await;
    let declared = Declared {
        sha256: first.sha256,
        ..Declared::default()
    };
    let second = create(catalog, "gone-second", declared.clone()).await;
    catalog.delete(&first.id, NOW).await.unwrap();
    let content = content_of(catalog, owner).await;
    assert!(matches!(content, Some(Content::Folded { capture, .. }) if *capture == second));
    catalog.delete(&second.id, NOW).await.unwrap();
    assert_eq!(content_of(catalog, owner).await, Some(Content::Gone));
    let third = create(catalog, "gone-third", declared).await;
    assert_eq!(third.state, State::Receiving);
    // As long as a swept segment is remembered.
    catalog.forget_swept(NOW).await.unwrap();
    assert_eq!(content_of(catalog, owner).await, Some(Content::Gone));
    catalog.forget_swept(NOW.plus(KEPT)).await.unwrap();
    assert_eq!(content_of(catalog, owner).await, None);
}
