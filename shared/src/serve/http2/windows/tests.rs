use super::*;

const MIB: u32 = 1 << 20;
const LIMITS: Limits = Limits {
    all: 8 * MIB,
    widest: 3 * MIB,
};

#[track_caller]
fn check(requests: u32, window: u32) {
    assert_eq!(LIMITS.window(requests), window, "{requests} requests");
}

#[test]
fn requests_share_what_may_be_sent_ahead() {
    check(0, NARROWEST);
    check(1, 3 * MIB);
    check(2, 3 * MIB);
    check(3, 2 * MIB);
    check(4, 2 * MIB);
    check(5, MIB);
    check(64, 2 * STEP);
    check(65, NARROWEST);
    check(u32::MAX, NARROWEST);
    for requests in 1..=64 {
        assert!(u64::from(LIMITS.window(requests)) * u64::from(requests) <= 8 << 20);
    }
}

#[test]
fn a_window_is_never_narrower_than_what_a_client_may_take_for_granted() {
    let limits = Limits { all: 1, widest: 1 };
    assert_eq!(limits.window(1), NARROWEST);
    let limits = Limits {
        all: u32::MAX,
        widest: 1,
    };
    assert_eq!(limits.window(1), NARROWEST);
}

/// Whether they are to be changed within that time, and to what.
async fn within(windows: &mut Windows, time: Duration) -> Option<u32> {
    tokio::time::timeout(time, windows.next()).await.ok()
}

#[tokio::test(start_paused = true)]
async fn a_request_widens_when_it_is_alone_for_a_while() {
    let (requests, mut windows) = Windows::new(LIMITS);
    assert_eq!(within(&mut windows, CALM * 2).await, None);
    let first = requests.begin();
    assert_eq!(within(&mut windows, CALM / 2).await, None);
    assert_eq!(within(&mut windows, CALM).await, Some(3 * MIB));
    windows.told(3 * MIB);
    assert_eq!(within(&mut windows, CALM * 2).await, None);
    drop(first);
    assert_eq!(within(&mut windows, Duration::ZERO).await, Some(NARROWEST));
}

#[tokio::test(start_paused = true)]
async fn many_that_begin_together_never_have_a_wide_window() {
    let (requests, mut windows) = Windows::new(LIMITS);
    let mut sending = vec![requests.begin()];
    assert_eq!(within(&mut windows, CALM / 2).await, None);
    sending.extend((0..99).map(|_| requests.begin()));
    assert_eq!(within(&mut windows, CALM * 2).await, None);
    sending.truncate(4);
    assert_eq!(within(&mut windows, CALM * 2).await, Some(2 * MIB));
    windows.told(2 * MIB);
    sending.extend((0..4).map(|_| requests.begin()));
    assert_eq!(within(&mut windows, Duration::ZERO).await, Some(MIB));
}

#[tokio::test(start_paused = true)]
async fn what_the_client_has_not_acknowledged_is_tried_again_later() {
    let (requests, mut windows) = Windows::new(LIMITS);
    let _first = requests.begin();
    assert_eq!(within(&mut windows, CALM * 2).await, Some(3 * MIB));
    windows.later();
    assert_eq!(within(&mut windows, RETRY_MIN / 2).await, None);
    assert_eq!(within(&mut windows, RETRY_MIN).await, Some(3 * MIB));
}

#[tokio::test(start_paused = true)]
async fn calls_that_join_one_by_one_put_off_the_widening() {
    let (requests, mut windows) = Windows::new(LIMITS);
    let mut sending = Vec::new();
    for _ in 0..16 {
        sending.push(requests.begin());
        assert_eq!(within(&mut windows, CALM / 10).await, None);
    }
}
