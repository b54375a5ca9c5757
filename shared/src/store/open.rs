//! Which store a URL names.

use std::{path::Path, sync::Arc};

use url::Url;

use super::{DirectoryStore, InvalidKey, S3Store, SegmentStore};

/// Why a store URL, or what the environment says of it, can't be used.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("not a URL")]
    Url(#[source] url::ParseError),
    #[error("scheme `{0}` is not supported: use file:///DIRECTORY or s3://BUCKET/PREFIX")]
    Scheme(String),
    #[error("not an absolute path of a directory on this machine")]
    Path,
    #[error("cannot create the directory")]
    Create(#[source] std::io::Error),
    #[error("cannot open the directory")]
    Open(#[source] object_store::Error),
    #[error("no bucket's name: 3 to 63 of [A-Za-z0-9._-], a letter or digit first")]
    Bucket,
    #[error("the prefix can't be used")]
    Prefix(#[source] InvalidKey),
    #[error(
        "an s3 URL has a bucket and a prefix, nothing else: credentials come from the environment"
    )]
    Foreign,
    #[error("no region: set AWS_REGION, or AWS_ENDPOINT_URL for a server that is not AWS")]
    Region,
    #[error("{0} is no http:// or https:// URL of a server")]
    Endpoint(&'static str),
    #[error("{0} is http://, and AWS_ALLOW_HTTP does not allow it")]
    PlainHttp(&'static str),
    #[error("the AWS_ variables can't be used")]
    Environment(#[source] object_store::Error),
}

impl OpenError {
    /// Whether the same URL may well open later, with nothing changed but the
    /// machine's state.
    #[must_use]
    pub fn may_pass(&self) -> bool {
        match self {
            Self::Create(error) => may_pass(error),
            Self::Url(_)
            | Self::Scheme(_)
            | Self::Path
            | Self::Open(_)
            | Self::Bucket
            | Self::Prefix(_)
            | Self::Foreign
            | Self::Region
            | Self::Endpoint(_)
            | Self::PlainHttp(_)
            | Self::Environment(_) => false,
        }
    }
}

/// Whether what the file system refused is a matter of its state, not of the
/// path or its owner: it is full, mounted read-only, fails, or is away.
#[must_use]
pub fn may_pass(error: &std::io::Error) -> bool {
    use std::io::ErrorKind;
    /// The device failed; Rust has no kind for it. The same on every Unix.
    const EIO: i32 = 5;
    error.raw_os_error() == Some(EIO)
        || matches!(
            error.kind(),
            ErrorKind::StorageFull
                | ErrorKind::QuotaExceeded
                | ErrorKind::ReadOnlyFilesystem
                | ErrorKind::StaleNetworkFileHandle
                | ErrorKind::HostUnreachable
                | ErrorKind::NetworkUnreachable
                | ErrorKind::TimedOut
                | ErrorKind::ResourceBusy
                | ErrorKind::Interrupted
        )
}

/// Opens the store that a URL names: `file:///DIRECTORY`, which is created when
/// it is not there, or `s3://BUCKET/PREFIX` with what the `AWS_` variables of
/// the environment say. Nothing is asked of a server yet.
///
/// # Errors
/// [`OpenError`] says which part is wrong.
pub fn open(url: &str) -> Result<Arc<dyn SegmentStore>, OpenError> {
    // What is not UTF-8 is no variable of ours.
    let environment = std::env::vars_os().filter_map(|(name, value)| {
        let name = name.into_string().ok()?;
        Some((name, value.into_string().ok()?))
    });
    open_with(url, environment)
}

/// [`open`] with an environment of the caller's choice.
///
/// # Errors
/// [`OpenError`] says which part is wrong.
pub fn open_with(
    url: &str,
    environment: impl IntoIterator<Item = (String, String)>,
) -> Result<Arc<dyn SegmentStore>, OpenError> {
    let url = Url::parse(url).map_err(OpenError::Url)?;
    match url.scheme() {
        "file" => {
            let directory = url.to_file_path().map_err(|()| OpenError::Path)?;
            Ok(Arc::new(DirectoryStore::open(&directory)?))
        }
        "s3" => Ok(Arc::new(S3Store::open(&url, environment)?)),
        other => Err(OpenError::Scheme(other.to_owned())),
    }
}

/// The URL as logs and errors may show it, also one that can't be used.
#[must_use]
pub fn without_secrets(url: &str) -> String {
    if url.starts_with("file:") {
        return url.to_owned();
    }
    if url.contains('@') {
        return "a URL with credentials".to_owned();
    }
    let shown = url.split(['?', '#']).next();
    shown.unwrap_or_default().to_owned()
}

/// The `file://` URL of a directory, made absolute.
///
/// # Errors
/// When the working directory is gone or a URL can't say the path.
pub fn directory_url(directory: &Path) -> Result<String, OpenError> {
    let absolute = std::path::absolute(directory).map_err(OpenError::Create)?;
    let url = Url::from_directory_path(absolute).map_err(|()| OpenError::Path)?;
    Ok(url.into())
}

#[cfg(test)]
mod tests {
    use std::error::Error as _;

    use super::*;

    const REGION: &[(&str, &str)] = &[("AWS_REGION", "eu-central-1")];
    const MINIO: &[(&str, &str)] = &[
        ("AWS_ENDPOINT_URL", "http://localhost:9000"),
        ("AWS_ACCESS_KEY_ID", "weir"),
        ("AWS_SECRET_ACCESS_KEY", "secret"),
    ];

    /// The error's text, of all its sources; empty when it opens.
    #[track_caller]
    fn check(url: &str, environment: &[&[(&str, &str)]], expected: &str) {
        let variables = environment.concat();
        let variables = variables
            .iter()
            .map(|(n, v)| (n.to_string(), v.to_string()));
        let mut text = String::new();
        if let Err(error) = open_with(url, variables) {
            text = error.to_string();
            let mut source = error.source();
            while let Some(cause) = source {
                text = format!("{text}: {cause}");
                source = cause.source();
            }
        }
        assert_eq!(text, expected, "{url} {environment:?}");
    }

    #[test]
    fn what_can_not_be_used_is_said() {
        check("weir-data", &[], "not a URL: relative URL without a base");
        check(
            "gs://bucket",
            &[],
            "scheme `gs` is not supported: use file:///DIRECTORY or s3://BUCKET/PREFIX",
        );
        check(
            "file://host/x",
            &[],
            "not an absolute path of a directory on this machine",
        );
    }

    #[test]
    fn an_s3_url_is_a_bucket_and_a_prefix() {
        for good in ["s3://bucket", "s3://bucket/", "s3://b.u-c_k.3t/a/b-c.d/"] {
            check(good, &[REGION], "");
        }
        let bucket = "no bucket's name: 3 to 63 of [A-Za-z0-9._-], a letter or digit first";
        for bad in ["s3:", "s3://", "s3:///prefix", "s3://bu", "s3://-bucket"] {
            check(bad, &[REGION], bucket);
        }
        check(&format!("s3://{}", "b".repeat(64)), &[REGION], bucket);
        for bad in ["s3://bucket/a//b", "s3://bucket/a%20b", "s3://bucket/ä"] {
            check(
                bad,
                &[REGION],
                "the prefix can't be used: not an object key: parts of [A-Za-z0-9._-] joined by \
                 `/`, at most 255 bytes, no `.` or `..`",
            );
        }
        for bad in [
            "s3://key:secret@bucket/p",
            "s3://key@bucket",
            "s3://bucket:9000",
            "s3://bucket/p?region=x",
            "s3://bucket/p#x",
        ] {
            check(
                bad,
                &[REGION],
                "an s3 URL has a bucket and a prefix, nothing else: credentials come from the environment",
            );
        }
    }

    #[test]
    fn the_environment_is_checked_before_anything_starts() {
        let check = |environment: &[&[(&str, &str)]], expected: &str| {
            check("s3://bucket/prefix", environment, expected);
        };
        let region = "no region: set AWS_REGION, or AWS_ENDPOINT_URL for a server that is not AWS";
        check(&[], region);
        check(&[&[("AWS_REGION", "")]], region);
        check(&[&[("AWS_DEFAULT_REGION", "eu-central-1")]], "");
        check(&[MINIO], "");
        check(&[MINIO, &[("AWS_ALLOW_HTTP", "true")]], "");
        check(
            &[MINIO, &[("AWS_ALLOW_HTTP", "false")]],
            "AWS_ENDPOINT_URL is http://, and AWS_ALLOW_HTTP does not allow it",
        );
        let s3_endpoint = ("AWS_ENDPOINT_URL_S3", "https://s3.example.com");
        check(&[MINIO, &[s3_endpoint, ("AWS_ALLOW_HTTP", "false")]], "");
        for bad in [
            "localhost:9000",
            "http://",
            "ftp://x",
            "http://k:s@x",
            "http://x?a=b",
        ] {
            check(
                &[&[("AWS_ENDPOINT_URL", bad)]],
                "AWS_ENDPOINT_URL is no http:// or https:// URL of a server",
            );
        }
        check(
            &[REGION, &[("AWS_ACCESS_KEY_ID", "weir")]],
            "the AWS_ variables can't be used: Generic S3 error: Missing SecretAccessKey: \
             Missing SecretAccessKey",
        );
    }

    #[test]
    fn secrets_are_not_shown() {
        for (url, shown) in [
            ("s3://bucket/prefix", "s3://bucket/prefix"),
            ("file:///a@b?c", "file:///a@b?c"),
            ("s3://key:secret@bucket/prefix", "a URL with credentials"),
            ("key:secret@bucket", "a URL with credentials"),
            ("s3://bucket/prefix?key=secret", "s3://bucket/prefix"),
            ("weir-data", "weir-data"),
        ] {
            assert_eq!(without_secrets(url), shown);
        }
    }
}
