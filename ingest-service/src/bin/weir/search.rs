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
    pages::Pages,
    render::found,
};

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
    let mut pages = Pages::new(args.limit, &args.page_token);
    loop {
        let (page_size, page_token) = pages.next();
        let request = QueryRecordsRequest {
            page_size,
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
        if !pages.goes_on(records.len(), next_page_token, &caller.notes) {
            return Ok(());
        }
    }
}
