//! The connections to vPoller: one context and one socket for each proxy, made by the process that uses them.
//!
//! Zabbix forks its workers after loading the module. A ZeroMQ context does not survive a fork, and a child that closes what its
//! parent made hangs. So nothing is made before the first item, what another process made is forgotten, and nothing is closed
//! at exit: an old agent may exit from within a signal handler.

use std::mem;
use std::process;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use vpoller_wire::client::{ClientError, Connection};
use vpoller_wire::endpoint::Endpoint;
use vpoller_wire::{Request, text};

use crate::budget::Tries;
use crate::log::{self, Level};

/// How long a proxy that did not reply is skipped while another one can be asked.
const SKIPPED: Duration = Duration::from_secs(10);

/// Why there is no reply.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RequestError {
    /// No proxy replied in time.
    #[error(
        "{}: asked {proxies} for {what}, waited {:.1} s in {tries} {}; is vpoller-proxy running there?",
        text::NO_RESPONSE_FROM_VPOLLER, waited.as_secs_f64(), if *tries == 1 { "try" } else { "tries" }
    )]
    Silence {
        /// The request, see [`subject`].
        what: String,
        /// The proxies that were asked.
        proxies: String,
        waited: Duration,
        tries: u32,
    },
    /// No request could be sent.
    #[error("cannot ask vPoller: {0}")]
    Socket(#[from] ClientError),
}

/// Asks the proxies in turn until one replies or the time is over.
///
/// # Errors
/// When none replied.
pub(crate) fn ask(proxies: &[Endpoint], retries: u32, request: Request, total: Duration) -> Result<Vec<u8>, RequestError> {
    // Zabbix runs items on one thread, so the lock is never waited for, and never held while Zabbix forks.
    let mut pool = PROXY_POOL.lock().unwrap_or_else(PoisonError::into_inner);
    ProxyPool::of_this_process(&mut pool, proxies).ask(request, retries, total)
}

/// The request as text for logs and errors: without properties and password.
pub(crate) fn subject(request: &Request) -> String {
    let name = request.name.as_ref().map(|name| format!(" of \"{name}\"")).unwrap_or_default();
    format!("{}{name} on \"{}\"", request.method, request.hostname)
}

/// Never dropped, because it is a static.
static PROXY_POOL: Mutex<Option<ProxyPool>> = Mutex::new(None);

struct ProxyPool {
    pid: u32,
    context: zmq::Context,
    proxies: Vec<Proxy>,
}

struct Proxy {
    endpoint: Endpoint,
    connection: Option<Connection>,
    skipped_until: Option<Instant>,
}

impl ProxyPool {
    fn of_this_process<'a>(pool: &'a mut Option<Self>, proxies: &[Endpoint]) -> &'a mut Self {
        let pid = process::id();
        if pool.as_ref().is_some_and(|pool| pool.pid != pid) {
            mem::forget(pool.take());
        }
        pool.get_or_insert_with(|| Self::new(pid, proxies))
    }

    fn new(pid: u32, proxies: &[Endpoint]) -> Self {
        let proxy = |endpoint: &Endpoint| Proxy { endpoint: endpoint.clone(), connection: None, skipped_until: None };
        Self { pid, context: zmq::Context::new(), proxies: proxies.iter().map(proxy).collect() }
    }

    fn ask(&mut self, mut request: Request, retries: u32, total: Duration) -> Result<Vec<u8>, RequestError> {
        let start = Instant::now();
        let what = subject(&request);
        let order = self.order(start);
        let tries = Tries::divide(total, retries, order.len());
        let mut silent = Vec::new();
        let mut refused = None;
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
                Err(RequestError::Silence { what, proxies: silent.join(" and "), waited: start.elapsed(), tries })
            }
        }
    }

    /// The numbers of the proxies to ask, in the order of the configuration. All of them when all are to be skipped.
    fn order(&self, now: Instant) -> Vec<usize> {
        let all = || self.proxies.iter().enumerate();
        let heard: Vec<usize> =
            all().filter(|(_, proxy)| proxy.skipped_until.is_none_or(|until| until <= now)).map(|(index, _)| index).collect();
        if heard.is_empty() { all().map(|(index, _)| index).collect() } else { heard }
    }
}

impl Proxy {
    /// One try. A connection without a reply is closed, so that a late reply cannot be taken for the next one.
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

    fn pool(count: usize) -> ProxyPool {
        let endpoints: Vec<Endpoint> = (1..=count).map(|port| format!("tcp://127.0.0.1:{port}").parse().unwrap()).collect();
        ProxyPool::new(process::id(), &endpoints)
    }

    #[test]
    fn a_silent_proxy_is_passed_over_unless_all_are_silent() {
        let mut pool = pool(3);
        let now = Instant::now();
        assert_eq!(pool.order(now), [0, 1, 2]);
        pool.proxies[0].skipped_until = Some(now + SKIPPED);
        assert_eq!(pool.order(now), [1, 2]);
        assert_eq!(pool.order(now + SKIPPED), [0, 1, 2], "after a while it is tried again");
        pool.proxies[1].skipped_until = Some(now + SKIPPED);
        pool.proxies[2].skipped_until = Some(now + SKIPPED);
        assert_eq!(pool.order(now), [0, 1, 2]);
    }

    #[test]
    fn a_process_never_touches_what_another_one_made() {
        let mut pool = Some(pool(1));
        let pid = process::id();
        let endpoints = ["tcp://127.0.0.1:2".parse().unwrap()];
        assert_eq!(ProxyPool::of_this_process(&mut pool, &endpoints).proxies[0].endpoint.as_str(), "tcp://127.0.0.1:1");
        pool.as_mut().unwrap().pid = pid + 1;
        assert_eq!(ProxyPool::of_this_process(&mut pool, &endpoints).proxies[0].endpoint.as_str(), "tcp://127.0.0.1:2");
        assert_eq!(pool.unwrap().pid, pid);
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
        let error = ProxyPool::new(process::id(), &endpoints).ask(request, 2, Duration::from_secs(5)).unwrap_err().to_string();
        assert!(error.starts_with("cannot ask vPoller: cannot connect to tcp://*:1: "), "{error}");
    }
}
