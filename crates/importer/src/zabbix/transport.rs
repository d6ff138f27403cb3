//! HTTP to the frontend: one connection, bounded bodies, a time limit for every call.

use std::error::Error as StdError;
use std::time::Duration;

use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use reqwest::{Certificate, Client, Url, redirect};
use rustls::crypto::ring;
use tokio::runtime::{Builder, Runtime};

use crate::config::ZabbixAccess;

/// Bytes of a response at most; the hosts of a big installation are a few megabytes.
const LARGEST: usize = 256 << 20;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Characters of an unexpected body shown in an error.
const EXCERPT: usize = 160;

/// The connection to the API.
pub(super) struct Transport {
    runtime: Runtime,
    http: Client,
    url: Url,
    timeout: Duration,
}

impl Transport {
    /// Prepares the HTTP client; nothing is sent yet.
    ///
    /// # Errors
    /// When the CA file cannot be used, or the HTTP client cannot be set up.
    pub(super) fn new(access: &ZabbixAccess) -> Result<Self, String> {
        // Fails when one is installed already; it is the only one in this program.
        let _ = ring::default_provider().install_default();
        let mut builder = Client::builder()
            .user_agent(concat!("zabbix-vsphere-import/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(CONNECT_TIMEOUT)
            // A redirected POST would lose its body, so the error says the new address.
            .redirect(redirect::Policy::none())
            .retry(reqwest::retry::never())
            .tls_danger_accept_invalid_certs(!access.verify);
        if let Some(path) = &access.ca_file {
            let refused = |cause: String| format!("cannot use the CA file {}: {cause}", path.display());
            let pem = std::fs::read(path).map_err(|error| refused(error.to_string()))?;
            let certificates = Certificate::from_pem_bundle(&pem).map_err(|error| refused(chain(&error)))?;
            if certificates.is_empty() {
                return Err(refused("it holds no certificate in PEM form".to_owned()));
            }
            builder = builder.tls_certs_only(certificates);
        }
        let http = builder.build().map_err(|error| format!("cannot set up HTTP: {}", chain(&error)))?;
        let runtime = Builder::new_current_thread().enable_all().build().map_err(|error| format!("cannot start: {error}"))?;
        Ok(Self { runtime, http, url: access.url.clone(), timeout: access.timeout })
    }

    /// Sends a body and returns the body of the response.
    ///
    /// # Errors
    /// One line that says what went wrong: no connection, no time, a status other than 200, a body that is too big.
    pub(super) fn exchange(&self, body: String, bearer: Option<&str>) -> Result<Vec<u8>, String> {
        let mut request = self.http.post(self.url.clone()).header(CONTENT_TYPE, "application/json-rpc").body(body);
        if let Some(token) = bearer {
            let mut value = HeaderValue::try_from(format!("Bearer {token}"))
                .map_err(|_| "the API token has impossible characters".to_owned())?;
            value.set_sensitive(true);
            request = request.header(AUTHORIZATION, value);
        }
        let exchange = async { tokio::time::timeout(self.timeout, receive(request)).await };
        let late = |_| Err(format!("no answer within {:?}; zabbix.timeout allows more", self.timeout));
        self.runtime.block_on(exchange).unwrap_or_else(late)
    }
}

async fn receive(request: reqwest::RequestBuilder) -> Result<Vec<u8>, String> {
    let failed = |error: reqwest::Error| chain(&error.without_url());
    let mut response = request.send().await.map_err(failed)?;
    let status = response.status();
    if let Some(target) = response.headers().get("location").filter(|_| status.is_redirection()) {
        let target = String::from_utf8_lossy(target.as_bytes()).into_owned();
        return Err(format!("the frontend moved to {target}: put that address into zabbix.hostname, without /api_jsonrpc.php"));
    }
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(failed)? {
        if body.len().saturating_add(chunk.len()) > LARGEST {
            return Err(format!("the answer is larger than {LARGEST} bytes"));
        }
        body.extend_from_slice(&chunk);
    }
    match status.as_u16() {
        200 => Ok(body),
        404 => Err("HTTP status 404: is there a Zabbix frontend below this address?".to_owned()),
        status => Err(format!("HTTP status {status}: {}", excerpt(&body))),
    }
}

/// The first characters of a body, in one line.
pub(super) fn excerpt(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(&body[..body.len().min(EXCERPT * 4)]).into_owned();
    let words: String = text.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(EXCERPT).collect();
    if words.is_empty() { "no body".to_owned() } else { words }
}

/// An error with its causes, each once.
fn chain(error: &(dyn StdError + 'static)) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        next = cause.source();
    }
    text
}
