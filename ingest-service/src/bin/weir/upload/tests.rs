mod fake;

use std::io::Write as _;

use bytes::Bytes;

use super::*;
use fake::{CHUNK_BYTES, Fake};

/// Five chunks, the last one smaller.
const CONTENT: &[u8] = b"aaaabbbbccccdddde";

fn content_file(content: &[u8]) -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(content).unwrap();
    file
}

fn chunk(index: u32) -> Bytes {
    let start = (index * CHUNK_BYTES) as usize;
    let end = (start + CHUNK_BYTES as usize).min(CONTENT.len());
    Bytes::copy_from_slice(&CONTENT[start..end])
}

fn named(id: Option<&str>) -> About {
    About {
        id: id.map(str::to_owned),
        ..About::default()
    }
}

/// A fake that has these chunks of `CONTENT`, as an upload would have left it.
fn begun(id: &str, durable: &[u32]) -> Fake {
    let fake = Fake::default();
    fake.state().spec = Some(CaptureSpec {
        capture_id: id.to_owned(),
        chunk_bytes: Some(CHUNK_BYTES),
        ..Default::default()
    });
    fake.state().chunks = durable.iter().map(|&index| (index, chunk(index))).collect();
    fake
}

/// Uploads `CONTENT` as a file; which chunks each call sent.
async fn check_file(fake: &Fake, id: Option<&str>, want_calls: &[&[u32]]) -> Uploaded {
    let (caller, _serving) = fake.serve().await;
    let source = content_file(CONTENT);
    let uploaded = file(&caller, source.path(), named(id)).await.unwrap();
    assert_eq!(fake.content(), CONTENT);
    assert!(fake.state().sealed);
    assert_eq!(fake.state().calls, want_calls);
    uploaded
}

#[tokio::test]
async fn a_new_file_is_sent_once() {
    let fake = Fake::default();
    let uploaded = check_file(&fake, None, &[&[0, 1, 2, 3, 4]]).await;
    let spec = fake.state().spec.clone().unwrap();
    assert!(spec.capture_id.starts_with("f-") && spec.capture_id.len() == 34);
    assert_eq!(
        (spec.chunk_count, spec.chunk_bytes),
        (Some(5), Some(CHUNK_BYTES))
    );
    assert_eq!((spec.size_bytes, uploaded.n_chunks_sent), (Some(17), 5));
}

#[tokio::test]
async fn only_what_is_missing_is_sent() {
    check_file(&begun("c", &[0, 2]), Some("c"), &[&[1, 3, 4]]).await;
}

#[tokio::test]
async fn a_sealed_capture_is_sent_nothing() {
    let fake = begun("c", &[0, 1, 2, 3, 4]);
    fake.state().sealed = true;
    check_file(&fake, Some("c"), &[]).await;
}

#[tokio::test]
async fn a_whole_capture_that_was_never_sealed_is() {
    check_file(&begun("c", &[0, 1, 2, 3, 4]), Some("c"), &[]).await;
}

#[tokio::test]
async fn a_broken_call_is_gone_on_with_where_it_broke() {
    let fake = Fake::default();
    fake.state().breaks = vec![1, 2];
    check_file(&fake, None, &[&[0, 1], &[2], &[3, 4]]).await;
}

#[tokio::test]
async fn a_chosen_name_that_holds_another_file_is_told() {
    let fake = begun("c", &[0, 1, 2, 3, 4]);
    fake.state().chunks.insert(2, Bytes::from_static(b"CCCC"));
    fake.state().sealed = true;
    let (caller, _serving) = fake.serve().await;
    let source = content_file(CONTENT);
    let failure = file(&caller, source.path(), named(Some("c")))
        .await
        .unwrap_err();
    assert_eq!(
        failure.to_string(),
        "capture c holds other bytes than this file"
    );
}

#[tokio::test]
async fn a_capture_in_chunks_of_unknown_size_is_not_mixed_with_ours() {
    let fake = begun("c", &[0]);
    fake.state().spec.as_mut().unwrap().chunk_bytes = None;
    let (caller, _serving) = fake.serve().await;
    let source = content_file(CONTENT);
    let failure = file(&caller, source.path(), named(Some("c")))
        .await
        .unwrap_err();
    assert!(
        failure
            .to_string()
            .contains("begun in chunks of other sizes"),
        "{failure}"
    );
    assert_eq!(fake.state().calls.len(), 0);
}

