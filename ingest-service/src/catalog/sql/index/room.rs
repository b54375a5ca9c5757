//! What the index leaves of its file system: all of it can be made again, so it gives way to
//! what can't.

use std::path::{Path, PathBuf};

use tokio::sync::{Mutex, MutexGuard};
use weir_shared::store::{DIRECTORY_RESERVE, NoRoom, Reserve};

use crate::catalog::{
    CatalogError,
    sql::{
        row,
        session::{Session, sql},
    },
};

/// Left to captures, with what the file has inside. A transaction may itself take some more:
/// two thousand records that go to as many pages of each index are 64 MiB of log.
const RESERVE: Reserve = Reserve {
    bytes_max: 128 << 20,
    part: 3,
};

/// Where the index grows: beside this file, or in a server that minds its room itself.
#[derive(Debug)]
pub(crate) struct Room {
    directory: Option<PathBuf>,
    /// Whoever has seen that there is room writes before the next looks.
    turn: Mutex<()>,
}

impl Room {
    pub(in crate::catalog) fn beside(file: &Path) -> Self {
        Self {
            directory: file.parent().map(Path::to_owned),
            turn: Mutex::default(),
        }
    }

    pub(in crate::catalog) fn of_server() -> Self {
        Self {
            directory: None,
            turn: Mutex::default(),
        }
    }

    /// The turn to write; none is needed where nothing is checked.
    pub(super) async fn turn(&self) -> Option<MutexGuard<'_, ()>> {
        match self.directory {
            Some(_) => Some(self.turn.lock().await),
            None => None,
        }
    }

    /// Whether there is room to write some more.
    ///
    /// # Errors
    /// [`CatalogError::Full`]
    pub(super) async fn check(&self, reusable: u64) -> Result<(), CatalogError> {
        let Some(directory) = self.directory.clone() else {
            return Ok(());
        };
        // Its log grows outside of the file, whatever is free in that.
        let check = move || {
            DIRECTORY_RESERVE.check(&directory, 0)?;
            RESERVE.check(&directory, reusable)
        };
        // A file system may take its time to answer.
        match tokio::task::spawn_blocking(check).await {
            Ok(Err(full)) => Err(CatalogError::Full(Box::<NoRoom>::new(full))),
            _ => Ok(()),
        }
    }
}

/// What the file of the index has free inside, bytes.
pub(super) async fn reusable(db: &mut impl Session, asked: &str) -> Result<u64, CatalogError> {
    let found = sql(asked).optional(db).await?;
    found.map_or(Ok(0), |found| row::required(&found, "bytes"))
}
