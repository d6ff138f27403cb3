//! Keeps the session of one vSphere host: one login at a time, pauses after failures, replacement of lost sessions.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::backoff::{Backoff, Pause, is_refusal};
use crate::call::{Call, CallOptions, Caller};
use crate::renewal::Renewals;
use crate::single_flight::Flight;
use crate::{Config, ConnectionState, Error, Session};

/// A session that is lost sooner than this was hardly one.
const SHORT_LIFE: Duration = Duration::from_secs(10);
/// This many such sessions in a row are put down to chance; each further one counts as a failure and is followed by a pause.
const SHORT_LIVES: u32 = 3;

/// What a login ends with.
type LoginResult = Result<Arc<Session>, Error>;

/// Opens, keeps and ends the session of one vSphere host.
#[derive(Debug)]
pub(crate) struct SessionManager {
    pub caller: Caller,
    pub config: Config,
    state: Mutex<SessionState>,
}

#[derive(Debug, Default)]
struct SessionState {
    phase: Phase,
    backoff: Backoff,
    /// Number of the last session that was opened.
    generation: u64,
    /// Sessions in a row that did not last for [`SHORT_LIFE`].
    short_lives: u32,
    /// When the server last answered a call.
    answered: Option<Instant>,
    /// Set once and for good: no session is opened any more.
    closed: bool,
    renewals: Renewals,
    /// The login of a session that is to take the place of the open one.
    renewing: Option<Flight<LoginResult>>,
    /// Sessions that were replaced while they lived. Objects that belong to them may still be in use.
    retired: Vec<Arc<Session>>,
}

#[derive(Debug, Default)]
enum Phase {
    #[default]
    Idle,
    Connecting(Flight<LoginResult>),
    Open(Arc<Session>),
}

/// Where a caller finds its session.
enum SessionSource {
    Open(Arc<Session>),
    Login(Flight<LoginResult>),
}

impl SessionManager {
    pub(crate) fn new(config: Config) -> Result<Self, Error> {
        Ok(Self { caller: Caller::new(&config)?, config, state: Mutex::default() })
    }

    /// The open session, or the result of a login: of the one under way, or of a new one if one may be tried now.
    pub(crate) async fn session(self: &Arc<Self>) -> LoginResult {
        match self.session_source()? {
            SessionSource::Open(session) => Ok(session),
            SessionSource::Login(login) => login.await,
        }
    }

    fn session_source(self: &Arc<Self>) -> Result<SessionSource, Error> {
        let mut state = self.lock();
        if state.closed {
            return Err(self.closed());
        }
        // A login that panicked is over and left the phase as it was.
        if let Phase::Connecting(login) = &state.phase
            && !login.is_over()
        {
            return Ok(SessionSource::Login(login.clone()));
        }
        let now = Instant::now();
        if let Phase::Open(session) = &state.phase
            && state.backoff.is_about_account()
        {
            // What was refused was the login of a successor; this session is as good as before.
            return Ok(SessionSource::Open(session.clone()));
        }
        state.backoff.admit(now, self.config.connect_timeout).map_err(|pause| self.waiting(pause))?;
        if let Phase::Open(session) = &state.phase {
            return Ok(SessionSource::Open(session.clone()));
        }
        if let Some(renewing) = state.renewing.as_ref().filter(|renewing| !renewing.is_over()) {
            return Ok(SessionSource::Login(renewing.clone()));
        }
        let login = self.start_login(state.generation + 1, false);
        state.phase = Phase::Connecting(login.clone());
        Ok(SessionSource::Login(login))
    }

    /// A login in a task of its own: a caller that gives up must not leave one whose failure is never recorded.
    fn start_login(self: &Arc<Self>, generation: u64, renewal: bool) -> Flight<LoginResult> {
        let broken = Err(self.lost("its login was given up"));
        Flight::spawn(Arc::clone(self).log_in(generation, renewal), || broken)
    }