/// Uploads `CONTENT` as standard input; which chunks each call sent.
async fn check_stdin(fake: &Fake, id: Option<&str>, want_calls: &[&[u32]]) -> Uploaded {
    let (caller, _serving) = fake.serve().await;
    let uploaded = stdin::upload(&caller, CONTENT, named(id)).await.unwrap();
    assert_eq!(fake.content(), CONTENT);
    assert!(fake.state().sealed);
    assert_eq!(fake.state().calls, want_calls);
    uploaded
}

#[tokio::test]
async fn standard_input_without_a_name_gets_one() {
    let uploaded = check_stdin(&Fake::default(), None, &[&[0, 1, 2, 3, 4]]).await;
    assert_eq!(uploaded.capture.capture_id, "chosen");
}

#[tokio::test]
async fn standard_input_with_a_name_sends_only_what_is_missing() {
    check_stdin(&begun("c", &[0, 2, 3]), Some("c"), &[&[1, 4]]).await;
}

#[tokio::test]
async fn standard_input_is_kept_until_it_is_durable() {
    let fake = Fake::default();
    fake.state().breaks = vec![3];
    check_stdin(&fake, Some("c"), &[&[0, 1, 2], &[0, 1, 2, 3, 4]]).await;
}

#[tokio::test]
async fn standard_input_that_a_sealed_capture_holds_is_read_and_compared() {
    let fake = begun("c", &[0, 1, 2, 3, 4]);
    fake.state().sealed = true;
    check_stdin(&fake, Some("c"), &[]).await;
    let (caller, _serving) = fake.serve().await;
    let other = stdin::upload(&caller, &b"aaaa"[..], named(Some("c"))).await;
    let want = "capture c is sealed and holds other bytes than standard input";
    assert_eq!(other.unwrap_err().to_string(), want);
}

#[tokio::test]
async fn empty_standard_input_creates_nothing() {
    let fake = Fake::default();
    let (caller, _serving) = fake.serve().await;
    let failure = stdin::upload(&caller, &b""[..], named(None))
        .await
        .unwrap_err();
    assert_eq!(failure.to_string(), "standard input: is empty");
    assert_eq!(fake.state().spec, None);
}

/// What is said of an analysis, of a file and of standard input, when `begun` is there.
async fn check_analysis(begun: Option<Option<bool>>, asked: Option<bool>, is_taken: bool) {
    for is_file in [true, false] {
        let fake = Fake::default();
        if let Some(analyze_on_seal) = begun {
            fake.state().spec = Some(CaptureSpec {
                capture_id: "c".to_owned(),
                chunk_bytes: Some(CHUNK_BYTES),
                analyze_on_seal,
                ..Default::default()
            });
        }
        let (caller, _serving) = fake.serve().await;
        let about = About {
            analyze_on_seal: asked,
            ..named(Some("c"))
        };
        let uploaded = match is_file {
            true => file(&caller, content_file(CONTENT).path(), about).await,
            false => stdin::upload(&caller, CONTENT, about).await,
        };
        let case = format!("{begun:?} {asked:?} file: {is_file}");
        assert_eq!(uploaded.is_ok(), is_taken, "{case}");
        let told = fake.state().spec.as_ref().unwrap().analyze_on_seal;
        assert_eq!(told, begun.unwrap_or(asked), "{case}");
        if let Err(failure) = uploaded {
            let failure = failure.to_string();
            assert!(failure.contains("weir analyses start c"), "{failure}");
            assert_eq!(fake.state().calls.len(), 0, "{case}");
        }
    }
}

#[tokio::test]
async fn the_service_is_told_whether_to_analyze_what_was_not_begun_otherwise() {
    for asked in [None, Some(true), Some(false)] {
        check_analysis(None, asked, true).await;
        check_analysis(Some(asked), asked, true).await;
        check_analysis(Some(Some(true)), asked, asked != Some(false)).await;
        check_analysis(Some(None), asked, asked.is_none()).await;
    }
}
