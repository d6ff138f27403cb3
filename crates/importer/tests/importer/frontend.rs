//! What stands between the importer and a Zabbix frontend: it counts calls, and answers some of them itself or badly. Without
//! a frontend behind it, it answers all of them: for what no real Zabbix does on demand (HTTP 500, half an answer), and for
//! versions that come in no package (6.4).

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::{Value, json};
use vpoller_testkit::wait::SLOW;

/// A call as it arrived.
#[derive(Clone, Debug)]
pub(crate) struct FrontendCall {
    pub method: String,
    pub params: Value,
    /// The member `auth` of the body, and the header `Authorization`.
    pub auth: Option<String>,
    pub bearer: Option<String>,
    /// How many calls of this method there were before.
    pub nth: usize,
    id: Value,
}

/// What is answered.
pub(crate) enum FrontendReply {
    /// What the frontend says.
    Forward,
    /// The frontend does it, and its answer is replaced by this status and body.
    Lose(u16, String),
    /// This status and body.
    Say(u16, String),
    /// This status and body, and a `Location`.
    Redirect(String),
}

impl FrontendCall {
    /// A result in JSON-RPC.
    pub(crate) fn result(&self, result: &Value) -> FrontendReply {
        FrontendReply::Say(200, json!({"jsonrpc": "2.0", "result": result, "id": self.id}).to_string())
    }

    /// An error in JSON-RPC.
    pub(crate) fn error(&self, data: &str) -> FrontendReply {
        let error = json!({"code": -32602, "message": "Invalid params.", "data": data});
        FrontendReply::Say(200, json!({"jsonrpc": "2.0", "error": error, "id": self.id}).to_string())
    }
}

type ReplyRule = dyn Fn(&FrontendCall) -> FrontendReply + Send + Sync;

/// The thing itself; it listens until the test ends.
#[derive(Clone)]
pub(crate) struct Frontend {
    pub address: SocketAddr,
    calls: Arc<Mutex<Vec<FrontendCall>>>,
}

impl Frontend {
    /// In front of a real frontend, or of none.
    pub(crate) fn start(
        behind: Option<SocketAddr>,
        reply_rule: impl Fn(&FrontendCall) -> FrontendReply + Send + Sync + 'static,
    ) -> Self {
        Self::listen(behind, None, Arc::new(reply_rule))
    }

    /// By HTTPS, with none behind it.
    pub(crate) fn start_tls(
        tls: ServerConfig,
        reply_rule: impl Fn(&FrontendCall) -> FrontendReply + Send + Sync + 'static,
    ) -> Self {
        Self::listen(None, Some(Arc::new(tls)), Arc::new(reply_rule))
    }

    fn listen(behind: Option<SocketAddr>, tls: Option<Arc<ServerConfig>>, reply_rule: Arc<ReplyRule>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let frontend = Self { address: listener.local_addr().unwrap(), calls: Arc::default() };
        let calls = frontend.calls.clone();
        thread::spawn(move || {
            for stream in listener.incoming() {
                let stream = stream.unwrap();
                stream.set_read_timeout(Some(SLOW)).unwrap();
                let reply_rule = reply_rule.clone();
                let calls = calls.clone();
                let tls = tls.clone();
                thread::spawn(move || match tls {
                    None => serve(stream, behind, &*reply_rule, &calls),
                    Some(tls) => {
                        serve(StreamOwned::new(ServerConnection::new(tls).unwrap(), stream), behind, &*reply_rule, &calls)
                    }
                });
            }
        });
        frontend
    }

    /// Where its pages would be.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The calls so far.
    pub(crate) fn calls(&self) -> Vec<FrontendCall> {
        self.calls.lock().unwrap().clone()
    }

    /// Numbers of calls by method, and forgets them.
    pub(crate) fn take_counts(&self) -> BTreeMap<String, usize> {
        let mut counts = BTreeMap::new();
        self.calls.lock().unwrap().drain(..).for_each(|call| *counts.entry(call.method).or_insert(0) += 1);
        counts
    }
}

/// One request; then the connection ends, which tells where the answer does.
fn serve(mut stream: impl Read + Write, behind: Option<SocketAddr>, reply_rule: &ReplyRule, calls: &Mutex<Vec<FrontendCall>>) {
    let Some((head, body)) = receive(&mut stream) else { return };
    let message: Value = serde_json::from_slice(&body).unwrap();
    let method = message["method"].as_str().unwrap().to_owned();
    let call = {
        let mut calls = calls.lock().unwrap();
        let call = FrontendCall {
            nth: calls.iter().filter(|call| call.method == method).count(),
            params: message["params"].clone(),
            auth: message["auth"].as_str().map(str::to_owned),
            bearer: header(&head, "authorization"),
            id: message["id"].clone(),
            method,
        };
        calls.push(call.clone());
        call
    };
    let forward = || exchange(behind.expect("a frontend behind"), &head, &body);
    let answer = match reply_rule(&call) {
        FrontendReply::Forward => forward(),
        FrontendReply::Lose(status, text) => {
            forward();
            response(status, "", &text)
        }
        FrontendReply::Say(status, text) => response(status, "", &text),
        FrontendReply::Redirect(target) => response(301, &format!("Location: {target}\r\n"), ""),
    };
    // The importer may have given up.
    let _ = stream.write_all(&answer).and_then(|()| stream.flush());
}

fn response(status: u16, headers: &str, text: &str) -> Vec<u8> {
    format!("HTTP/1.0 {status} X\r\n{headers}Content-Length: {}\r\n\r\n{text}", text.len()).into_bytes()
}

fn receive(stream: &mut impl Read) -> Option<(String, Vec<u8>)> {
    let mut bytes = Vec::new();
    let mut chunk = [0; 16384];
    loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
            let length: usize = header(&head, "content-length").unwrap().parse().unwrap();
            let mut body = bytes.split_off(end + 4);
            while body.len() < length {
                let count = stream.read(&mut chunk).ok().filter(|count| *count > 0)?;
                body.extend_from_slice(&chunk[..count]);
            }
            return Some((head, body));
        }
        let count = stream.read(&mut chunk).ok().filter(|count| *count > 0)?;
        bytes.extend_from_slice(&chunk[..count]);
    }
}

fn header(head: &str, name: &str) -> Option<String> {
    let lines = head.lines().filter_map(|line| line.split_once(':'));
    lines.into_iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim().to_owned())
}

/// The same request to the real frontend.
fn exchange(behind: SocketAddr, head: &str, body: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(behind).unwrap();
    stream.set_read_timeout(Some(SLOW)).unwrap();
    let bearer = header(head, "authorization").map(|value| format!("Authorization: {value}\r\n")).unwrap_or_default();
    let head = format!(
        "POST /api_jsonrpc.php HTTP/1.0\r\nHost: {behind}\r\nContent-Type: application/json-rpc\r\n{bearer}Content-Length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(body).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    answer
}
