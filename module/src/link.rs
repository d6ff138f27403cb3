//! The connection to vPoller: one context and one socket for each proxy, made by the process that uses them.
//!
//! Zabbix forks its workers after loading the module. A ZeroMQ context does not survive that, and ending or closing in the
//! child what the parent made would hang the child. So nothing is made before the first item, what another process made is
//! forgotten, and nothing is ever ended at exit: an old agent may leave from within a signal handler.

use std::mem;
use std::process;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use vpoller_wire::client::{ClientError, Connection};
use vpoller_wire::endpoint::Endpoint;
use vpoller_wire::{Request, text};

use crate::budget::Tries;
use crate::log::{self, Level};

/// For how long a silent proxy is passed over while another one can be asked.
const SKIPPED: Duration = Duration::from_secs(10);

/// Why there is no reply.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    /// Nobody answered in time.
    #[error(
        "{}: asked {proxies} for {what}, waited {:.1} s in {tries} {}; is vpoller-proxy running there?",
        text::NO_RESPONSE_FROM_VPOLLER, waited.as_secs_f64(), if *tries == 1 { "try" } else { "tries" }
    )]
    Silence {
        /// What was asked.
        what: String,
        /// Whom.
        proxies: String,
        /// How long in all.
        waited: Duration,
        /// How often.
        tries: u32,
    },
    /// No try got as far as waiting.
    #[error("cannot ask vPoller: {0}")]
    Socket(#[from] ClientError),
}

/// Asks the proxies until one answers or the time is over.
///
/// # Errors
/// When none answered.
pub fn ask(proxies: &[Endpoint], retries: u32, request: Request, total: Duration) -> Result<Vec<u8>, LinkError> {
    // Zabbix has one thread where items run. The lock is for others, and cannot be held while Zabbix forks.
    let mut link = LINK.lock().unwrap_or_else(PoisonError::into_inner);
    Link::of_this_process(&mut link, proxies).ask(request, retries, total)
}

/// What is asked, for logs and errors: no property, and no password.
pub fn subject(request: &Request) -> String {
    let name = request.name.as_ref().map(|name| format!(" of \"{name}\"")).unwrap_or_default();
    format!("{}{name} on \"{}\"", request.method, request.hostname)
}

/// A static is never dropped.
static LINK: Mutex<Option<Link>> = Mutex::new(None);

struct Link {
    pid: u32,
    context: zmq::Context,
    proxies: Vec<Proxy>,
}

struct Proxy {
    endpoint: Endpoint,
    connection: Option<Connection>,
    skipped_until: Option<Instant>,
}

impl Link {
    fn of_this_process<'a>(slot: &'a mut Option<Self>, proxies: &[Endpoint]) -> &'a mut Self {
        let pid = process::id();
        if slot.as_ref().is_some_and(|link| link.pid != pid) {
            mem::forget(slot.take());
        }
        slot.get_or_insert_with(|| Self::new(pid, proxies))
    }

    fn new(pid: u32, proxies: &[Endpoint]) -> Self {
        let proxy = |endpoint: &Endpoint| Proxy { endpoint: endpoint.clone(), connection: None, skipped_until: None };
        Self { pid, context: zmq::Context::new(), proxies: proxies.iter().map(proxy).collect() }
    }

    fn ask(&mut self, mut request: Request, retries: u32, total: Duration) -> Result<Vec<u8>, LinkError> {
        let start = Instant::now();
        let what = subject(&request);
        let order = self.order(start);
        let tries = Tries::divide(total, retries, order.len());
        let (mut silent, mut refused) = (Vec::new(), None);
        for (number, index) in (1..=tries.count).zip(order.iter().cycle()) {
            let Some(proxy) = self.proxies.get_mut(*index) else { continue };
            let now = Instant::now();
            let deadline = if number == tries.count { start + total } else { (now + tries.each).min(start + total) };
            request.timeout = Some(milliseconds(deadline.saturating_duration_since(now)));
            log::debug(|| format!("Sending task request to vPoller: {what} ({})", proxy.endpoint));
            let reason = match proxy.exchange(&self.context, &request.to_bytes(), deadline) {
                Ok(Some(reply)) => {
                    log::debug(|| "Received reply from vPoller".to_owned());
                    return Ok(reply);
                }
                Ok(None) => {
                    silent.push(proxy.endpoint.to_string());
                    text::NO_RESPONSE_FROM_VPOLLER.to_owned()
                }
                Err(error) => refused.insert(error).to_string(),
            };
            let then = if number == tries.count { "giving up." } else { "retrying..." };
            let waited = now.elapsed().as_secs_f64();
            log::write(Level::Warning, &format!("{reason}, {then} ({what}, {}, {waited:.1} s)", proxy.endpoint));
        }
        match refused {
            Some(error) if silent.is_empty() => Err(error.into()),
            _ => {
                let tries = u32::try_from(silent.len()).unwrap_or(tries.count);
                silent.sort();
                silent.dedup();
                Err(LinkError::Silence { what, proxies: silent.join(" and "), waited: start.elapsed(), tries })
            }
        }
    }

    /// The proxies to ask, in the order of the configuration; all of them when none has answered lately.
    fn order(&self, now: Instant) -> Vec<usize> {
        let all = || self.proxies.iter().enumerate();
        let heard: Vec<usize> =
            all().filter(|(_, proxy)| proxy.skipped_until.is_none_or(|until| until <= now)).map(|(index, _)| index).collect();
        if heard.is_empty() { all().map(|(index, _)| index).collect() } else { heard }
    }
}

