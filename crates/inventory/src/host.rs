//! One vSphere host: its name, its inventory, and the connection to it, which a task of its own keeps.
//!
//! Nothing waits for one vSphere host on behalf of another: each has its own inventory, session, back-off and task. The task logs
//! in once the host is wanted, follows what vSphere tells, and is supervised: a panic in it is reported and survived.

use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::FutureExt;
use tokio::runtime::Handle;
use tokio::sync::{Notify, watch};
use tokio::task::AbortHandle;
use tokio::time::Instant;
use vpoller_vsphere::Class;

use crate::border::{Inventory, ReadError};
use crate::lock::lock;
use crate::panic::panic_message;

/// One vSphere host.
pub struct Host {
    name: Arc<str>,
    inventory: Arc<dyn Inventory>,
    /// Turns true when a reader needs the host, and stays so.
    wanted: watch::Sender<bool>,
    /// Rung when a reader found the connection lost.
    lost: Notify,
    state: Mutex<ConnectionState>,
    /// How often the task that keeps the connection was started again after a panic.
    restarts: AtomicU64,
    /// The task that keeps the connection.
    keeper: Mutex<Option<AbortHandle>>,
}

/// How the connection is, as far as it was noticed.
#[derive(Clone, Debug, Default)]
struct ConnectionState {
    phase: ConnectionPhase,
    last_error: Option<String>,
}

#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
enum ConnectionPhase {
    #[default]
    Idle,
    Connecting,
    Connected,
    Failed,
}

/// The connection to a vSphere host, for status pages.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Connection {
    /// `idle`, `connecting`, `connected` or `failed`.
    pub state: &'static str,
    /// Whether requests can be answered right now.
    pub connected: bool,
    /// The last error; it stays readable after it was overcome.
    pub last_error: Option<String>,
    /// How often the task that keeps the connection was started again after a defect.
    pub restarts: u64,
}

const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// A connection that stood for this long is made again without a pause, except after an answer that cannot be read: that one may have
/// taken as long, and would come again.
const STEADY: Duration = Duration::from_secs(10);
/// Shorter than the client's own limit for a logout, because the process has to end.
const CLOSING: Duration = Duration::from_secs(3);

impl Host {
    /// The vSphere host of this name, which the inventory reads. Nothing is asked of it yet.
    #[must_use]
    pub fn new(name: &str, inventory: Arc<dyn Inventory>) -> Self {
        Self {
            name: name.into(),
            inventory,
            wanted: watch::Sender::new(false),
            lost: Notify::new(),
            state: Mutex::default(),
            restarts: AtomicU64::new(0),
            keeper: Mutex::default(),
        }
    }

    /// The name, as registered.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What can be asked of it.
    #[must_use]
    pub fn inventory(&self) -> &dyn Inventory {
        &*self.inventory
    }

    /// Says that the host is needed: its task logs in, if it has not yet.
    pub fn want(&self) {
        self.wanted.send_if_modified(|wanted| !std::mem::replace(wanted, true));
    }

    /// Whether it was ever needed.
    #[must_use]
    pub fn is_wanted(&self) -> bool {
        *self.wanted.borrow()
    }

    /// Says that a read failed. Where the error means that vSphere cannot be reached, the connection is made anew.
    pub fn failed(&self, error: &ReadError) {
        if !unreachable(error) {
            return;
        }
        let before = self.set(ConnectionPhase::Failed, Some(error.to_string()));
        if before == ConnectionPhase::Connected {
            tracing::warn!("[{}] Lost connection to vSphere host, trying to reconnect", self.name);
            self.lost.notify_one();
        }
    }

    /// Notes where the connection is; the last error stays readable after it was overcome. Returns where it was.
    fn set(&self, phase: ConnectionPhase, error: Option<String>) -> ConnectionPhase {
        let mut state = lock(&self.state);
        if error.is_some() {
            state.last_error = error;
        }
        std::mem::replace(&mut state.phase, phase)
    }

    /// Starts the task that keeps the connection, from the moment the host is wanted; there is one at most.
    pub fn start(self: &Arc<Self>, runtime: &Handle) {
        lock(&self.keeper).get_or_insert_with(|| runtime.spawn(Arc::clone(self).supervise()).abort_handle());
    }

