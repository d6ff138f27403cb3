//! The way to a session: one login at a time, pauses after failures, replacement of lost sessions.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::backoff::{Backoff, Pause};
use crate::call::{Call, CallOptions, Caller};
use crate::single_flight::Flight;
use crate::{Class, Config, Error, Session, State};

/// A session that is lost sooner than this was hardly one.
const SHORT_LIFE: Duration = Duration::from_secs(10);
/// So many of those in a row are put down to chance; each further one counts as a failure and is followed by a pause.
const SHORT_LIVES: u32 = 3;

type Outcome = Result<Arc<Session>, Error>;

/// Keeps the session of one vSphere host.
#[derive(Debug)]
pub(crate) struct Gate {
    pub caller: Caller,
    pub config: Config,
    slot: Mutex<Slot>,
}

#[derive(Debug, Default)]
struct Slot {
    phase: Phase,
    backoff: Backoff,
    generation: u64,
    short_lives: u32,
    /// When the server last answered a call.
    answered: Option<Instant>,
    /// Set once and for good: no session is opened any more.
    closed: bool,
}

#[derive(Debug, Default)]
enum Phase {
    #[default]
    Idle,
    /// A login is under way.
    Connecting(Flight<Outcome>),
    Open(Arc<Session>),
}

impl Gate {
    pub fn new(config: Config) -> Result<Self, Error> {
        Ok(Self { caller: Caller::new(&config)?, config, slot: Mutex::default() })
    }

    /// The open session, or the outcome of a login: of the one under way, or of a new one if one may be tried now.
    pub async fn session(self: &Arc<Self>) -> Outcome {
        match self.enter()? {
            Entry::Open(session) => Ok(session),
            Entry::Wait(login) => login.await,
        }
    }

    fn enter(self: &Arc<Self>) -> Result<Entry, Error> {
        let mut slot = self.slot();
        if slot.closed {
            return Err(self.closed());
        }
        // A login that is over and still the phase has panicked.
        if let Phase::Connecting(login) = &slot.phase
            && !login.is_over()
        {
            return Ok(Entry::Wait(login.clone()));
        }
        slot.backoff.admit(Instant::now(), self.config.connect_timeout).map_err(|pause| self.waiting(pause))?;
        if let Phase::Open(session) = &slot.phase {
            return Ok(Entry::Open(session.clone()));
        }
        // A task of its own: a caller that gives up must not leave a login whose failure is never recorded.
        let broken = Err(self.lost("its login was given up"));
        let login = Flight::spawn(Arc::clone(self).log_in(slot.generation + 1), || broken);
        slot.phase = Phase::Connecting(login.clone());
        Ok(Entry::Wait(login))
    }

    async fn log_in(self: Arc<Self>, generation: u64) -> Outcome {
        let started = Instant::now();
        let limit = self.config.connect_timeout + self.config.request_timeout;
        let opened = tokio::time::timeout(limit, Session::open(&self.caller, &self.config, generation)).await;
        let timeout = || Error::Timeout { host: self.config.host.clone(), what: "logging in".to_owned(), limit };
        let outcome = opened.unwrap_or_else(|_| Err(timeout())).map(Arc::new);
        if let Some(session) = self.settle(generation, started, &outcome) {
            // Closed meanwhile: whoever closes may have stopped waiting, so the session is ended here.
            self.leave(&session, self.config.request_timeout).await;
            self.slot().phase = Phase::Idle;
            return Err(self.closed());
        }
        outcome
    }

    /// Notes how a login went. Gives the new session back when nobody may use it any more.
    fn settle(&self, generation: u64, started: Instant, outcome: &Outcome) -> Option<Arc<Session>> {
        let mut slot = self.slot();
        slot.phase = match outcome {
            // The phase stays until the session is ended: closing waits for that.
            Ok(session) if slot.closed => return Some(session.clone()),
            Ok(session) => {
                // Sessions that keep dying young are no success yet: a call has to work.
                if slot.short_lives <= SHORT_LIVES {
                    slot.backoff.succeeded();
                }
                slot.generation = generation;
                Phase::Open(session.clone())
            }
            Err(error) => {
                slot.backoff.failed(started, Instant::now(), error, fastrand::f64());
                Phase::Idle
            }
        };
        None
    }

