//! Sends one request through the proxy, for all tools that do.

use std::time::Duration;

use vpoller_wire::client::{ClientError, VPollerClient};
use vpoller_wire::endpoint::Endpoint;
use vpoller_wire::{Request, Secret, json};

use crate::log::Log;

/// A client of a proxy with its limits.
pub struct ProxyClient {
    client: VPollerClient,
    endpoint: Endpoint,
    attempts: u32,
    timeout: Duration,
}

impl ProxyClient {
    /// A client of the proxy with this frontend. A request is sent at most `attempts` times, and each waits for `timeout`.
    pub fn new(endpoint: Endpoint, attempts: u32, timeout: Duration) -> Self {
        let client = VPollerClient::new(endpoint.clone()).retries(attempts).timeout(timeout);
        Self { client, endpoint, attempts, timeout }
    }

    /// Sends the request, with the timeout in it so that no worker works on it after the client has given up.
    pub fn ask(&mut self, request: &Request, log: &Log) -> Result<Vec<u8>, ClientError> {
        let mut request = request.clone();
        request.timeout = u64::try_from(self.timeout.as_millis()).ok();
        log.debug(format_args!("Sending to {}: {}", self.endpoint, masked(&request)));
        let Self { client, endpoint, attempts, timeout } = self;
        client.ask(&request.to_bytes(), |attempt| {
            log.warning(format_args!("No reply from {endpoint} within {timeout:?}, retrying ({attempt} of {attempts})"));
        })
    }
}

/// The request as text for the log, its password masked.
fn masked(request: &Request) -> String {
    let mut request = request.clone();
    request.password = request.password.map(|_| Secret::new("********"));
    String::from_utf8_lossy(&request.to_bytes()).into_owned()
}

/// Whether a reply in JSON reports success; `None` for the bare text of a helper.
pub fn success(reply: &[u8]) -> Option<bool> {
    let reply: serde_json::Value = serde_json::from_slice(reply).ok()?;
    reply.get("success")?.as_i64().map(|code| code == 0)
}

/// A JSON reply indented; any other reply as it is.
pub fn pretty(reply: &[u8]) -> Vec<u8> {
    let value = serde_json::from_slice::<serde_json::Value>(reply);
    value.ok().and_then(|value| json::to_vec(&value, json::Style::Indented(4)).ok()).unwrap_or_else(|| reply.to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_password_is_masked_and_only_when_there_is_one() {
        let mut request = Request::new("vm.process.get", "vc01");
        assert!(masked(&request).contains(r#""password": null"#));
        request.password = Some(Secret::new("p4ssw0rd"));
        assert!(masked(&request).contains(r#""password": "********""#));
    }

    #[test]
    fn only_a_json_object_tells_of_success() {
        assert_eq!(success(br#"{"msg": "x", "success": 0}"#), Some(true));
        assert_eq!(success(br#"{"success": -1, "msg": "x"}"#), Some(false));
        for text in [&b"5"[..], b"\"poweredOn\"", b"[]", b"{}", b"name,owner"] {
            assert_eq!(success(text), None);
        }
    }

    #[test]
    fn pretty_text_is_the_same_json_in_the_same_order() {
        assert_eq!(pretty(br#"{"success": 0, "msg": "x"}"#), b"{\n    \"success\": 0,\n    \"msg\": \"x\"\n}");
        assert_eq!(pretty(b"name,owner\nx,y"), b"name,owner\nx,y");
    }
}
