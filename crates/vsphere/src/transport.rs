//! HTTP to one vSphere host: one URL, one connection pool, bounded answers, a deadline for everything.

use std::error::Error as StdError;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use reqwest::header::{CONTENT_TYPE, COOKIE, HeaderMap, HeaderValue, SET_COOKIE};
use reqwest::{Client, RequestBuilder, Response, redirect};
use rustls_pki_types::ServerName;

use crate::tls::Verifier;
use crate::{Config, Error, error, host_name};

/// Name of the cookie that carries the session.
const COOKIE_NAME: &str = "vmware_soap_session";
/// Connections that idle longer are closed by us: gateways in front of vCenter drop them silently after a minute or so.
const IDLE: Duration = Duration::from_secs(30);
const KEEPALIVE: Duration = Duration::from_secs(30);
/// Characters of an unexpected body shown in an error.
const EXCERPT: usize = 120;

/// What to do about an answer that is too large.
const ASK_LESS: &str = "ask for fewer properties, counters or objects at once";

/// The way to one vSphere host.
#[derive(Debug)]
pub(crate) struct Transport {
    http: Client,
    verifier: Arc<Verifier>,
    host: String,
    base: String,
    max_bytes: usize,
    connect_timeout: Duration,
}

/// A SOAP message to send.
pub(crate) struct Post<'a> {
    /// Method name, for errors.
    pub what: &'a str,
    /// API version for the `SOAPAction` header.
    pub version: &'a str,
    /// Session cookie as it goes out, if there is one.
    pub cookie: Option<&'a HeaderValue>,
    pub body: String,
    pub limit: Duration,
}

/// An answer: SOAP (status 200 or 500), or whatever the server sent to a GET.
pub(crate) struct Reply {
    pub status: u16,
    pub body: Vec<u8>,
    /// The session cookie, if one was set, as it goes out.
    pub cookie: Option<HeaderValue>,
}

impl Transport {
    pub(crate) fn new(config: &Config) -> Result<Self, Error> {
        Self::with_verifier(config, Verifier::new(&config.tls, &config.host)?)
    }

    pub(crate) fn with_verifier(config: &Config, verifier: Arc<Verifier>) -> Result<Self, Error> {
        if ServerName::try_from(config.host.as_str()).is_err() {
            return Err(host_name::refused(&config.host));
        }
        let mut builder = Client::builder()
            .tls_backend_preconfigured(verifier.client_config()?)
            .user_agent(&config.user_agent)
            .http1_only()
            .no_proxy()
            .redirect(redirect::Policy::none())
            // Repeating is decided above, where it is known what may be repeated.
            .retry(reqwest::retry::never())
            .connect_timeout(config.connect_timeout)
            .pool_max_idle_per_host(config.max_concurrency.saturating_add(1))
            .pool_idle_timeout(IDLE)
            .tcp_keepalive(KEEPALIVE)
            .tcp_nodelay(true);
        if let Some(address) = config.address {
            builder = builder.resolve(&config.host, address);
        }
        let http = builder
            .build()
            .map_err(|cause| error::config(format!("cannot set up the connection to {}: {}", config.host, innermost(&cause))))?;
        let base = base_url(&config.host, config.port, config.address);
        Ok(Self {
            http,
            verifier,
            host: config.host.clone(),
            base,
            max_bytes: config.limits.response_bytes,
            connect_timeout: config.connect_timeout,
        })
    }

    pub(crate) fn verifier(&self) -> &Verifier {
        &self.verifier
    }

    /// Sends a SOAP message. Status 500 is an answer too: it carries a fault, or not.
    pub(crate) async fn post(&self, post: Post<'_>) -> Result<Reply, Error> {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/xml; charset=\"utf-8\""));
        let action = HeaderValue::try_from(format!("urn:vim25/{}", post.version));
        let action = action.map_err(|_| error::config(format!("{:?} is no API version", post.version)))?;
        headers.insert("SOAPAction", action);
        if let Some(cookie) = post.cookie {
            headers.insert(COOKIE, cookie.clone());
        }
        let request = self.http.post(format!("{}/sdk", self.base)).headers(headers).body(post.body);
        let reply = self.send(request, post.what, post.limit).await?;
        match reply.status {
            200 | 500 => Ok(reply),
            _ => Err(self.unexpected(post.what, &reply)),
        }
    }

    /// Reads a page below the root, whatever its status.
    pub(crate) async fn get(&self, path: &str, limit: Duration) -> Result<Reply, Error> {
        self.send(self.http.get(format!("{}{path}", self.base)), path, limit).await
    }

    /// An answer that is none, with the first characters of what came instead.
    pub(crate) fn unexpected(&self, what: &str, reply: &Reply) -> Error {
        let text = String::from_utf8_lossy(&reply.body);
        let words: Vec<&str> = text.split_whitespace().take(EXCERPT).collect();
        let mut excerpt: String = words.join(" ").chars().take(EXCERPT).collect();
        if excerpt.is_empty() {
            excerpt.push_str("no body");
        }
        Error::Status { host: self.host.clone(), what: what.to_owned(), status: reply.status, excerpt }
    }

