//! The relay's connections: one task each, with one connection upstream.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1::SendRequest;
use hyper::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Mutex, watch};
use tokio_rustls::{TlsAcceptor, TlsConnector};

use super::body::FaultyBody;
use super::{Fault, RelayState, Signal, soap_method};
use crate::certificates::{ServerCertificate, server_config};
use crate::http;

/// TLS settings of the relay's own side.
pub(crate) fn acceptor(certificate: &ServerCertificate) -> TlsAcceptor {
    TlsAcceptor::from(Arc::new(server_config(certificate)))
}

/// Serves until the signal to stop.
pub(crate) fn run(
    listener: std::net::TcpListener,
    acceptor: TlsAcceptor,
    upstream: SocketAddr,
    state: &Arc<RelayState>,
    mut signals: watch::Receiver<Signal>,
) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("runtime of a relay");
    let client = Arc::new(http::trusting_client());
    runtime.block_on(async {
        let listener = TcpListener::from_std(listener).expect("listener of a relay");
        loop {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                _ = signals.wait_for(|signal| *signal == Signal::Stop) => return,
            };
            let Ok((tcp, _)) = accepted else { continue };
            *state.connections.lock().expect("connections") += 1;
            let connection = RelayedConnection {
                upstream,
                client: Arc::clone(&client),
                state: Arc::clone(state),
                upstream_link: Mutex::new(None),
            };
            let acceptor = acceptor.clone();
            let mut signals = signals.clone();
            signals.mark_unchanged();
            tokio::spawn(async move {
                tokio::select! {
                    () = connection.serve(tcp, acceptor) => {}
                    _ = signals.changed() => {}
                }
            });
        }
    });
    // Connections that hang on purpose must not keep the test.
    runtime.shutdown_timeout(Duration::ZERO);
}

/// One accepted connection and what it needs.
struct RelayedConnection {
    upstream: SocketAddr,
    client: Arc<ClientConfig>,
    state: Arc<RelayState>,
    upstream_link: Mutex<Option<SendRequest<Full<Bytes>>>>,
}

impl RelayedConnection {
    async fn serve(self, tcp: TcpStream, acceptor: TlsAcceptor) {
        let Ok(tls) = acceptor.accept(tcp).await else { return };
        let service = service_fn(|request| self.exchange(request));
        // A connection that ends in an error is what half of the rules are for.
        let _ = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(tls), service).await;
    }

    /// An error here closes the connection without an answer.
    async fn exchange(&self, request: Request<Incoming>) -> io::Result<Response<FaultyBody>> {
        let (head, body) = request.into_parts();
        let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
        let fault = self.state.arrive(&soap_method(&body), &body);
        match &fault {
            Some(Fault::Delay(pause)) => tokio::time::sleep(*pause).await,
            Some(Fault::Status(status)) => return page(*status, "<html><body>busy</body></html>"),
            Some(Fault::Answer(status, text)) => return page(*status, text),
            Some(Fault::Refuse) => return Err(io::Error::other("refused by the relay")),
            Some(Fault::Hang) => {
                let never: Infallible = std::future::pending().await;
                match never {}
            }
            _ => {}
        }
        let (mut head, body) = self.forward(Request::from_parts(head, Full::new(body))).await?.into_parts();
        let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
        head.headers.remove(TRANSFER_ENCODING);
        head.headers.insert(CONTENT_LENGTH, body.len().into());
        let body = match fault {
            Some(Fault::LoseAnswer) => return Err(io::Error::other("lost by the relay")),
            Some(Fault::Truncate(bytes)) => FaultyBody::truncated(body, bytes),
            Some(Fault::HangAfter(bytes)) => FaultyBody::hanging(body, bytes),
            Some(Fault::Drip(piece, pause)) => FaultyBody::dripping(body, piece, pause),
            _ => FaultyBody::whole(body),
        };
        Ok(Response::from_parts(head, body))
    }

    /// Passes a request on, over the connection of the one before when it still lives.
    async fn forward(&self, request: Request<Full<Bytes>>) -> io::Result<Response<Incoming>> {
        let mut link = self.upstream_link.lock().await;
        if link.as_mut().is_none_or(|link| link.is_closed()) {
            *link = Some(self.connect().await?);
        }
        let link = link.as_mut().ok_or_else(|| io::Error::other("no connection upstream"))?;
        link.ready().await.map_err(io::Error::other)?;
        link.send_request(request).await.map_err(io::Error::other)
    }

    async fn connect(&self) -> io::Result<SendRequest<Full<Bytes>>> {
        let tcp = TcpStream::connect(self.upstream).await?;
        let name = ServerName::IpAddress(self.upstream.ip().into());
        let tls = TlsConnector::from(Arc::clone(&self.client)).connect(name, tcp).await?;
        let (link, connection) = hyper::client::conn::http1::handshake(TokioIo::new(tls)).await.map_err(io::Error::other)?;
        tokio::spawn(connection);
        Ok(link)
    }
}

fn page(status: u16, text: &str) -> io::Result<Response<FaultyBody>> {
    let body = FaultyBody::whole(Bytes::from(text.to_owned()));
    Response::builder().status(status).header("Content-Type", "text/xml; charset=utf-8").body(body).map_err(io::Error::other)
}
