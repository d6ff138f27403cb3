//! A small HTTPS server whose answers a test scripts: truncated bodies, hangs, odd cookies, hostile documents. None of this
//! can be had from the simulator, and the relay does not change single answers by the call's content.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use rustls::{ServerConfig, ServerConnection, StreamOwned};

use crate::certificates::{ServerCertificate, server_config};

/// One request as the server saw it.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// SOAP method, or the last part of the path for a GET.
    pub method: String,
    /// The `Cookie` header.
    pub cookie: Option<String>,
    /// The `SOAPAction` header.
    pub action: Option<String>,
    /// The `User-Agent` header.
    pub agent: Option<String>,
    /// The body.
    pub body: String,
    /// How many requests with this method came before.
    pub before: usize,
}

/// What to do with a request.
pub enum Act {
    /// A whole answer: status, further header lines, body.
    Answer(u16, String, String),
    /// A whole answer in chunks of so many bytes: header lines, body.
    Chunks(String, String, usize),
    /// The head promises the whole body, these bytes of it come, then the connection ends.
    Cut(String, usize),
    /// As `Cut`, but the connection stays open and nothing more comes.
    Stall(String, usize),
    /// The connection ends without an answer.
    Close,
}

/// A running server; its threads end with the test process.
pub struct Responder {
    address: SocketAddr,
    seen: Arc<Mutex<Vec<Seen>>>,
}

type Script = dyn Fn(&Seen) -> Act + Send + Sync;

impl Responder {
    /// Serves the script on a port of the system's choice.
    ///
    /// # Panics
    /// When the system gives no port.
    #[must_use]
    pub fn start(script: impl Fn(&Seen) -> Act + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (seen, script): (Arc<Mutex<Vec<Seen>>>, Arc<Script>) = (Arc::default(), Arc::new(script));
        let kept = seen.clone();
        let server_config = tls();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let seen = kept.clone();
                let script = script.clone();
                let server_config = Arc::clone(&server_config);
                // A client that leaves ends its thread with an error; that is no concern of the test.
                thread::spawn(move || serve(stream, server_config, &seen, &*script).is_ok());
            }
        });
        Self { address, seen }
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// All requests so far.
    ///
    /// # Panics
    /// When a script panicked.
    #[must_use]
    pub fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    /// Number of requests with this method.
    #[must_use]
    pub fn count(&self, method: &str) -> usize {
        self.seen().iter().filter(|seen| seen.method == method).count()
    }
}

/// Answers requests that come one after the other on a pipe, such as that of a program which ends TLS for us. Only whole answers
/// are written. Returns when the pipe ends.
pub fn answer_over(input: impl Read, mut output: impl Write, script: impl Fn(&Seen) -> Act) {
    let seen = Mutex::default();
    let mut input = BufReader::new(input);
    while let Ok(Some(request)) = read(&mut input, &seen) {
        let Act::Answer(status, headers, body) = script(&request) else { return };
        let head = format!("HTTP/1.1 {status} Made\r\n{headers}Content-Length: {}\r\n\r\n", body.len());
        if output.write_all((head + &body).as_bytes()).and_then(|()| output.flush()).is_err() {
            return;
        }
    }
}

/// An answer with status 200 whose body holds this message.
#[must_use]
pub fn soap(message: &str) -> Act {
    Act::Answer(200, String::new(), envelope(message))
}

