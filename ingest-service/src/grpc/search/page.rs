//! A page of records: its token is the place of its last one, and a digest of
//! what was asked for.

use prost::Message as _;
use weir_shared::proto::{analyzer::v1::AnalysisRecord, ingest::v1 as proto};

use super::{SearchApi, convert};
use crate::{
    domain::{error::Error, index::RecordPlace},
    grpc::{
        convert::{capture_id, invalid},
        page::page_size,
    },
};

/// As of a listing: below what every client takes.
const PAGE_BYTES_MAX: usize = 1 << 20;

/// Bytes of a token: time, run, sequence, and a digest.
const TOKEN_BYTES: usize = 8 + 8 + 8 + DIGEST_BYTES;
const DIGEST_BYTES: usize = 8;

/// Records in one question to the index.
const BATCH: u32 = 250;

pub(super) async fn query(
    api: &SearchApi,
    request: proto::QueryRecordsRequest,
) -> Result<proto::QueryRecordsResponse, Error> {
    let size = page_size(request.page_size)?;
    let digest = digest(&request);
    let mut after = match request.page_token.is_empty() {
        true => None,
        false => Some(place(&request.page_token, digest)?),
    };
    let capture = match request.capture_id.is_empty() {
        true => None,
        false => {
            let id = capture_id(request.capture_id.clone())?;
            Some(api.ingest.get(&id).await?.uid)
        }
    };
    let mut query = convert::records(request, capture)?;
    let (mut records, mut bytes) = (Vec::new(), 0);
    loop {
        // One more than is wanted, to know whether there is a next page.
        query.limit = (size + 1).min(BATCH);
        query.after = after;
        let found = api.index.query(&query).await?;
        let is_last = found.len() < query.limit as usize;
        for found in found {
            let more = found.body.len();
            let is_full = records.len() >= size as usize
                || (!records.is_empty() && bytes + more > PAGE_BYTES_MAX);
            if let Some(last) = after.filter(|_| is_full) {
                let next_page_token = token(last, digest);
                return Ok(proto::QueryRecordsResponse {
                    records,
                    next_page_token,
                });
            }
            bytes += more;
            after = Some(found.place);
            let record = AnalysisRecord::decode(found.body);
            records.push(proto::FoundRecord {
                capture_id: found.capture_id.to_string(),
                analysis_id: found.analysis.to_string(),
                record: Some(record.map_err(|e| Error::Internal(std::sync::Arc::new(e)))?),
            });
        }
        if is_last {
            return Ok(proto::QueryRecordsResponse {
                records,
                next_page_token: String::new(),
            });
        }
    }
}

/// Of what is asked for, without the page.
fn digest(request: &proto::QueryRecordsRequest) -> [u8; DIGEST_BYTES] {
    let asked = proto::QueryRecordsRequest {
        page_size: 0,
        page_token: String::new(),
        ..request.clone()
    };
    let mut digest = [0; DIGEST_BYTES];
    let hash = blake3::hash(&asked.encode_to_vec());
    digest.copy_from_slice(&hash.as_bytes()[..DIGEST_BYTES]);
    digest
}

fn token(place: RecordPlace, digest: [u8; DIGEST_BYTES]) -> String {
    let mut token = place.time_us.to_be_bytes().to_vec();
    token.extend(place.run.to_be_bytes());
    token.extend(place.sequence.to_be_bytes());
    token.extend(digest);
    hex::encode(token)
}

fn place(token: &str, digest: [u8; DIGEST_BYTES]) -> Result<RecordPlace, Error> {
    let read = || {
        let mut bytes = [0; TOKEN_BYTES];
        hex::decode_to_slice(token, &mut bytes).ok()?;
        let (time, rest) = bytes.split_first_chunk()?;
        let (run, rest) = rest.split_first_chunk()?;
        let (sequence, asked) = rest.split_first_chunk()?;
        (asked == digest).then(|| RecordPlace {
            time_us: i64::from_be_bytes(*time),
            run: i64::from_be_bytes(*run),
            sequence: u64::from_be_bytes(*sequence),
        })
    };
    read().ok_or_else(|| invalid("page_token", "is not a token that this query gave"))
}
