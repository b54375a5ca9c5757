//! Previews: drawn when an analysis has succeeded, and gone with their capture.

use futures::TryStreamExt as _;
use tonic::{Code, Status};
use weir_shared::proto::ingest::v1::{
    CaptureSpec, DeleteCaptureRequest, GetPreviewRequest, GetPreviewResponse, PreviewFormat,
    get_preview_request::Of,
};
use weir_tests::{
    background::{Background, wanted},
    caller::Caller,
    errors::{check_error, check_invalid_field},
    messages::{chunk, finish, open_with, spec},
    pair::{Pair, Setup},
    recordings,
    until::until,
};

fn of_capture(id: &str) -> Option<Of> {
    Some(Of::CaptureId(id.to_owned()))
}

async fn get(
    background: &Background,
    of: Option<Of>,
    format: PreviewFormat,
) -> Result<GetPreviewResponse, Status> {
    let request = GetPreviewRequest {
        of,
        format: format.into(),
    };
    let answer = background.rpc.clone().get_preview(request).await?;
    Ok(answer.into_inner())
}

/// Soon after the seal.
async fn drawn(background: &Background, id: &str, format: PreviewFormat) -> GetPreviewResponse {
    let drawn = until("the preview", || async {
        match get(background, of_capture(id), format).await {
            Ok(preview) => Some(preview),
            Err(status) => {
                let reason = weir_shared::status::reason(&status);
                assert_eq!(reason.as_deref(), Some("NO_PREVIEW"), "{status}");
                None
            }
        }
    });
    drawn.await
}

/// Sealed, and to be analyzed.
async fn upload(caller: &Caller, id: &str, file_name: &str) {
    let bytes = recordings::bytes("http.pcap");
    let spec = CaptureSpec {
        file_name: file_name.to_owned(),
        analyze_on_seal: Some(true),
        ..spec(id)
    };
    let messages = vec![open_with(spec), chunk(0, &bytes), finish(1)];
    caller.upload(messages).await.unwrap();
}

async fn objects(pair: &Pair) -> Vec<String> {
    let listed: Vec<_> = pair.store().list(None).try_collect().await.unwrap();
    listed.iter().map(|object| object.key.to_string()).collect()
}

/// Pixels that are not white.
fn inked(image: &[u8], width: u32, height: u32) -> usize {
    let mut decoder = png::Decoder::new(std::io::Cursor::new(image))
        .read_info()
        .unwrap();
    let mut pixels = vec![0; decoder.output_buffer_size().unwrap()];
    let info = decoder.next_frame(&mut pixels).unwrap();
    assert_eq!((info.width, info.height), (width, height));
    assert_eq!(info.color_type, png::ColorType::Rgb);
    pixels.chunks(3).filter(|pixel| *pixel != [255; 3]).count()
}

#[tokio::test]
async fn a_sealed_capture_that_is_analyzed_gets_a_preview() {
    let pair = Pair::start().await;
    let (caller, background) = (pair.caller(), pair.background());
    upload(&caller, "web", "a<script>.pcap").await;
    let png = drawn(&background, "web", PreviewFormat::Unspecified).await;
    assert_eq!(
        (&*png.media_type, png.format()),
        ("image/png", PreviewFormat::Png)
    );
    assert!(inked(&png.image, png.width, png.height) > 10_000);
    let svg = drawn(&background, "web", PreviewFormat::Svg).await;
    assert_eq!(
        (&*svg.media_type, svg.format()),
        ("image/svg+xml", PreviewFormat::Svg)
    );
    let text = std::str::from_utf8(&svg.image).unwrap();
    assert!(text.starts_with("<svg ") && text.ends_with("</svg>\n"));
    for shown in ["a&lt;script&gt;.pcap", "capture web", "\nhttp\n", "UTC"] {
        assert!(text.contains(shown), "{shown}: {text}");
    }
    assert_eq!(
        (&*svg.capture_id, &svg.analysis_id),
        ("web", &png.analysis_id)
    );
    let of = Some(Of::AnalysisId(png.analysis_id.clone()));
    let same = get(&background, of, PreviewFormat::Png).await.unwrap();
    assert_eq!(same, png);

    // A second one of the same capture is the newest one's, and has an object of its own.
    let second = background.start(wanted("web")).await.unwrap().analysis_id;
    background.watched(&second).await;
    let newest = until("its preview", || async {
        let preview = get(&background, of_capture("web"), PreviewFormat::Png).await;
        preview.ok().filter(|preview| preview.analysis_id == second)
    });
    assert_eq!(newest.await.image, png.image);
}

