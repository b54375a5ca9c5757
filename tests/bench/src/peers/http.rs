//! One HTTP/1.1 connection, one request after the other.

use std::net::SocketAddr;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::{
    body::Incoming,
    client::conn::http1::{self, SendRequest},
};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio_util::task::TaskTracker;

use super::Stored;

pub(super) struct Http {
    sender: SendRequest<Full<Bytes>>,
    host: String,
}

impl Http {
    pub(super) async fn connect(address: SocketAddr) -> Self {
        let socket = TcpStream::connect(address).await.unwrap();
        socket.set_nodelay(true).unwrap();
        let (sender, connection) = http1::handshake(TokioIo::new(socket)).await.unwrap();
        TaskTracker::new().spawn(connection);
        Self {
            sender,
            host: address.to_string(),
        }
    }

    /// The answer, when it has this status.
    ///
    /// # Panics
    /// On another status, with what the server says.
    pub(super) async fn ask(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Bytes,
        status: u16,
    ) -> Response<Incoming> {
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", &self.host);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.sender.ready().await.unwrap();
        let request = request.body(Full::new(body)).unwrap();
        let answer = self.sender.send_request(request).await.unwrap();
        if answer.status() != status {
            let (head, body) = answer.into_parts();
            let said = body.collect().await.unwrap().to_bytes();
            let said = String::from_utf8_lossy(&said).into_owned();
            panic!("{method} {path}: {head:?} {said}");
        }
        answer
    }

    /// Asks and reads the answer to its end.
    pub(super) async fn settle(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Bytes,
        status: u16,
    ) {
        let answer = self.ask(method, path, headers, body, status).await;
        stored(answer.into_body()).await;
    }

    /// Whether a PUT without a body succeeds.
    pub(super) async fn try_put(&mut self, path: &str) -> bool {
        let request = Request::put(path).header("host", &self.host);
        let request = request.body(Full::default()).unwrap();
        let answer = self.sender.send_request(request).await;
        answer.is_ok_and(|answer| answer.status().is_success())
    }

    pub(super) async fn get(&mut self, path: &str, headers: &[(&str, &str)]) -> Stored {
        let answer = self.ask("GET", path, headers, Bytes::new(), 200).await;
        stored(answer.into_body()).await
    }
}

async fn stored(mut body: Incoming) -> Stored {
    let mut stored = Stored::default();
    while let Some(frame) = body.frame().await {
        if let Ok(data) = frame.unwrap().into_data() {
            stored.add(&data);
        }
    }
    stored
}
