//! `weir analyze`: upload, then the analysis as it streams.

use std::path::Path;

use serde::Serialize;
use weir_shared::proto::{
    analyzer::v1::{CaptureInfo, Summary},
    ingest::v1::{AnalyzeCaptureRequest, AnalyzeCaptureResponse, analyze_capture_response::Event},
};

use crate::{
    args::{self, Format},
    caller::Caller,
    failure::Failure,
    output::{Bar, Output},
    render::{self, text::escape},
    report::Report,
    upload,
};

/// First line of one file's JSON. `file` is there when several were asked for.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct InfoLine<'a> {
    capture_info: CaptureInfo,
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<&'a str>,
}

/// Last line of one file's JSON.
#[derive(Serialize)]
struct SummaryLine {
    summary: Summary,
}

/// Analyzes each file. One that is no capture does not keep the others from
/// being analyzed; it is told, and the exit status is its.
pub(crate) async fn run(
    args: &args::Analyze,
    caller: &Caller,
    output: &mut Output,
) -> Result<(), Failure> {
    let mut first_failure = None;
    for (nth, file) in args.files.iter().enumerate() {
        if nth > 0 && args.format == Format::Table {
            output.text("\n\n")?;
        }
        match one(args, file, caller, output).await {
            Ok(()) => {}
            Err(failure @ Failure::File(_)) if args.files.len() > 1 => {
                caller.notes.say(&failure.to_string());
                first_failure.get_or_insert(failure);
            }
            Err(failure) => return Err(failure),
        }
    }
    match first_failure {
        None => Ok(()),
        Some(_) => Err(Failure::File("not every file was analyzed".to_owned())),
    }
}

async fn one(
    args: &args::Analyze,
    file: &Path,
    caller: &Caller,
    output: &mut Output,
) -> Result<(), Failure> {
    let uploaded = upload::file(caller, file, upload::About::default()).await?;
    let capture = uploaded.capture;
    let shown = escape(&file.to_string_lossy());
    let request = AnalyzeCaptureRequest {
        capture_id: capture.capture_id,
        options: Some((&args.options).into()),
    };
    let named = |failure: Failure| match failure {
        Failure::File(text) => Failure::File(format!("{shown}: {text}")),
        other => other,
    };
    let mut events = caller
        .call(request, async |mut client, request| {
            client.analyze_capture(request).await
        })
        .await
        .map_err(|status| named(Failure::from_status(&status)))?;
    let path = file.to_string_lossy();
    let bar = caller.notes.bar("analyzing", capture.size_bytes);
    let mut sink = match args.format {
        Format::Json => Sink::Lines {
            file: (args.files.len() > 1).then_some(&*path),
        },
        Format::Table => Sink::Report(Box::new(Report::new(
            usize::try_from(args.limit).unwrap_or(usize::MAX),
        ))),
    };
    let mut whole = false;
    while let Some(AnalyzeCaptureResponse { event }) = events
        .message()
        .await
        .map_err(|status| named(Failure::from_status(&status)))?
    {
        whole |= matches!(event, Some(Event::Summary(_)));
        sink.take(event, &bar, output)?;
    }
    if !whole {
        let text = format!("{shown}: the analysis ended without a summary");
        return Err(Failure::Service(text));
    }
    drop(bar);
    if let Sink::Report(report) = sink {
        output.text(&render::report(&path, *report, output.view))?;
    }
    output.flush()
}

/// Where events go.
enum Sink<'a> {
    Lines { file: Option<&'a str> },
    Report(Box<Report>),
}

impl Sink<'_> {
    fn take(
        &mut self,
        event: Option<Event>,
        bar: &Bar,
        output: &mut Output,
    ) -> Result<(), Failure> {
        match (self, event) {
            (_, Some(Event::Progress(progress))) => {
                bar.hand().set_position(progress.bytes_read);
                Ok(())
            }
            (_, None) => Ok(()),
            (Self::Lines { file }, Some(event)) => lines(event, *file, output),
            (Self::Report(report), Some(event)) => {
                match event {
                    Event::CaptureInfo(info) => report.info = info,
                    Event::Records(batch) => {
                        batch
                            .records
                            .into_iter()
                            .for_each(|record| report.add(record));
                    }
                    Event::Summary(summary) => report.summary = summary,
                    Event::Progress(_) => {}
                }
                Ok(())
            }
        }
    }
}

/// One line each, written at once: a reader sees records while the analysis runs.
fn lines(event: Event, file: Option<&str>, output: &mut Output) -> Result<(), Failure> {
    match event {
        Event::CaptureInfo(capture_info) => output.json(&InfoLine { capture_info, file })?,
        Event::Records(batch) => {
            for record in &batch.records {
                output.json(record)?;
            }
        }
        Event::Summary(summary) => output.json(&SummaryLine { summary })?,
        Event::Progress(_) => {}
    }
    output.flush()
}