    /// Refuses every later caller. A session that is open or being opened is still there to be taken.
    pub fn shut(&self) {
        self.slot().closed = true;
    }

    /// Ends a session at the server.
    pub async fn leave(&self, session: &Session, limit: Duration) {
        let this = &session.content.session_manager;
        let call = Call { this, method: "Logout", args: &[], options: CallOptions::once(limit) };
        if let Err(error) = self.caller.call(session.context(), call).await {
            tracing::debug!(host = self.config.host, %error, "the session was not closed");
        }
    }

    /// Gives up a session that the server no longer knows; the next caller logs in. Only the session meant: another caller
    /// may have replaced it already.
    pub fn forget(&self, session: &Session, error: &Error) {
        let mut slot = self.slot();
        if !matches!(&slot.phase, Phase::Open(open) if open.generation == session.generation) {
            return;
        }
        slot.phase = Phase::Idle;
        let short = session.opened().elapsed() < SHORT_LIFE;
        slot.short_lives = if short { slot.short_lives + 1 } else { 0 };
        if slot.short_lives > SHORT_LIVES {
            let now = Instant::now();
            slot.backoff.failed(now, now, error, fastrand::f64());
        }
    }

    /// Takes the session out, to close it. Waits for a login under way, because it would leave a session behind.
    pub async fn take(&self) -> Option<Arc<Session>> {
        let connecting = match &self.slot().phase {
            Phase::Connecting(login) => Some(login.clone()),
            _ => None,
        };
        if let Some(login) = connecting {
            // Its outcome is in the phase.
            let _ = login.await;
        }
        let mut slot = self.slot();
        let Phase::Open(session) = &slot.phase else { return None };
        let session = session.clone();
        slot.phase = Phase::Idle;
        Some(session)
    }

    /// Learns from a call made in a session: whether the server is there.
    pub fn note(&self, started: Instant, error: Option<&Error>) {
        let (mut slot, now) = (self.slot(), Instant::now());
        match error {
            Some(error @ (Error::Connection { .. } | Error::Certificate { .. } | Error::Status { .. })) => {
                slot.backoff.failed(started, now, error, fastrand::f64());
            }
            // One slow question says little; when nothing else was answered meanwhile either, the server hangs.
            Some(error @ Error::Timeout { .. }) if slot.answered.is_none_or(|answered| answered < started) => {
                slot.backoff.failed(started, now, error, fastrand::f64());
            }
            None | Some(Error::Fault { .. }) => {
                slot.answered = Some(now);
                slot.backoff.answered(started);
            }
            // These say nothing about the server.
            Some(_) => {}
        }
    }

    pub fn state(&self) -> State {
        let slot = self.slot();
        match (slot.backoff.pause(Instant::now()), &slot.phase) {
            (_, Phase::Connecting(_)) => State::Connecting,
            (Some(pause), _) if matches!(pause.error.class(), Class::Auth | Class::Permission) => {
                State::AuthFailed { next_try: pause.left, error: pause.error }
            }
            (Some(pause), _) => State::Unreachable { next_try: pause.left, error: pause.error },
            (None, Phase::Open(session)) => State::Connected { generation: session.generation },
            (None, Phase::Idle) => State::Idle,
        }
    }

    pub fn lost(&self, reason: &str) -> Error {
        Error::SessionLost { host: self.config.host.clone(), reason: reason.to_owned() }
    }

    fn closed(&self) -> Error {
        Error::Closed { host: self.config.host.clone() }
    }

    fn waiting(&self, pause: Pause) -> Error {
        Error::Waiting {
            host: self.config.host.clone(),
            next_try: pause.left,
            failures: pause.failures,
            class: pause.error.class(),
            reason: pause.error.to_string(),
        }
    }

    fn slot(&self) -> MutexGuard<'_, Slot> {
        self.slot.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

enum Entry {
    Open(Arc<Session>),
    Wait(Flight<Outcome>),
}