    /// A panic is reported and survived.
    async fn supervise(self: Arc<Self>) {
        let (mut started, mut pause) = (Instant::now(), FIRST_PAUSE);
        while let Err(payload) = AssertUnwindSafe(self.keep()).catch_unwind().await {
            let cause = panic_message(&*payload);
            self.restarts.fetch_add(1, Ordering::Relaxed);
            let text = format!("the agent stopped by a defect and was restarted: {cause}");
            tracing::error!("[{}] {text}", self.name);
            self.set(ConnectionPhase::Failed, Some(text));
            // One that comes at once each time must not make a load on vSphere of it.
            pause = if started.elapsed() >= LONGEST_PAUSE { FIRST_PAUSE } else { (pause * 2).min(LONGEST_PAUSE) };
            tokio::time::sleep(pause).await;
            started = Instant::now();
        }
    }

    async fn keep(&self) {
        // The sender lives in `self`, so this can only end by the value.
        let _ = self.wanted.subscribe().wait_for(|wanted| *wanted).await;
        tracing::info!("Connecting vSphere Agent to {}", self.name);
        let mut pause = FIRST_PAUSE;
        loop {
            self.set(ConnectionPhase::Connecting, None);
            let wait = match self.inventory.connect().await {
                Ok(()) => {
                    self.set(ConnectionPhase::Connected, None);
                    let since = Instant::now();
                    let ended = self.stay().await;
                    match ended.filter(|error| since.elapsed() < STEADY || error.class() == Some(Class::Protocol)) {
                        Some(error) => Self::patience(&error, pause),
                        None => {
                            pause = FIRST_PAUSE;
                            continue;
                        }
                    }
                }
                Err(error) => {
                    self.set(ConnectionPhase::Failed, Some(error.to_string()));
                    self.report(&error);
                    Self::patience(&error, pause)
                }
            };
            tokio::time::sleep(wait).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// While the connection stands, follows what vSphere tells. Ends when a request or the following fails; the latter's error.
    async fn stay(&self) -> Option<ReadError> {
        let Err(error) = tokio::select! {
            () = self.lost.notified() => return None,
            ended = self.inventory.follow() => ended,
        };
        self.set(ConnectionPhase::Failed, Some(error.to_string()));
        tracing::warn!("[{}] Lost connection to vSphere host, trying to reconnect: {error}", self.name);
        Some(error)
    }

    /// Logs a failed login, once per attempt that was really made.
    fn report(&self, error: &ReadError) {
        if error.retry_after().is_none() {
            tracing::error!("Cannot connect to {}: {error}", self.name);
        } else {
            tracing::debug!("Not connecting to {}: {error}", self.name);
        }
    }

    /// How long to wait after a failure. Where the client paces its attempts itself, it is asked again soon.
    fn patience(error: &ReadError, pause: Duration) -> Duration {
        match error.retry_after() {
            Some(pause) => pause.max(FIRST_PAUSE),
            None if unreachable(error) => FIRST_PAUSE,
            None => pause,
        }
    }

    /// Ends the task that keeps the login, and logs out. A request that is still under way may log in once more.
    pub async fn close(&self) {
        if let Some(keeper) = lock(&self.keeper).take() {
            keeper.abort();
        }
        if self.is_wanted() {
            tracing::info!("Disconnecting vSphere Agent from {}", self.name);
            if tokio::time::timeout(CLOSING, self.inventory.close()).await.is_err() {
                tracing::warn!("{} did not log us out within {} s", self.name, CLOSING.as_secs());
            }
        }
    }

    /// Whether requests can be answered right now.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        lock(&self.state).phase == ConnectionPhase::Connected
    }

    /// How the connection is now.
    #[must_use]
    pub fn connection(&self) -> Connection {
        let state = lock(&self.state).clone();
        let word = match state.phase {
            ConnectionPhase::Idle => "idle",
            ConnectionPhase::Connecting => "connecting",
            ConnectionPhase::Connected => "connected",
            ConnectionPhase::Failed => "failed",
        };
        Connection {
            state: word,
            connected: state.phase == ConnectionPhase::Connected,
            last_error: state.last_error,
            restarts: self.restarts.load(Ordering::Relaxed),
        }
    }
}

/// Whether the error says something about the connection, not about the question.
fn unreachable(error: &ReadError) -> bool {
    error.class().is_some_and(Class::is_unreachable)
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use futures_util::future::BoxFuture;
    use vpoller_vsphere::{Error, MoRef, Struct};

    use super::*;
    use crate::Broken;
    use crate::border::{Kind, ObjectName, Performance, Row, Services};

    /// A vSphere host to which every connection stands for the same time and then ends in the same error.
    struct Ending {
        broken: Broken,
        stands: Duration,
        error: ReadError,
        connected: Mutex<Vec<Instant>>,
    }

    impl Inventory for Ending {
        fn find<'a>(&'a self, kind: Kind, wanted: &'a ObjectName) -> BoxFuture<'a, Result<Vec<MoRef>, ReadError>> {
            self.broken.find(kind, wanted)
        }

        fn list<'a>(&'a self, kind: Kind, paths: &'a [&'a str]) -> BoxFuture<'a, Result<Vec<Row>, ReadError>> {
            self.broken.list(kind, paths)
        }

        fn read<'a>(&'a self, objects: &'a [MoRef], paths: &'a [&'a str]) -> BoxFuture<'a, Result<Vec<Row>, ReadError>> {
            self.broken.read(objects, paths)
        }

        fn about(&self) -> BoxFuture<'_, Result<Struct, ReadError>> {
            self.broken.about()
        }

        fn services(&self) -> &dyn Services {
            &self.broken
        }

        fn performance(&self) -> &dyn Performance {
            &self.broken
        }

        fn connect(&self) -> BoxFuture<'_, Result<(), ReadError>> {
            lock(&self.connected).push(Instant::now());
            Box::pin(async { Ok(()) })
        }

        fn follow(&self) -> BoxFuture<'_, Result<Infallible, ReadError>> {
            Box::pin(async {
                tokio::time::sleep(self.stands).await;
                Err(self.error.clone())
            })
        }
    }

    /// The seconds that pass between the end of a connection and the next one, of the first `count` connections.
    async fn pauses(error: Error, stands: u64, count: usize) -> Vec<u64> {
        let stands = Duration::from_secs(stands);
        let (broken, connected) = (Broken::new(ReadError::new("not asked")), Mutex::default());
        let ending = Arc::new(Ending { broken, stands, error: ReadError::of("vc01", &error), connected });
        let host = Arc::new(Host::new("vc01", Arc::<Ending>::clone(&ending)));
        host.want();
        host.start(&Handle::current());
        let connections = || lock(&ending.connected).clone();
        while connections().len() <= count {
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        host.close().await;
        let seconds = |pair: &[Instant]| match pair {
            [before, after] => (*after - *before - stands).as_secs(),
            _ => 0,
        };
        connections().windows(2).take(count).map(seconds).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn what_ends_a_connection_decides_how_soon_the_next_one_is_made() {
        let unreadable =
            || Error::Answer { host: "vc01".to_owned(), what: "WaitForUpdatesEx".to_owned(), cause: "cut".to_owned() };
        let lost = || Error::Connection { host: "vc01".to_owned(), cause: "reset".to_owned(), established: true };
        let growing = [1, 2, 4, 8, 16, 32, 60, 60];
        // An answer that cannot be read comes again, however long the connection stood before.
        assert_eq!(pauses(unreadable(), 0, 8).await, growing);
        assert_eq!(pauses(unreadable(), 3600, 8).await, growing);
        // A connection that stood is made again at once, and one that did not, soon.
        assert_eq!(pauses(lost(), 3600, 4).await, [0; 4]);
        assert_eq!(pauses(lost(), 1, 4).await, [1; 4]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_that_fails_by_itself_leaves_the_connection_alone() {
        let status = |class: &Error| ReadError::of("vim.VirtualMachine:vm-1", class);
        let failed_read =
            Error::FailedRead { host: "vc01".to_owned(), what: "RetrievePropertiesEx".to_owned(), excerpt: String::new() };
        let timeout = Error::Timeout { host: "vc01".to_owned(), what: "RetrievePropertiesEx".to_owned(), limit: CLOSING };
        for (error, stays) in [(status(&failed_read), true), (status(&timeout), false)] {
            let host = Host::new("vc01", Arc::new(Broken::new(ReadError::new("not asked"))));
            host.set(ConnectionPhase::Connected, None);
            host.failed(&error);
            assert_eq!(host.is_connected(), stays, "{error}");
        }
    }
}
