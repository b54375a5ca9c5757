//! Keys of objects.

use std::{fmt, str::FromStr};

/// Longest key, bytes: below the name limit of every file system and store.
const KEY_BYTES_MAX: usize = 255;

/// Key of an object below the store's root: parts of `[A-Za-z0-9._-]` joined
/// by `/`, none of them empty, `.` or `..`. It never names anything outside.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectKey(String);

/// Not a key below the store's root.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "not an object key: parts of [A-Za-z0-9._-] joined by `/`, at most 255 bytes, no `.` or `..`"
)]
pub struct InvalidKey;

impl TryFrom<String> for ObjectKey {
    type Error = InvalidKey;

    fn try_from(text: String) -> Result<Self, InvalidKey> {
        let part_is_plain = |part: &str| {
            !matches!(part, "" | "." | "..")
                && part
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'))
        };
        if text.len() > KEY_BYTES_MAX || !text.split('/').all(part_is_plain) {
            return Err(InvalidKey);
        }
        Ok(Self(text))
    }
}

impl FromStr for ObjectKey {
    type Err = InvalidKey;

    fn from_str(text: &str) -> Result<Self, InvalidKey> {
        text.to_owned().try_into()
    }
}

impl AsRef<str> for ObjectKey {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ObjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, is_key: bool) {
        assert_eq!(text.parse::<ObjectKey>().is_ok(), is_key, "{text:?}");
    }

    #[test]
    fn keys_stay_below_the_root() {
        check("seg/0192", true);
        check("a.b-c_D/..x", true);
        check("", false);
        check("/etc/passwd", false);
        check("seg//x", false);
        check("seg/", false);
        check("../x", false);
        check("seg/../../x", false);
        check("seg/.", false);
        check("seg\\x", false);
        check("seg/%2e%2e", false);
        check("sög", false);
        check("a\0b", false);
        check(&"a".repeat(255), true);
        check(&"a".repeat(256), false);
    }
}
