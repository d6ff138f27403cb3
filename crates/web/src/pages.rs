//! A daemon's status pages behind this server: the routes that [`vpoller_daemon::http`] serves without a runtime, with the same bytes.

use std::sync::Arc;
use std::thread;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderValue, Method, Response, StatusCode};
use tokio::runtime::Builder;
use tokio::sync::oneshot;
use tokio::task::spawn_blocking;
use vpoller_daemon::doors::Doors;
use vpoller_daemon::pages::{Pages, PagesError};
use vpoller_daemon::routes::{self, Route};

use crate::{Error, Limits, Server};

/// Connections to status pages at the same time.
const CONNECTIONS: usize = 64;

/// Status pages that are being served, by a thread of their own: nothing that happens here delays a check. They end when this is
/// dropped.
#[derive(Debug)]
pub struct StatusPages {
    url: String,
    /// Dropping it stops the thread.
    _stop: oneshot::Sender<()>,
}

impl StatusPages {
    /// Opens the listener and serves. Where the configuration names no place, a port that is taken is worth a warning only: a second
    /// worker on the machine has the same default.
    ///
    /// # Errors
    /// When the place that the configuration names cannot be had, or the files of the doors make no sense.
    pub fn start(pages: &Pages, section: &'static str, routes: Vec<Route>) -> Result<Option<Self>, PagesError> {
        let Some(listen) = &pages.listen else { return Ok(None) };
        let doors = Doors::load(&pages.doors)?;
        let scheme = if doors.as_ref().is_some_and(Doors::is_tls) { "https" } else { "http" };
        let limits = Limits { connections: CONNECTIONS, ..Limits::default() };
        let start = || {
            let server = Server::bind(std::slice::from_ref(listen), limits, doors)?;
            Self::serve(server, scheme, routes).map_err(Error::System)
        };
        match start() {
            Ok(pages) => Ok(Some(pages)),
            Err(Error::Scheme(error)) => Err(error.into()),
            Err(Error::Bind { source, .. } | Error::System(source)) => {
                PagesError::Place { listen: listen.clone(), section, source }.unless_built_in(pages)?;
                Ok(None)
            }
        }
    }

    fn serve(server: Server, scheme: &str, routes: Vec<Route>) -> std::io::Result<Self> {
        let address = server.local_addresses().first().copied();
        let url = address.map(|address| format!("{scheme}://{address}")).unwrap_or_default();
        let runtime = Builder::new_current_thread().enable_all().thread_name(THREAD).build()?;
        let (stop, stopped) = oneshot::channel();
        let router = router(routes);
        let body = move || {
            let served = runtime.block_on(server.serve(router, async { drop(stopped.await) }));
            served.unwrap_or_else(|error| tracing::error!("the pages are not served any more: {error}"));
        };
        thread::Builder::new().name(THREAD.to_owned()).spawn(body)?;
        Ok(Self { url, _stop: stop })
    }

    /// Its address, with the port that the system chose.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }
}

const THREAD: &str = "VPollerHttp";

/// Answers routes of a daemon. What makes an answer runs apart from what talks to clients.
pub fn router(routes: Vec<Route>) -> Router {
    let routes = Arc::new(routes);
    Router::new().fallback(move |request: Request| {
        let routes = Arc::clone(&routes);
        async move {
            if !matches!(*request.method(), Method::GET | Method::HEAD) {
                return into_response(routes::Response::line(405, "only GET and HEAD are answered"));
            }
            let path = request.uri().path().to_owned();
            let made = spawn_blocking(move || routes::respond(&routes, &path)).await;
            into_response(made.unwrap_or_else(|_| routes::Response::line(500, "this page failed by a defect, see the log")))
        }
    })
}

fn into_response(made: routes::Response) -> Response<Body> {
    let mut response = Response::new(Body::from(made.answer.body));
    *response.status_mut() = StatusCode::from_u16(made.answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(made.content_type));
    response
}
