use std::convert::Infallible;

use bytes::Bytes;
use http_body_util::{BodyExt as _, StreamBody};
use tower::{ServiceExt as _, service_fn};

use super::*;

type Frames = Pin<Box<dyn futures::Stream<Item = Result<Frame<Bytes>, Infallible>> + Send>>;

/// A body made from a stream, with the empty one as its default.
struct TestBody(StreamBody<Frames>);

impl Default for TestBody {
    fn default() -> Self {
        Self(StreamBody::new(Box::pin(futures::stream::empty())))
    }
}

impl Body for TestBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Pin::new(&mut self.0).poll_frame(context)
    }
}

async fn call(
    timeout: &str,
    headers_after: Duration,
    frames: Frames,
) -> Response<DeadlineBody<TestBody>> {
    let layer = DeadlineLayer {
        call_time_max: Duration::from_secs(3600),
    };
    let mut body = Some(TestBody(StreamBody::new(frames)));
    let service = tower::Layer::layer(
        &layer,
        service_fn(move |_request: Request<()>| {
            let body = body.take().unwrap_or_default();
            async move {
                tokio::time::sleep(headers_after).await;
                Ok::<_, Infallible>(Response::new(body))
            }
        }),
    );
    let request = Request::builder()
        .header(GRPC_TIMEOUT, timeout)
        .body(())
        .unwrap();
    service.oneshot(request).await.unwrap()
}

fn endless() -> Frames {
    Box::pin(futures::stream::repeat_with(|| {
        Ok(Frame::data(Bytes::from_static(b"x")))
    }))
}

fn silent() -> Frames {
    Box::pin(futures::stream::pending())
}

#[track_caller]
fn check_code(headers: &HeaderMap, code: &str) {
    assert_eq!(headers.get("grpc-status").unwrap(), code, "{headers:?}");
}

#[tokio::test(start_paused = true)]
async fn a_call_without_headers_ends_just_before_the_deadline() {
    let begun = Instant::now();
    let response = call("500m", Duration::from_secs(9), silent()).await;
    check_code(response.headers(), "4");
    assert_eq!(begun.elapsed(), Duration::from_millis(495));
}

#[tokio::test(start_paused = true)]
async fn a_silent_body_ends_at_the_deadline_when_its_grace_is_over() {
    let begun = Instant::now();
    let response = call("500m", Duration::ZERO, silent()).await;
    let body = response.into_body().collect().await.unwrap();
    check_code(body.trailers().unwrap(), "4");
    assert_eq!(begun.elapsed(), Duration::from_millis(500) + STOP_GRACE);
}

#[tokio::test(start_paused = true)]
async fn a_body_that_always_has_more_ends_too() {
    let response = call("500m", Duration::ZERO, endless()).await;
    let mut body = response.into_body();
    // Paused time stands still while anything is ready, so it is moved by hand.
    tokio::time::advance(Duration::from_millis(500)).await;
    let (last, ()) = tokio::join!(body.frame(), tokio::time::advance(STOP_GRACE));
    check_code(last.unwrap().unwrap().trailers_ref().unwrap(), "4");
}

#[tokio::test(start_paused = true)]
async fn a_body_that_stops_ends_the_call_at_once() {
    let begun = Instant::now();
    let stops = futures::stream::once(async {
        tokio::time::sleep(Duration::from_millis(503)).await;
        let mut trailers = HeaderMap::new();
        trailers.insert("grpc-status", http::HeaderValue::from_static("0"));
        Ok(Frame::trailers(trailers))
    });
    let response = call("500m", Duration::ZERO, Box::pin(stops)).await;
    let body = response.into_body().collect().await.unwrap();
    check_code(body.trailers().unwrap(), "4");
    assert_eq!(begun.elapsed(), Duration::from_millis(503));
}

#[test]
fn timeouts_are_read_as_the_grpc_specification_says() {
    let check = |text: &'static str, expected: Option<Duration>| {
        let mut headers = HeaderMap::new();
        headers.insert(GRPC_TIMEOUT, http::HeaderValue::from_static(text));
        assert_eq!(requested(&headers).ok().flatten(), expected, "{text:?}");
    };
    check("1H", Some(Duration::from_secs(3600)));
    check("2M", Some(Duration::from_secs(120)));
    check("3S", Some(Duration::from_secs(3)));
    check("4m", Some(Duration::from_millis(4)));
    check("5u", Some(Duration::from_micros(5)));
    check("99999999n", Some(Duration::from_nanos(99_999_999)));
    for wrong in [
        "",
        "1",
        "S",
        "123456789S",
        "-1S",
        "+1S",
        "1.5S",
        "1s",
        " 1S",
    ] {
        check(wrong, None);
    }
}