impl Proxy {
    /// One try. A connection that did not bring a reply is closed: a late one then has nowhere to arrive.
    fn exchange(&mut self, context: &zmq::Context, request: &[u8], deadline: Instant) -> Result<Option<Vec<u8>>, ClientError> {
        self.skipped_until = Some(Instant::now() + SKIPPED);
        let connection = match self.connection.take() {
            Some(connection) => connection,
            None => Connection::open(context, &self.endpoint)?,
        };
        let reply = connection.exchange(request, deadline)?;
        if reply.is_some() {
            self.connection = Some(connection);
            self.skipped_until = None;
        } else {
            self.skipped_until = Some(Instant::now() + SKIPPED);
        }
        Ok(reply)
    }
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn link(count: usize) -> Link {
        let endpoints: Vec<Endpoint> = (1..=count).map(|port| format!("tcp://127.0.0.1:{port}").parse().unwrap()).collect();
        Link::new(process::id(), &endpoints)
    }

    #[test]
    fn a_silent_proxy_is_passed_over_unless_all_are_silent() {
        let (mut link, now) = (link(3), Instant::now());
        assert_eq!(link.order(now), [0, 1, 2]);
        link.proxies[0].skipped_until = Some(now + SKIPPED);
        assert_eq!(link.order(now), [1, 2]);
        assert_eq!(link.order(now + SKIPPED), [0, 1, 2], "after a while it is tried again");
        link.proxies[1].skipped_until = Some(now + SKIPPED);
        link.proxies[2].skipped_until = Some(now + SKIPPED);
        assert_eq!(link.order(now), [0, 1, 2]);
    }

    #[test]
    fn a_process_never_touches_what_another_one_made() {
        let mut slot = Some(link(1));
        let pid = process::id();
        let endpoints = ["tcp://127.0.0.1:2".parse().unwrap()];
        assert_eq!(Link::of_this_process(&mut slot, &endpoints).proxies[0].endpoint.as_str(), "tcp://127.0.0.1:1");
        slot.as_mut().unwrap().pid = pid + 1;
        assert_eq!(Link::of_this_process(&mut slot, &endpoints).proxies[0].endpoint.as_str(), "tcp://127.0.0.1:2");
        assert_eq!(slot.unwrap().pid, pid);
    }

    #[test]
    fn the_subject_names_what_was_asked_and_no_secret() {
        let mut request = Request::new("vm.process.get", "vc01");
        assert_eq!(subject(&request), "vm.process.get on \"vc01\"");
        request.name = Some("vm01".to_owned());
        request.username = Some("root".to_owned());
        request.password = Some(vpoller_wire::Secret::new("hunter2"));
        assert_eq!(subject(&request), "vm.process.get of \"vm01\" on \"vc01\"");
    }

    #[test]
    fn an_address_that_libzmq_refuses_is_said_so() {
        let endpoints = ["tcp://*:1".parse().unwrap()];
        let request = Request::new("about", "vc01");
        let error = Link::new(process::id(), &endpoints).ask(request, 2, Duration::from_secs(5)).unwrap_err().to_string();
        assert!(error.starts_with("cannot ask vPoller: cannot connect to tcp://*:1: "), "{error}");
    }
}
