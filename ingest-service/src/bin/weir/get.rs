//! `weir get`: a capture back into a file, checked.

use std::{
    fs::{self, File},
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use sha2::{Digest as _, Sha256};
use tonic::Status;
use weir_shared::proto::ingest::v1::{
    Capture, CaptureState, GetCaptureRequest, ReadCaptureRequest, ReadCaptureResponse,
};

use crate::{
    args,
    caller::{Caller, Patience},
    failure::Failure,
    output::Bar,
    render::text::escape,
};

pub(crate) async fn run(args: &args::Get, caller: &Caller) -> Result<(), Failure> {
    let request = GetCaptureRequest {
        capture_id: args.id.clone(),
    };
    let capture = caller
        .call(request, async |mut client, request| {
            client.get_capture(request).await
        })
        .await
        .map_err(|status| Failure::from_status(&status))?
        .capture
        .unwrap_or_default();
    if capture.state() != CaptureState::Sealed {
        let id = escape(&args.id);
        return Err(Failure::Service(format!(
            "capture {id} is not sealed yet (CAPTURE_NOT_SEALED)"
        )));
    }
    let bar = caller.notes.bar("reading", capture.size_bytes);
    let mut copy = Copy::begin(&args.output)?;
    let mut patience = Patience::new();
    while let Err(status) = fetch(caller, &args.id, &mut copy, &bar, &mut patience).await? {
        let waited = patience.wait(status, &caller.notes).await;
        waited.map_err(|status| Failure::from_status(&status))?;
    }
    copy.check(&capture)?;
    copy.finish()
}

/// Reads on from where the copy ends. The outer error is final.
async fn fetch(
    caller: &Caller,
    id: &str,
    copy: &mut Copy,
    bar: &Bar,
    patience: &mut Patience,
) -> Result<Result<(), Status>, Failure> {
    let request = ReadCaptureRequest {
        capture_id: id.to_owned(),
        offset: copy.size_bytes,
        length: 0,
    };
    let mut pieces = match caller.client().read_capture(caller.request(request)).await {
        Ok(response) => response.into_inner(),
        Err(status) => return Ok(Err(status)),
    };
    loop {
        match pieces.message().await {
            Ok(Some(ReadCaptureResponse { data })) => {
                copy.write(&data)?;
                patience.restore();
                bar.hand().set_position(copy.size_bytes);
            }
            Ok(None) => return Ok(Ok(())),
            Err(status) => return Ok(Err(status)),
        }
    }
}

/// A file in the making. Dropped unfinished it leaves nothing behind, and what
/// was there before stays. Where a pipe or a device is, that is written to.
#[derive(Debug)]
pub(crate) struct Copy {
    /// As it was given.
    target: PathBuf,
    file: File,
    /// None in a pipe or a device.
    naming: Option<Naming>,
    size_bytes: u64,
    crc32c: u32,
    sha256: Sha256,
}

/// How a whole copy gets its name.
#[derive(Debug)]
struct Naming {
    temporary: PathBuf,
    /// Where the links lead to.
    name: PathBuf,
    is_done: bool,
}

impl Copy {
    /// Waits for a reader where the target is a named pipe.
    pub(crate) fn begin(target: &Path) -> Result<Self, Failure> {
        let begun = tokio::task::block_in_place(|| create(target));
        let (file, naming) = begun.map_err(|error| Failure::file("write", target, &error))?;
        Ok(Self {
            target: target.to_owned(),
            file,
            naming,
            size_bytes: 0,
            crc32c: 0,
            sha256: Sha256::new(),
        })
    }

    pub(crate) fn write(&mut self, data: &[u8]) -> Result<(), Failure> {
        let written = tokio::task::block_in_place(|| self.file.write_all(data));
        written.map_err(|error| Failure::file("write", &self.target, &error))?;
        self.size_bytes += data.len() as u64;
        self.crc32c = crc32c::crc32c_append(self.crc32c, data);
        self.sha256.update(data);
        Ok(())
    }

    /// Against what the service says of the whole.
    fn check(&self, capture: &Capture) -> Result<(), Failure> {
        let differs = |what: &str| {
            let id = escape(&capture.capture_id);
            Err(Failure::Service(format!(
                "capture {id}: the bytes read have another {what}"
            )))
        };
        if capture
            .size_bytes
            .is_some_and(|size| size != self.size_bytes)
        {
            return differs("size");
        }
        if capture.crc32c.is_some_and(|crc| crc != self.crc32c) {
            return differs("CRC32C");
        }
        let sha256 = self.sha256.clone().finalize();
        if !capture.sha256.is_empty() && *capture.sha256 != *sha256 {
            return differs("SHA-256");
        }
        Ok(())
    }

    /// Makes it durable and gives it its name.
    pub(crate) fn finish(mut self) -> Result<(), Failure> {
        let Some(naming) = &mut self.naming else {
            return Ok(());
        };
        let done = tokio::task::block_in_place(|| {
            self.file.sync_all()?;
            fs::rename(&naming.temporary, &naming.name)?;
            naming.is_done = true;
            // A rename survives a power loss once its directory is synced.
            match naming.name.parent() {
                Some(parent) if parent != Path::new("") => File::open(parent)?.sync_all(),
                _ => File::open(".")?.sync_all(),
            }
        });
        done.map_err(|error| Failure::file("write", &self.target, &error))
    }
}

fn create(target: &Path) -> io::Result<(File, Option<Naming>)> {
    let before = fs::metadata(target).ok();
    if before.as_ref().is_some_and(fs::Metadata::is_dir) {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    if before.as_ref().is_some_and(|before| !before.is_file()) {
        return Ok((File::options().write(true).open(target)?, None));
    }
    let name = match target.is_symlink() {
        true => fs::canonicalize(target)?,
        false => target.to_owned(),
    };
    let Some(last) = name.file_name() else {
        return Err(io::ErrorKind::IsADirectory.into());
    };
    // Beside the target, because only there a rename is one step.
    let mut hidden = std::ffi::OsString::from(".");
    hidden.push(last);
    hidden.push(format!(".{}.weir", uuid::Uuid::now_v7().simple()));
    let temporary = name.with_file_name(hidden);
    let file = File::create_new(&temporary)?;
    let naming = Naming {
        temporary,
        name,
        is_done: false,
    };
    if let Some(before) = before {
        file.set_permissions(before.permissions())?;
    }
    Ok((file, Some(naming)))
}

impl Drop for Naming {
    fn drop(&mut self) {
        if !self.is_done {
            // Best effort: the command fails for a reason of its own already.
            _ = fs::remove_file(&self.temporary);
        }
    }
}

#[cfg(test)]
mod tests;
