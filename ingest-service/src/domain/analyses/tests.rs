//! The pool with an analyzer that does as it is told.

mod cuts;
mod indexed;
mod on_seal;
mod runs;

use std::{
    collections::VecDeque,
    future::pending,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use tokio_util::sync::CancellationToken;

use super::*;
use crate::domain::{
    analysis::AnalysisState,
    capture::Declared,
    id::SegmentId,
    testing::{Rig, chunk, open, upload},
};

const SETTINGS: AnalysesSettings = AnalysesSettings {
    running_max: 2,
    waiting_max: 10,
    duration_max: Duration::from_secs(600),
    retry_after: Duration::from_millis(1),
};

/// What the analyzer does in one attempt, one after the other.
#[derive(Clone, Copy, Debug)]
enum Act {
    /// Records of these sequences, one byte each.
    Find(u64, u64),
    Progress,
    Summary,
    /// Why, and whether it may pass.
    Fail(&'static str, bool),
    Panic,
    /// Goes on for ever.
    Hang,
}
use Act::{Fail, Find, Hang, Panic, Progress, Summary};

/// Plays a script for each attempt.
#[derive(Debug, Default)]
struct Scripted {
    scripts: Mutex<VecDeque<&'static [Act]>>,
    /// After which sequence each attempt began.
    begun: Mutex<Vec<u64>>,
    running: Arc<AtomicUsize>,
    most_running: AtomicUsize,
}

struct Stopping(Arc<AtomicUsize>);

impl Drop for Stopping {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

#[async_trait]
impl Analyzer for Scripted {
    async fn analyze(&self, job: Job, told: mpsc::Sender<Told>) -> Result<(), Unanalyzed> {
        let script = self.scripts.lock().unwrap().pop_front();
        self.begun.lock().unwrap().push(job.after);
        let now = self.running.fetch_add(1, Ordering::SeqCst) + 1;
        self.most_running.fetch_max(now, Ordering::SeqCst);
        let _stopping = Stopping(Arc::clone(&self.running));
        for act in script.unwrap_or(&[Summary]) {
            let tell = match *act {
                Find(_, last) if last <= job.after => continue,
                Find(first, last) => Told::Records(records(first.max(job.after + 1), last)),
                Progress => Told::Progress("p".into()),
                Summary => Told::Summary("s".into()),
                Fail(reason, may_pass) => {
                    let failure = Failure::new(reason, "as told");
                    return Err(Unanalyzed { failure, may_pass });
                }
                Panic => panic!("as told"),
                Hang => pending().await,
            };
            told.send(tell).await.ok();
        }
        Ok(())
    }
}

fn records(first: u64, last: u64) -> Records {
    let byte = |sequence: u64| u8::try_from(sequence).unwrap();
    let bytes: Vec<u8> = (first..=last).map(byte).collect();
    Records {
        first,
        last,
        framed: vec![bytes.into()],
    }
}

/// A service whose pool runs, with a sealed capture "cap".
struct Pool {
    rig: Rig,
    analyses: Arc<Analyses>,
    scripted: Arc<Scripted>,
}

impl Pool {
    async fn with(settings: AnalysesSettings, scripts: &[&'static [Act]]) -> Self {
        let rig = Rig::new().await;
        let declared = Declared {
            chunk_count: Some(1),
            ..Declared::default()
        };
        let items = vec![open("cap", declared), chunk(0, "a")];
        upload(&rig, items).await.unwrap();
        Self::on(rig, settings, scripts)
    }

    async fn of(scripts: &[&'static [Act]]) -> Self {
        Self::with(SETTINGS, scripts).await
    }

    fn on(rig: Rig, settings: AnalysesSettings, scripts: &[&'static [Act]]) -> Self {
        let scripted = Arc::new(Scripted {
            scripts: Mutex::new(scripts.iter().copied().collect()),
            ..Scripted::default()
        });
        let analyzer: Arc<dyn Analyzer> = Arc::clone(&scripted) as _;
        let ingest = Arc::clone(&rig.ingest);
        let analyses = Analyses::new(Arc::clone(&ingest), analyzer, settings);
        ingest.tasks.spawn(Arc::clone(&ingest).keep_alive());
        ingest.tasks.spawn(Arc::clone(&analyses).run_queued());
        Self {
            rig,
            analyses,
            scripted,
        }
    }

    async fn start(&self) -> AnalysisId {
        let new = NewAnalysis {
            capture_id: "cap".parse().unwrap(),
            capture: None,
            request_id: None,
            options: Bytes::new(),
            max_duration: None,
        };
        self.analyses.start(new).await.unwrap().id
    }

    async fn watch(&self, id: AnalysisId, after: u64) -> AnalysisWatch {
        let watch = self.analyses.watch(id, after, CancellationToken::new());
        watch.await.unwrap()
    }

    /// Watches it to its end: all sequences in the order in which they came.
    async fn watched(&self, id: AnalysisId) -> (Analysis, Vec<u8>) {
        let mut watch = self.watch(id, 0).await;
        let (mut last, mut found) = (None, Vec::new());
        while let Some(seen) = next(&mut watch).await.unwrap() {
            match seen {
                Seen::Analysis(analysis) => last = Some(Arc::unwrap_or_clone(analysis)),
                Seen::Records(records) => found.extend(records.framed.concat()),
                Seen::Progress(progress) => assert_eq!(progress, "p"),
            }
        }
        (last.unwrap(), found)
    }

    /// Watches until so many records are stored.
    async fn until(&self, id: AnalysisId, records: u64) -> AnalysisWatch {
        let mut watch = self.watch(id, 0).await;
        loop {
            match next(&mut watch).await.unwrap() {
                Some(Seen::Records(found)) if found.last >= records => return watch,
                Some(_) => {}
                None => panic!("it is over"),
            }
        }
    }

    /// Ends the service, and gives what it leaves to the next.
    async fn shut_down(self) -> Rig {
        self.rig.shutdown.cancel();
        self.rig.ingest.tasks.close();
        self.rig.ingest.tasks.wait().await;
        self.rig.restarted()
    }

    fn attempts(&self) -> Vec<u64> {
        self.scripted.begun.lock().unwrap().clone()
    }
}

/// Within what no test takes.
async fn next(watch: &mut AnalysisWatch) -> Result<Option<Seen>, Error> {
    let next = tokio::time::timeout(Duration::from_secs(60), watch.next());
    next.await.expect("nothing comes")
}
