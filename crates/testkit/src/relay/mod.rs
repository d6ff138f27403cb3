//! A relay between the code under test and a simulator that breaks things on purpose: it terminates TLS on both sides, knows
//! the SOAP method of each call, counts, and applies [`Rule`]s. It shows what no simulator does: lost answers, truncated
//! bodies, hanging servers, overload.

mod body;
mod serve;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use tokio::sync::watch;

use crate::certificates::ServerCertificate;

/// What happens to a call.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Fault {
    /// The call is passed on after a pause.
    Delay(Duration),
    /// Answered with this HTTP status and a page no SOAP client can use; the server never sees the call.
    Status(u16),
    /// The connection is closed; the server never sees the call.
    Refuse,
    /// The server carries the call out, but the connection is closed instead of the answer.
    LoseAnswer,
    /// The answer's head and this many bytes of its body arrive, then the connection is closed.
    Truncate(usize),
    /// No answer ever comes; the connection stays open.
    Hang,
    /// The answer's head and this many bytes of its body arrive, then nothing more; the connection stays open.
    HangAfter(usize),
    /// The answer arrives in pieces of this many bytes with a pause before each.
    Drip(usize, Duration),
    /// Answered with this status and body instead of the server's; the server never sees the call.
    Answer(u16, String),
}

/// A fault, for which method, and how often.
#[derive(Clone, Debug)]
pub struct Rule {
    method: Option<String>,
    text: Option<String>,
    times: Option<usize>,
    fault: Fault,
}

impl Rule {
    /// A rule for every call, for ever.
    #[must_use]
    pub fn new(fault: Fault) -> Self {
        Self { method: None, text: None, times: None, fault }
    }

    /// Only for calls of this SOAP method.
    #[must_use]
    pub fn for_method(mut self, method: &str) -> Self {
        self.method = Some(method.to_owned());
        self
    }

    /// Only for calls with this text in their body.
    #[must_use]
    pub fn about(mut self, text: &str) -> Self {
        self.text = Some(text.to_owned());
        self
    }

    /// Only for the next `count` matching calls.
    #[must_use]
    pub fn times(mut self, count: usize) -> Self {
        self.times = Some(count);
        self
    }
}

