//! Paging after AIP-158: the token says after which capture the next page
//! begins, and for which filters it was given.

use std::collections::BTreeMap;

use weir_shared::proto::ingest::v1::ListCapturesRequest;

use super::convert::{invalid, labels, state};
use crate::{
    catalog::ListQuery,
    domain::{
        capture::{Capture, State},
        error::Error,
        id::Uid,
    },
};

const PAGE_SIZE_DEFAULT: u32 = 100;
const PAGE_SIZE_MAX: u32 = 1_000;

/// Bytes of a token: the last capture's uid and a digest of the filters.
const TOKEN_BYTES: usize = 16 + FILTER_BYTES;
const FILTER_BYTES: usize = 8;

/// One page of a listing.
#[derive(Debug)]
pub(super) struct PageRequest {
    size: u32,
    before: Option<Uid>,
    labels: BTreeMap<String, String>,
    state: Option<State>,
}

impl PageRequest {
    pub(super) fn parse(request: ListCapturesRequest) -> Result<Self, Error> {
        let ListCapturesRequest {
            page_size,
            page_token,
            labels: wanted,
            state: wanted_state,
        } = request;
        let size = match u32::try_from(page_size) {
            Ok(0) => PAGE_SIZE_DEFAULT,
            Ok(size) => size.min(PAGE_SIZE_MAX),
            Err(_) => return Err(invalid("page_size", "must not be negative")),
        };
        let mut page = Self {
            size,
            before: None,
            labels: labels(wanted)?,
            state: state(wanted_state)?,
        };
        if !page_token.is_empty() {
            let why = "is not a token that this listing gave";
            let before = page.uid_of(&page_token);
            page.before = Some(before.ok_or_else(|| invalid("page_token", why))?);
        }
        Ok(page)
    }

    /// Asks for one more, to know whether there is a next page.
    pub(super) fn query(&self) -> ListQuery {
        ListQuery {
            before: self.before,
            labels: self.labels.clone(),
            state: self.state,
            limit: self.size + 1,
        }
    }

    /// The page, and the token of the next; empty after the last.
    pub(super) fn answer(&self, mut found: Vec<Capture>) -> (Vec<Capture>, String) {
        let size = self.size as usize;
        let is_last = found.len() <= size;
        found.truncate(size);
        let token = match found.last() {
            Some(last) if !is_last => self.token_after(last.uid),
            _ => String::new(),
        };
        (found, token)
    }

    fn token_after(&self, uid: Uid) -> String {
        let mut token = uid.as_bytes().to_vec();
        token.extend(self.filter_digest());
        hex::encode(token)
    }

    fn uid_of(&self, token: &str) -> Option<Uid> {
        let mut bytes = [0; TOKEN_BYTES];
        hex::decode_to_slice(token, &mut bytes).ok()?;
        let (uid, filter) = bytes.split_first_chunk::<16>()?;
        (filter == self.filter_digest()).then(|| Uid::from_bytes(*uid))
    }

    fn filter_digest(&self) -> [u8; FILTER_BYTES] {
        let text = format!("{:?} {:?}", self.labels, self.state);
        let mut digest = [0; FILTER_BYTES];
        digest.copy_from_slice(&blake3::hash(text.as_bytes()).as_bytes()[..FILTER_BYTES]);
        digest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(page_size: i32, page_token: &str, label: &str) -> ListCapturesRequest {
        ListCapturesRequest {
            page_size,
            page_token: page_token.to_owned(),
            labels: [("site".to_owned(), label.to_owned())].into(),
            state: 0,
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
        let token = page.token_after(Uid::generate());
        check(0, "", "a", Ok(100));
        check(7, &token, "a", Ok(7));
        check(5000, "", "a", Ok(1000));
        check(-1, "", "a", Err("page_size"));
        check(1, &token, "b", Err("page_token"));
        check(1, "zz", "a", Err("page_token"));
        check(1, &token[2..], "a", Err("page_token"));
        check(1, &format!("{token}ä"), "a", Err("page_token"));
    }

    #[test]
    fn a_token_continues_after_the_last_capture() {
        let page = PageRequest::parse(request(1, "", "a")).unwrap();
        let uid = Uid::generate();
        let next = PageRequest::parse(request(1, &page.token_after(uid), "a")).unwrap();
        assert_eq!(next.query().before, Some(uid));
        assert_eq!(next.query().limit, 2);
    }
}
