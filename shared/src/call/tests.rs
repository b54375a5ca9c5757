use futures::StreamExt as _;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

use super::*;

const LONG: Duration = Duration::from_secs(3600);

struct Call {
    tasks: TaskTracker,
    shutdown: CancellationToken,
    scope: CallScope,
}

fn call(timeout: Option<Duration>) -> Call {
    let (tasks, shutdown) = (TaskTracker::new(), CancellationToken::new());
    let scope = CallScope::enter(&tasks, &shutdown, timeout.map(Deadline::after));
    Call {
        tasks,
        shutdown,
        scope,
    }
}

#[tokio::test(start_paused = true)]
async fn ends_at_the_deadline_and_says_so() {
    let begun = Instant::now();
    let call = call(Some(Duration::from_secs(30)));
    assert_eq!(call.scope.end_cause(), None);
    call.scope.token().cancelled().await;
    assert_eq!(begun.elapsed(), Duration::from_secs(30));
    assert_eq!(call.scope.end_cause(), Some(EndCause::Deadline));
}

#[tokio::test(start_paused = true)]
async fn ends_at_shutdown() {
    let call = call(Some(LONG));
    call.shutdown.cancel();
    assert_eq!(call.scope.end_cause(), Some(EndCause::Shutdown));
}

#[tokio::test(start_paused = true)]
async fn a_dropped_scope_cancels_its_work_and_its_timer() {
    let Call { tasks, scope, .. } = call(Some(LONG));
    let token = scope.token().clone();
    drop(scope);
    assert!(token.is_cancelled());
    tasks.close();
    let begun = Instant::now();
    tasks.wait().await;
    assert_eq!(begun.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_held_stream_ends_with_the_deadline_after_its_producer_stopped() {
    let Call { tasks, scope, .. } = call(Some(Duration::from_secs(1)));
    let begun = Instant::now();
    let (sender, receiver) = mpsc::channel::<Result<u32, Status>>(1);
    let token = scope.token().clone();
    tasks.spawn(async move {
        sender.send(Ok(1)).await.unwrap();
        token.cancelled().await;
        // Work that takes a moment to stop: the call must not be over before.
        tokio::time::sleep(Duration::from_millis(5)).await;
        sender.send(Ok(2)).await.unwrap();
    });
    let mut answers = scope.hold(ReceiverStream::new(receiver));
    assert_eq!(answers.next().await.unwrap().unwrap(), 1);
    let end = answers.next().await.unwrap().unwrap_err();
    assert_eq!(end.code(), Code::DeadlineExceeded);
    assert_eq!(begun.elapsed(), Duration::from_millis(1005));
    assert!(answers.next().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn a_producer_cut_by_shutdown_never_looks_finished() {
    let Call {
        shutdown, scope, ..
    } = call(None);
    let (sender, receiver) = mpsc::channel::<Result<u32, Status>>(1);
    shutdown.cancel();
    drop(sender);
    let mut answers = scope.hold(ReceiverStream::new(receiver));
    let end = answers.next().await.unwrap().unwrap_err();
    assert_eq!(end.code(), Code::Unavailable);
    assert_eq!(status::reason(&end).as_deref(), Some("SHUTTING_DOWN"));
}

#[tokio::test(start_paused = true)]
async fn a_finished_stream_ends_without_a_status() {
    let Call { scope, .. } = call(Some(LONG));
    let items = futures::stream::iter([Ok::<_, Status>(1), Ok(2)]);
    let seen: Vec<_> = scope.hold(items).map(Result::unwrap).collect().await;
    assert_eq!(seen, [1, 2]);
}
