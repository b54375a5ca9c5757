//! `weir preview`: a picture of a capture into a file.

use weir_shared::proto::ingest::v1::{GetPreviewRequest, PreviewFormat, get_preview_request::Of};

use crate::{
    args::preview::{Picture, Preview},
    caller::Caller,
    failure::Failure,
    get::Copy,
    output::Output,
};

pub(crate) async fn run(
    args: &Preview,
    caller: &Caller,
    output: &mut Output,
) -> Result<(), Failure> {
    let picture = args.picture()?;
    if args.is_to_stdout() && picture == Picture::Png && output.is_terminal() {
        let text = "a terminal can't show PNG: give --output FILE.png, or send it to a program";
        return Err(Failure::Usage(text.to_owned()));
    }
    let of = match (&args.analysis, &args.id) {
        (Some(analysis), _) => Some(Of::AnalysisId(analysis.clone())),
        (None, id) => id.clone().map(Of::CaptureId),
    };
    let request = GetPreviewRequest {
        of,
        format: PreviewFormat::from(picture).into(),
    };
    let answer = caller.repeat(caller.analyses(), request, async |mut client, request| {
        client.get_preview(request).await
    });
    let image = answer.await?.image;
    if args.is_to_stdout() {
        output.bytes(&image)?;
        return output.flush();
    }
    let mut copy = Copy::begin(&args.output)?;
    copy.write(&image)?;
    copy.finish()
}
