//! One connection: its requests, each within its limits.

use std::convert::Infallible;
use std::panic::AssertUnwindSafe;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::header::{CONNECTION, CONTENT_TYPE};
use axum::http::{HeaderValue, Request, Response, StatusCode};
use futures_util::FutureExt as _;
use hyper::body::{Body as _, Frame, Incoming, SizeHint};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;
use tokio::time::{Instant, timeout};
use tower::ServiceExt as _;
use vpoller_daemon::doors::Doors;

use crate::Limits;
use crate::crowd::{Answering, Progress};
use crate::timed::Timed;

/// What all connections of a server share.
pub(crate) struct Shared {
    pub(crate) limits: Limits,
    pub(crate) router: Router,
    pub(crate) _doors: Option<Doors>,
}

/// Serves a connection until its client leaves, breaks a limit or has to make room, or the server stops.
pub(crate) async fn serve<S>(
    stream: S,
    until: Instant,
    progress: Arc<Progress>,
    shared: Arc<Shared>,
    mut stop: watch::Receiver<bool>,
) where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let limits = shared.limits;
    let io = TokioIo::new(Timed::new(stream, limits, until, Arc::clone(&progress)));
    let asked = Arc::clone(&progress);
    let service = service_fn(move |request| {
        let answering = asked.answer();
        let shared = Arc::clone(&shared);
        async move {
            Ok::<_, Infallible>(answer(&shared, request).await.map(|body| Body::new(Watched { body, _answering: answering })))
        }
    });
    let mut connection = pin!(
        http1::Builder::new()
            .timer(TokioTimer::new())
            // The stream keeps the time: hyper knows one limit for heads and idle connections.
            .header_read_timeout(None)
            .max_buf_size(limits.header_bytes.max(8192))
            .max_headers(limits.headers)
            .title_case_headers(true)
            .serve_connection(io, service)
    );
    tokio::select! {
        // A client that breaks off or a limit needs no word: the client knows, or will not listen.
        _ = &mut connection => {}
        () = progress.make_room.notified() => {}
        _ = stop.changed() => {
            connection.as_mut().graceful_shutdown();
            let _ = connection.await;
        }
    }
}

async fn answer(shared: &Shared, request: Request<Incoming>) -> Response<Body> {
    if !request.body().is_end_stream() {
        let mut refusal = line(StatusCode::PAYLOAD_TOO_LARGE, "requests with a body are not answered");
        refusal.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        return refusal;
    }
    let request = request.map(|_| Body::empty());
    let made = shared.router.clone().oneshot(request);
    match timeout(shared.limits.request_time, AssertUnwindSafe(made).catch_unwind()).await {
        Ok(Ok(Ok(response))) => response,
        Ok(Ok(Err(never))) => match never {},
        Ok(Err(_)) => line(StatusCode::INTERNAL_SERVER_ERROR, "this page failed by a defect, see the log"),
        Err(_) => line(StatusCode::SERVICE_UNAVAILABLE, "this page took too long"),
    }
}

/// One line of text.
fn line(status: StatusCode, text: &str) -> Response<Body> {
    let mut response = Response::new(Body::from(format!("{text}\n")));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    response
}

/// The body of an answer, which is being made until its end was handed on.
struct Watched {
    body: Body,
    _answering: Answering,
}

impl hyper::body::Body for Watched {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
