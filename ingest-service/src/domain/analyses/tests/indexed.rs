//! What analyses find, and which handler of the index takes it.

use super::*;
use crate::{
    catalog::open_with_index,
    domain::{
        event::{AnalysisFacts, Event, EventId, Fact, Position},
        index::{IndexRecord, ReadRecords, RecordQuery, indexer::Indexer, lanes::ResultsIndexer},
        time::Timestamp,
    },
};

/// Reads records of one byte each.
#[derive(Debug)]
struct Reader;

impl ReadRecords for Reader {
    fn read(&self, records: Records) -> Result<Vec<IndexRecord>, Error> {
        let record = |sequence| IndexRecord {
            sequence,
            ..IndexRecord::default()
        };
        Ok((records.first..=records.last).map(record).collect())
    }
}

async fn succeeded(pool: &Pool, id: AnalysisId) -> (Event, Fact) {
    let analysis = pool.analyses.get(id).await.unwrap();
    let fact = Fact::AnalysisSucceeded(AnalysisFacts {
        analysis_id: analysis.id.to_string(),
        records: analysis.records,
        ..AnalysisFacts::default()
    });
    let event = Event {
        position: Position(1),
        id: EventId::generate(),
        kind: fact.kind().to_owned(),
        capture: analysis.capture,
        capture_id: analysis.capture_id,
        at: Timestamp::now(),
        traceparent: None,
        data: fact.encode(),
    };
    (event, fact)
}

#[tokio::test]
async fn large_results_are_left_to_a_handler_of_their_own() {
    for (script, records, of_small, of_large) in [
        (&[Find(1, 3), Summary][..], 3, 3, 0),
        (&[Find(1, 4), Summary], 4, 0, 4),
    ] {
        let pool = Pool::of(&[script]).await;
        let id = pool.start().await;
        let (_, found) = pool.watched(id).await;
        assert_eq!(found.len(), records);
        for (handler, wanted) in [(0, of_small), (1, of_large)] {
            let directory = tempfile::tempdir().unwrap();
            let url = format!("sqlite://{}/c", directory.path().display());
            let (_, index) = open_with_index(&url).await.unwrap();
            let (ingest, analyses) = (Arc::clone(&pool.rig.ingest), Arc::clone(&pool.analyses));
            let indexer = Indexer::new(ingest, analyses, Arc::clone(&index), Arc::new(Reader));
            let (event, fact) = succeeded(&pool, id).await;
            let handlers = ResultsIndexer::of_each_size(&indexer);
            handlers[handler].handle(&event, fact).await.unwrap();
            let all = RecordQuery {
                limit: 9,
                ..RecordQuery::default()
            };
            let found = index.query(&all).await.unwrap().len();
            assert_eq!(
                found,
                wanted,
                "{records} records, {:?}",
                handlers[handler].name()
            );
        }
    }
}
