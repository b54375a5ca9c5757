//! The HTTP client below `object_store`: it keeps why a server refused, which
//! `object_store` would only give as text.

use std::fmt;

use ::http::StatusCode;
use async_trait::async_trait;
use futures::StreamExt as _;
use object_store::{
    ClientOptions,
    client::{
        HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse,
        HttpService, ReqwestConnector,
    },
};

/// What is read of a refusal, bytes: S3's are below 2 KiB.
const BODY_BYTES_MAX: usize = 16 << 10;

/// What is kept of each of its texts, characters.
const TEXT_CHARS_MAX: usize = 300;

/// On every signed request to the store, and on none for credentials.
const OF_STORE: &str = "x-amz-content-sha256";

/// Makes clients whose refusals are [`Refused`].
#[derive(Debug)]
pub(super) struct Connector {
    /// Requests are not signed: then none is for credentials.
    pub(super) unsigned: bool,
}

impl HttpConnector for Connector {
    fn connect(&self, options: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(HttpClient::new(Client {
            inner: ReqwestConnector::default().connect(options)?,
            unsigned: self.unsigned,
        }))
    }
}

#[derive(Debug)]
struct Client {
    inner: HttpClient,
    unsigned: bool,
}

#[async_trait]
impl HttpService for Client {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let of_store = self.unsigned || request.headers().contains_key(OF_STORE);
        let response = self.inner.execute(request).await?;
        if !of_store || response.status().is_success() {
            return Ok(response);
        }
        let refused = Refused::read(response).await;
        Err(HttpError::new(HttpErrorKind::Unknown, refused))
    }
}

/// An answer that is not a success.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refused {
    pub(super) status: StatusCode,
    /// S3's own code for it; empty when it sent none, as for HEAD.
    pub(super) code: String,
    message: String,
}

impl Refused {
    async fn read(response: HttpResponse) -> Self {
        let status = response.status();
        let mut body = Vec::new();
        let mut stream = response.into_body().bytes_stream();
        // A body that is cut says less, but the status stands.
        while let Some(Ok(bytes)) = stream.next().await {
            let room = BODY_BYTES_MAX - body.len();
            body.extend_from_slice(&bytes[..bytes.len().min(room)]);
            if body.len() == BODY_BYTES_MAX {
                break;
            }
        }
        Self::parse(status, &String::from_utf8_lossy(&body))
    }

    /// Only these two elements are kept: others echo what was signed.
    fn parse(status: StatusCode, body: &str) -> Self {
        Self {
            status,
            code: element(body, "Code"),
            message: element(body, "Message"),
        }
    }
}

fn element(xml: &str, name: &str) -> String {
    let begin = format!("<{name}>");
    let inner = xml.split_once(&begin).map(|(_, rest)| rest);
    let inner = inner.and_then(|rest| rest.split_once('<'));
    let text = inner.map_or("", |(text, _)| text);
    let shown = text.chars().filter(|c| !c.is_control());
    shown.take(TEXT_CHARS_MAX).collect()
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the server answered {}", self.status)?;
        if !self.code.is_empty() {
            write!(f, ", {}: {}", self.code, self.message)?;
        }
        Ok(())
    }
}

impl std::error::Error for Refused {}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(body: &str, expected: &str) {
        let refused = Refused::parse(StatusCode::FORBIDDEN, body);
        assert_eq!(refused.to_string(), expected);
    }

    #[test]
    fn code_and_message_are_kept_and_nothing_else() {
        check(
            "<?xml version='1.0'?><Error><Code>SignatureDoesNotMatch</Code><Message>The signature \
             differs</Message><StringToSign>AWS4-HMAC</StringToSign></Error>",
            "the server answered 403 Forbidden, SignatureDoesNotMatch: The signature differs",
        );
        check("", "the server answered 403 Forbidden");
        check("<html>no</html>", "the server answered 403 Forbidden");
        check("<Code>Cut", "the server answered 403 Forbidden");
        check(
            "<Code>A\u{1b}[2J</Code>",
            "the server answered 403 Forbidden, A[2J: ",
        );
        let long = format!("<Code>{}</Code>", "ü".repeat(1000));
        let refused = Refused::parse(StatusCode::FORBIDDEN, &long);
        assert_eq!(refused.code.chars().count(), TEXT_CHARS_MAX);
    }
}
