use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use sqlx::Connection as _;

use super::{
    handler::{Failure, Handler, Registry},
    *,
};
use crate::domain::{
    capture::Declared,
    event::{Event, Fact, kind},
    ingest::Settings,
    testing::{Rig, SETTINGS, chunk, open, upload},
};

/// Never done with the first event that it is given, and at once with the next.
#[derive(Debug)]
struct Stuck(Arc<AtomicUsize>);

#[async_trait]
impl Handler for Stuck {
    fn name(&self) -> &'static str {
        "stuck"
    }

    fn kinds(&self) -> &'static [&'static str] {
        &[kind::CAPTURE_SEALED]
    }

    async fn handle(&self, _: &Event, _: Fact) -> Result<(), Failure> {
        match self.0.fetch_add(1, Ordering::SeqCst) {
            0 => std::future::pending().await,
            _ => Ok(()),
        }
    }
}

#[tokio::test]
async fn a_lease_that_lapsed_and_came_back_loses_no_delivery() {
    let rig = Rig::with(Settings {
        lease: Duration::from_millis(300),
        ..SETTINGS
    })
    .await;
    let calls = Arc::new(AtomicUsize::new(0));
    let mut handlers = Registry::default();
    handlers.add(Arc::new(Stuck(Arc::clone(&calls)))).unwrap();
    let ingest = &rig.ingest;
    ingest.tasks.spawn(Arc::clone(ingest).keep_alive());
    ingest.tasks.spawn(Arc::clone(ingest).dispatch(handlers));
    let declared = Declared {
        chunk_count: Some(1),
        ..Declared::default()
    };
    let items = vec![open("cap", declared), chunk(0, "a")];
    upload(&rig, items).await.unwrap();
    let came = |n: usize| {
        let calls = Arc::clone(&calls);
        tokio::time::timeout(Duration::from_secs(60), async move {
            while calls.load(Ordering::SeqCst) < n {
                tokio::task::yield_now().await;
            }
        })
    };
    came(1).await.unwrap();
    // Nobody can say that this instance is alive.
    let lease = ingest.instance.lease().await;
    let busy = rig.lock_catalog().await;
    lease.cancelled().await;
    busy.close().await.unwrap();
    came(2).await.unwrap();
    let backlog = || rig.catalog.backlog();
    while backlog().await.unwrap().iter().any(|one| one.waiting > 0) {
        tokio::task::yield_now().await;
    }
    assert_eq!(backlog().await.unwrap()[0].dead, 0);
}
