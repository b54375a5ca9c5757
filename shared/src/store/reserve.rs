//! Room of a file system that is left for others.

use std::path::Path;

use nix::sys::statvfs::statvfs;

/// What of a file system may not be used up: so many bytes, or a share of a small one.
///
/// It is a limit between those who keep to it: other programs may take the rest, and several
/// writers at once may each take their last piece of it.
#[derive(Clone, Copy, Debug)]
pub struct Reserve {
    pub bytes_max: u64,
    /// One of so many parts of the file system.
    pub part: u64,
}

impl Reserve {
    /// Whether there is more room than this where the path is. `reusable`: bytes that the
    /// writer has there already, and would use first. What can't be found out is room: the
    /// write will say what is wrong.
    ///
    /// # Errors
    /// [`NoRoom`]
    pub fn check(self, path: &Path, reusable: u64) -> Result<(), NoRoom> {
        let Ok(found) = statvfs(path) else {
            return Ok(());
        };
        // What root alone may use is not counted. Their types differ between systems.
        #[allow(clippy::useless_conversion, reason = "see above")]
        let bytes = |blocks| u64::from(blocks).saturating_mul(found.fragment_size().into());
        let (whole, free) = (bytes(found.blocks()), bytes(found.blocks_available()));
        let reserve = self.bytes_max.min(whole / self.part.max(1));
        let free = free.saturating_add(reusable);
        match free < reserve {
            true => Err(NoRoom { free, reserve }),
            false => Ok(()),
        }
    }
}

/// What is left is not for this writer.
#[derive(Debug, thiserror::Error)]
#[error("{free} bytes are free, and the last {reserve} are left for others")]
pub struct NoRoom {
    free: u64,
    reserve: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(bytes_max: u64, part: u64, reusable: u64, has_room: bool) {
        let directory = tempfile::tempdir().unwrap();
        let checked = Reserve { bytes_max, part }.check(directory.path(), reusable);
        assert_eq!(checked.is_ok(), has_room, "{bytes_max} {part} {reusable}");
    }

    #[test]
    fn a_reserve_is_so_many_bytes_or_a_share() {
        check(0, 1, 0, true);
        check(1, 1, 0, true);
        // All of a file system that has something in it.
        check(u64::MAX, 1, 0, false);
        check(u64::MAX, 1, u64::MAX, true);
        check(u64::MAX, u64::MAX, 0, true);
    }

    #[test]
    fn a_path_that_is_not_there_is_for_the_write_to_tell() {
        let all = Reserve {
            bytes_max: u64::MAX,
            part: 1,
        };
        assert!(all.check(Path::new("/no such place"), 0).is_ok());
    }
}
