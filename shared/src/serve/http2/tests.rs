use std::{
    net::{Ipv4Addr, SocketAddr},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use h2::{SendStream, client::SendRequest};
use http::HeaderMap;
use http_body::Frame;
use http_body_util::StreamBody;
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, DuplexStream, ReadBuf},
    time::sleep,
};
use tonic::transport::server::{Connected, TcpConnectInfo};

use super::*;

/// A connection within the process.
struct Pipe(DuplexStream);

impl Connected for Pipe {
    type ConnectInfo = TcpConnectInfo;

    fn connect_info(&self) -> TcpConnectInfo {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 1));
        TcpConnectInfo {
            local_addr: Some(address),
            remote_addr: Some(address),
        }
    }
}

impl AsyncRead for Pipe {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(context, buffer)
    }
}

impl AsyncWrite for Pipe {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context)
    }
}

async fn unanswered(request: Request<Body>) -> Result<Response<Body>, Infallible> {
    let _held = request;
    std::future::pending().await
}

/// The client's end of a connection whose calls nobody reads or answers.
fn connect(shutdown: &CancellationToken) -> DuplexStream {
    let (client, server) = tokio::io::duplex(1 << 20);
    let unread = tower::service_fn(unanswered);
    let incoming = futures::stream::iter([Ok(Pipe(server))]).chain(futures::stream::pending());
    let shutdown = shutdown.clone();
    TaskTracker::new().spawn(async move {
        serve(&ServeConfig::default(), incoming, unread, &shutdown).await;
    });
    client
}

async fn client(connection: DuplexStream) -> SendRequest<Bytes> {
    let mut settings = h2::client::Builder::new();
    settings.max_send_buffer_size(32 << 20);
    let (requests, connection) = settings.handshake(connection).await.unwrap();
    TaskTracker::new().spawn(async move { connection.await.ok() });
    requests
}

async fn begin(requests: &mut SendRequest<Bytes>) -> SendStream<Bytes> {
    let request = Request::post("http://weir.test/a").body(()).unwrap();
    let (answer, mut stream) = requests.send_request(request, false).unwrap();
    TaskTracker::new().spawn(async move { answer.await.ok() });
    stream.reserve_capacity(32 << 20);
    stream
}

/// What each of so many calls of one connection may send when nobody reads it.
async fn check(calls: usize, window: usize) {
    let mut requests = client(connect(&CancellationToken::new())).await;
    let mut streams = Vec::new();
    for _ in 0..calls {
        requests = requests.ready().await.unwrap();
        streams.push(begin(&mut requests).await);
    }
    sleep(Duration::from_millis(50)).await;
    let at_first = streams[0].capacity();
    assert_eq!(at_first, 65_535, "{calls} calls, at first");
    sleep(Duration::from_secs(1)).await;
    for stream in &streams {
        assert_eq!(stream.capacity(), window, "{calls} calls");
    }
}

#[tokio::test(start_paused = true)]
async fn the_calls_of_a_connection_share_its_window() {
    check(1, 3 << 20).await;
    check(3, 2 << 20).await;
    check(16, 512 << 10).await;
    check(100, 65_535).await;
}

#[tokio::test(start_paused = true)]
async fn wide_windows_are_taken_back_when_calls_join() {
    let mut requests = client(connect(&CancellationToken::new())).await;
    let first = begin(&mut requests).await;
    sleep(Duration::from_secs(1)).await;
    assert_eq!(first.capacity(), 3 << 20);
    let mut others = Vec::new();
    for _ in 0..15 {
        others.push(begin(&mut requests).await);
    }
    sleep(Duration::from_secs(1)).await;
    assert_eq!(first.capacity(), 512 << 10);
    for other in &mut others {
        other.send_reset(h2::Reason::CANCEL);
    }
    sleep(Duration::from_secs(1)).await;
    assert_eq!(first.capacity(), 3 << 20);
}

#[tokio::test(start_paused = true)]
async fn who_says_nothing_is_let_go() {
    let shutdown = CancellationToken::new();
    let mut silent = connect(&shutdown);
    let mut bytes = Vec::new();
    let reading = tokio::time::timeout(Duration::from_secs(25), silent.read_to_end(&mut bytes));
    reading.await.expect("the connection is closed").unwrap();
}

#[tokio::test(start_paused = true)]
async fn who_does_not_answer_a_ping_is_let_go() {
    let shutdown = CancellationToken::new();
    let mut silent = connect(&shutdown);
    // It speaks HTTP/2, and then no more (RFC 9113, 3.4 and 6.5).
    let begun = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
    tokio::io::AsyncWriteExt::write_all(&mut silent, begun)
        .await
        .unwrap();
    let mut bytes = Vec::new();
    let reading = tokio::time::timeout(Duration::from_secs(25), silent.read_to_end(&mut bytes));
    reading.await.expect("the connection is closed").unwrap();
}

#[tokio::test(start_paused = true)]
async fn the_end_of_an_answer_needs_no_window() {
    let (client_end, server) = tokio::io::duplex(1 << 20);
    let answers = tower::service_fn(|request: Request<Body>| async move {
        let long = futures::stream::iter([Ok::<_, Infallible>(Frame::data(Bytes::from(vec![
                0;
                1 << 20
            ])))]);
        let short = futures::stream::iter([Ok::<_, Infallible>(Frame::<Bytes>::trailers(
            HeaderMap::new(),
        ))]);
        let body = match request.uri().path() {
            "/long" => Body::new(StreamBody::new(long)),
            _ => Body::new(StreamBody::new(short)),
        };
        Ok::<_, Infallible>(Response::new(body))
    });
    let incoming = futures::stream::iter([Ok(Pipe(server))]).chain(futures::stream::pending());
    let (config, shutdown) = (ServeConfig::default(), CancellationToken::new());
    let serving = serve(&config, incoming, answers, &shutdown);
    let calls = async {
        let mut requests = client(client_end).await;
        let mut call = async |path: &str| {
            let request = Request::post(format!("http://weir.test{path}"));
            let (answer, _sent) = requests
                .send_request(request.body(()).unwrap(), true)
                .unwrap();
            answer.await.unwrap().into_body()
        };
        // Nobody reads it: it takes all of the connection's window.
        let _unread = call("/long").await;
        sleep(Duration::from_secs(1)).await;
        let mut ended = call("/short").await;
        let trailers = tokio::time::timeout(Duration::from_secs(1), ended.trailers());
        assert!(
            trailers
                .await
                .expect("the end of the answer")
                .unwrap()
                .is_some()
        );
    };
    tokio::select! {
        () = serving => panic!("it serves on"),
        () = calls => {}
    }
}

#[tokio::test(start_paused = true)]
async fn the_socket_is_closed_while_calls_end() {
    let (client_end, server) = tokio::io::duplex(1 << 20);
    let socket = Arc::new(());
    let is_open = Arc::downgrade(&socket);
    let incoming = futures::stream::iter([Ok(Pipe(server))])
        .chain(futures::stream::pending())
        .inspect(move |_| drop(Arc::clone(&socket)));
    let shutdown = CancellationToken::new();
    let config = ServeConfig::default();
    let serving = serve(&config, incoming, tower::service_fn(unanswered), &shutdown);
    let calls = async {
        let mut requests = client(client_end).await;
        let _open = begin(&mut requests).await;
        sleep(Duration::from_secs(1)).await;
        assert!(is_open.upgrade().is_some());
        shutdown.cancel();
        sleep(Duration::from_secs(1)).await;
        assert!(is_open.upgrade().is_none());
    };
    tokio::select! {
        () = serving => panic!("a call is open"),
        () = calls => {}
    }
}
