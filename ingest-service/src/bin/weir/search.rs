//! `weir search` and `weir query`: what background analyses have found.

use weir_shared::proto::ingest::v1::{
    QueryRecordsRequest, QueryRecordsResponse, SearchCapturesRequest,
};

use crate::{
    args::{
        Format,
        search::{Query, Search},
    },
    caller::Caller,
    failure::Failure,
    output::Output,
    render::{found, text::escape},
};

/// Records of one page: what the service allows.
const PAGE_MAX: u64 = 1_000;

pub(crate) async fn search(
    args: &Search,
    caller: &Caller,
    output: &mut Output,
) -> Result<(), Failure> {
    let request = SearchCapturesRequest {
        query: args.words.join(" "),
        page_size: args.limit,
    };
    let answer = caller.repeat(caller.search(), request, async |mut client, request| {
        client.search_captures(request).await
    });
    let captures = answer.await?.captures;
    match args.format {
        Format::Table => output.text(&found::captures(&captures, output.view))?,
        Format::Json => {
            for capture in &captures {
                output.json(capture)?;
            }
        }
    }
    output.flush()
}

pub(crate) async fn query(
    args: &Query,
    caller: &Caller,
    output: &mut Output,
) -> Result<(), Failure> {
    let mut left = args.limit;
    let mut page_token = args.page_token.clone();
    loop {
        let request = QueryRecordsRequest {
            page_size: i32::try_from(left.min(PAGE_MAX)).unwrap_or(i32::MAX),
            page_token,
            ..args.request()
        };
        let page = caller.repeat(caller.search(), request, async |mut client, request| {
            client.query_records(request).await
        });
        let QueryRecordsResponse {
            records,
            next_page_token,
        } = page.await?;
        match args.format {
            Format::Table => output.text(&found::records(&records, output.view))?,
            Format::Json => {
                for record in &records {
                    output.json(record)?;
                }
            }
        }
        output.flush()?;
        left = left.saturating_sub(records.len() as u64);
        page_token = next_page_token;
        if page_token.is_empty() {
            return Ok(());
        }
        if left == 0 {
            let token = escape(&page_token);
            let more = format!("there are more: go on with --page-token {token}");
            caller.notes.say(&more);
            return Ok(());
        }
    }
}
