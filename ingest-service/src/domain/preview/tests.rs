//! Previews from the event to those who ask.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use weir_shared::store::SegmentStore as _;

use super::*;
use crate::{
    catalog::{Claim, InstanceId, Lease, QueueLimits, Queued, Step},
    domain::{
        analysis::{self, End, Found, NewAnalysis},
        capture::Declared,
        dispatch::handler::{Failure, Handler as _},
        event::{AnalysisFacts, Event, EventId, Fact, Position},
        testing::{Rig, chunk, open, upload},
        time::Timestamp,
    },
};

const ALIVE: Duration = Duration::from_secs(3600);

/// Reads "packets" as so many; all else is damaged.
#[derive(Debug, Default)]
struct Reader {
    read: Mutex<u32>,
}

impl ReadSummary for Reader {
    fn read(&self, summary: &[u8]) -> Result<Sketch, Error> {
        *self.read.lock().unwrap() += 1;
        let text = std::str::from_utf8(summary).unwrap();
        let packets: u64 = text.parse().map_err(|e| Error::Internal(Arc::new(e)))?;
        Ok(Sketch {
            packets,
            ..Sketch::default()
        })
    }
}

struct Studio {
    rig: Rig,
    reader: Arc<Reader>,
    drawer: Drawer,
    runner: InstanceId,
}

impl Studio {
    /// With a sealed capture "cap".
    async fn new() -> Self {
        let rig = Rig::new().await;
        let declared = Declared {
            chunk_count: Some(1),
            ..Declared::default()
        };
        let items = vec![open("cap", declared), chunk(0, "a")];
        upload(&rig, items).await.unwrap();
        let reader: Arc<Reader> = Arc::default();
        let drawer = Drawer::new(Arc::clone(&rig.ingest), Arc::<Reader>::clone(&reader));
        let runner = InstanceId::generate();
        rig.catalog.beat(runner, ALIVE).await.unwrap();
        Self {
            rig,
            reader,
            drawer,
            runner,
        }
    }

    async fn queue(&self) -> AnalysisId {
        let new = NewAnalysis {
            capture_id: "cap".parse().unwrap(),
            capture: None,
            request_id: None,
            options: Bytes::new(),
            max_duration: None,
        };
        let limits = QueueLimits {
            waiting_max: 9,
            of_capture_max: 9,
        };
        let now = Timestamp::now();
        match self.rig.catalog.queue_analysis(&new, limits, now).await {
            Ok(Queued::New(analysis)) => analysis.id,
            other => panic!("{other:?}"),
        }
    }

    /// An analysis that came to this end.
    async fn ended(&self, summary: &'static str, end: End) -> AnalysisId {
        let analysis = self.queue().await;
        let claim = Claim {
            owner: self.runner,
            running: Vec::new(),
            limit: 9,
        };
        let now = Timestamp::now();
        let claimed = self.rig.catalog.claim_analyses(&claim, now).await.unwrap();
        assert_eq!(claimed.len(), 1);
        let lease = Lease {
            analysis,
            owner: self.runner,
            attempt: 1,
        };
        let step = Step {
            found: Found {
                summary: Some(summary.into()),
                ..Found::default()
            },
            end: Some(end),
            ..Step::default()
        };
        let recorded = self.rig.catalog.record_analysis(lease, &step, now).await;
        recorded.unwrap();
        analysis
    }

    async fn handle(&self, id: AnalysisId) -> Result<(), Failure> {
        let analysis = AnalysisFacts {
            analysis_id: id.to_string(),
            ..AnalysisFacts::default()
        };
        let fact = Fact::AnalysisSucceeded(analysis);
        let event = Event {
            position: Position(1),
            id: EventId::generate(),
            kind: fact.kind().to_owned(),
            capture: id.as_owner(),
            capture_id: "cap".parse().unwrap(),
            at: Timestamp::now(),
            traceparent: None,
            data: fact.encode(),
        };
        self.drawer.handle(&event, fact).await
    }

    fn objects(&self, id: AnalysisId) -> usize {
        let owner = id.as_owner();
        let keys = self.rig.store.keys().into_iter();
        keys.filter_map(|key| SegmentId::of_object(&key))
            .filter(|segment| segment.owner() == owner)
            .count()
    }

    async fn fetch(&self, whose: Whose, format: Format) -> Result<Fetched, Error> {
        self.rig.ingest.preview(whose, format).await
    }

    async fn why(&self, whose: Whose) -> NoPreview {
        match self.fetch(whose, Format::Png).await {
            Err(Error::NoPreview(why)) => why,
            other => panic!("{other:?}"),
        }
    }
}

