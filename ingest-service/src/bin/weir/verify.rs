//! `weir verify`: whether what the service has of a capture is whole.

use tonic::Status;
use weir_shared::proto::ingest::v1::{
    IndexRange, VerifyCaptureRequest, VerifyProgress, VerifyResult, verify_capture_response::Event,
};

use crate::{
    args::{self, Format},
    caller::{Caller, Patience},
    failure::Failure,
    output::{Bar, Output},
    render::text::escape,
};

pub(crate) async fn run(
    args: &args::Verify,
    caller: &Caller,
    output: &mut Output,
) -> Result<(), Failure> {
    let bar = caller.notes.bar("verifying", None);
    let mut patience = Patience::new();
    let result = loop {
        match verify(caller, &args.id, &bar).await {
            Ok(result) => break result,
            Err(status) => {
                let waited = patience.wait(status, &caller.notes).await;
                waited.map_err(|status| Failure::from_status(&status))?;
            }
        }
    };
    drop(bar);
    match args.format {
        Format::Table => output.text(&told(&args.id, &result))?,
        Format::Json => output.json(&result)?,
    }
    output.flush()?;
    match result.chunks_damaged {
        0 => Ok(()),
        _ => Err(Failure::Damaged(format!(
            "capture {} is damaged",
            escape(&args.id)
        ))),
    }
}

async fn verify(caller: &Caller, id: &str, bar: &Bar) -> Result<VerifyResult, Status> {
    let request = VerifyCaptureRequest {
        capture_id: id.to_owned(),
    };
    let mut client = caller.client();
    let answer = client.verify_capture(caller.request(request)).await?;
    let mut events = answer.into_inner();
    while let Some(response) = events.message().await? {
        match response.event {
            Some(Event::Progress(VerifyProgress {
                bytes_verified,
                size_bytes,
            })) => {
                bar.hand().set_length(size_bytes);
                bar.hand().set_position(bytes_verified);
            }
            Some(Event::Result(result)) => return Ok(result),
            None => {}
        }
    }
    Err(Status::internal("the service gave no result"))
}

fn told(id: &str, result: &VerifyResult) -> String {
    let VerifyResult {
        bytes_verified,
        chunks_damaged,
        damaged,
        damaged_truncated,
    } = result;
    let id = escape(id);
    if *chunks_damaged == 0 {
        return format!("{id}: intact, {bytes_verified} bytes\n");
    }
    let ranges: Vec<_> = damaged.iter().map(range).collect();
    let more = if *damaged_truncated { ", …" } else { "" };
    format!(
        "{id}: {chunks_damaged} damaged chunks in {bytes_verified} bytes: {}{more}\n",
        ranges.join(", ")
    )
}

fn range(range: &IndexRange) -> String {
    match (range.first, range.last) {
        (first, last) if first == last => first.to_string(),
        (first, last) => format!("{first} to {last}"),
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    #[track_caller]
    fn check(chunks_damaged: u64, ranges: &[(u32, u32)], truncated: bool, expected: &Expect) {
        let damaged = ranges
            .iter()
            .map(|&(first, last)| IndexRange { first, last });
        let result = VerifyResult {
            bytes_verified: 100,
            chunks_damaged,
            damaged: damaged.collect(),
            damaged_truncated: truncated,
        };
        expected.assert_eq(&told("cap", &result));
    }

    #[test]
    fn damage_is_told_by_chunk() {
        let expected = expect![[r#"
            cap: intact, 100 bytes
        "#]];
        check(0, &[], false, &expected);
        let expected = expect![[r#"
            cap: 4 damaged chunks in 100 bytes: 1, 3 to 5
        "#]];
        check(4, &[(1, 1), (3, 5)], false, &expected);
        let expected = expect![[r#"
            cap: 9 damaged chunks in 100 bytes: 1, …
        "#]];
        check(9, &[(1, 1)], true, &expected);
    }
}
