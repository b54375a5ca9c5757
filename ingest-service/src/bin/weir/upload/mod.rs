//! Getting a capture to the service, whole: what it has is not sent again.

mod file;
mod identity;
mod job;
mod plan;
mod stdin;
mod transfer;

use std::{collections::HashMap, num::NonZeroU32, path::Path, sync::Arc};

use tonic::Code;
use weir_shared::proto::ingest::v1::{
    Capture, CaptureSpec, CaptureState, GetCaptureRequest, GetServerInfoRequest,
};

use crate::{
    args::{self, Format},
    caller::Caller,
    failure::Failure,
    output::Output,
    render::{text::escape, units},
};
use file::SourceFile;
use job::Job;
use plan::Split;

/// `weir upload`
pub(crate) async fn run(
    args: &args::Upload,
    caller: &Caller,
    output: &mut Output,
) -> Result<(), Failure> {
    let about = About {
        id: args.id.clone(),
        labels: args.labels.iter().cloned().collect(),
        analyze_on_seal: args.analyze,
    };
    let uploaded = if args.file == Path::new("-") {
        stdin::upload(caller, tokio::io::stdin(), about).await?
    } else {
        file(caller, &args.file, about).await?
    };
    match args.format {
        Format::Json => output.json(&uploaded.capture)?,
        Format::Table => output.text(&uploaded.sentence())?,
    }
    output.flush()
}

/// What is said of a capture beside its bytes.
#[derive(Debug, Default)]
pub(crate) struct About {
    /// `None`: chosen by us for a file, by the service for standard input.
    pub(crate) id: Option<String>,
    pub(crate) labels: HashMap<String, String>,
    /// `None`: as the service does by default.
    pub(crate) analyze_on_seal: Option<bool>,
}

/// A sealed capture, and what it took.
#[derive(Debug)]
pub(crate) struct Uploaded {
    pub(crate) capture: Capture,
    /// By this command; fewer than the capture has when it had some.
    n_chunks_sent: u64,
}

impl Uploaded {
    fn sentence(&self) -> String {
        let Capture {
            capture_id,
            chunks_durable,
            bytes_durable,
            ..
        } = &self.capture;
        format!(
            "{}  sealed, {} in {}, {} sent now\n",
            escape(capture_id),
            units::bytes(*bytes_durable),
            units::counted(u64::from(*chunks_durable), "chunk"),
            units::count(self.n_chunks_sent),
        )
    }
}

/// Uploads what the service misses of a file, until it is sealed.
///
/// # Errors
/// [`Failure::File`] when the file cannot be read or changes meanwhile;
/// [`Failure::Service`] when the service refuses, or is away for too long.
pub(crate) async fn file(caller: &Caller, name: &Path, about: About) -> Result<Uploaded, Failure> {
    let source = Arc::new(SourceFile::open(name)?);
    let is_named = about.id.is_some();
    let capture_id = about.id.unwrap_or_else(|| source.identity.capture_id());
    let known = known(caller, &capture_id, about.analyze_on_seal).await?;
    let split = split(caller, &source, known.as_ref()).await?;
    let spec = CaptureSpec {
        capture_id,
        chunk_count: Some(split.n_chunks()),
        size_bytes: Some(source.size_bytes()),
        sha256: Default::default(),
        file_name: source.file_name(),
        labels: about.labels,
        chunk_bytes: Some(split.chunk_bytes()),
        analyze_on_seal: about.analyze_on_seal,
    };
    let mut job = Job::new(caller, source, split, spec);
    let capture = match known {
        Some(capture) if capture.state() == CaptureState::Sealed => capture,
        _ => job.until_sealed().await?,
    };
    job.verify(&capture, is_named).await?;
    Ok(Uploaded {
        capture,
        n_chunks_sent: job.n_chunks_sent(),
    })
}

/// What the service has under this id. Whether it is to be analyzed is settled
/// already: one that has come before with another wish is refused.
async fn known(
    caller: &Caller,
    capture_id: &str,
    analyze_on_seal: Option<bool>,
) -> Result<Option<Capture>, Failure> {
    let request = GetCaptureRequest {
        capture_id: capture_id.to_owned(),
    };
    let answer = caller
        .call(request, async |mut client, request| {
            client.get_capture(request).await
        })
        .await;
    match answer {
        Ok(response) => match response.capture {
            Some(begun)
                if analyze_on_seal.is_some() && analyze_on_seal != begun.analyze_on_seal =>
            {
                let id = escape(&begun.capture_id);
                Err(Failure::Service(format!(
                    "capture {id} was begun with another --analyze, or with none: \
                     leave it out; `weir analyses start {id}` analyzes a sealed capture"
                )))
            }
            capture => Ok(capture),
        },
        Err(status) if status.code() == Code::NotFound => Ok(None),
        Err(status) => Err(Failure::from_status(&status)),
    }
}

/// An earlier upload's split when there is one: other chunks would conflict.
async fn split(
    caller: &Caller,
    source: &SourceFile,
    known: Option<&Capture>,
) -> Result<Split, Failure> {
    let size_bytes = source.size_bytes();
    let declared = known
        .and_then(|capture| capture.chunk_bytes)
        .and_then(NonZeroU32::new);
    let split = match (declared, known) {
        (Some(chunk_bytes), _) => Split::with_chunks_of(size_bytes, chunk_bytes),
        (None, Some(capture))
            if capture.chunks_durable > 0 && capture.state() != CaptureState::Sealed =>
        {
            return Err(Failure::Service(format!(
                "capture {} was begun in chunks of other sizes: delete it first or choose another --id",
                escape(&capture.capture_id)
            )));
        }
        _ => {
            let server = caller
                .call(GetServerInfoRequest {}, async |mut client, request| {
                    client.get_server_info(request).await
                })
                .await
                .map_err(|status| Failure::from_status(&status))?;
            Split::new(size_bytes, &server)
        }
    };
    split.map_err(|error| Failure::Service(format!("the capture is {error}")))
}

#[cfg(test)]
mod tests;
