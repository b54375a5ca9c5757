//! Pictures are recorded once, and go with their capture.

use super::*;
use crate::{
    catalog::PreviewRecorded,
    domain::preview::{Picture, Preview},
};

pub(super) async fn suite(catalog: &dyn Catalog) {
    a_preview_is_recorded_once_and_goes_with_its_capture(catalog).await;
    a_condemned_preview_is_not_recorded(catalog).await;
}

fn preview(id: AnalysisId) -> Preview {
    Preview {
        segment: SegmentId::generate(id.as_owner()),
        png: Picture {
            bytes: 40_000,
            crc32c: u32::MAX,
        },
        svg: Picture {
            bytes: 20_000,
            crc32c: 0,
        },
    }
}

/// An analysis that has just succeeded.
async fn succeeded(catalog: &dyn Catalog, capture: &str) -> AnalysisId {
    let id = queue(catalog, capture).await.id;
    let runner = Runner::begin(catalog).await;
    let (_, lease) = runner.only(&[]).await;
    runner.record(lease, ending(End::Succeeded)).await;
    id
}

async fn a_preview_is_recorded_once_and_goes_with_its_capture(catalog: &dyn Catalog) {
    let capture = sealed(catalog, "pre-once").await;
    let id = succeeded(catalog, "pre-once").await;
    let last = last(catalog).await;
    assert_eq!(catalog.preview(id).await.unwrap(), None);
    let (first, second) = (preview(id), preview(id));
    for (wanted, preview) in [
        (PreviewRecorded::Recorded, &first),
        (PreviewRecorded::There, &second),
        (PreviewRecorded::There, &first),
    ] {
        let recorded = catalog.record_preview(id, preview, NOW).await.unwrap();
        assert_eq!(recorded, wanted);
        assert_eq!(catalog.preview(id).await.unwrap(), Some(first));
    }
    // The sweeper finds it needed, and the other one not.
    let both = [first.segment, second.segment];
    catalog.condemn_orphans(&both, NOW).await.unwrap();
    let condemned = catalog.condemned(None, 100_000).await.unwrap();
    assert_eq!(both.map(|s| condemned.contains(&s)), [false, true]);
    // Nothing has happened to the analysis.
    assert_eq!(all_after(catalog, last).await.len(), 0);

    catalog.delete(&capture.id, NOW).await.unwrap();
    assert_eq!(catalog.preview(id).await.unwrap(), None);
    let condemned = catalog.condemned(None, 100_000).await.unwrap();
    assert!(condemned.contains(&first.segment));
    let late = catalog.record_preview(id, &preview(id), NOW).await;
    assert_eq!(late.unwrap(), PreviewRecorded::Gone);
}

async fn a_condemned_preview_is_not_recorded(catalog: &dyn Catalog) {
    sealed(catalog, "pre-late").await;
    let id = succeeded(catalog, "pre-late").await;
    let late = preview(id);
    let orphans = [late.segment];
    catalog.condemn_orphans(&orphans, NOW).await.unwrap();
    let recorded = catalog.record_preview(id, &late, NOW).await.unwrap();
    assert_eq!(recorded, PreviewRecorded::Condemned);
    assert_eq!(catalog.preview(id).await.unwrap(), None);

    // One that has not succeeded has none.
    let id = queue(catalog, "pre-late").await.id;
    let early = catalog.record_preview(id, &preview(id), NOW).await;
    assert_eq!(early.unwrap(), PreviewRecorded::Gone);
    catalog.cancel_analysis(id, NOW).await.unwrap();
}
