//! Captures of one digest share what is stored.

use super::{
    folding::{content_of, drop_rows, fold, inline, now, sealed},
    *,
};
use crate::{catalog::Content, domain::capture::State};

pub(super) async fn suite(catalog: &dyn Catalog) {
    a_digest_that_is_here_makes_a_sealed_capture(catalog).await;
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
