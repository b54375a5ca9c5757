//! Paging after AIP-158: the token says after which capture the next page
//! begins, and for which filters it was given.

use std::collections::BTreeMap;

use prost::Message as _;
use weir_shared::proto::ingest::v1::{ListCapturesRequest, ListCapturesResponse};

use super::convert::{self, invalid, labels, state, time};
use crate::{
    catalog::{ListPlace, ListQuery},
    domain::{
        capture::State, error::Error, id::Uid, ingest::Ingest, range::Missing, time::Timestamp,
    },
};

const PAGE_SIZE_DEFAULT: u32 = 100;
const PAGE_SIZE_MAX: u32 = 1_000;

/// A message may have 4 MiB by default at every client; a capture has at most
/// some 100 KiB beside its labels' framing.
const PAGE_BYTES_MAX: usize = 1 << 20;

/// Captures read at a time: of the largest some 3 MiB.
const BATCH: u32 = 32;

/// Bytes of a token: the last capture's creation time and uid, and a digest of
/// the filters.
const TOKEN_BYTES: usize = 8 + 16 + FILTER_BYTES;
const FILTER_BYTES: usize = 8;

/// One page of a listing.
#[derive(Debug)]
pub(super) struct PageRequest {
    size: u32,
    after: Option<ListPlace>,
    labels: BTreeMap<String, String>,
    state: Option<State>,
    created_from: Option<Timestamp>,
    created_before: Option<Timestamp>,
}

/// How many a request wants on its page.
pub(super) fn page_size(wanted: i32) -> Result<u32, Error> {
    match u32::try_from(wanted) {
        Ok(0) => Ok(PAGE_SIZE_DEFAULT),
        Ok(size) => Ok(size.min(PAGE_SIZE_MAX)),
        Err(_) => Err(invalid("page_size", "must not be negative")),
    }
}

