//! A handler that writes into a file what it is given, and when: a file that the
//! handlers of several processes share, and that outlives them.

use std::{
    fs::{File, OpenOptions},
    io::Write as _,
    path::Path,
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use ingest_service::domain::{
    dispatch::handler::{Failure, Handler, Limits},
    event::{Event, Fact, kind},
};

use crate::random::Random;

/// Where a process is told of its ledger: `NAME,SEED,FILE`.
pub const VARIABLE: &str = "WEIR_TEST_LEDGER";

/// The longest that it takes for an event: so long that kills hit it at times.
const WORK_MAX: Duration = Duration::from_millis(20);

/// It fails with one of so many.
const FAILS_ONE_OF: usize = 16;

const LIMITS: Limits = Limits {
    concurrency: 4,
    timeout: Duration::from_secs(60),
    // It is never given up.
    attempts: u32::MAX,
    pause_min: Duration::from_millis(10),
    pause_max: Duration::from_millis(200),
};

/// See the module.
#[derive(Clone, Debug)]
pub struct Ledger {
    process: String,
    random: Arc<Mutex<Random>>,
    file: Arc<File>,
}

/// What an entry says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    Begun,
    Done,
    /// It failed, or was dropped.
    Undone,
}

/// A line of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub what: What,
    /// By which process.
    pub process: String,
    /// About which capture.
    pub capture: String,
    pub position: u64,
}

impl Entry {
    fn line(&self) -> String {
        let what = match self.what {
            What::Begun => "begun",
            What::Done => "done",
            What::Undone => "undone",
        };
        let (process, capture, position) = (&self.process, &self.capture, self.position);
        format!("{what} {process} {capture} {position}\n")
    }

    fn parse(line: &str) -> Self {
        let fields: Vec<&str> = line.split(' ').collect();
        let [what, process, capture, position] = fields[..] else {
            panic!("{line:?}");
        };
        Self {
            what: match what {
                "begun" => What::Begun,
                "done" => What::Done,
                "undone" => What::Undone,
                other => panic!("{other:?}"),
            },
            process: process.to_owned(),
            capture: capture.to_owned(),
            position: position.parse().unwrap(),
        }
    }
}

/// All entries of a file, in the order in which they were written.
#[must_use]
pub fn entries(file: &Path) -> Vec<Entry> {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    text.lines().map(Entry::parse).collect()
}

impl Ledger {
    /// As [`VARIABLE`] says it.
    ///
    /// # Errors
    /// When it says something else, or the file can't be written.
    pub fn parse(text: &str) -> Result<Self, String> {
        let fields: Vec<&str> = text.splitn(3, ',').collect();
        let [process, seed, file] = fields[..] else {
            return Err("not NAME,SEED,FILE".to_owned());
        };
        let seed = seed.parse().map_err(|_| "no seed".to_owned())?;
        let file = OpenOptions::new().append(true).create(true).open(file);
        Ok(Self {
            process: process.to_owned(),
            random: Arc::new(Mutex::new(Random::seeded(seed))),
            file: Arc::new(file.map_err(|error| error.to_string())?),
        })
    }

    fn write(&self, entry: &Entry) {
        // One write for each line: lines of several processes do not mix.
        (&*self.file).write_all(entry.line().as_bytes()).unwrap();
    }
}

/// Says so when an event is not done in the end.
struct Begun<'a> {
    ledger: &'a Ledger,
    entry: Entry,
}

impl Drop for Begun<'_> {
    fn drop(&mut self) {
        self.ledger.write(&self.entry);
    }
}

#[async_trait]
impl Handler for Ledger {
    fn name(&self) -> &'static str {
        "ledger"
    }

    fn kinds(&self) -> &'static [&'static str] {
        &kind::ALL
    }

    fn limits(&self) -> Limits {
        LIMITS
    }

    async fn handle(&self, event: &Event, _fact: Fact) -> Result<(), Failure> {
        let entry = |what| Entry {
            what,
            process: self.process.clone(),
            capture: event.capture.to_string(),
            position: event.position.0,
        };
        self.write(&entry(What::Begun));
        let mut begun = Begun {
            ledger: self,
            entry: entry(What::Undone),
        };
        let (work, fails) = {
            let mut random = self.random.lock().unwrap();
            let share = random.below(100) as f64 / 100.0;
            (WORK_MAX.mul_f64(share), random.below(FAILS_ONE_OF) == 0)
        };
        tokio::time::sleep(work).await;
        if fails {
            return Err(Failure::transient("not this time"));
        }
        begun.entry.what = What::Done;
        Ok(())
    }
}
