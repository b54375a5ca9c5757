//! `weir analyses`: analyses that go on without their caller.

mod watch;

use tonic::{Request, Response, Status};
use weir_shared::proto::ingest::v1::{
    Analysis, AnalysisState, CancelAnalysisRequest, GetAnalysisRequest, ListAnalysesRequest,
    ListAnalysesResponse, StartAnalysisRequest,
};

use crate::{
    args::{
        self, Format,
        analyses::{Analyses, List, One, Start},
        options::proto_duration,
    },
    caller::{AnalysesClient, Caller},
    failure::Failure,
    output::Output,
    pages::Pages,
    render::analyses,
};

pub(crate) async fn run(
    command: &Analyses,
    caller: &Caller,
    output: &mut Output,
) -> Result<(), Failure> {
    match command {
        Analyses::Start(args) => start(args, caller, output).await,
        Analyses::List(args) => list(args, caller, output).await,
        Analyses::Show(args) => show(args, caller, output).await,
        Analyses::Cancel(args) => cancel(args, caller, output).await,
        Analyses::Watch(args) => watch::run(args, caller, output).await,
    }
}

/// With a name of its own when the user gave none: the call may be repeated
/// when its answer is lost, and must not start two.
async fn start(args: &Start, caller: &Caller, output: &mut Output) -> Result<(), Failure> {
    let request_id = args.request_id.clone();
    let request = StartAnalysisRequest {
        capture_id: args.id.clone(),
        request_id: request_id.unwrap_or_else(|| format!("weir-{}", uuid::Uuid::new_v4())),
        options: Some((&args.options).into()),
        max_duration: args.max_duration.map(proto_duration),
    };
    let answer = call(caller, request, async |mut client, request| {
        client.start_analysis(request).await
    });
    one(answer.await?.analysis, args.format, output)
}

async fn show(args: &One, caller: &Caller, output: &mut Output) -> Result<(), Failure> {
    let analysis_id = args.id.clone();
    let request = GetAnalysisRequest { analysis_id };
    let answer = call(caller, request, async |mut client, request| {
        client.get_analysis(request).await
    });
    one(answer.await?.analysis, args.format, output)
}

async fn cancel(args: &One, caller: &Caller, output: &mut Output) -> Result<(), Failure> {
    let analysis_id = args.id.clone();
    let request = CancelAnalysisRequest { analysis_id };
    let answer = call(caller, request, async |mut client, request| {
        client.cancel_analysis(request).await
    });
    one(answer.await?.analysis, args.format, output)
}

async fn call<M: Clone, T>(
    caller: &Caller,
    request: M,
    once: impl AsyncFnMut(AnalysesClient, Request<M>) -> Result<Response<T>, Status>,
) -> Result<T, Failure> {
    caller.repeat(caller.analyses(), request, once).await
}

fn one(
    analysis: Option<Analysis>,
    format: args::Format,
    output: &mut Output,
) -> Result<(), Failure> {
    let analysis = analysis.unwrap_or_default();
    match format {
        Format::Table => output.text(&analyses::one(&analysis, output.view))?,
        Format::Json => output.json(&analysis)?,
    }
    output.flush()
}

/// Page by page, so that no list has to fit in memory.
async fn list(args: &List, caller: &Caller, output: &mut Output) -> Result<(), Failure> {
    let state = args
        .state
        .map_or(AnalysisState::Unspecified, AnalysisState::from);
    let mut pages = Pages::new(args.limit, &args.page_token);
    loop {
        let (page_size, page_token) = pages.next();
        let request = ListAnalysesRequest {
            page_size,
            page_token,
            capture_id: args.capture.clone().unwrap_or_default(),
            state: state.into(),
        };
        let page = call(caller, request, async |mut client, request| {
            client.list_analyses(request).await
        });
        let ListAnalysesResponse {
            analyses: listed,
            next_page_token,
        } = page.await?;
        match args.format {
            Format::Table => output.text(&analyses::list(&listed, output.view))?,
            Format::Json => {
                for analysis in &listed {
                    output.json(analysis)?;
                }
            }
        }
        output.flush()?;
        if !pages.goes_on(listed.len(), next_page_token, &caller.notes) {
            return Ok(());
        }
    }
}
