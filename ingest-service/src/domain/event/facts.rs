//! What events tell of captures and analyses.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::domain::capture::Capture;

/// A capture as it was right after the change.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CaptureFacts {
    pub capture_id: String,
    pub uid: String,
    pub file_name: String,
    pub labels: BTreeMap<String, String>,
    /// Durable bytes.
    pub size_bytes: u64,
    /// Durable chunks.
    pub chunk_count: u32,
    /// In hexadecimal.
    pub sha256: Option<String>,
    pub crc32c: Option<u32>,
    /// Microseconds since 1970 UTC.
    pub created_us: i64,
    /// The same.
    pub sealed_us: Option<i64>,
    /// What its spec says.
    pub analyze_on_seal: Option<bool>,
}

impl CaptureFacts {
    #[must_use]
    pub fn of(capture: &Capture) -> Self {
        Self {
            capture_id: capture.id.as_str().to_owned(),
            uid: capture.uid.to_string(),
            file_name: capture.file_name.clone(),
            labels: capture.labels.clone(),
            size_bytes: capture.progress.bytes,
            chunk_count: capture.progress.chunks,
            sha256: capture.sha256.map(|digest| hex::encode(digest.0)),
            crc32c: capture.crc32c,
            created_us: capture.created.0,
            sealed_us: capture.sealed.map(|at| at.0),
            analyze_on_seal: capture.analyze_on_seal,
        }
    }
}

/// An analysis as it was right after the change.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AnalysisFacts {
    pub analysis_id: String,
    pub capture_id: String,
    pub capture_uid: String,
    /// The capture's.
    pub labels: BTreeMap<String, String>,
    pub request_id: Option<String>,
    pub attempts: u32,
    /// Records that are stored.
    pub records: u64,
    /// Why it failed, as statuses have it, and for people.
    pub failure: Option<(String, String)>,
}