    /// A session in the place of one that lives but in which a service refuses calls; of several callers only one logs in. The old
    /// session stays open, for what belongs to it. Nothing when new sessions did not help lately.
    pub(crate) async fn renew(self: &Arc<Self>, session: &Session) -> Option<LoginResult> {
        match self.renewal_source(session) {
            Ok(SessionSource::Open(session)) => Some(Ok(session)),
            Ok(SessionSource::Login(login)) => Some(login.await),
            Err(Some(error)) => Some(Err(error)),
            Err(None) => None,
        }
    }

    fn renewal_source(self: &Arc<Self>, session: &Session) -> Result<SessionSource, Option<Error>> {
        let mut state = self.lock();
        if !matches!(&state.phase, Phase::Open(open) if open.generation == session.generation) {
            drop(state);
            // Another caller saw to it already.
            return self.session_source().map_err(Some);
        }
        if state.closed {
            return Err(Some(self.closed()));
        }
        if let Some(renewing) = state.renewing.as_ref().filter(|renewing| !renewing.is_over()) {
            return Ok(SessionSource::Login(renewing.clone()));
        }
        let now = Instant::now();
        state.backoff.admit(now, self.config.connect_timeout).map_err(|pause| Some(self.waiting(pause)))?;
        if !state.renewals.admit(now) {
            return Err(None);
        }
        let login = self.start_login(state.generation + 1, true);
        state.renewing = Some(login.clone());
        Ok(SessionSource::Login(login))
    }

    /// A call that was refused in the session before works in its successor.
    pub(crate) fn renewal_helped(&self) {
        self.lock().renewals.helped();
    }

    async fn log_in(self: Arc<Self>, generation: u64, renewal: bool) -> LoginResult {
        let started = Instant::now();
        let limit = self.config.connect_timeout + self.config.request_timeout;
        let opened = tokio::time::timeout(limit, Session::open(&self.caller, &self.config, generation)).await;
        let timeout = || Error::Timeout { host: self.config.host.clone(), what: "logging in".to_owned(), limit };
        let result = opened.unwrap_or_else(|_| Err(timeout())).map(Arc::new);
        if let Some(session) = self.record_login(started, &result) {
            // The client was closed meanwhile. Its owner may have stopped waiting, so the session is ended here.
            self.log_out(&session, self.config.request_timeout).await;
            if !renewal {
                self.lock().phase = Phase::Idle;
            }
            return Err(self.closed());
        }
        self.end_unused();
        result
    }

    /// Ends the retired sessions that nothing belongs to any more. What is left of them is looked at when the next session is
    /// opened, and ended with the client.
    fn end_unused(self: &Arc<Self>) {
        let mut state = self.lock();
        for session in state.retired.extract_if(.., |session| Arc::strong_count(session) == 1) {
            let this = Arc::clone(self);
            tokio::spawn(async move { this.log_out(&session, this.config.request_timeout).await });
        }
    }

    /// Records how a login went. Returns the new session when it must not be used any more, because the client was closed.
    fn record_login(&self, started: Instant, result: &LoginResult) -> Option<Arc<Session>> {
        let mut state = self.lock();
        match result {
            // The phase stays until the session is ended: closing waits for that.
            Ok(session) if state.closed => return Some(session.clone()),
            Ok(session) => {
                // While sessions keep dying young, a login is no success yet: a call has to work.
                if state.short_lives <= SHORT_LIVES {
                    state.backoff.login_succeeded();
                }
                state.generation = session.generation;
                if let Phase::Open(before) = std::mem::replace(&mut state.phase, Phase::Open(session.clone())) {
                    state.retired.push(before);
                }
            }
            Err(error) => {
                state.backoff.failed(started, Instant::now(), error, fastrand::f64());
                // A session whose successor could not be opened stays.
                if matches!(state.phase, Phase::Connecting(_)) {
                    state.phase = Phase::Idle;
                }
            }
        }
        None
    }

