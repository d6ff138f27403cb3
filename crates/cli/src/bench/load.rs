//! The load itself: a closed loop, or an open one that asks at a rate whatever the answers do.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context;
use vpoller_wire::client::{ClientError, Connection};
use vpoller_wire::endpoint::Endpoint;
use vpoller_wire::{Outcome, split_outcome};

use super::mix::Mix;
use crate::ask;

/// What a good reply is.
#[derive(Clone, Copy, Debug)]
pub enum Expected {
    /// One that does not say it is a failure.
    Success,
    /// The request's own bytes.
    Echo,
}

/// When a load ends: after so many requests, or so long.
#[derive(Clone, Copy, Debug)]
pub struct Extent {
    /// Requests at most.
    pub count: u64,
    /// Time at most; nobody begins a request after it.
    pub time: Option<Duration>,
}

/// A load on a proxy.
pub struct Load<'a> {
    /// Shared by all clients, so that they cost one thread of libzmq and not one each.
    pub context: &'a zmq::Context,
    /// The proxy's frontend.
    pub endpoint: &'a Endpoint,
    /// The requests.
    pub mix: &'a Mix,
    /// How long a client waits for one reply.
    pub timeout: Duration,
    /// What a good reply is.
    pub expected: Expected,
    /// How many ask at the same time.
    pub clients: u16,
    /// Requests a second of all clients together; without, each client asks again when it has its reply.
    pub rate: Option<f64>,
}

/// What was measured.
#[derive(Clone, Debug, Default)]
pub struct Measured {
    /// From the first request to the last reply.
    pub elapsed: Duration,
    /// Microseconds of every answered request, ascending. In an open loop they count from the moment the request was due, so
    /// that waiting for a free client is part of them.
    pub latencies: Vec<u32>,
    /// Requests that nobody answered in time.
    pub silent: u64,
    /// Requests that were answered with a failure.
    pub refused: u64,
    /// One of those failures.
    pub reason: Option<String>,
}

/// So much of a failure's text is kept.
const LONGEST_REASON: usize = 200;

impl Load<'_> {
    /// Sends requests and waits for their replies; `first` is the turn to begin with.
    ///
    /// # Errors
    /// When a socket cannot be used; what the replies say is counted instead.
    pub fn run(&self, extent: Extent, first: u64) -> anyhow::Result<Measured> {
        let turns = AtomicU64::new(0);
        let start = Instant::now();
        let run = Run { load: self, turns: &turns, extent, first, start };
        std::thread::scope(|scope| {
            let mut clients = Vec::new();
            for _ in 0..self.clients {
                let client = std::thread::Builder::new().spawn_scoped(scope, || run.client());
                // Those that run already find no turn left and end.
                let end = |_: &_| turns.store(extent.count, Ordering::Relaxed);
                clients.push(client.inspect_err(end).context("cannot start a client")?);
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
}

/// A load under way.
struct Run<'a> {
    load: &'a Load<'a>,
    turns: &'a AtomicU64,
    extent: Extent,
    first: u64,
    start: Instant,
}

impl Run<'_> {
    fn client(&self) -> Result<Measured, ClientError> {
        let mut measured = Measured::default();
        let mut connection = None;
        while let Some((turn, due)) = self.next() {
            let request = self.load.mix.fill(self.first + turn);
            let open = match connection.take() {
                Some(open) => open,
                None => Connection::open(self.load.context, self.load.endpoint)?,
            };
            match open.exchange(&request, Instant::now() + self.load.timeout)? {
                Some(reply) => {
                    measured.latencies.push(u32::try_from(due.elapsed().as_micros()).unwrap_or(u32::MAX));
                    measured.judge(self.load.expected, &reply, &request);
                    connection = Some(open);
                }
                // A late answer must not be taken for that to the next request: the next one gets a new connection.
                None => measured.silent += 1,
            }
        }
        Ok(measured)
    }

    /// The next turn and the moment it is due, which has come; `None` at the end.
    fn next(&self) -> Option<(u64, Instant)> {
        let turn = self.turns.fetch_add(1, Ordering::Relaxed);
        if turn >= self.extent.count {
            return None;
        }
        let due = match self.load.rate {
            // Turns beyond 2^53 are none that anybody lives to see.
            Some(rate) => self.start + Duration::from_secs_f64(turn as f64 / rate),
            None => Instant::now(),
        };
        if self.extent.time.is_some_and(|time| due >= self.start + time || self.start.elapsed() >= time) {
            return None;
        }
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        Some((turn, due))
    }
}

impl Measured {
    fn judge(&mut self, expected: Expected, reply: &[u8], request: &[u8]) {
        let good = match expected {
            // Our workers begin like this; reading megabytes of JSON would slow the clients down.
            Expected::Success if reply.starts_with(br#"{"success": 0"#) => true,
            Expected::Success => {
                let (text, outcome) = split_outcome(reply);
                ask::success(text).unwrap_or(outcome == Outcome::Value)
            }
            Expected::Echo => reply == request,
        };
        if !good {
            self.refused += 1;
            let (text, _) = split_outcome(reply);
            self.reason.get_or_insert_with(|| String::from_utf8_lossy(text).chars().take(LONGEST_REASON).collect());
        }
    }

    /// Takes in what was measured elsewhere, one after the other; latencies must be sorted again.
    pub fn add(&mut self, other: Self) {
        self.elapsed += other.elapsed;
        self.latencies.extend(other.latencies);
        self.silent += other.silent;
        self.refused += other.refused;
        self.reason = self.reason.take().or(other.reason);
    }
}