/// A running relay; ends on drop, with all its connections.
#[derive(Debug)]
pub struct Relay {
    address: SocketAddr,
    state: Arc<RelayState>,
    stop: watch::Sender<Signal>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Relay {
    /// Starts a relay in front of `upstream` (any address of a TLS server; what it presents is not checked) on a port of
    /// 127.0.0.1 that the system chooses. It presents `certificate`.
    ///
    /// # Panics
    /// When the system gives no port or the certificate is none.
    #[must_use]
    #[track_caller]
    pub fn start(upstream: SocketAddr, certificate: &ServerCertificate) -> Self {
        let acceptor = serve::acceptor(certificate);
        let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("port for a relay");
        listener.set_nonblocking(true).expect("non-blocking listener");
        let address = listener.local_addr().expect("address of a relay");
        let state = Arc::new(RelayState::default());
        let (stop, signals) = watch::channel(Signal::Run(0));
        let shared = Arc::clone(&state);
        let thread = thread::Builder::new()
            .name("testkit-relay".to_owned())
            .spawn(move || serve::run(listener, acceptor, upstream, &shared, signals))
            .expect("thread of a relay");
        Self { address, state, stop, thread: Some(thread) }
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Adds a rule. The first one that matches a call applies.
    pub fn add(&self, rule: Rule) {
        self.state.rules.lock().expect("rules").push(rule);
    }

    /// Removes all rules; what hangs stays hung.
    pub fn clear(&self) {
        self.state.rules.lock().expect("rules").clear();
    }

    /// Calls that arrived so far, by SOAP method, broken ones included.
    #[must_use]
    pub fn calls(&self) -> BTreeMap<String, usize> {
        self.state.calls.lock().expect("calls").clone()
    }

    /// Calls of one SOAP method that arrived so far.
    #[must_use]
    pub fn calls_of(&self, method: &str) -> usize {
        self.calls().get(method).copied().unwrap_or(0)
    }

    /// Forgets the calls counted so far.
    pub fn reset_calls(&self) {
        self.state.calls.lock().expect("calls").clear();
    }

    /// Connections accepted since the start.
    #[must_use]
    pub fn connections(&self) -> usize {
        *self.state.connections.lock().expect("connections")
    }

    /// Closes every connection there is now, in the middle of whatever it does. New ones are accepted.
    pub fn cut(&self) {
        self.stop.send_modify(|signal| {
            if let Signal::Run(cuts) = signal {
                *cuts += 1;
            }
        });
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.stop.send_replace(Signal::Stop);
        if let Some(thread) = self.thread.take() {
            // Its panic was printed, and fails the test that waited for an answer.
            let _ = thread.join();
        }
    }
}

/// A signal to the relay's connections.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Signal {
    /// Go on; connections made before the count last changed end.
    Run(u64),
    /// End everything.
    Stop,
}

#[derive(Debug, Default)]
struct RelayState {
    rules: Mutex<Vec<Rule>>,
    calls: Mutex<BTreeMap<String, usize>>,
    connections: Mutex<usize>,
}

impl RelayState {
    /// Counts a call and takes the fault that applies to it.
    fn arrive(&self, method: &str, body: &[u8]) -> Option<Fault> {
        *self.calls.lock().expect("calls").entry(method.to_owned()).or_default() += 1;
        let mut rules = self.rules.lock().expect("rules");
        let body = String::from_utf8_lossy(body);
        let is_for = |rule: &Rule| {
            let is_of_method = rule.method.as_deref().is_none_or(|wanted| wanted == method);
            is_of_method && rule.text.as_deref().is_none_or(|wanted| body.contains(wanted))
        };
        let index = rules.iter().position(is_for)?;
        let fault = rules[index].fault.clone();
        if let Some(left) = rules[index].times.as_mut() {
            *left -= 1;
            if *left == 0 {
                rules.remove(index);
            }
        }
        Some(fault)
    }
}

/// Name of the SOAP method in a request's body: the first element inside `Body`. Empty when there is none.
fn soap_method(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    let inside = text.split_once("Body>").map_or("", |(_, rest)| rest);
    let element = inside.split_once('<').map_or("", |(_, rest)| rest);
    let name = element.split([' ', '>', '/']).next().unwrap_or_default();
    name.rsplit(':').next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_method_whatever_the_prefix() {
        let with_prefix = b"<soapenv:Envelope><soapenv:Body><vim25:Login xmlns=\"x\"><a/></vim25:Login></soapenv:Body>";
        assert_eq!(soap_method(with_prefix), "Login");
        assert_eq!(soap_method(b"<Envelope><Body>\n <RetrieveServiceContent/></Body>"), "RetrieveServiceContent");
        assert_eq!(soap_method(b"<html>"), "");
    }

    const CONTENT: &str = "<Envelope xmlns=\"http://schemas.xmlsoap.org/soap/envelope/\"><Body><RetrieveServiceContent \
        xmlns=\"urn:vim25\"><_this type=\"ServiceInstance\">ServiceInstance</_this></RetrieveServiceContent></Body></Envelope>";

    fn ask(relay: &Relay) -> std::io::Result<(u16, String)> {
        crate::http::request(relay.address(), "POST", "/sdk", CONTENT)
    }

    #[test]
    fn passes_on_counts_and_breaks() {
        let simulator = crate::Simulator::start(&crate::SimOptions::default());
        let relay = Relay::start(simulator.address(), &ServerCertificate::self_signed(&["127.0.0.1"]));
        let (status, whole) = ask(&relay).unwrap();
        assert!(status == 200 && whole.ends_with("Envelope>"), "{status} {whole}");
        assert_eq!((relay.calls_of("RetrieveServiceContent"), simulator.calls().total), (1, 1));

        relay.add(Rule::new(Fault::Status(503)).for_method("RetrieveServiceContent").times(1));
        assert_eq!(ask(&relay).unwrap().0, 503);
        relay.add(Rule::new(Fault::Refuse).times(1));
        assert!(ask(&relay).is_err());
        assert_eq!(simulator.calls().total, 1, "refused calls must not reach the server");

        relay.add(Rule::new(Fault::LoseAnswer).times(1));
        assert!(ask(&relay).is_err());
        assert_eq!(simulator.calls().total, 2, "a lost answer is one the server gave");

        relay.add(Rule::new(Fault::Truncate(100)).times(1));
        assert_eq!(ask(&relay).unwrap().1, whole[..100]);
        relay.add(Rule::new(Fault::Drip(500, Duration::from_millis(5))).times(1));
        assert_eq!(ask(&relay).unwrap().1, whole);
        relay.add(Rule::new(Fault::Answer(500, "<fault/>".to_owned())).times(1));
        assert_eq!(ask(&relay).unwrap(), (500, "<fault/>".to_owned()));
        assert_eq!(ask(&relay).unwrap().1, whole, "all rules have run out");
    }

    #[test]
    fn what_hangs_ends_when_connections_are_cut() {
        let simulator = crate::Simulator::start(&crate::SimOptions::default());
        let relay = Relay::start(simulator.address(), &ServerCertificate::self_signed(&["127.0.0.1"]));
        relay.add(Rule::new(Fault::Hang).times(1));
        relay.add(Rule::new(Fault::HangAfter(10)).times(1));
        thread::scope(|scope| {
            let hung = [scope.spawn(|| ask(&relay)), scope.spawn(|| ask(&relay))];
            crate::wait_until(Duration::from_secs(10), "both calls", || relay.calls_of("RetrieveServiceContent") == 2);
            assert!(hung.iter().all(|one| !one.is_finished()));
            relay.cut();
            let ends: Vec<_> = hung.into_iter().map(|one| one.join().unwrap()).collect();
            assert!(ends.iter().all(|end| end.as_ref().map_or(true, |(_, text)| text.len() <= 10)), "{ends:?}");
        });
        assert_eq!(ask(&relay).unwrap().0, 200, "new connections are served");
        assert_eq!(relay.connections(), 3);
    }

    #[test]
    fn rules_apply_in_order_and_run_out() {
        let state = RelayState::default();
        state.rules.lock().unwrap().push(Rule::new(Fault::Refuse).for_method("Login").times(2));
        state.rules.lock().unwrap().push(Rule::new(Fault::Hang).for_method("Login"));
        let seen: Vec<_> = (0..3).map(|_| state.arrive("Login", b"")).collect();
        assert_eq!(seen, [Some(Fault::Refuse), Some(Fault::Refuse), Some(Fault::Hang)]);
        assert_eq!(state.arrive("Logout", b""), None);
        assert_eq!(state.calls.lock().unwrap().get("Login"), Some(&3));
        state.rules.lock().unwrap().insert(0, Rule::new(Fault::Refuse).about(">vm-101<"));
        assert_eq!(state.arrive("Read", b"<obj>vm-1011</obj>"), None);
        assert_eq!(state.arrive("Read", b"<obj>vm-101</obj>"), Some(Fault::Refuse));
    }
}
