//! What a URL and the environment say of a server.

use object_store::{
    ClientConfigKey, RetryConfig,
    aws::{AmazonS3, AmazonS3Builder, AmazonS3ConfigKey as Key, Checksum},
};
use url::Url;

use super::{
    super::{ObjectKey, OpenError},
    http::Connector,
};

/// Requests at once to one server: enough for every core's uploads and
/// analyses, few enough for a small server.
pub(super) const REQUESTS_MAX: usize = 64;

/// A server that does not take a connection within this is away.
const CONNECT_TIME: &str = "5s";
/// Servers close idle connections after 20 s and more: ours go first.
const IDLE_TIME: &str = "15s";
/// Never the first to end a request: attempts are bounded by their length.
const NO_LIMIT: &str = "1day";

/// A server's client, and where our objects are there.
#[derive(Debug)]
pub(super) struct Settings {
    pub(super) client: AmazonS3,
    pub(super) prefix: Option<ObjectKey>,
    /// False when AWS_CONDITIONAL_PUT says that the server knows no If-None-Match.
    pub(super) creates_only: bool,
}

impl Settings {
    pub(super) fn new(
        url: &Url,
        environment: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, OpenError> {
        let (bucket, prefix) = place(url)?;
        let mut builder = AmazonS3Builder::new();
        let mut plain_http = PlainHttp::Unsaid;
        for (name, value) in environment {
            // An empty variable is an unset one, as for other programs.
            if !name.starts_with("AWS_") || value.is_empty() {
                continue;
            }
            if name == "AWS_ALLOW_HTTP" {
                plain_http = PlainHttp::said(&value);
            } else if let Ok(key) = name.to_ascii_lowercase().parse::<Key>() {
                builder = builder.with_config(key, value);
            }
        }
        let builder =
            bounded(certificates(endpoint(builder, plain_http)?)).with_bucket_name(bucket);
        let value = |key| builder.get_config_value(key).unwrap_or_default();
        let creates_only = value(&Key::ConditionalPut) != "disabled";
        let unsigned = is_true(&value(&Key::SkipSignature));
        install_tls();
        let client = builder
            .with_http_connector(Connector { unsigned })
            .build()
            .map_err(OpenError::Environment)?;
        Ok(Self {
            client,
            prefix,
            creates_only,
        })
    }
}

/// What AWS_ALLOW_HTTP says.
#[derive(Clone, Copy, PartialEq, Eq)]
enum PlainHttp {
    Unsaid,
    Allowed,
    Forbidden,
}

impl PlainHttp {
    fn said(value: &str) -> Self {
        if is_true(value) {
            Self::Allowed
        } else {
            Self::Forbidden
        }
    }
}

/// As the other variables of this kind are read.
fn is_true(value: &str) -> bool {
    let value = value.to_ascii_lowercase();
    matches!(value.as_str(), "1" | "true" | "on" | "yes" | "y")
}

/// Bucket and prefix, and nothing else.
fn place(url: &Url) -> Result<(&str, Option<ObjectKey>), OpenError> {
    let bucket = url.host_str().unwrap_or_default();
    let plain = bucket.len() >= 3
        && bucket.len() <= 63
        && bucket.starts_with(|c: char| c.is_ascii_alphanumeric())
        && bucket
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'));
    if !plain {
        return Err(OpenError::Bucket);
    }
    let foreign = !url.username().is_empty()
        || url.password().is_some()
        || url.port().is_some()
        || url.query().is_some()
        || url.fragment().is_some();
    if foreign {
        return Err(OpenError::Foreign);
    }
    let prefix = url.path().trim_start_matches('/');
    let prefix = prefix.strip_suffix('/').unwrap_or(prefix);
    let prefix = match prefix {
        "" => None,
        prefix => Some(prefix.parse().map_err(OpenError::Prefix)?),
    };
    Ok((bucket, prefix))
}

/// An endpoint that is named decides by itself whether it is plain HTTP; without
/// one it is AWS, which needs a region.
fn endpoint(builder: AmazonS3Builder, http: PlainHttp) -> Result<AmazonS3Builder, OpenError> {
    let of_s3 = builder.get_config_value(&Key::S3Endpoint);
    let name = match of_s3 {
        Some(_) => "AWS_ENDPOINT_URL_S3",
        None => "AWS_ENDPOINT_URL",
    };
    let Some(endpoint) = of_s3.or_else(|| builder.get_config_value(&Key::Endpoint)) else {
        return match builder.get_config_value(&Key::Region) {
            Some(_) => Ok(builder),
            None => Err(OpenError::Region),
        };
    };
    let usable = Url::parse(&endpoint).ok().filter(|url| {
        matches!(url.scheme(), "http" | "https")
            && url.has_host()
            && url.username().is_empty()
            && url.password().is_none()
            && url.query().is_none()
    });
    let url = usable.ok_or(OpenError::Endpoint(name))?;
    let plain = url.scheme() == "http";
    if plain && http == PlainHttp::Forbidden {
        return Err(OpenError::PlainHttp(name));
    }
    Ok(builder.with_allow_http(plain))
}

/// A machine without certificates, as small images are, can still speak plain HTTP.
fn certificates(builder: AmazonS3Builder) -> AmazonS3Builder {
    let client = |key| Key::Client(key);
    let plain = builder.get_config_value(&client(ClientConfigKey::AllowHttp));
    let needed = !is_true(&plain.unwrap_or_default());
    if needed || !rustls_native_certs::load_native_certs().certs.is_empty() {
        return builder;
    }
    builder.with_config(client(ClientConfigKey::NoSystemCertificates), "true")
}

/// Time limits, connections, and how bodies are checked.
fn bounded(builder: AmazonS3Builder) -> AmazonS3Builder {
    let unchecked = builder.get_config_value(&Key::Checksum).is_none();
    let builder = match unchecked {
        true => builder.with_checksum_algorithm(Checksum::SHA256),
        false => builder,
    };
    let client = |key| Key::Client(key);
    builder
        // One object at a time, by the request that every server knows.
        .with_disable_bulk_delete(true)
        // Attempts are ours: see `attempts`.
        .with_retry(RetryConfig {
            max_retries: 0,
            ..RetryConfig::default()
        })
        .with_config(client(ClientConfigKey::Timeout), NO_LIMIT)
        .with_config(client(ClientConfigKey::ConnectTimeout), CONNECT_TIME)
        .with_config(client(ClientConfigKey::PoolIdleTimeout), IDLE_TIME)
        .with_config(
            client(ClientConfigKey::PoolMaxIdlePerHost),
            REQUESTS_MAX.to_string(),
        )
}

/// The process' TLS provider, unless it has one already.
fn install_tls() {
    drop(rustls::crypto::ring::default_provider().install_default());
}
