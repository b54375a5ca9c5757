//! Uploads that break a rule: each is told which, and what came before stays.

use bytes::Bytes;
use tonic::{Code, Status};
use weir_shared::{
    limits::CHUNK_BYTES_MAX,
    proto::ingest::v1::{
        CaptureSpec, Chunk, CreateCaptureRequest, DeleteCaptureRequest, Finish,
        GetServerInfoRequest, ListCapturesRequest, SealCaptureRequest, UploadCaptureRequest,
        upload_capture_request::Message,
    },
};
use weir_tests::{
    caller::Caller,
    errors::{check_error, check_invalid_field},
    messages::{chunk, finish, finish_with, message, open, open_with, spec},
    pair::Pair,
};

async fn refused(caller: &Caller, messages: Vec<UploadCaptureRequest>) -> Status {
    match caller.upload(messages.clone()).await {
        Err(status) => status,
        Ok(answer) => panic!("accepted: {messages:?}: {answer:?}"),
    }
}

/// The message is refused as told, after `open` and chunk 0; chunk 0 stays.
async fn check_after_chunk(id: &str, bad: UploadCaptureRequest, code: Code, reason: &str) {
    let pair = Pair::start().await;
    let caller = pair.caller();
    let messages = vec![open(id), chunk(0, "zero"), bad, chunk(1, "one")];
    let status = refused(&caller, messages).await;
    check_error(&status, code, reason);
    let capture = caller.get(id).await.unwrap();
    assert_eq!(capture.chunks_durable, 1, "{reason}: {capture:?}");
}

#[tokio::test]
async fn a_refused_message_keeps_what_came_before() {
    let wrong_crc = Chunk {
        crc32c: Some(1),
        ..weir_tests::messages::bare_chunk(5, "five")
    };
    let bad = message(Message::Chunk(wrong_crc));
    let (invalid, range) = (Code::InvalidArgument, Code::OutOfRange);
    check_after_chunk("crc", bad, invalid, "CHUNK_CHECKSUM_MISMATCH").await;
    check_after_chunk("open", open("open"), invalid, "UPLOAD_ORDER").await;
    let unset = UploadCaptureRequest { message: None };
    check_after_chunk("unset", unset, invalid, "UPLOAD_ORDER").await;
    check_after_chunk("empty", chunk(1, ""), invalid, "CHUNK_SIZE").await;
    let large = chunk(1, vec![0; CHUNK_BYTES_MAX + 1]);
    check_after_chunk("large", large, invalid, "CHUNK_SIZE").await;
    let beyond = chunk(u32::MAX, "x");
    check_after_chunk("index", beyond, range, "INDEX_OUT_OF_RANGE").await;
    let digest = finish_with(Finish {
        sha256: Bytes::from_static(b"short"),
        ..Finish::default()
    });
    check_after_chunk("digest", digest, invalid, "INVALID_FIELD").await;
}

#[tokio::test]
async fn texts_that_not_every_catalog_can_keep_are_refused() {
    let pair = Pair::start().await;
    let caller = pair.caller();
    let named = CaptureSpec {
        file_name: "a\0b".into(),
        ..spec("c")
    };
    let labelled = |name: &str, value: &str| CaptureSpec {
        labels: [(name.to_owned(), value.to_owned())].into(),
        ..spec("c")
    };
    for (field, spec) in [
        ("file_name", named),
        ("labels", labelled("a\0", "b")),
        ("labels", labelled("a", "\0")),
    ] {
        let status = refused(&caller, vec![open_with(spec)]).await;
        check_invalid_field(&status, field);
    }
    let unknown = caller.get("c").await.unwrap_err();
    check_error(&unknown, Code::NotFound, "CAPTURE_UNKNOWN");
}

#[tokio::test]
async fn messages_come_in_one_order() {
    let pair = Pair::start().await;
    let caller = pair.caller();
    let wrong: [(&str, Vec<UploadCaptureRequest>); 5] = [
        ("nothing", vec![]),
        ("a chunk first", vec![chunk(0, "zero"), open("a")]),
        ("finish first", vec![finish(0)]),
        ("unset first", vec![UploadCaptureRequest { message: None }]),
        (
            "a chunk after finish",
            vec![open("b"), finish(1), chunk(0, "zero")],
        ),
    ];
    for (what, messages) in wrong {
        println!("{what}");
        let status = refused(&caller, messages).await;
        check_error(&status, Code::InvalidArgument, "UPLOAD_ORDER");
    }
    let status = refused(&caller, vec![open("c"), finish(0), finish(0)]).await;
    check_error(&status, Code::InvalidArgument, "UPLOAD_ORDER");
    let capture = caller.get("c").await.unwrap();
    assert!(
        capture.seal_time.is_none(),
        "a refused upload seals nothing"
    );
}

#[tokio::test]
async fn the_largest_chunk_is_accepted() {
    let pair = Pair::start().await;
    let caller = pair.caller();
    let data = vec![7; CHUNK_BYTES_MAX];
    caller.store("c", &data, CHUNK_BYTES_MAX).await;
    assert_eq!(caller.read("c", 0, 0).await.unwrap(), data);
    let mut rpc = caller.rpc.clone();
    let info = rpc.get_server_info(GetServerInfoRequest {}).await;
    let info = info.unwrap().into_inner();
    assert_eq!(info.chunk_bytes_max as usize, CHUNK_BYTES_MAX);
}