    /// Refuses every later caller. A session that is open or being opened can still be taken.
    pub(crate) fn close(&self) {
        self.lock().closed = true;
    }

    /// Ends a session at the server.
    pub(crate) async fn log_out(&self, session: &Session, limit: Duration) {
        let this = &session.content.session_manager;
        let call = Call { this, method: "Logout", args: &[], options: CallOptions::once(limit) };
        if let Err(error) = self.caller.call(session.context(), call).await {
            tracing::debug!(host = self.config.host, %error, "the session was not closed");
        }
    }

    /// Gives up a session that the server no longer knows; the next caller logs in. Only the session meant: another caller
    /// may have replaced it already.
    pub(crate) fn discard(&self, session: &Session, error: &Error) {
        let mut state = self.lock();
        state.retired.retain(|retired| retired.generation != session.generation);
        if !matches!(&state.phase, Phase::Open(open) if open.generation == session.generation) {
            return;
        }
        state.phase = Phase::Idle;
        let short = session.opened().elapsed() < SHORT_LIFE;
        state.short_lives = if short { state.short_lives + 1 } else { 0 };
        if state.short_lives > SHORT_LIVES {
            let now = Instant::now();
            state.backoff.failed(now, now, error, fastrand::f64());
        }
    }

    /// Takes the open session and the retired ones out, to close them. Waits for a login under way, because it would leave a session
    /// behind.
    pub(crate) async fn take_sessions(&self) -> Vec<Arc<Session>> {
        if let Some(login) = self.login_under_way() {
            // The phase has its result.
            let _ = login.await;
        }
        let mut state = self.lock();
        let mut sessions = std::mem::take(&mut state.retired);
        if let Phase::Open(session) = &state.phase {
            sessions.push(session.clone());
            state.phase = Phase::Idle;
        }
        sessions
    }

    fn login_under_way(&self) -> Option<Flight<LoginResult>> {
        let state = self.lock();
        match &state.phase {
            Phase::Connecting(login) => Some(login.clone()),
            _ => state.renewing.clone(),
        }
    }

    /// Records what a call in a session says about the server: whether it can be reached.
    pub(crate) fn record_call(&self, started: Instant, error: Option<&Error>) {
        let now = Instant::now();
        let mut state = self.lock();
        match error {
            // It says nothing about the server, and other calls need not wait for it.
            Some(error) if error.is_of_service() => {}
            Some(error @ (Error::Connection { .. } | Error::Certificate { .. } | Error::Status { .. })) => {
                state.backoff.failed(started, now, error, fastrand::f64());
            }
            // One slow call says little; when the server answered no other meanwhile either, it hangs.
            Some(error @ Error::Timeout { .. }) if state.answered.is_none_or(|answered| answered < started) => {
                state.backoff.failed(started, now, error, fastrand::f64());
            }
            None | Some(Error::Fault { .. }) => {
                state.answered = Some(now);
                state.backoff.answered(started);
            }
            // These say nothing about the server.
            Some(_) => {}
        }
    }

    pub(crate) fn connection_state(&self) -> ConnectionState {
        let state = self.lock();
        match (state.backoff.pause(Instant::now()), &state.phase) {
            (_, Phase::Connecting(_)) => ConnectionState::Connecting,
            (Some(pause), Phase::Open(session)) if is_refusal(&pause.error) => {
                ConnectionState::Connected { generation: session.generation }
            }
            (Some(pause), _) if is_refusal(&pause.error) => {
                ConnectionState::AuthFailed { next_try: pause.left, error: pause.error }
            }
            (Some(pause), _) => ConnectionState::Unreachable { next_try: pause.left, error: pause.error },
            (None, Phase::Open(session)) => ConnectionState::Connected { generation: session.generation },
            (None, Phase::Idle) => ConnectionState::Idle,
        }
    }

    /// The error of a call whose session is lost.
    pub(crate) fn lost(&self, reason: &str) -> Error {
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

    fn lock(&self) -> MutexGuard<'_, SessionState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
