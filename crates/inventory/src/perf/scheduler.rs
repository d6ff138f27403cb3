//! The waiting and calling: between the requests on one side and a vSphere host on the other.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures_util::future::BoxFuture;
use tokio::runtime::Handle;
use tokio::time::Instant;
use vpoller_vsphere::{Catalogue, DateTime, EntitySeries, Error, Identity, Interval, Metric, MoRef, Provider, ServerClock};

use super::batch::Batch;
use super::clock::Clock;
use super::pending_request::PendingRequest;
use super::sampling_status::SamplingStatus;
use super::scheduler_state::{Moment, SchedulerState};
use super::statistics_source::StatisticsSource;
use crate::border::{Performance, ReadError, SampleQuery, SampleResult};
use crate::lock::lock;

/// The performance counters of one vSphere host, asked for together.
///
/// Needs a tokio runtime once samples are asked for; calls are made by tasks of its own, so a request that is given up ends none.
pub struct Scheduler {
    shared: Arc<SharedScheduler>,
}

struct SharedScheduler {
    host: String,
    source: Arc<dyn StatisticsSource>,
    clock: Clock,
    state: Mutex<SchedulerState>,
    server: tokio::sync::Mutex<ServerState>,
    /// A task is about to make calls.
    about_to_call: AtomicBool,
    /// A task forgets what is idle.
    tidying: AtomicBool,
}

/// What must be known of the server before a call.
#[derive(Clone, Default)]
struct ServerState {
    identity: Option<Identity>,
    clock: Option<ServerClock>,
}

/// Requests are collected for so long before a call is made.
const COLLECT: Duration = Duration::from_millis(10);
/// So many objects of a request are looked at before others get their turn.
const PORTION: usize = 500;
/// The server's clock is read again after this time.
const CLOCK_AGE: Duration = Duration::from_secs(600);
/// How often what is idle is forgotten.
const TIDY: Duration = Duration::from_secs(60);

impl Scheduler {
    /// Asks this source, which is called `host` in errors.
    #[must_use]
    pub fn new(host: &str, source: Arc<dyn StatisticsSource>, clock: Clock) -> Self {
        let shared = SharedScheduler {
            host: host.to_owned(),
            source,
            clock,
            state: Mutex::default(),
            server: tokio::sync::Mutex::default(),
            about_to_call: AtomicBool::new(false),
            tidying: AtomicBool::new(false),
        };
        Self { shared: Arc::new(shared) }
    }

    /// Keeps nothing and asks nothing ahead; questions at the same time still share calls.
    #[must_use]
    pub fn forgetful(self) -> Self {
        self.shared.state().forgetful = true;
        self
    }

    /// What was done so far.
    #[must_use]
    pub fn status(&self) -> SamplingStatus {
        self.shared.state().status()
    }

    async fn ask(&self, query: SampleQuery) -> Result<Vec<Vec<SampleResult>>, ReadError> {
        let shared = &self.shared;
        shared.state().make_room(&query, shared.clock.now())?;
        let (count, request) = (query.objects.len(), Arc::new(PendingRequest::new(query.metrics.clone(), query.objects.len())));
        for start in (0..count).step_by(PORTION) {
            if start > 0 {
                tokio::task::yield_now().await;
            }
            let has_batches = {
                let mut state = shared.state();
                state.ask(&query, &request, start..(start + PORTION).min(count), shared.clock.now());
                state.has_batches()
            };
            if has_batches {
                shared.call_soon();
            }
        }
        shared.tidy();
        Ok(request.wait().await)
    }

    /// An answer of the source, its errors in words.
    fn told<'a, T: Send + 'a>(&'a self, asking: BoxFuture<'a, Result<T, Error>>) -> BoxFuture<'a, Result<T, ReadError>> {
        Box::pin(async move { asking.await.map_err(|error| ReadError::of(&self.shared.host, &error)) })
    }
}

impl Performance for Scheduler {
    fn counters(&self) -> BoxFuture<'_, Result<Arc<Catalogue>, ReadError>> {
        self.told(self.shared.source.counters())
    }

    fn intervals(&self) -> BoxFuture<'_, Result<Arc<[Interval]>, ReadError>> {
        self.told(self.shared.source.intervals())
    }

    fn provider<'a>(&'a self, object: &'a MoRef) -> BoxFuture<'a, Result<Provider, ReadError>> {
        self.told(self.shared.source.provider(object))
    }

    fn available<'a>(&'a self, object: &'a MoRef, interval: Option<i32>) -> BoxFuture<'a, Result<Arc<[Metric]>, ReadError>> {
        self.told(self.shared.source.available(object, interval))
    }

    fn samples(&self, query: SampleQuery) -> BoxFuture<'_, Result<Vec<Vec<SampleResult>>, ReadError>> {
        Box::pin(self.ask(query))
    }
}

