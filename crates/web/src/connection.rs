//! One connection: its handshake, then its requests, each within its limits and past the doors.

use std::convert::Infallible;
use std::panic::AssertUnwindSafe;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::header::{AUTHORIZATION, CONNECTION, CONTENT_TYPE, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode};
use futures_util::FutureExt as _;
use hyper::body::{Body as _, Frame, Incoming, SizeHint};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::{Semaphore, watch};
use tokio::task::spawn_blocking;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_rustls::TlsAcceptor;
use tower::ServiceExt as _;
use vpoller_daemon::doors::{Doors, Refusal, Verdict};

use crate::Limits;
use crate::crowd::{Answering, Member, Progress};
use crate::timed::Timed;

/// What all connections of a server share.
pub(crate) struct Shared {
    limits: Limits,
    router: Router,
    doors: Option<Doors>,
    /// Passwords are checked one after another: a flood of wrong ones takes one processor, and equal ones are checked once.
    passwords: Semaphore,
}

impl Shared {
    pub(crate) fn new(limits: Limits, router: Router, doors: Option<Doors>) -> Self {
        Self { limits, router, doors, passwords: Semaphore::new(1) }
    }
}

/// Serves a connection until its client leaves, breaks a limit or has to make room, or the server stops.
pub(crate) async fn run(stream: TcpStream, member: Member, shared: Arc<Shared>, mut stop: watch::Receiver<bool>) {
    let until = Instant::now() + shared.limits.header_time;
    let progress = &member.progress;
    let Some(tls) = shared.doors.as_ref().and_then(Doors::tls) else {
        return serve(stream, until, Arc::clone(progress), shared, stop).await;
    };
    let handshake = timeout_at(until, TlsAcceptor::from(tls).accept(stream));
    let stream = tokio::select! {
        // A client that cannot agree was sent an alert that says why.
        accepted = handshake => match accepted {
            Ok(Ok(stream)) => stream,
            _ => return,
        },
        () = progress.make_room.notified() => return,
        _ = stop.changed() => return,
    };
    serve(stream, until, Arc::clone(progress), shared, stop).await;
}

async fn serve<S>(stream: S, until: Instant, progress: Arc<Progress>, shared: Arc<Shared>, mut stop: watch::Receiver<bool>)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let limits = shared.limits;
    let io = TokioIo::new(Timed::new(stream, limits, until, Arc::clone(&progress)));
    let asked = Arc::clone(&progress);
    let service = service_fn(move |request| {
        let answering = asked.answer();
        let shared = Arc::clone(&shared);
        async move {
            let response = shared.answer(request).await;
            Ok::<_, Infallible>(response.map(|body| Body::new(Watched { body, _answering: answering })))
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

impl Shared {
    async fn answer(&self, request: Request<Incoming>) -> Response<Body> {
        let has_body = !request.body().is_end_stream();
        let mut response = match self.admit(request.headers()).await {
            Err(refusal) => refuse(&refusal),
            Ok(()) if has_body => line(StatusCode::PAYLOAD_TOO_LARGE, "requests with a body are not answered"),
            Ok(()) => self.make(request.map(|_| Body::empty())).await,
        };
        if has_body {
            // Nothing reads the body, so nothing behind it can be read either.
            response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        }
        for (name, value) in self.doors.iter().flat_map(Doors::headers) {
            if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_str(&value)) {
                response.headers_mut().insert(name, value);
            }
        }
        response
    }

    /// Whether the doors let a request in.
    async fn admit(&self, headers: &HeaderMap) -> Result<(), Refusal> {
        let Some(doors) = &self.doors else { return Ok(()) };
        let mut given = headers.get_all(AUTHORIZATION).iter();
        let authorization = given.next().filter(|_| given.next().is_none()).map(HeaderValue::as_bytes);
        match doors.check(authorization) {
            Verdict::Allowed => Ok(()),
            Verdict::Refused(refusal) => Err(refusal),
            Verdict::Unchecked(check) => {
                // The semaphore is never closed.
                let turn = self.passwords.acquire().await;
                let is_right = spawn_blocking(move || check.run()).await.unwrap_or(false);
                drop(turn);
                if is_right { Ok(()) } else { Err(doors.unauthorized()) }
            }
        }
    }

    async fn make(&self, request: Request<Body>) -> Response<Body> {
        let made = self.router.clone().oneshot(request);
        match timeout(self.limits.request_time, AssertUnwindSafe(made).catch_unwind()).await {
            Ok(Ok(Ok(response))) => response,
            Ok(Ok(Err(never))) => match never {},
            Ok(Err(_)) => line(StatusCode::INTERNAL_SERVER_ERROR, "this page failed by a defect, see the log"),
            Err(_) => line(StatusCode::SERVICE_UNAVAILABLE, "this page took too long"),
        }
    }
}

fn refuse(refusal: &Refusal) -> Response<Body> {
    let mut response = line(StatusCode::from_u16(refusal.status).unwrap_or(StatusCode::FORBIDDEN), refusal.text);
    for challenge in &refusal.challenges {
        response.headers_mut().append(WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
    }
    response
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