#[tokio::test]
async fn chunks_keep_to_the_declared_size() {
    let pair = Pair::start().await;
    let caller = pair.caller();
    let declared = |id: &str| {
        open_with(CaptureSpec {
            chunk_bytes: Some(4),
            chunk_count: Some(3),
            ..spec(id)
        })
    };
    for (id, bad) in [
        ("short", chunk(0, "abc")),
        ("long", chunk(1, "abcde")),
        ("long-last", chunk(2, "abcde")),
    ] {
        let status = refused(&caller, vec![declared(id), bad]).await;
        check_error(&status, Code::InvalidArgument, "CHUNK_SIZE");
    }
    let whole = vec![
        declared("fits"),
        chunk(2, "e"),
        chunk(0, "abcd"),
        chunk(1, "abcd"),
    ];
    caller.upload(whole).await.unwrap();
    assert_eq!(caller.read("fits", 0, 0).await.unwrap(), b"abcdabcde");
}

#[tokio::test]
async fn indexes_stay_below_the_declared_count() {
    let pair = Pair::start().await;
    let caller = pair.caller();
    let declared = open_with(CaptureSpec {
        chunk_count: Some(2),
        ..spec("c")
    });
    let status = refused(&caller, vec![declared, chunk(2, "two")]).await;
    check_error(&status, Code::OutOfRange, "INDEX_OUT_OF_RANGE");
    let put = caller.put("c", 7, "seven").await.unwrap_err();
    check_error(&put, Code::OutOfRange, "INDEX_OUT_OF_RANGE");
}

#[tokio::test]
async fn wrong_capture_ids_are_named() {
    let pair = Pair::start().await;
    let caller = pair.caller();
    let long = "a".repeat(129);
    for id in ["Upper", "-dash", "sl/ash", "..", "sp ace", "ümlaut", &long] {
        println!("{id}");
        let status = refused(&caller, vec![open(id)]).await;
        check_invalid_field(&status, "capture_id");
        let create = CreateCaptureRequest {
            spec: Some(spec(id)),
        };
        let created = caller.rpc.clone().create_capture(create).await;
        check_invalid_field(&created.unwrap_err(), "capture_id");
        check_invalid_field(&caller.get(id).await.unwrap_err(), "capture_id");
        check_invalid_field(&caller.put(id, 0, "x").await.unwrap_err(), "capture_id");
        check_invalid_field(&caller.read(id, 0, 0).await.unwrap_err(), "capture_id");
        let analyzed = caller.analyze(id, Default::default()).await;
        check_invalid_field(&analyzed.unwrap_err(), "capture_id");
        let delete = DeleteCaptureRequest {
            capture_id: id.into(),
            allow_missing: true,
        };
        let deleted = caller.rpc.clone().delete_capture(delete).await;
        check_invalid_field(&deleted.unwrap_err(), "capture_id");
    }
}

#[tokio::test]
async fn other_wrong_fields_are_named() {
    let pair = Pair::start().await;
    let caller = pair.caller();
    let short_digest = CaptureSpec {
        sha256: Bytes::from_static(&[1; 31]),
        ..spec("c")
    };
    let status = refused(&caller, vec![open_with(short_digest)]).await;
    check_invalid_field(&status, "sha256");

    let seal = SealCaptureRequest {
        capture_id: "c".into(),
        sha256: Bytes::from_static(&[1; 33]),
        ..Default::default()
    };
    check_invalid_field(&caller.seal(seal).await.unwrap_err(), "sha256");

    let no_chunk = weir_shared::proto::ingest::v1::PutChunkRequest {
        capture_id: "c".into(),
        chunk: None,
    };
    let put = caller.rpc.clone().put_chunk(no_chunk).await;
    check_invalid_field(&put.unwrap_err(), "chunk");

    let no_spec = CreateCaptureRequest { spec: None };
    let created = caller.rpc.clone().create_capture(no_spec).await;
    check_invalid_field(&created.unwrap_err(), "spec");

    let list = |page_size, page_token: &str| {
        let request = ListCapturesRequest {
            page_size,
            page_token: page_token.into(),
            ..Default::default()
        };
        let mut rpc = caller.rpc.clone();
        async move { rpc.list_captures(request).await.unwrap_err() }
    };
    check_invalid_field(&list(-1, "").await, "page_size");
    check_invalid_field(&list(0, "no token").await, "page_token");
}

#[tokio::test]
async fn a_message_above_the_transport_limit_is_refused_by_us() {
    let pair = Pair::start().await;
    let caller = pair.caller();
    let messages = vec![open("c"), chunk(0, "zero"), chunk(1, vec![0; 3 << 20])];
    let status = refused(&caller, messages).await;
    check_error(&status, Code::InvalidArgument, "CHUNK_SIZE");
    assert_eq!(caller.get("c").await.unwrap().chunks_durable, 1);
    for bytes in [CHUNK_BYTES_MAX + 1, 3 << 20, 5 << 20] {
        let put = caller.put("c", 1, vec![0; bytes]).await;
        check_error(&put.unwrap_err(), Code::InvalidArgument, "CHUNK_SIZE");
    }
}