/// A fault of this type with these members, status 500.
#[must_use]
pub fn fault(kind: &str, members: &str) -> Act {
    let detail = format!(r#"<{kind}Fault xmlns="urn:vim25" xsi:type="{kind}">{members}</{kind}Fault>"#);
    let message = format!(
        "<soapenv:Fault><faultcode>ServerFaultCode</faultcode><faultstring>words for {kind}</faultstring>\
         <detail>{detail}</detail></soapenv:Fault>"
    );
    Act::Answer(500, String::new(), envelope(&message))
}

/// The answer to a read: each property is one object's.
#[must_use]
pub fn objects(objects: &str) -> Act {
    soap(&format!(
        r#"<RetrievePropertiesExResponse xmlns="urn:vim25"><returnval>{objects}</returnval></RetrievePropertiesExResponse>"#
    ))
}

/// One object with one text property.
#[must_use]
pub fn object(kind: &str, id: &str, name: &str, value: &str) -> String {
    format!(
        r#"<objects><obj type="{kind}">{id}</obj><propSet><name>{name}</name><val xsi:type="xsd:string">{value}</val></propSet>
        </objects>"#
    )
}

/// What a healthy server answers to everything that opens and closes a session.
#[must_use]
pub fn healthy(seen: &Seen) -> Act {
    match seen.method.as_str() {
        "vimServiceVersions.xml" => Act::Answer(
            200,
            String::new(),
            "<namespaces><namespace><name>urn:vim25</name><version>8.0.2.0</version></namespace></namespaces>".to_owned(),
        ),
        "RetrieveServiceContent" => soap(
            r#"<RetrieveServiceContentResponse xmlns="urn:vim25"><returnval><rootFolder type="Folder">group-d1</rootFolder>
            <propertyCollector type="PropertyCollector">pc</propertyCollector><viewManager type="ViewManager">vm</viewManager>
            <about><name>Made up</name><apiType>VirtualCenter</apiType></about>
            <sessionManager type="SessionManager">sm</sessionManager><guestOperationsManager
            type="GuestOperationsManager">gom</guestOperationsManager></returnval></RetrieveServiceContentResponse>"#,
        ),
        "Login" => Act::Answer(
            200,
            format!("Set-Cookie: vmware_soap_session=\"5{}-q=\"; Path=/; HttpOnly; Secure\r\n", seen.before),
            envelope(
                r#"<LoginResponse xmlns="urn:vim25"><returnval><key>very-secret-key</key><userName>root</userName></returnval>
                </LoginResponse>"#,
            ),
        ),
        "RetrievePropertiesEx" => objects(&object("Folder", "group-d1", "name", "Datacenters")),
        "CurrentTime" => {
            soap(r#"<CurrentTimeResponse xmlns="urn:vim25"><returnval>2024-05-02T09:16:50Z</returnval></CurrentTimeResponse>"#)
        }
        "CreateContainerView" => made(seen, "ContainerView", "view"),
        "CreatePropertyCollector" => made(seen, "PropertyCollector", "own"),
        "CreateFilter" => made(seen, "PropertyFilter", "filter"),
        other => soap(&format!(r#"<{other}Response xmlns="urn:vim25"/>"#)),
    }
}

/// The answer to a call that makes an object: `view-0`, `view-1` and so on.
fn made(seen: &Seen, kind: &str, name: &str) -> Act {
    let method = &seen.method;
    let number = seen.before;
    soap(&format!(
        r#"<{method}Response xmlns="urn:vim25"><returnval type="{kind}">{name}-{number}</returnval></{method}Response>"#
    ))
}

/// The answer to a wait for updates: these changes (`objectSet` elements) among the objects of the first filter.
#[must_use]
pub fn updates(version: &str, truncated: bool, objects: &str) -> Act {
    soap(&format!(
        r#"<WaitForUpdatesExResponse xmlns="urn:vim25"><returnval><version>{version}</version><filterSet><filter
        type="PropertyFilter">filter-0</filter>{objects}</filterSet><truncated>{truncated}</truncated></returnval>
        </WaitForUpdatesExResponse>"#
    ))
}

/// An envelope around a message.
#[must_use]
pub fn envelope(message: &str) -> String {
    format!(
        r#"<?xml version="1.0" encoding="UTF-8"?><soapenv:Envelope
        xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" xmlns:xsd="http://www.w3.org/2001/XMLSchema"
        xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><soapenv:Body>{message}</soapenv:Body></soapenv:Envelope>"#
    )
}

fn tls() -> Arc<ServerConfig> {
    Arc::new(server_config(&ServerCertificate::self_signed(&["vc01.example.org"])))
}

fn serve(stream: TcpStream, tls: Arc<ServerConfig>, seen: &Mutex<Vec<Seen>>, script: &Script) -> std::io::Result<()> {
    let connection = ServerConnection::new(tls).map_err(std::io::Error::other)?;
    let mut stream = BufReader::new(StreamOwned::new(connection, stream));
    while let Some(request) = read(&mut stream, seen)? {
        let act = script(&request);
        let out = stream.get_mut();
        match act {
            Act::Answer(status, headers, body) => {
                write!(out, "HTTP/1.1 {status} Made\r\n{headers}Content-Length: {}\r\n\r\n{body}", body.len())?;
                out.flush()?;
            }
            Act::Chunks(headers, body, size) => {
                write!(out, "HTTP/1.1 200 OK\r\n{headers}Transfer-Encoding: chunked\r\n\r\n")?;
                for chunk in body.as_bytes().chunks(size.max(1)) {
                    write!(out, "{:x}\r\n", chunk.len())?;
                    out.write_all(chunk)?;
                    out.write_all(b"\r\n")?;
                }
                out.write_all(b"0\r\n\r\n")?;
                out.flush()?;
            }
            Act::Cut(body, length) => {
                write!(out, "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{}", body.len(), &body[..length])?;
                return out.flush();
            }
            Act::Stall(body, length) => {
                write!(out, "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{}", body.len(), &body[..length])?;
                out.flush()?;
                // Until the client gives up.
                let mut rest = Vec::new();
                return stream.read_to_end(&mut rest).map(|_| ());
            }
            Act::Close => return Ok(()),
        }
    }
    Ok(())
}

fn read(stream: &mut impl BufRead, all: &Mutex<Vec<Seen>>) -> std::io::Result<Option<Seen>> {
    let mut first = String::new();
    let mut seen = Seen::default();
    let mut length = 0;
    if stream.read_line(&mut first)? == 0 {
        return Ok(None);
    }
    loop {
        let mut line = String::new();
        stream.read_line(&mut line)?;
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        match name.to_lowercase().as_str() {
            "content-length" => length = value.parse().unwrap_or(0),
            "cookie" => seen.cookie = Some(value.to_owned()),
            "soapaction" => seen.action = Some(value.to_owned()),
            "user-agent" => seen.agent = Some(value.to_owned()),
            _ => {}
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body)?;
    seen.body = String::from_utf8_lossy(&body).into_owned();
    seen.method = match seen.body.split_once("soapenv:Body><") {
        Some((_, rest)) => rest.split(' ').next().unwrap_or_default().to_owned(),
        None => first.split(' ').nth(1).and_then(|path| path.rsplit('/').next()).unwrap_or_default().to_owned(),
    };
    let mut all = all.lock().unwrap();
    seen.before = all.iter().filter(|earlier| earlier.method == seen.method).count();
    all.push(seen.clone());
    Ok(Some(seen))
}
