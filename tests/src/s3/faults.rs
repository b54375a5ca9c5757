//! How the server fails.

use std::{
    io,
    sync::{Arc, Mutex},
};

use bytes::Bytes;
use http::{Method, Response, StatusCode, header::CONTENT_LENGTH};
use http_body_util::{BodyExt as _, StreamBody};
use hyper::body::Frame;
use s3s::{Body, HttpRequest, HttpResponse, service::S3Service};
use tokio::sync::watch;

use crate::until::within;

/// What befalls a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It is refused with this status and code.
    Refuse(u16, &'static str),
    /// Nothing is ever answered.
    Silence,
    /// It is carried out, and its answer is lost.
    LoseAnswer,
    /// A byte of its body changes on the way.
    AlterBody,
    /// The answer breaks off in the middle of its body.
    CutBody,
    /// The answer is whole, and half as long as its range.
    ShortBody,
}

#[derive(Debug)]
struct Rule {
    method: Method,
    fault: Fault,
    times: usize,
}

/// The faults of a server, and what it has seen.
#[derive(Clone, Debug)]
pub struct Faults {
    rules: Arc<Mutex<Vec<Rule>>>,
    requests: watch::Sender<usize>,
    silent: watch::Sender<usize>,
}

impl Default for Faults {
    fn default() -> Self {
        Self {
            rules: Arc::default(),
            requests: watch::Sender::new(0),
            silent: watch::Sender::new(0),
        }
    }
}

impl Faults {
    /// So many of the next requests of this method meet the fault.
    pub fn add(&self, method: Method, fault: Fault, times: usize) {
        self.rules.lock().unwrap().push(Rule {
            method,
            fault,
            times,
        });
    }

    /// Every request of this method meets the fault.
    pub fn always(&self, method: Method, fault: Fault) {
        self.add(method, fault, usize::MAX);
    }

    pub fn heal(&self) {
        self.rules.lock().unwrap().clear();
    }

    /// Requests so far.
    #[must_use]
    pub fn requests(&self) -> usize {
        *self.requests.borrow()
    }

    /// Returns when so many requests are left without an answer.
    pub async fn until_silent(&self, requests: usize) {
        let mut silent = self.silent.subscribe();
        let seen = silent.wait_for(|now| *now == requests);
        within("requests that nobody answers", seen).await.unwrap();
    }

    fn next(&self, method: &Method) -> Option<Fault> {
        self.requests.send_modify(|seen| *seen += 1);
        let mut rules = self.rules.lock().unwrap();
        let rule = rules
            .iter_mut()
            .find(|r| r.method == *method && r.times > 0)?;
        rule.times -= 1;
        Some(rule.fault)
    }

    pub(super) async fn answer(&self, service: &S3Service, request: HttpRequest) -> HttpResponse {
        let fault = self.next(request.method());
        let pass = async |request| match service.call(request).await {
            Ok(answer) => answer,
            Err(error) => panic!("{error:?}"),
        };
        match fault {
            None => pass(request).await,
            Some(Fault::Refuse(status, code)) => {
                // Read first, as servers do: else the client may see a reset.
                drop(request.into_body().collect().await);
                refusal(status, code)
            }
            Some(Fault::Silence) => {
                let _silent = Silent::of(self);
                std::future::pending().await
            }
            Some(Fault::LoseAnswer) => {
                drop(pass(request).await);
                refusal(500, "InternalError")
            }
            Some(Fault::AlterBody) => pass(altered(request).await).await,
            Some(Fault::CutBody) => half(pass(request).await, true).await,
            Some(Fault::ShortBody) => half(pass(request).await, false).await,
        }
    }
}

/// Counts for as long as its request waits: a connection that is closed drops it.
struct Silent<'a>(&'a Faults);

impl<'a> Silent<'a> {
    fn of(faults: &'a Faults) -> Self {
        faults.silent.send_modify(|now| *now += 1);
        Self(faults)
    }
}

impl Drop for Silent<'_> {
    fn drop(&mut self) {
        self.0.silent.send_modify(|now| *now -= 1);
    }
}

fn refusal(status: u16, code: &str) -> HttpResponse {
    let body = match code {
        "" => String::new(),
        code => format!("<Error><Code>{code}</Code><Message>as told</Message></Error>"),
    };
    let mut answer = Response::new(Body::from(Bytes::from(body)));
    *answer.status_mut() = StatusCode::from_u16(status).unwrap();
    answer
}

async fn altered(request: HttpRequest) -> HttpRequest {
    let (parts, body) = request.into_parts();
    let mut bytes = body.collect().await.unwrap().to_bytes().to_vec();
    bytes[0] ^= 1;
    HttpRequest::from_parts(parts, Body::from(Bytes::from(bytes)))
}

/// The first half of the body; then the connection breaks, or it was all.
async fn half(answer: HttpResponse, breaks: bool) -> HttpResponse {
    let (mut parts, body) = answer.into_parts();
    let bytes = body.collect().await.unwrap().to_bytes();
    let bytes = bytes.slice(..bytes.len() / 2);
    let length = bytes.len();
    let mut frames = vec![Ok(Frame::data(bytes))];
    if breaks {
        let reset = io::Error::from(io::ErrorKind::ConnectionReset);
        frames.push(Err(s3s::StdError::from(reset)));
    } else {
        parts.headers.insert(CONTENT_LENGTH, length.into());
    }
    let frames = StreamBody::new(futures::stream::iter(frames));
    HttpResponse::from_parts(parts, Body::http_body(frames))
}