impl SharedScheduler {
    /// Makes calls, after others have had the time to join them.
    fn call_soon(self: &Arc<Self>) {
        if self.about_to_call.swap(true, Ordering::AcqRel) {
            return;
        }
        let own = Arc::clone(self);
        tokio::spawn(async move {
            let about_to_call = RaisedFlag(&own.about_to_call);
            tokio::time::sleep(COLLECT).await;
            let server = own.server().await;
            // Who asks from here on may come too late for these calls.
            drop(about_to_call);
            own.make_calls(server);
        });
    }

    /// Makes calls for those who waited for the end of another one: they have waited long enough.
    fn call_now(self: &Arc<Self>, runtime: &Handle) {
        let own = Arc::clone(self);
        runtime.spawn(async move {
            let server = own.server().await;
            own.make_calls(server);
        });
    }

    /// Makes the calls that are to be made now, each in a task of its own.
    fn make_calls(self: &Arc<Self>, server: Result<ServerState, Error>) {
        let server = match server {
            Ok(server) => server,
            Err(error) => return self.state().fail_waiting(&self.host, &error, self.clock.now()),
        };
        loop {
            let batch = self.state().next_batch(self.moment(&server));
            let Some(batch) = batch else { return };
            tokio::spawn(BatchInFlight { shared: Arc::clone(self), batch: Some(batch) }.ask(server.clone()));
        }
    }

    /// Knows the server and its clock.
    async fn server(&self) -> Result<ServerState, Error> {
        let mut server = self.server.lock().await;
        let identity = self.source.identity().await?;
        if server.identity.as_ref() != Some(&identity) {
            if server.identity.as_ref().is_some_and(|known| known.instance != identity.instance) {
                self.state().forget(self.clock.now());
            }
            let limit = self.source.max_query_metrics().await?;
            self.state().limits.limit(limit);
            (server.identity, server.clock) = (Some(identity), None);
        }
        let now = self.clock.now();
        if server.clock.is_none_or(|clock| clock.age(now) > CLOCK_AGE) {
            match self.source.current_time().await {
                Ok(reading) => server.clock = Some(ServerClock::read(now, reading, self.clock.now())),
                Err(error) => tracing::debug!("[{}] its clock cannot be read: {error}", self.host),
            }
        }
        Ok(server.clone())
    }

    fn moment(&self, server: &ServerState) -> Moment {
        let local = self.clock.now();
        Moment { local, server: server.clock.map_or_else(own_time, |clock| clock.at(local)) }
    }

    /// Asks, and makes sure that it was this server that answered: to another one, objects and counters mean something else.
    async fn query(&self, batch: &Batch, server: &ServerState) -> Result<Vec<EntitySeries>, Error> {
        let queries = batch.queries(self.moment(server).server);
        let found = self.source.query(&queries).await?;
        let identity = self.source.identity().await?;
        if server.identity.as_ref().is_some_and(|known| known.instance != identity.instance) {
            let reason = "another vCenter answers under this name".to_owned();
            return Err(Error::SessionLost { host: self.host.clone(), reason });
        }
        Ok(found)
    }

    /// Starts the task that forgets what is idle, for as long as there is anything.
    fn tidy(self: &Arc<Self>) {
        if self.tidying.swap(true, Ordering::AcqRel) {
            return;
        }
        let own = Arc::downgrade(self);
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(TIDY).await;
                let Some(own) = own.upgrade() else { return };
                if !own.state().tidy(own.clock.now()) {
                    return own.tidying.store(false, Ordering::Release);
                }
            }
        });
    }

    fn state(&self) -> MutexGuard<'_, SchedulerState> {
        lock(&self.state)
    }
}

/// A call under way. Dropped before its end, it tells those who wait that it was given up.
struct BatchInFlight {
    shared: Arc<SharedScheduler>,
    batch: Option<Batch>,
}

impl BatchInFlight {
    async fn ask(mut self, server: ServerState) {
        let Some(batch) = &self.batch else { return };
        let started = Instant::now();
        let outcome = self.shared.query(batch, &server).await;
        if let Err(error) = &outcome {
            tracing::debug!("[{}] a call for samples of {} objects failed: {error}", self.shared.host, batch.entries.len());
        }
        if let Some(batch) = self.batch.take() {
            self.shared.state().finish(batch, outcome, started.elapsed(), self.shared.moment(&server));
        }
    }
}

impl Drop for BatchInFlight {
    fn drop(&mut self) {
        let has_batches = {
            let mut state = self.shared.state();
            if let Some(batch) = self.batch.take() {
                state.lose(&batch, self.shared.clock.now());
            }
            state.has_batches()
        };
        if has_batches && let Ok(runtime) = Handle::try_current() {
            self.shared.call_now(&runtime);
        }
    }
}

/// A flag that is lowered whatever happens.
struct RaisedFlag<'a>(&'a AtomicBool);

impl Drop for RaisedFlag<'_> {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}

/// The time by our own clock, for want of the server's.
fn own_time() -> DateTime {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    DateTime::from_unix_micros(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
}