impl PageRequest {
    pub(super) fn parse(request: ListCapturesRequest) -> Result<Self, Error> {
        let ListCapturesRequest {
            page_size,
            page_token,
            labels: wanted,
            state: wanted_state,
            create_time_from,
            create_time_before,
        } = request;
        let mut page = Self {
            size: self::page_size(page_size)?,
            after: None,
            labels: labels(wanted)?,
            state: state(wanted_state)?,
            created_from: time("create_time_from", create_time_from)?,
            created_before: time("create_time_before", create_time_before)?,
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
    pub(super) async fn fill(&self, ingest: &Ingest) -> Result<ListCapturesResponse, Error> {
        let (mut captures, mut bytes) = (Vec::new(), 0);
        let mut last = self.after;
        loop {
            // One more than is wanted, to know whether there is a next page.
            let limit = (self.size + 1).min(BATCH);
            let found = ingest.list(&self.query(last, limit)).await?;
            let is_last = found.len() < limit as usize;
            for capture in &found {
                let told = convert::capture_to_proto(capture, Missing::default());
                let more = told.encoded_len();
                let is_full = captures.len() >= self.size as usize
                    || (!captures.is_empty() && bytes + more > PAGE_BYTES_MAX);
                if let Some(last) = last.filter(|_| is_full) {
                    let next_page_token = self.token_after(last);
                    return Ok(ListCapturesResponse {
                        captures,
                        next_page_token,
                    });
                }
                bytes += more;
                last = Some(ListPlace::of(capture));
                captures.push(told);
            }
            if is_last {
                return Ok(ListCapturesResponse {
                    captures,
                    next_page_token: String::new(),
                });
            }
        }
    }

    fn query(&self, after: Option<ListPlace>, limit: u32) -> ListQuery {
        ListQuery {
            after,
            created_from: self.created_from,
            created_before: self.created_before,
            labels: self.labels.clone(),
            state: self.state,
            limit,
        }
    }

    fn token_after(&self, place: ListPlace) -> String {
        let mut token = place.created.0.to_be_bytes().to_vec();
        token.extend(place.uid.as_bytes());
        token.extend(self.filter_digest());
        hex::encode(token)
    }

    fn place_of(&self, token: &str) -> Option<ListPlace> {
        let mut bytes = [0; TOKEN_BYTES];
        hex::decode_to_slice(token, &mut bytes).ok()?;
        let (created, rest) = bytes.split_first_chunk()?;
        let (uid, filter) = rest.split_first_chunk()?;
        (filter == self.filter_digest()).then(|| ListPlace {
            created: Timestamp(i64::from_be_bytes(*created)),
            uid: Uid::from_bytes(*uid),
        })
    }

    fn filter_digest(&self) -> [u8; FILTER_BYTES] {
        let span = (self.created_from, self.created_before);
        let text = format!("{:?} {:?} {span:?}", self.labels, self.state);
        let mut digest = [0; FILTER_BYTES];
        digest.copy_from_slice(&blake3::hash(text.as_bytes()).as_bytes()[..FILTER_BYTES]);
        digest
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tonic::Request;
    use weir_shared::proto::ingest::v1::ingest_service_server::IngestService as _;

    use super::*;
    use crate::{
        domain::{
            capture::Declared,
            testing::{Rig, spec},
        },
        grpc::{Service, connect},
    };

    fn request(page_size: i32, page_token: &str, label: &str) -> ListCapturesRequest {
        ListCapturesRequest {
            page_size,
            page_token: page_token.to_owned(),
            labels: [("site".to_owned(), label.to_owned())].into(),
            ..ListCapturesRequest::default()
        }
    }

    #[track_caller]
    fn check(page_size: i32, page_token: &str, label: &str, wanted: Result<u32, &str>) {
        let told = match PageRequest::parse(request(page_size, page_token, label)) {
            Ok(page) => Ok(page.size),
            Err(Error::Field { field, .. }) => Err(field),
            Err(other) => panic!("{other}"),
        };
        assert_eq!(told, wanted, "{page_size} {page_token:?} {label}");
    }

    #[test]
    fn sizes_and_tokens_are_checked() {
        let page = PageRequest::parse(request(1, "", "a")).unwrap();
        let token = page.token_after(ListPlace {
            created: Timestamp::now(),
            uid: Uid::generate(),
        });
        check(0, "", "a", Ok(100));
        check(7, &token, "a", Ok(7));
        check(5000, "", "a", Ok(1000));
        check(-1, "", "a", Err("page_size"));
        check(1, &token, "b", Err("page_token"));
        check(1, "zz", "a", Err("page_token"));
        check(1, &token[2..], "a", Err("page_token"));
        check(1, &format!("{token}ä"), "a", Err("page_token"));
    }

    /// Sizes of the pages that all these captures come in.
    async fn pages(captures: usize, label_bytes: usize, page_size: i32) -> Vec<usize> {
        let rig = Rig::new().await;
        for n in 0..captures {
            let mut spec = spec(&format!("c{n}"), Declared::default());
            let label = |n: usize| (format!("l{n}"), "x".repeat(label_bytes));
            spec.labels = (0..64).map(label).collect();
            spec.labels.insert("site".to_owned(), "a".to_owned());
            rig.ingest.create(&spec).await.unwrap();
        }
        let client = connect("http://127.0.0.1:1").unwrap();
        let service = Service::new(Arc::clone(&rig.ingest), client, Arc::default());
        let (mut sizes, mut ids, mut token) = (Vec::new(), Vec::new(), String::new());
        loop {
            let request = Request::new(request(page_size, &token, "a"));
            let page = service.list_captures(request).await.unwrap().into_inner();
            assert!(page.encoded_len() <= PAGE_BYTES_MAX + (1 << 10));
            sizes.push(page.captures.len());
            ids.extend(page.captures.into_iter().map(|c| c.capture_id));
            token = page.next_page_token;
            if token.is_empty() {
                break;
            }
        }
        let newest_first: Vec<_> = (0..captures).rev().map(|n| format!("c{n}")).collect();
        assert_eq!(ids, newest_first);
        sizes
    }

    #[tokio::test]
    async fn pages_are_bounded_by_captures_and_by_bytes() {
        for (captures, label_bytes, page_size, wanted) in [
            (3, 1, 2, &[2, 1][..]),
            (4, 1, 2, &[2, 2]),
            (1, 1, 1, &[1]),
            (0, 1, 0, &[0]),
            (40, 1, 0, &[40]),
            (20, 1024, 0, &[15, 5]),
        ] {
            let sizes = pages(captures, label_bytes, page_size).await;
            assert_eq!(sizes, wanted, "{captures} of {label_bytes}");
        }
    }
}
