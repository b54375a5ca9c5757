//! `weir analyses watch`: what an analysis has found and finds. A call that
//! breaks is made again, behind what was seen.

use serde::Serialize;
use tonic::Status;
use weir_shared::proto::ingest::v1::{
    Analysis, AnalysisState, WatchAnalysisRequest, watch_analysis_response::Event,
};

use crate::{
    args::{Format, analyses::Watch},
    caller::{Caller, Patience},
    failure::Failure,
    output::{Bar, Output},
    render::{self, text::escape},
    report::Report,
};

/// A line of JSON that is no record.
#[derive(Serialize)]
struct AnalysisLine<'a> {
    analysis: &'a Analysis,
}

/// What ends a call.
enum Cut {
    Call(Status),
    /// The command itself.
    Command(Failure),
}

impl From<Failure> for Cut {
    fn from(failure: Failure) -> Self {
        Self::Command(failure)
    }
}

/// Where it is, and what came so far.
struct Watching<'a> {
    args: &'a Watch,
    caller: &'a Caller,
    bar: Bar,
    /// The last sequence that was seen.
    after: u64,
    latest: Option<Analysis>,
    report: Box<Report>,
}

pub(super) async fn run(args: &Watch, caller: &Caller, output: &mut Output) -> Result<(), Failure> {
    let rows = usize::try_from(args.limit).unwrap_or(usize::MAX);
    let mut watching = Watching {
        args,
        caller,
        bar: caller.notes.bar("analyzing", None),
        after: args.after,
        latest: None,
        report: Box::new(Report::new(rows)),
    };
    let mut patience = Patience::new();
    loop {
        match watching.call(&mut patience, output).await {
            Ok(()) => break,
            Err(Cut::Command(failure)) => return Err(failure),
            Err(Cut::Call(status)) => {
                let waited = patience.wait(status, &caller.notes).await;
                waited.map_err(|status| Failure::from_status(&status))?;
            }
        }
    }
    watching.end(output)
}

impl Watching<'_> {
    /// Makes one call, to its end.
    async fn call(&mut self, patience: &mut Patience, output: &mut Output) -> Result<(), Cut> {
        let request = WatchAnalysisRequest {
            analysis_id: self.args.id.clone(),
            after_sequence: self.after,
        };
        let request = self.caller.request(request);
        let mut client = self.caller.analyses();
        let answer = client.watch_analysis(request).await.map_err(Cut::Call)?;
        let mut told = answer.into_inner();
        while let Some(next) = told.message().await.map_err(Cut::Call)? {
            *patience = Patience::endless();
            self.take(next.event, output)?;
        }
        Ok(())
    }

    fn take(&mut self, event: Option<Event>, output: &mut Output) -> Result<(), Failure> {
        match event {
            Some(Event::Analysis(analysis)) => {
                let is_news = self.latest.as_ref() != Some(&analysis) || is_over(&analysis);
                if self.args.format == Format::Json && is_news {
                    output.json(&AnalysisLine {
                        analysis: &analysis,
                    })?;
                    output.flush()?;
                }
                self.latest = Some(analysis);
            }
            Some(Event::Progress(progress)) => {
                self.bar.hand().set_length(progress.size_bytes);
                self.bar.hand().set_position(progress.bytes_read);
            }
            Some(Event::Records(batch)) => {
                for record in batch.records {
                    self.after = record.sequence;
                    match self.args.format {
                        Format::Json => output.json(&record)?,
                        Format::Table => self.report.add(record),
                    }
                }
                if self.args.format == Format::Json {
                    output.flush()?;
                }
            }
            // A kind of event that only a newer service knows.
            None => {}
        }
        Ok(())
    }

    /// The tables, when they were asked for, and whether it has succeeded.
    fn end(self, output: &mut Output) -> Result<(), Failure> {
        drop(self.bar);
        let id = escape(&self.args.id);
        let Some(analysis) = self.latest else {
            return Err(Failure::Service(format!("analysis {id} was not told of")));
        };
        if self.args.format == Format::Table {
            let mut report = self.report;
            report.info = analysis.capture_info.clone().unwrap_or_default();
            let title = format!("{}, analysis {id}", escape(&analysis.capture_id));
            match analysis.summary.clone() {
                Some(summary) => {
                    report.summary = summary;
                    output.text(&render::report(&title, *report, output.view))?;
                }
                None => output.text(&render::analyses::one(&analysis, output.view))?,
            }
            output.flush()?;
        }
        outcome(&analysis)
    }
}

fn is_over(analysis: &Analysis) -> bool {
    analysis.end_time.is_some()
}

fn outcome(analysis: &Analysis) -> Result<(), Failure> {
    let id = escape(&analysis.analysis_id);
    match analysis.state() {
        AnalysisState::Succeeded => Ok(()),
        AnalysisState::Failed => Err(Failure::from_reason(
            &analysis.failure_reason,
            &analysis.failure_message,
        )),
        AnalysisState::Cancelled => Err(Failure::Service(format!("analysis {id} was cancelled"))),
        AnalysisState::Queued | AnalysisState::Running | AnalysisState::Unspecified => {
            let text = format!("the service stopped telling of analysis {id} before its end");
            Err(Failure::Service(text))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(state: AnalysisState, reason: &str, wanted: Result<(), &str>) {
        let analysis = Analysis {
            analysis_id: "a1".to_owned(),
            state: state.into(),
            failure_reason: reason.to_owned(),
            failure_message: "why\x1b[2J".to_owned(),
            ..Default::default()
        };
        let told = outcome(&analysis).map_err(|failure| format!("{failure:?}"));
        assert_eq!(told, wanted.map_err(str::to_owned));
    }

    #[test]
    fn the_end_of_an_analysis_is_the_commands() {
        use AnalysisState::{Cancelled, Failed, Running, Succeeded};
        check(Succeeded, "", Ok(()));
        check(
            Cancelled,
            "",
            Err(r#"Service("analysis a1 was cancelled")"#),
        );
        check(Failed, "NOT_A_CAPTURE", Err(r#"File("why\\x1b[2J")"#));
        check(Failed, "FILTER_SYNTAX", Err(r#"Usage("why\\x1b[2J")"#));
        check(
            Failed,
            "DEADLINE",
            Err(r#"Service("why\\x1b[2J (DEADLINE)")"#),
        );
        let text = r#"Service("the service stopped telling of analysis a1 before its end")"#;
        check(Running, "", Err(text));
    }
}
