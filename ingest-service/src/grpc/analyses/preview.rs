//! Previews: summaries to what is drawn, and pictures to answers.

use std::sync::Arc;

use prost::Message as _;
use weir_shared::proto::{
    analyzer::v1::{self as records, Verdict},
    ingest::v1::{GetPreviewRequest, GetPreviewResponse, PreviewFormat, get_preview_request},
};

use super::{
    super::convert::{capture_id, invalid},
    convert::analysis_id,
};
use crate::domain::{
    error::Error,
    ingest::Ingest,
    preview::{Activity, Format, HEIGHT, ProtocolCount, ReadSummary, Sketch, WIDTH, Whose},
};

/// Reads summaries as they are stored.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SummaryReader;

impl ReadSummary for SummaryReader {
    fn read(&self, summary: &[u8]) -> Result<Sketch, Error> {
        let summary = records::Summary::decode(summary);
        let summary = summary.map_err(|error| Error::Internal(Arc::new(error)))?;
        let cut = match summary.verdict() {
            Verdict::Unspecified | Verdict::Complete => "",
            Verdict::Truncated => "ends inside a packet",
            Verdict::Corrupt => "damaged, read up to there",
            Verdict::Limited => "not read to its end",
        };
        let protocols = summary.protocol_hierarchy.into_iter();
        Ok(Sketch {
            packets: summary.packets,
            bytes: summary.wire_bytes,
            cut: cut.to_owned(),
            activity: summary.activity.map(activity),
            protocols: protocols
                .map(|counted| ProtocolCount {
                    path: counted.path,
                    packets: counted.packets,
                    bytes: counted.bytes,
                })
                .collect(),
        })
    }
}

fn activity(series: records::TimeSeries) -> Activity {
    const SECOND: i128 = 1_000_000_000;
    let start = series.start_time.unwrap_or_default();
    let bucket = series.bucket.unwrap_or_default();
    let bucket_ns = i128::from(bucket.seconds) * SECOND + i128::from(bucket.nanos);
    Activity {
        start_ns: i128::from(start.seconds) * SECOND + i128::from(start.nanos),
        // One that makes no sense is none.
        bucket_ns: u64::try_from(bucket_ns).unwrap_or(0),
        packets: series.packets,
        bytes: series.bytes,
        outside: series.outside_packets,
    }
}

/// Answers a call.
pub(super) async fn get(
    ingest: &Ingest,
    request: GetPreviewRequest,
) -> Result<GetPreviewResponse, Error> {
    let format = match PreviewFormat::try_from(request.format) {
        // The one that everything can show.
        Ok(PreviewFormat::Png | PreviewFormat::Unspecified) => PreviewFormat::Png,
        Ok(PreviewFormat::Svg) => PreviewFormat::Svg,
        Err(_) => return Err(invalid("format", "is none that this server knows")),
    };
    let whose = match request.of {
        Some(get_preview_request::Of::AnalysisId(id)) => Whose::Analysis(analysis_id(&id)?),
        Some(get_preview_request::Of::CaptureId(id)) => Whose::Capture(capture_id(id)?),
        None => return Err(invalid("of", "names neither a capture nor an analysis")),
    };
    let (wanted, media_type) = match format {
        PreviewFormat::Svg => (Format::Svg, "image/svg+xml"),
        PreviewFormat::Png | PreviewFormat::Unspecified => (Format::Png, "image/png"),
    };
    let fetched = ingest.preview(whose, wanted).await?;
    Ok(GetPreviewResponse {
        image: fetched.image,
        media_type: media_type.to_owned(),
        format: format.into(),
        width: WIDTH,
        height: HEIGHT,
        analysis_id: fetched.analysis.to_string(),
        capture_id: fetched.capture_id.to_string(),
    })
}
