//! Which broker a URL names.

use std::str::FromStr as _;

use lapin::uri::AMQPUri;
use url::Url;

/// Asked of the broker: a connection on which nothing comes for two of these is lost.
const HEARTBEAT_SECONDS: u16 = 10;

/// Why a URL names no broker. Nothing of the URL is told but a name that is a
/// parameter's: any part of a wrong one may be a part of the password.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum UrlError {
    #[error("not a URL: {0}. Special characters of a password are written as %XX")]
    Url(url::ParseError),
    #[error("not supported: use amqp://USER:PASSWORD@HOST:PORT/VHOST, or amqps for TLS")]
    Scheme,
    #[error("it names no host")]
    Host,
    #[error("unknown parameter {0:?}")]
    Parameter(String),
    #[error("what comes after ? is no part of it: write %3F where it is meant")]
    Query,
    #[error("what comes after # is no part of it: write %23 where it is meant")]
    Fragment,
    #[error("a virtual host is one name without / and @, which are written as %2F and %40")]
    VirtualHost,
    #[error("its escapes make no text")]
    Encoding,
}

/// As RabbitMQ reads it: without a path it is the virtual host "/", without a
/// user guest.
pub(super) fn parse(text: &str) -> Result<AMQPUri, UrlError> {
    let url = Url::parse(text).map_err(UrlError::Url)?;
    if !matches!(url.scheme(), "amqp" | "amqps") {
        return Err(UrlError::Scheme);
    }
    let host = url.host_str().unwrap_or_default();
    if host.is_empty() {
        return Err(UrlError::Host);
    }
    if url.fragment().is_some() {
        return Err(UrlError::Fragment);
    }
    if url.query().is_some() {
        return Err(parameter(&url));
    }
    let path = url.path();
    let name = path.strip_prefix('/').unwrap_or(path);
    if name.contains(['/', '@']) {
        return Err(UrlError::VirtualHost);
    }
    let mut uri = AMQPUri::from_str(text).map_err(|_| UrlError::Encoding)?;
    // It takes an IPv6 address for no host at all, and localhost then.
    let host = host.trim_start_matches('[').trim_end_matches(']');
    uri.authority.host = host.to_owned();
    uri.query.heartbeat = Some(HEARTBEAT_SECONDS);
    Ok(uri)
}

/// Perhaps it was a ? in a password.
fn parameter(url: &Url) -> UrlError {
    let is_name = |name: &str| name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
    match url.query_pairs().next() {
        Some((name, value)) if is_name(&name) && !value.is_empty() => {
            UrlError::Parameter(name.into_owned())
        }
        _ => UrlError::Query,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, host: &str, port: u16, user: &str, vhost: &str) {
        let uri = parse(text).unwrap();
        let authority = &uri.authority;
        let read = (&*authority.host, authority.port, &*uri.vhost);
        assert_eq!(read, (host, port, vhost), "{text}");
        let info = &authority.userinfo;
        let read = format!("{} {}", info.username, info.password);
        assert_eq!(read, user, "{text}");
    }

    #[test]
    fn a_broker_is_named_as_rabbitmq_names_it() {
        let guest = "guest guest";
        check("amqp://mq.example", "mq.example", 5672, guest, "/");
        check("amqp://mq.example/", "mq.example", 5672, guest, "");
        check("amqps://mq.example/%2F", "mq.example", 5671, guest, "/");
        let escaped = "amqp://a:b%2F%40@10.0.0.1:7/x%2Fy";
        check(escaped, "10.0.0.1", 7, "a b/@", "x/y");
        check("amqps://[2001:db8::1]:7/w", "2001:db8::1", 7, guest, "w");
        let uri = parse("amqp://h").unwrap();
        assert_eq!(uri.query.heartbeat, Some(HEARTBEAT_SECONDS));
    }

    #[test]
    fn what_names_no_broker_says_why_and_tells_no_password() {
        let parameter = UrlError::Parameter("frame_max".to_owned());
        let relative = url::ParseError::RelativeUrlWithoutBase;
        let port = url::ParseError::InvalidPort;
        for (text, wanted) in [
            ("http://w:secret@h", UrlError::Scheme),
            ("amqp:w:secret", UrlError::Host),
            ("amqp:///secret", UrlError::Host),
            ("amqp://w:1#secret@h", UrlError::Fragment),
            ("amqp://w:1?secret@h", UrlError::Query),
            ("amqp://w:1?secret", UrlError::Query),
            ("amqp://w:secret@h/v?frame_max=secret", parameter),
            ("amqp://w:1/secret@h/v", UrlError::VirtualHost),
            ("amqp://w:secret@h/a/b", UrlError::VirtualHost),
            ("amqp://w:secret%FF@h", UrlError::Encoding),
            ("secret", UrlError::Url(relative)),
            ("amqp://w:secret@h:x", UrlError::Url(port)),
        ] {
            let refused = parse(text).unwrap_err();
            assert_eq!(refused, wanted, "{text}");
            assert!(!refused.to_string().contains("secret"), "{refused}");
        }
    }
}
