//! Paging of analyses: the token names the last one, and the filters it was given for.

use prost::Message as _;
use weir_shared::proto::ingest::v1::{ListAnalysesRequest, ListAnalysesResponse};

use super::{
    super::convert::{self as captures, invalid},
    convert,
};
use crate::{
    catalog::AnalysisQuery,
    domain::{
        analyses::Analyses,
        analysis::{AnalysisId, AnalysisState},
        error::Error,
        id::CaptureId,
        ingest::Ingest,
    },
};

const PAGE_SIZE_DEFAULT: u32 = 100;
const PAGE_SIZE_MAX: u32 = 1_000;

/// A message may have 4 MiB by default at every client.
const PAGE_BYTES_MAX: usize = 1 << 20;

/// Analyses read at a time: options of 64 KiB in each make 2 MiB.
const BATCH: u32 = 32;

/// Bytes of a token: the last analysis' id, and a digest of the filters.
const TOKEN_BYTES: usize = 16 + FILTER_BYTES;
const FILTER_BYTES: usize = 8;

/// One page of a listing.
#[derive(Debug)]
pub(super) struct PageRequest {
    size: u32,
    after: Option<AnalysisId>,
    capture: Option<CaptureId>,
    state: Option<AnalysisState>,
}

impl PageRequest {
    pub(super) fn parse(request: ListAnalysesRequest) -> Result<Self, Error> {
        let ListAnalysesRequest {
            page_size,
            page_token,
            capture_id,
            state,
        } = request;
        let size = match u32::try_from(page_size) {
            Ok(0) => PAGE_SIZE_DEFAULT,
            Ok(size) => size.min(PAGE_SIZE_MAX),
            Err(_) => return Err(invalid("page_size", "must not be negative")),
        };
        let mut page = Self {
            size,
            after: None,
            capture: match capture_id.is_empty() {
                true => None,
                false => Some(captures::capture_id(capture_id)?),
            },
            state: convert::state(state)?,
        };
        if !page_token.is_empty() {
            let why = "is not a token that this listing gave";
            let after = page.place_of(&page_token);
            page.after = Some(after.ok_or_else(|| invalid("page_token", why))?);
        }
        Ok(page)
    }

    /// Looks the page up. Its bytes are bounded, and so is what is held of the
    /// catalog meanwhile.
    pub(super) async fn fill(
        &self,
        ingest: &Ingest,
        from: &Analyses,
    ) -> Result<ListAnalysesResponse, Error> {
        let capture = match &self.capture {
            None => None,
            Some(id) => Some(ingest.get(id).await?.uid),
        };
        let (mut analyses, mut bytes) = (Vec::new(), 0);
        let mut after = self.after;
        loop {
            // One more than is wanted, to know whether there is a next page.
            let limit = (self.size + 1).min(BATCH);
            let query = AnalysisQuery {
                after,
                capture,
                state: self.state,
                limit,
            };
            let found = from.list(&query).await?;
            let is_last = found.len() < limit as usize;
            for analysis in found {
                let id = analysis.id;
                let told = convert::analysis_to_proto(analysis)?;
                let more = told.encoded_len();
                let is_full = analyses.len() >= self.size as usize
                    || (!analyses.is_empty() && bytes + more > PAGE_BYTES_MAX);
                if let Some(last) = after.filter(|_| is_full) {
                    return Ok(ListAnalysesResponse {
                        analyses,
                        next_page_token: self.token_after(last),
                    });
                }
                bytes += more;
                after = Some(id);
                analyses.push(told);
            }
            if is_last {
                return Ok(ListAnalysesResponse {
                    analyses,
                    next_page_token: String::new(),
                });
            }
        }
    }

    fn token_after(&self, last: AnalysisId) -> String {
        let mut token = last.as_bytes().to_vec();
        token.extend(self.filter_digest());
        hex::encode(token)
    }

    fn place_of(&self, token: &str) -> Option<AnalysisId> {
        let mut bytes = [0; TOKEN_BYTES];
        hex::decode_to_slice(token, &mut bytes).ok()?;
        let (id, filter) = bytes.split_first_chunk()?;
        (filter == self.filter_digest()).then(|| AnalysisId::from_bytes(*id))
    }

    fn filter_digest(&self) -> [u8; FILTER_BYTES] {
        let text = format!("{:?} {:?}", self.capture, self.state);
        let mut digest = [0; FILTER_BYTES];
        digest.copy_from_slice(&blake3::hash(text.as_bytes()).as_bytes()[..FILTER_BYTES]);
        digest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(page_size: i32, page_token: &str, capture_id: &str, wanted: Result<u32, &str>) {
        let request = ListAnalysesRequest {
            page_size,
            page_token: page_token.to_owned(),
            capture_id: capture_id.to_owned(),
            state: 0,
        };
        let told = match PageRequest::parse(request) {
            Ok(page) => Ok(page.size),
            Err(Error::Field { field, .. }) => Err(field),
            Err(other) => panic!("{other}"),
        };
        assert_eq!(told, wanted, "{page_size} {page_token:?} {capture_id}");
    }

    #[test]
    fn sizes_and_tokens_are_checked() {
        let page = PageRequest::parse(ListAnalysesRequest::default()).unwrap();
        let token = page.token_after(AnalysisId::generate());
        check(0, "", "", Ok(100));
        check(7, &token, "", Ok(7));
        check(5000, "", "", Ok(1000));
        check(-1, "", "", Err("page_size"));
        check(1, "", "A", Err("capture_id"));
        check(1, &token, "a", Err("page_token"));
        check(1, "zz", "", Err("page_token"));
        check(1, &token[2..], "", Err("page_token"));
        check(1, &format!("{token}ä"), "", Err("page_token"));
    }
}
