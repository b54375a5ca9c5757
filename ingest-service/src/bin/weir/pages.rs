//! A list page by page, so that none has to fit in memory.

use crate::{output::Notes, render::text::escape};

/// Rows of one page: what the service allows.
const PAGE_MAX: u64 = 1_000;

/// How far a list is.
#[derive(Debug)]
pub(crate) struct Pages {
    left: u64,
    token: String,
}

impl Pages {
    /// Up to `limit` rows, from where an earlier list ended.
    pub(crate) fn new(limit: u64, token: &str) -> Self {
        Self {
            left: limit,
            token: token.to_owned(),
        }
    }

    /// Size and token of the page to ask for.
    pub(crate) fn next(&self) -> (i32, String) {
        let size = i32::try_from(self.left.min(PAGE_MAX)).unwrap_or(i32::MAX);
        (size, self.token.clone())
    }

    /// A page of so many rows came, and the token of the one after it. False: it
    /// was the last that is wanted; how to go on is said.
    pub(crate) fn goes_on(&mut self, rows: usize, token: String, notes: &Notes) -> bool {
        self.left = self.left.saturating_sub(rows as u64);
        self.token = token;
        if !self.token.is_empty() && self.left == 0 {
            let token = escape(&self.token);
            notes.say(&format!("there are more: go on with --page-token {token}"));
        }
        !self.token.is_empty() && self.left > 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_end_with_the_list_or_the_limit() {
        let notes = Notes::hidden();
        let mut pages = Pages::new(2_500, "a");
        assert_eq!(pages.next(), (1_000, "a".to_owned()));
        assert!(pages.goes_on(1_000, "b".to_owned(), &notes));
        assert!(pages.goes_on(1_000, "c".to_owned(), &notes));
        assert_eq!(pages.next(), (500, "c".to_owned()));
        assert!(!pages.goes_on(500, "d".to_owned(), &notes));
        let mut short = Pages::new(10, "");
        assert!(!short.goes_on(3, String::new(), &notes));
    }
}
