//! What the core's tests share: a sink that keeps everything, and inputs that read oddly.

use std::{
    io::{self, Read},
    ops::ControlFlow,
};

use crate::{
    analysis::{AnalysisError, Event, Options, Sink, analyze},
    record::{Body, Finding, Flow, FlowRef, Progress, Record, Summary},
};

/// Keeps all events.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Kept {
    pub(crate) events: Vec<Event>,
    pub(crate) polls: Vec<Progress>,
}

impl Sink for Kept {
    fn event(&mut self, event: Event) -> ControlFlow<()> {
        self.events.push(event);
        ControlFlow::Continue(())
    }

    fn poll(&mut self, progress: &Progress) -> ControlFlow<()> {
        self.polls.push(*progress);
        ControlFlow::Continue(())
    }
}

impl Kept {
    pub(crate) fn records(&self) -> Vec<&Record> {
        let batches = self.events.iter().filter_map(|event| match event {
            Event::Records(records) => Some(records),
            _ => None,
        });
        batches.flatten().collect()
    }

    pub(crate) fn flows(&self) -> Vec<(&Record, FlowRef, &Flow)> {
        self.records().into_iter().filter_map(flow_of).collect()
    }

    pub(crate) fn findings(&self) -> Vec<&Finding> {
        let findings = self.records().into_iter().map(|record| &record.body);
        let findings = findings.filter_map(|body| match body {
            Body::Finding(finding) => Some(&**finding),
            _ => None,
        });
        findings.collect()
    }

    #[track_caller]
    pub(crate) fn summary(&self) -> &Summary {
        match self.events.last() {
            Some(Event::Summary(summary)) => summary,
            other => panic!("the last event is {other:?}"),
        }
    }
}

fn flow_of(record: &Record) -> Option<(&Record, FlowRef, &Flow)> {
    match (&record.body, record.flow) {
        (Body::Flow(flow), Some(of)) => Some((record, of, flow)),
        _ => None,
    }
}

pub(crate) fn try_run(input: impl Read, options: &Options) -> Result<Kept, AnalysisError> {
    let mut kept = Kept::default();
    analyze(input, options, &mut kept)?;
    Ok(kept)
}

#[track_caller]
pub(crate) fn run(bytes: &[u8], options: &Options) -> Kept {
    try_run(bytes, options).expect("a capture")
}

/// Gives its bytes in pieces of these sizes, over and over.
#[derive(Debug)]
pub(crate) struct Pieces<'a> {
    bytes: &'a [u8],
    sizes: Vec<usize>,
    n_reads: usize,
}

impl<'a> Pieces<'a> {
    pub(crate) fn new(bytes: &'a [u8], sizes: Vec<usize>) -> Self {
        Self {
            bytes,
            sizes,
            n_reads: 0,
        }
    }
}

impl Read for Pieces<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let size = self.sizes[self.n_reads % self.sizes.len()].max(1);
        self.n_reads += 1;
        let n_read = size.min(buffer.len()).min(self.bytes.len());
        let (now, later) = self.bytes.split_at(n_read);
        buffer[..n_read].copy_from_slice(now);
        self.bytes = later;
        Ok(n_read)
    }
}
