//! The load: a closed loop, or an open one that asks at a fixed rate.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context;
use vpoller_wire::client::{ClientError, Connection};
use vpoller_wire::endpoint::Endpoint;
use vpoller_wire::{Outcome, split_outcome};

use super::mix::RequestMix;
use crate::ask;

#[derive(Clone, Copy, Debug)]
pub(super) enum ExpectedReply {
    /// A reply that reports no failure.
    Success,
    /// The request's own bytes.
    EchoLoop,
}

/// When a load ends.
#[derive(Clone, Copy, Debug)]
pub(super) struct LoadLimit {
    /// Number of requests at most.
    pub count: u64,
    /// No request begins after this time.
    pub time: Option<Duration>,
}

/// A load on a proxy.
pub(super) struct Load<'a> {
    /// Shared by all clients, so that they need one thread of libzmq and not one each.
    pub context: &'a zmq::Context,
    pub endpoint: &'a Endpoint,
    pub mix: &'a RequestMix,
    pub timeout: Duration,
    pub expected: ExpectedReply,
    /// Number of clients that ask at the same time.
    pub clients: u16,
    /// Requests a second of all clients together. Without, each client asks again when it has its reply.
    pub rate: Option<f64>,
}

/// The results of a load.
#[derive(Clone, Debug, Default)]
pub(super) struct Measurements {
    /// From the first request to the last reply.
    pub elapsed: Duration,
    /// Microseconds of every answered request, ascending. In an open loop they count from the moment the request was due, so
    /// that waiting for a free client is part of them.
    pub latencies: Vec<u32>,
    /// Number of requests without a reply in time.
    pub silent: u64,
    /// Number of replies that report a failure.
    pub refused: u64,
    /// The text of one of those failures.
    pub reason: Option<String>,
}

/// Characters of a failure's text that are kept.
const LONGEST_REASON: usize = 200;

impl Load<'_> {
    /// Sends requests and waits for their replies; `first` is the number of the first request.
    ///
    /// # Errors
    /// When a socket cannot be used. Failures in replies are counted instead.
    pub(super) fn run(&self, limit: LoadLimit, first: u64) -> anyhow::Result<Measurements> {
        let turns = AtomicU64::new(0);
        let start = Instant::now();
        let run = LoadRun { load: self, turns: &turns, limit, first, start };
        std::thread::scope(|scope| {
            let mut clients = Vec::new();
            for _ in 0..self.clients {
                let client = std::thread::Builder::new().spawn_scoped(scope, || run.client());
                // Clients that run already find no turn left and end.
                let end = |_: &_| turns.store(limit.count, Ordering::Relaxed);
                clients.push(client.inspect_err(end).context("cannot start a client")?);
            }
            let mut all = Measurements::default();
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

/// A load that runs.
struct LoadRun<'a> {
    load: &'a Load<'a>,
    turns: &'a AtomicU64,
    limit: LoadLimit,
    first: u64,
    start: Instant,
}

impl LoadRun<'_> {
    fn client(&self) -> Result<Measurements, ClientError> {
        let mut measured = Measurements::default();
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
                // A late reply must not be taken for that to the next request: the next one gets a new connection.
                None => measured.silent += 1,
            }
        }
        Ok(measured)
    }

    /// Waits until the next request is due. Returns its number and that time; `None` at the end of the load.
    fn next(&self) -> Option<(u64, Instant)> {
        let turn = self.turns.fetch_add(1, Ordering::Relaxed);
        if turn >= self.limit.count {
            return None;
        }
        let due = match self.load.rate {
            // Numbers beyond 2^53 are never reached.
            Some(rate) => self.start + Duration::from_secs_f64(turn as f64 / rate),
            None => Instant::now(),
        };
        if self.limit.time.is_some_and(|time| due >= self.start + time || self.start.elapsed() >= time) {
            return None;
        }
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        Some((turn, due))
    }
}

impl Measurements {
    fn judge(&mut self, expected: ExpectedReply, reply: &[u8], request: &[u8]) {
        let good = match expected {
            // Replies of vPoller's own workers begin like this. Parsing megabytes of JSON would slow the clients down.
            ExpectedReply::Success if reply.starts_with(br#"{"success": 0"#) => true,
            ExpectedReply::Success => {
                let (text, outcome) = split_outcome(reply);
                ask::success(text).unwrap_or(outcome == Outcome::Value)
            }
            ExpectedReply::EchoLoop => reply == request,
        };
        if !good {
            self.refused += 1;
            let (text, _) = split_outcome(reply);
            self.reason.get_or_insert_with(|| String::from_utf8_lossy(text).chars().take(LONGEST_REASON).collect());
        }
    }

    /// Adds the results of another load. The latencies must be sorted again afterwards.
    pub(super) fn add(&mut self, other: Self) {
        self.elapsed += other.elapsed;
        self.latencies.extend(other.latencies);
        self.silent += other.silent;
        self.refused += other.refused;
        self.reason = self.reason.take().or(other.reason);
    }
}
