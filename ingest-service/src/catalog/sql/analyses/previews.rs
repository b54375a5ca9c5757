//! The objects that pictures are in.

use super::super::{
    super::{CatalogError, PreviewRecorded},
    row::{bytes, required},
    session::{Session, sql},
};
use crate::domain::{
    analysis::AnalysisId,
    id::SegmentId,
    preview::{Picture, Preview},
    time::Timestamp,
};

/// Under the lock of the analysis: its removal condemns what is entered here.
pub(in crate::catalog::sql) async fn record<S: Session>(
    db: &mut S,
    id: AnalysisId,
    preview: &Preview,
    now: Timestamp,
) -> Result<PreviewRecorded, CatalogError> {
    let locked = sql("SELECT c.id FROM analyses c WHERE c.id = $1 AND c.state = 3")
        .and(S::DIALECT.for_update)
        .bind(id.as_bytes())
        .optional(db)
        .await?;
    if locked.is_none() {
        return Ok(PreviewRecorded::Gone);
    }
    if find(db, id).await?.is_some() {
        return Ok(PreviewRecorded::There);
    }
    let entered = sql("INSERT INTO segments (id, state, uid, bytes, at_us) \
         VALUES ($1, 1, $2, $3, $4) ON CONFLICT (id) DO NOTHING")
    .bind(preview.segment.as_bytes())
    .bind(id.as_bytes())
    .bind((preview.png.bytes + preview.svg.bytes).cast_signed())
    .bind(now.0)
    .execute(&mut *db)
    .await?;
    if entered == 0 {
        return Ok(PreviewRecorded::Condemned);
    }
    sql(
        "INSERT INTO previews (analysis, segment, png_bytes, png_crc32c, svg_bytes, svg_crc32c) \
         VALUES ($1, $2, $3, $4, $5, $6)",
    )
    .bind(id.as_bytes())
    .bind(preview.segment.as_bytes())
    .bind(preview.png.bytes.cast_signed())
    .bind(preview.png.crc32c)
    .bind(preview.svg.bytes.cast_signed())
    .bind(preview.svg.crc32c)
    .execute(db)
    .await?;
    Ok(PreviewRecorded::Recorded)
}

pub(in crate::catalog::sql) async fn find(
    db: &mut impl Session,
    id: AnalysisId,
) -> Result<Option<Preview>, CatalogError> {
    let found = sql(
        "SELECT segment, png_bytes, png_crc32c, svg_bytes, svg_crc32c FROM previews \
         WHERE analysis = $1",
    );
    let Some(found) = found.bind(id.as_bytes()).optional(db).await? else {
        return Ok(None);
    };
    Ok(Some(Preview {
        segment: SegmentId::from_bytes(id.as_owner(), bytes(&found, "segment")?),
        png: Picture {
            bytes: required(&found, "png_bytes")?,
            crc32c: required(&found, "png_crc32c")?,
        },
        svg: Picture {
            bytes: required(&found, "svg_bytes")?,
            crc32c: required(&found, "svg_crc32c")?,
        },
    }))
}
