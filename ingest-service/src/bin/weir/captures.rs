//! `weir captures` and `weir delete`.

use weir_shared::proto::ingest::v1::{
    Capture, CaptureState, DeleteCaptureRequest, ListCapturesRequest, ListCapturesResponse,
};

use crate::{
    args::{self, Format},
    caller::Caller,
    failure::Failure,
    output::Output,
    pages::Pages,
    render::list,
};

/// Lists captures page by page, so that no list has to fit in memory.
pub(crate) async fn list(
    args: &args::Captures,
    caller: &Caller,
    output: &mut Output,
) -> Result<(), Failure> {
    let state = args
        .state
        .map_or(CaptureState::Unspecified, CaptureState::from);
    let mut pages = Pages::new(args.limit, &args.page_token);
    loop {
        let (page_size, page_token) = pages.next();
        let request = ListCapturesRequest {
            page_size,
            page_token,
            labels: args.labels.iter().cloned().collect(),
            state: state.into(),
            create_time_from: args.since,
            create_time_before: args.before,
        };
        let ListCapturesResponse {
            captures,
            next_page_token,
        } = caller
            .call(request, async |mut client, request| {
                client.list_captures(request).await
            })
            .await
            .map_err(|status| Failure::from_status(&status))?;
        show(&captures, args.format, output)?;
        if !pages.goes_on(captures.len(), next_page_token, &caller.notes) {
            return Ok(());
        }
    }
}

fn show(captures: &[Capture], format: Format, output: &mut Output) -> Result<(), Failure> {
    match format {
        Format::Table => output.text(&list::captures(captures, output.view))?,
        Format::Json => {
            for capture in captures {
                output.json(capture)?;
            }
        }
    }
    output.flush()
}

pub(crate) async fn delete(args: &args::Delete, caller: &Caller) -> Result<(), Failure> {
    let request = DeleteCaptureRequest {
        capture_id: args.id.clone(),
        allow_missing: false,
    };
    caller
        .call(request, async |mut client, request| {
            client.delete_capture(request).await
        })
        .await
        .map(drop)
        .map_err(|status| Failure::from_status(&status))
}
