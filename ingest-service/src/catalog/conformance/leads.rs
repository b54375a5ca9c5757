//! Leads: one instance at a time, and nothing is lost when it changes.

use super::{events::last, *};
use crate::{
    catalog::InstanceId,
    domain::event::{Position, kind},
};

const ALIVE: Duration = Duration::from_secs(3600);
const HANDLER: &str = "leads";

pub(super) async fn suite(catalog: &dyn Catalog) {
    one_instance_leads_until_it_cedes_or_is_gone(catalog).await;
    a_backlog_tells_what_is_still_to_be_seen(catalog).await;
}

async fn alive(catalog: &dyn Catalog) -> InstanceId {
    let instance = InstanceId::generate();
    catalog.beat(instance, ALIVE).await.unwrap();
    instance
}

async fn one_instance_leads_until_it_cedes_or_is_gone(catalog: &dyn Catalog) {
    let (one, other) = (alive(catalog).await, alive(catalog).await);
    let lead = async |instance, to| {
        let led = catalog.lead(HANDLER, instance, Position(to)).await.unwrap();
        led.map(|position| position.0)
    };
    // Of a handler that nobody knows yet.
    assert_eq!(lead(one, 0).await, Some(0));
    assert_eq!(lead(other, 7).await, None);
    assert_eq!(lead(one, 5).await, Some(5));
    assert_eq!(lead(one, 3).await, Some(5), "only forward");
    assert_eq!(lead(other, 0).await, None);

    catalog.cede(HANDLER, other).await.unwrap();
    assert_eq!(lead(other, 0).await, None, "it was not its to give back");
    catalog.cede(HANDLER, one).await.unwrap();
    assert_eq!(lead(other, 0).await, Some(5));
    assert_eq!(lead(one, 9).await, None);

    // Not alive any more, by the catalog's clock.
    catalog.beat(other, Duration::ZERO).await.unwrap();
    assert_eq!(lead(one, 6).await, Some(6));
    catalog.leave(one).await.unwrap();
    let third = alive(catalog).await;
    assert_eq!(lead(third, 6).await, Some(6));
    // One that is not alive takes no lead from one that is.
    assert_eq!(lead(one, 9).await, None);
}

async fn a_backlog_tells_what_is_still_to_be_seen(catalog: &dyn Catalog) {
    let own = async || {
        let all = catalog.backlog().await.unwrap();
        all.into_iter().find(|b| b.handler == HANDLER).unwrap()
    };
    let leader = alive(catalog).await;
    catalog.advance(HANDLER, last(catalog).await).await.unwrap();
    let behind = own().await;
    assert_eq!((behind.ahead, behind.oldest), (0, None));
    create(catalog, "lead-a", of_count(1)).await;
    catalog
        .delete(&"lead-a".parse().unwrap(), NOW.plus(KEPT))
        .await
        .unwrap();
    let behind = own().await;
    assert_eq!((behind.ahead, behind.oldest), (2, Some(NOW)));
    let page = catalog.events(Position(last(catalog).await.0 - 1), 1).await;
    assert_eq!(page.unwrap().events[0].kind, kind::CAPTURE_DELETED);
    // Another has the lead: what it has not seen stays.
    let to = last(catalog).await;
    assert_eq!(catalog.lead(HANDLER, leader, to).await.unwrap(), None);
    assert_eq!(own().await, behind);
}