#[tokio::test]
async fn a_preview_goes_with_its_capture_and_outlives_a_restart() {
    let pair = Pair::with(Setup {
        ingest: Some(|config| {
            config.sweep_interval = std::time::Duration::from_millis(50);
            config.sweep_grace = std::time::Duration::from_millis(1);
        }),
        ..Setup::default()
    })
    .await;
    upload(&pair.caller(), "web", "").await;
    let png = drawn(&pair.background(), "web", PreviewFormat::Png).await;
    let before = objects(&pair).await.len();
    let pair = pair.restart().await;
    let (caller, background) = (pair.caller(), pair.background());
    let again = get(&background, of_capture("web"), PreviewFormat::Png).await;
    assert_eq!(again.unwrap(), png);
    // The sweeper keeps what is needed: the capture, its results and its preview.
    upload(&caller, "other", "").await;
    drawn(&background, "other", PreviewFormat::Png).await;
    assert_eq!(objects(&pair).await.len(), 2 * before);

    let delete = DeleteCaptureRequest {
        capture_id: "web".to_owned(),
        ..DeleteCaptureRequest::default()
    };
    caller.rpc.clone().delete_capture(delete).await.unwrap();
    let gone = get(&background, of_capture("web"), PreviewFormat::Png).await;
    check_error(&gone.unwrap_err(), Code::NotFound, "CAPTURE_UNKNOWN");
    let of = Some(Of::AnalysisId(png.analysis_id));
    let gone = get(&background, of, PreviewFormat::Png).await;
    check_error(&gone.unwrap_err(), Code::NotFound, "ANALYSIS_UNKNOWN");
    let left = until("the sweep", || async {
        let left = objects(&pair).await.len();
        (left <= before).then_some(left)
    });
    assert_eq!(left.await, before);
    get(&background, of_capture("other"), PreviewFormat::Svg)
        .await
        .unwrap();
}

#[tokio::test]
async fn who_asks_in_vain_is_told_why() {
    let pair = Pair::start().await;
    let (caller, background) = (pair.caller(), pair.background());
    caller.store("plain", b"no capture at all", 20).await;
    let png = PreviewFormat::Png;
    let none = get(&background, of_capture("plain"), png)
        .await
        .unwrap_err();
    check_error(&none, Code::FailedPrecondition, "NO_PREVIEW");
    assert!(none.message().contains("start one"), "{none}");
    let failed = background.start(wanted("plain")).await.unwrap().analysis_id;
    background.watched(&failed).await;
    let of = Some(Of::AnalysisId(failed));
    let none = get(&background, of, png).await.unwrap_err();
    check_error(&none, Code::FailedPrecondition, "NO_PREVIEW");
    assert!(none.message().contains("did not succeed"), "{none}");
    for (of, format, field) in [
        (None, 1, "of"),
        (Some(Of::AnalysisId("x".to_owned())), 1, "analysis_id"),
        (of_capture("../x"), 1, "capture_id"),
        (of_capture("plain"), 9, "format"),
    ] {
        let request = GetPreviewRequest { of, format };
        let refused = background.rpc.clone().get_preview(request).await;
        check_invalid_field(&refused.unwrap_err(), field);
    }
}
