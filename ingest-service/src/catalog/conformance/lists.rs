//! Lists of captures, page by page.

use std::collections::BTreeMap;

use super::*;
use crate::{
    catalog::{ListPlace, ListQuery},
    domain::capture::State,
};

pub(super) async fn suite(catalog: &dyn Catalog) {
    lists_are_newest_first_and_stable(catalog).await;
    lists_are_of_a_span_of_creation_times(catalog).await;
}

fn labels(site: &str) -> BTreeMap<String, String> {
    [("list".to_owned(), site.to_owned())].into()
}

async fn create_at(catalog: &dyn Catalog, id: &str, site: &str, seconds: u64) -> Capture {
    let now = NOW.plus(Duration::from_secs(seconds));
    let at = Times {
        now,
        expires: now.plus(KEPT),
        retained_until: None,
    };
    let spec = Spec {
        labels: labels(site),
        ..spec(id, Declared::default())
    };
    catalog.create(&spec, at, OPEN_MAX).await.unwrap()
}

async fn page(catalog: &dyn Catalog, query: &ListQuery) -> (Vec<String>, Option<ListPlace>) {
    let page = catalog.list(query).await.unwrap();
    let ids = page.iter().map(|c| c.id.to_string()).collect();
    (ids, page.last().map(ListPlace::of))
}

async fn lists_are_newest_first_and_stable(catalog: &dyn Catalog) {
    // Of one time: by uid, that is as they were created.
    for n in 0..5 {
        let site = if n % 2 == 0 { "even" } else { "odd" };
        create_at(catalog, &format!("list-{n}"), site, 0).await;
    }
    create(catalog, "list-4", of_count(0)).await;
    let even = ListQuery {
        labels: labels("even"),
        limit: 2,
        ..ListQuery::default()
    };
    let (first, last) = page(catalog, &even).await;
    assert_eq!(first, ["list-4", "list-2"]);
    create_at(catalog, "list-new", "even", 1).await;
    // Where a list goes on does not need the capture to be there.
    catalog
        .delete(&"list-2".parse().unwrap(), NOW)
        .await
        .unwrap();
    let next = ListQuery {
        after: last,
        ..even.clone()
    };
    assert_eq!(page(catalog, &next).await.0, ["list-0"]);
    let receiving = ListQuery {
        state: Some(State::Receiving),
        limit: 10,
        ..even
    };
    let (receiving, _) = page(catalog, &receiving).await;
    assert_eq!(receiving, ["list-new", "list-0"]);
}

async fn lists_are_of_a_span_of_creation_times(catalog: &dyn Catalog) {
    // A service whose clock is behind creates the second one last.
    for (id, seconds) in [("time-1", 10), ("time-3", 30), ("time-2", 20)] {
        create_at(catalog, id, "time", seconds).await;
    }
    let at = |seconds: u64| Some(NOW.plus(Duration::from_secs(seconds)));
    for (from, before, wanted) in [
        (None, None, &["time-3", "time-2", "time-1"][..]),
        (at(20), None, &["time-3", "time-2"]),
        (None, at(20), &["time-1"]),
        (at(10), at(30), &["time-2", "time-1"]),
        (at(11), at(20), &[]),
        (at(30), at(10), &[]),
    ] {
        let mut query = ListQuery {
            labels: labels("time"),
            created_from: from,
            created_before: before,
            limit: 1,
            ..ListQuery::default()
        };
        // In pages of one each.
        let mut seen = Vec::new();
        loop {
            let (ids, last) = page(catalog, &query).await;
            if last.is_none() {
                break;
            }
            seen.extend(ids);
            query.after = last;
        }
        assert_eq!(seen, wanted, "{from:?} to {before:?}");
    }
}
