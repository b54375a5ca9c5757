use futures::FutureExt as _;
use tokio::time::advance;

use super::*;

const COST: usize = 1000 - CHUNK_OVERHEAD;

fn connections<const N: usize>() -> [ConnectionId; N] {
    std::array::from_fn(|_| ConnectionId::generate())
}

type Asking = std::pin::Pin<Box<dyn Future<Output = Reserved>>>;

fn ask(staging: &Arc<Staging>, connection: ConnectionId) -> Asking {
    let mut asking: Asking = Box::pin(Arc::clone(staging).reserve(connection, COST));
    assert!(asking.as_mut().now_or_never().is_none(), "there was room");
    asking
}

fn take(staging: &Arc<Staging>, connection: ConnectionId) -> Reserved {
    let reserved = Arc::clone(staging).reserve(connection, COST);
    let mut reserved = reserved.now_or_never().expect("room");
    reserved.is_whole();
    reserved
}

#[tokio::test(start_paused = true)]
async fn what_is_reserved_comes_back_and_shortage_is_told() {
    let staging = Staging::new(2000);
    let [a] = connections();
    let shortages = staging.shortages();
    let (first, second) = (take(&staging, a), take(&staging, a));
    assert!(!shortages.has_changed().unwrap());
    let mut waiting = ask(&staging, a);
    assert!(shortages.has_changed().unwrap());
    let mut both = first;
    both.merge(second);
    drop(both);
    drop(waiting.as_mut().now_or_never().expect("room"));
    assert_eq!(staging.lock().reserved, 0);
    assert_eq!(staging.lock().arriving, 0);
}

/// Many uploads on one connection, one on another: turn by turn.
#[tokio::test(start_paused = true)]
async fn connections_take_turns_and_the_calls_of_each_their_order() {
    let staging = Staging::new(1000);
    let [many, one] = connections();
    let mut held = vec![take(&staging, many)];
    let mut waiting: Vec<_> = (0..5)
        .map(|n| (format!("many {n}"), ask(&staging, many)))
        .collect();
    waiting.push(("one 0".to_owned(), ask(&staging, one)));
    waiting.push(("one 1".to_owned(), ask(&staging, one)));
    let mut served = Vec::new();
    while !waiting.is_empty() {
        held.clear();
        waiting.retain_mut(|(name, asking)| match asking.as_mut().now_or_never() {
            None => true,
            Some(mut reserved) => {
                reserved.is_whole();
                served.push(name.clone());
                held.push(reserved);
                false
            }
        });
        assert_eq!(held.len(), 1);
    }
    let order = "many 0, one 0, many 1, one 1, many 2, many 3, many 4";
    assert_eq!(served.join(", "), order);
}

#[tokio::test(start_paused = true)]
async fn who_goes_away_leaves_its_place_and_what_it_was_granted() {
    let staging = Staging::new(1000);
    let [a, b] = connections();
    let held = take(&staging, a);
    let (gone, granted, last) = (ask(&staging, a), ask(&staging, b), ask(&staging, a));
    drop(gone);
    drop(held);
    drop(granted);
    let mut last = last;
    drop(last.as_mut().now_or_never().expect("room"));
    assert_eq!(staging.lock().reserved, 0);
    assert!(staging.lock().queue.next_cost().is_none());
}

#[tokio::test(start_paused = true)]
async fn a_message_above_the_budget_goes_alone() {
    let staging = Staging::new(100);
    let [a] = connections();
    let large = take(&staging, a);
    let mut next = ask(&staging, a);
    drop(large);
    assert!(next.as_mut().now_or_never().is_some());
}

#[tokio::test(start_paused = true)]
async fn messages_that_wait_for_each_other_are_relieved_one_at_a_time() {
    let staging = Staging::new(1000);
    let [a] = connections();
    let mut arriving = Arc::clone(&staging).reserve(a, COST).await;
    let (mut first, mut second) = (ask(&staging, a), ask(&staging, a));
    advance(STUCK_AFTER / 2).await;
    staging.arrived();
    advance(STUCK_AFTER / 2).await;
    assert!(first.as_mut().now_or_never().is_none(), "something came");
    advance(STUCK_AFTER).await;
    // Of the two the first looks for both, and lets itself in.
    assert!(first.as_mut().now_or_never().is_none());
    let both = (
        first.as_mut().now_or_never(),
        second.as_mut().now_or_never(),
    );
    let (Some(mut first), None) = both else {
        panic!("one more was to be let in: {both:?}");
    };
    // What is whole comes back by itself: there is something to wait for.
    first.is_whole();
    advance(STUCK_AFTER * 10).await;
    assert!(second.as_mut().now_or_never().is_none());
    arriving.is_whole();
    drop((arriving, first));
    assert!(second.as_mut().now_or_never().is_some());
}