fn of_capture() -> Whose {
    Whose::Capture("cap".parse().unwrap())
}

#[tokio::test]
async fn an_event_that_comes_again_draws_nothing_again() {
    let studio = Studio::new().await;
    let id = studio.ended("7", End::Succeeded).await;
    for _ in 0..3 {
        studio.handle(id).await.unwrap();
        assert_eq!(studio.objects(id), 1);
    }
    assert_eq!(*studio.reader.read.lock().unwrap(), 1);
    for (format, begins) in [(Format::Png, &b"\x89PNG"[..]), (Format::Svg, b"<svg")] {
        let fetched = studio.fetch(of_capture(), format).await.unwrap();
        assert!(fetched.image.starts_with(begins));
        assert_eq!((fetched.analysis, fetched.capture_id.as_str()), (id, "cap"));
        let same = studio.fetch(Whose::Analysis(id), format).await.unwrap();
        assert_eq!(same.image, fetched.image);
    }
}

#[tokio::test]
async fn an_object_that_a_sweeper_took_is_written_again() {
    let studio = Studio::new().await;
    let id = studio.ended("7", End::Succeeded).await;
    *studio.rig.store.sweeper.lock().unwrap() = Some(Arc::clone(&studio.rig.catalog));
    studio.handle(id).await.unwrap();
    assert_eq!(studio.objects(id), 2);
    studio.fetch(of_capture(), Format::Svg).await.unwrap();
    let condemned = studio.rig.catalog.condemned(None, 9).await.unwrap();
    assert_eq!(condemned.len(), 1);
}

#[tokio::test]
async fn what_can_not_be_drawn_is_told_and_what_is_gone_is_not() {
    let studio = Studio::new().await;
    let damaged = studio.ended("seven", End::Succeeded).await;
    let failed = studio.handle(damaged).await;
    assert!(matches!(failed, Err(Failure::Permanent(_))), "{failed:?}");
    let id = studio.ended("7", End::Succeeded).await;
    studio.rig.store.fail_after(0, false);
    let failed = studio.handle(id).await;
    assert!(matches!(failed, Err(Failure::Transient(_))), "{failed:?}");
    studio.rig.store.heal();
    studio.handle(id).await.unwrap();
    assert_eq!(studio.objects(id), 1);
    studio
        .rig
        .ingest
        .delete(&"cap".parse().unwrap())
        .await
        .unwrap();
    studio.handle(id).await.unwrap();
    studio.handle(damaged).await.unwrap();
    let gone = studio.fetch(Whose::Analysis(id), Format::Png).await;
    assert!(matches!(gone, Err(Error::AnalysisUnknown(gone)) if gone == id));
}

#[tokio::test]
async fn who_asks_is_told_why_there_is_none() {
    let studio = Studio::new().await;
    let why = studio.why(of_capture()).await;
    assert_eq!(why, NoPreview::NoAnalysis("cap".parse().unwrap()));
    let failure = analysis::Failure::new("DEADLINE", "late");
    let failed = studio.ended("1", End::Failed(failure)).await;
    let why = studio.why(Whose::Analysis(failed)).await;
    assert_eq!(why, NoPreview::NotSucceeded(failed));
    let old = studio.ended("2", End::Succeeded).await;
    studio.handle(old).await.unwrap();
    let new = studio.ended("3", End::Succeeded).await;
    assert_eq!(studio.why(of_capture()).await, NoPreview::NotDrawn(new));
    studio
        .fetch(Whose::Analysis(old), Format::Png)
        .await
        .unwrap();
    let waiting = studio.queue().await;
    let why = studio.why(Whose::Analysis(waiting)).await;
    assert_eq!(why, NoPreview::NotOver(waiting));
    let unknown = studio.fetch(Whose::Capture("other".parse().unwrap()), Format::Png);
    assert!(matches!(unknown.await, Err(Error::Unknown(_))));
}

#[tokio::test]
async fn a_damaged_picture_is_not_given() {
    let studio = Studio::new().await;
    let id = studio.ended("7", End::Succeeded).await;
    studio.handle(id).await.unwrap();
    let preview = studio.rig.catalog.preview(id).await.unwrap().unwrap();
    let damaged =
        |got: Result<Fetched, Error>| matches!(got, Err(Error::ResultsDamaged(it)) if it == id);
    studio.rig.store.corrupt_all(0);
    assert!(damaged(studio.fetch(of_capture(), Format::Png).await));
    // The other one is whole.
    studio.fetch(of_capture(), Format::Svg).await.unwrap();
    let key = preview.segment.object_key();
    studio.rig.store.delete(&key).await.unwrap();
    assert!(damaged(studio.fetch(of_capture(), Format::Svg).await));
}
