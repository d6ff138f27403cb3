//! The closed loop itself.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context;
use vpoller_wire::client::{ClientError, Connection};
use vpoller_wire::endpoint::Endpoint;
use vpoller_wire::{Outcome, split_outcome};

use super::template::Template;
use crate::ask;

/// What a good reply is.
#[derive(Clone, Copy, Debug)]
pub enum Expected {
    /// One that does not say it is a failure.
    Success,
    /// The request's own bytes.
    Echo,
}

/// A load on a proxy.
pub struct Load<'a> {
    /// Shared by all clients, so that they cost one thread of libzmq and not one each.
    pub context: &'a zmq::Context,
    /// The proxy's frontend.
    pub endpoint: &'a Endpoint,
    /// The requests, which take turns.
    pub templates: &'a [Template],
    /// How long a client waits for one reply.
    pub timeout: Duration,
    /// What a good reply is.
    pub expected: Expected,
    /// How many ask at the same time.
    pub clients: u16,
}

/// What was measured.
#[derive(Debug, Default)]
pub struct Measured {
    /// From the first request to the last reply.
    pub elapsed: Duration,
    /// Microseconds of every answered request, ascending.
    pub latencies: Vec<u32>,
    /// Requests that nobody answered in time.
    pub silent: u64,
    /// Requests that were answered with a failure.
    pub refused: u64,
}

impl Load<'_> {
    /// Sends `count` requests and waits for their replies.
    ///
    /// # Errors
    /// When a socket cannot be used; what the replies say is counted instead.
    pub fn run(&self, count: u64) -> anyhow::Result<Measured> {
        let turns = AtomicU64::new(0);
        let start = Instant::now();
        std::thread::scope(|scope| {
            let mut clients = Vec::new();
            for _ in 0..self.clients {
                let client = std::thread::Builder::new().spawn_scoped(scope, || self.client(&turns, count));
                // Those that run already find no turn left and end.
                clients.push(client.inspect_err(|_| turns.store(count, Ordering::Relaxed)).context("cannot start a client")?);
            }
            let mut all = Measured::default();
            for client in clients {
                let part = client.join().map_err(|_| anyhow::anyhow!("a client panicked, which is a bug"))?;
                all.add(part.context("the load was stopped")?);
            }
            all.elapsed = start.elapsed();
            all.latencies.sort_unstable();
            Ok(all)
        })
    }

    fn client(&self, turns: &AtomicU64, count: u64) -> Result<Measured, ClientError> {
        let mut measured = Measured::default();
        let mut connection = None;
        loop {
            let turn = turns.fetch_add(1, Ordering::Relaxed);
            if turn >= count {
                return Ok(measured);
            }
            let request = self.request(turn);
            let open = match connection.take() {
                Some(open) => open,
                None => Connection::open(self.context, self.endpoint)?,
            };
            let start = Instant::now();
            match open.exchange(&request, start + self.timeout)? {
                Some(reply) => {
                    measured.latencies.push(u32::try_from(start.elapsed().as_micros()).unwrap_or(u32::MAX));
                    measured.refused += u64::from(!self.expected.met_by(&reply, &request));
                    connection = Some(open);
                }
                // A late answer must not be taken for that to the next request: the next one gets a new connection.
                None => measured.silent += 1,
            }
        }
    }

    fn request(&self, turn: u64) -> Vec<u8> {
        let kinds = self.templates.len().max(1) as u64;
        let kind = usize::try_from(turn % kinds).unwrap_or_default();
        self.templates.get(kind).map(|template| template.fill(turn / kinds)).unwrap_or_default()
    }
}

impl Expected {
    fn met_by(self, reply: &[u8], request: &[u8]) -> bool {
        match self {
            // Our workers begin like this; reading megabytes of JSON would slow the clients down.
            Self::Success if reply.starts_with(br#"{"success": 0"#) => true,
            Self::Success => {
                let (text, outcome) = split_outcome(reply);
                ask::success(text).unwrap_or(outcome == Outcome::Value)
            }
            Self::Echo => reply == request,
        }
    }
}

impl Measured {
    fn add(&mut self, other: Self) {
        self.latencies.extend(other.latencies);
        self.silent += other.silent;
        self.refused += other.refused;
    }
}
