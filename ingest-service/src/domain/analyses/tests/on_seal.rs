//! Analyses that seals start.

use super::*;
use crate::domain::{
    analyses::AnalyzeOnSeal,
    dispatch::handler::{Failure, Handler as _},
    event::{CaptureFacts, Event, EventId, Fact, Position},
    time::Timestamp,
};

async fn sealed(pool: &Pool, asked: Option<bool>) -> (Event, Fact) {
    let capture = pool.rig.ingest.get(&"cap".parse().unwrap()).await.unwrap();
    let facts = CaptureFacts {
        analyze_on_seal: asked,
        ..CaptureFacts::of(&capture)
    };
    let fact = Fact::CaptureSealed(facts);
    let event = Event {
        position: Position(1),
        id: EventId::generate(),
        kind: fact.kind().to_owned(),
        capture: capture.uid,
        capture_id: capture.id,
        at: Timestamp::now(),
        traceparent: None,
        data: fact.encode(),
    };
    (event, fact)
}

async fn count(pool: &Pool) -> usize {
    let query = AnalysisQuery {
        limit: 9,
        ..AnalysisQuery::default()
    };
    pool.analyses.list(&query).await.unwrap().len()
}

#[tokio::test]
async fn a_seal_starts_one_analysis_where_it_is_wanted() {
    for (by_default, asked, wanted) in [
        (false, None, 0),
        (true, None, 1),
        (false, Some(true), 1),
        (true, Some(false), 0),
    ] {
        let pool = Pool::of(&[]).await;
        let handler = AnalyzeOnSeal::new(Arc::clone(&pool.analyses), by_default);
        let (event, fact) = sealed(&pool, asked).await;
        for _ in 0..2 {
            handler.handle(&event, fact.clone()).await.unwrap();
        }
        assert_eq!(count(&pool).await, wanted, "{by_default} {asked:?}");
    }
}

#[tokio::test]
async fn a_full_queue_is_waited_for_and_a_deleted_capture_is_not() {
    let settings = AnalysesSettings {
        running_max: 0,
        waiting_max: 1,
        ..SETTINGS
    };
    let pool = Pool::with(settings, &[]).await;
    let handler = AnalyzeOnSeal::new(Arc::clone(&pool.analyses), true);
    let (event, fact) = sealed(&pool, None).await;
    let waiting = pool.start().await;
    let full = handler.handle(&event, fact.clone()).await;
    assert!(matches!(full, Err(Failure::Transient(_))), "{full:?}");
    pool.analyses.cancel(waiting).await.unwrap();
    handler.handle(&event, fact.clone()).await.unwrap();
    assert_eq!(count(&pool).await, 2);

    let (event, fact) = sealed(&pool, None).await;
    pool.rig
        .ingest
        .delete(&"cap".parse().unwrap())
        .await
        .unwrap();
    handler.handle(&event, fact).await.unwrap();
    assert_eq!(count(&pool).await, 0);
}