    async fn send(&self, request: RequestBuilder, what: &str, limit: Duration) -> Result<Reply, Error> {
        let exchange = async {
            let response = request.send().await.map_err(|failure| self.failed(what, limit, &failure))?;
            let status = response.status().as_u16();
            let cookie = session_cookie(response.headers());
            Ok(Reply { status, body: self.body(response, what, limit).await?, cookie })
        };
        tokio::time::timeout(limit, exchange).await.unwrap_or_else(|_| Err(self.timeout(what, limit)))
    }

    /// Reads the body up to the limit: a server must not fill our memory.
    async fn body(&self, mut response: Response, what: &str, limit: Duration) -> Result<Vec<u8>, Error> {
        let announced = response.content_length().and_then(|length| usize::try_from(length).ok());
        if announced.is_some_and(|length| length > self.max_bytes) {
            return Err(self.too_large(what));
        }
        let mut body = Vec::with_capacity(announced.unwrap_or(0).min(self.max_bytes));
        while let Some(chunk) = response.chunk().await.map_err(|failure| self.failed(what, limit, &failure))? {
            if body.len().saturating_add(chunk.len()) > self.max_bytes {
                return Err(self.too_large(what));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }

    fn failed(&self, what: &str, limit: Duration, failure: &reqwest::Error) -> Error {
        if let Some(explained) = self.verifier.explain(failure) {
            return explained;
        }
        match (failure.is_timeout(), failure.is_connect()) {
            (true, true) => return self.timeout("connecting", self.connect_timeout),
            (true, false) => return self.timeout(what, limit),
            _ => {}
        }
        Error::Connection { host: self.host.clone(), cause: innermost(failure), established: !failure.is_connect() }
    }

    fn timeout(&self, what: &str, limit: Duration) -> Error {
        Error::Timeout { host: self.host.clone(), what: what.to_owned(), limit }
    }

    fn too_large(&self, what: &str) -> Error {
        Error::TooLarge { host: self.host.clone(), what: what.to_owned(), limit: self.max_bytes, hint: ASK_LESS }
    }
}

/// Scheme, host and port. With an address of its own the port is left out: the resolver's answer brings it then.
fn base_url(host: &str, port: u16, address: Option<SocketAddr>) -> String {
    match (host.parse::<IpAddr>(), address) {
        // Addresses are never resolved, so another address must be in the URL itself; the certificate's name is judged apart.
        (Ok(_), Some(address)) => format!("https://{address}"),
        (Ok(ip), None) => format!("https://{}", SocketAddr::new(ip, port)),
        (Err(_), Some(_)) => format!("https://{host}"),
        (Err(_), None) => format!("https://{host}:{port}"),
    }
}

/// The session cookie among the headers of an answer, byte for byte, quotes included.
fn session_cookie(headers: &HeaderMap) -> Option<HeaderValue> {
    let mut cookies = headers.get_all(SET_COOKIE).iter();
    let pair = cookies.find_map(|value| {
        let bytes = value.as_bytes();
        let pair = bytes.split(|byte| *byte == b';').next()?.trim_ascii();
        let rest = pair.strip_prefix(COOKIE_NAME.as_bytes())?.trim_ascii_start();
        rest.starts_with(b"=").then_some(pair)
    })?;
    let mut cookie = HeaderValue::from_bytes(pair).ok()?;
    cookie.set_sensitive(true);
    Some(cookie)
}

/// The last cause of an error: what the system said.
fn innermost(failure: &(dyn StdError + 'static)) -> String {
    let mut last: &(dyn StdError + 'static) = failure;
    while let Some(source) = last.source() {
        last = source;
    }
    last.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_session_cookie_is_kept_byte_for_byte() {
        let mut headers = HeaderMap::new();
        headers.append(SET_COOKIE, HeaderValue::from_static("other=1"));
        assert_eq!(session_cookie(&headers), None);
        headers.append(SET_COOKIE, HeaderValue::from_static("vmware_soap_session=\"52ab-c=\"; Path=/; HttpOnly; Secure"));
        let cookie = session_cookie(&headers).unwrap();
        assert_eq!(cookie, "vmware_soap_session=\"52ab-c=\"");
        assert!(!format!("{cookie:?}").contains("52ab"));
    }

    #[test]
    fn addresses_are_written_as_urls_need_them() {
        let check = |host, port, address: Option<&str>, expected: &str| {
            assert_eq!(base_url(host, port, address.map(|address| address.parse().unwrap())), expected);
        };
        check("vc01.example.org", 443, None, "https://vc01.example.org:443");
        check("vc01.example.org", 443, Some("127.0.0.1:8989"), "https://vc01.example.org");
        check("10.0.0.1", 8443, None, "https://10.0.0.1:8443");
        check("::1", 443, None, "https://[::1]:443");
        check("10.0.0.1", 443, Some("127.0.0.1:8989"), "https://127.0.0.1:8989");
    }
}
