//! The client of one vSphere host: reads and calls that survive a lost session.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use crate::call::{Call, CallOptions};
use crate::connection::{Connection, as_permission, is_denied};
use crate::retrieve::UNREADABLE;
use crate::soap::ReadElement;
use crate::{Arg, Config, Error, FilterSpec, MoRef, ObjectContent, Session, Stats, Value, read};

/// Longest time for closing a session.
const LOGOUT_LIMIT: Duration = Duration::from_secs(5);

/// A client of one vSphere host. Clones share one session, its limits and counters.
///
#[doc = concat!("```no_run\n", include_str!("../examples/power_states.rs"), "```")]
#[derive(Clone, Debug)]
pub struct Client {
    pub(crate) connection: Arc<Connection>,
}

/// Whether a client has a session, and if not, why.
#[derive(Clone, Debug)]
pub enum ConnectionState {
    /// No session; the next call logs in.
    Idle,
    /// A login is under way.
    Connecting,
    /// A session is open.
    Connected {
        /// Number of the session, see [`Session::generation`].
        generation: u64,
    },
    /// The server refuses the account; no attempt before `next_try` from now.
    AuthFailed {
        /// Time until the next attempt.
        next_try: Duration,
        /// Why the last attempt failed.
        error: Error,
    },
    /// The server cannot be reached or is overloaded; no attempt before `next_try` from now.
    Unreachable {
        /// Time until the next attempt.
        next_try: Duration,
        /// Why the last attempt failed.
        error: Error,
    },
}

impl Client {
    /// Makes a client; nothing is sent.
    ///
    /// # Errors
    /// When the settings cannot be used: host name, certificate file, certificate authorities.
    pub fn new(config: Config) -> Result<Self, Error> {
        Ok(Self { connection: Arc::new(Connection::new(config)?) })
    }

    /// The settings that it was made with.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.connection.sessions.config
    }

    /// The open session; logs in when there is none. Concurrent callers share one login. After failures, fails fast until
    /// the pause is over.
    ///
    /// # Errors
    /// When there is no session and none can be opened now.
    pub async fn session(&self) -> Result<Arc<Session>, Error> {
        self.connection.sessions.session().await
    }

    /// Reads properties, all pages. A lost session is replaced and the read repeated once.
    ///
    /// # Errors
    /// The whole read fails when one path (`InvalidProperty`) or one named object (`ManagedObjectNotFound`) is unknown;
    /// the fault names it.
    pub async fn retrieve(&self, spec: &[FilterSpec]) -> Result<Vec<ObjectContent>, Error> {
        self.in_session(|session| async move { self.connection.retrieve(&session, spec).await }).await
    }

    /// Reads properties of every object of a type (and its subtypes) below the root folder. It finds none of the types that are
    /// outside of the container view (alarms, tasks, managers), see [`crate::VIEW_TYPES`].
    ///
    /// # Errors
    /// As [`Client::retrieve`].
    pub async fn retrieve_all(&self, kind: &str, paths: &[&str]) -> Result<Vec<ObjectContent>, Error> {
        self.in_session(|session| async move { self.connection.retrieve_all(&session, kind, paths).await }).await
    }

    /// Reads properties of the named objects, which may be of several types; long lists go in several calls. Objects
    /// that have gone are left out.
    ///
    /// # Errors
    /// As [`Client::retrieve`].
    pub async fn retrieve_objects(&self, objs: &[MoRef], paths: &[&str]) -> Result<Vec<ObjectContent>, Error> {
        let mut found = Vec::with_capacity(objs.len());
        for part in objs.chunks(self.config().limits.objects_per_call.max(1)) {
            let spec = FilterSpec { leaves_out_missing: true, ..FilterSpec::objects(part, paths) };
            found.append(&mut self.retrieve(&[spec]).await?);
        }
        Ok(found)
    }

    /// The container view of everything below the root folder, made when first needed in a session, and gone with it. For filters
    /// of the caller's own.
    ///
    /// # Errors
    /// As [`Client::call`].
    pub async fn view(&self, session: &Session) -> Result<MoRef, Error> {
        self.connection.view(session).await
    }

    /// As [`Client::view`], when the server no longer knows the view `gone`.
    ///
    /// # Errors
    /// As [`Client::call`].
    pub async fn renew_view(&self, session: &Session, gone: &MoRef) -> Result<MoRef, Error> {
        self.connection.renew_view(session, gone).await
    }

    /// Calls any method. The results are the elements of an array result, or one value, or none. Arguments come in the
    /// order of the API definition.
    ///
    /// # Errors
    /// The server's fault, or why it could not be asked.
    pub async fn call(&self, this: &MoRef, method: &str, args: &[Arg]) -> Result<Vec<Value>, Error> {
        self.call_within(this, method, args, self.config().request_timeout).await
    }

    /// As [`Client::call`] with a deadline of its own, for calls that wait by design (`WaitForUpdatesEx`). Such calls do
    /// not count against the concurrency limit when `limit` is above the configured deadline.
    ///
    /// # Errors
    /// As [`Client::call`].
    pub async fn call_within(&self, this: &MoRef, method: &str, args: &[Arg], limit: Duration) -> Result<Vec<Value>, Error> {
        let call = Call { this, method, args, options: CallOptions::repeated(limit) };
        self.in_session(|session| async move { self.connection.call(&session, call).await }).await
    }

    /// Calls a method in the given session and no other: for objects that die with it (views, filters, collectors). A lost
    /// session is reported ([`crate::Class::Session`]) and not replaced by this call.
    ///
    /// # Errors
    /// As [`Client::call`].
    pub async fn call_in(
        &self,
        session: &Session,
        this: &MoRef,
        method: &str,
        args: &[Arg],
        limit: Duration,
    ) -> Result<Vec<Value>, Error> {
        let call = Call { this, method, args, options: CallOptions::once(limit) };
        self.call_for(session, call, read::value).await
    }

    /// As [`Client::call_in`], with options of its own and each result read by `element`.
    pub(crate) async fn call_for<T: Send + 'static>(
        &self,
        session: &Session,
        call: Call<'_>,
        element: ReadElement<T>,
    ) -> Result<Vec<T>, Error> {
        match self.connection.call_for(session, call, element).await {
            Err(error @ Error::SessionLost { .. }) => {
                self.connection.sessions.discard(session, &error);
                Err(error)
            }
            Err(error) if is_denied(&error) => Err(self.denied_in(session, call.method, error).await),
            done => done,
        }
    }

    /// The error of a call that was refused in a session that lives. What the call belongs to has to be made anew in the next session, if
    /// there is one; a call that this session was opened for, and that is refused again, lacks a privilege.
    async fn denied_in(&self, session: &Session, method: &str, error: Error) -> Error {
        if session.was_opened_for(method) {
            return as_permission(error);
        }
        let denied = tokio::time::Instant::now();
        match self.connection.sessions.renew(session).await {
            Some(Ok(next)) => {
                // One that another caller opened before may be as old, and refused as well.
                if next.opened() >= denied {
                    next.opened_for(method);
                }
                self.connection.sessions.lost(&error.to_string())
            }
            Some(Err(refused)) => refused,
            None => as_permission(error),
        }
    }

    /// Fails when the server no longer knows the session, which is then given up.
    pub(crate) async fn expect_alive(&self, session: &Session) -> Result<(), Error> {
        if self.connection.is_alive(session).await? {
            return Ok(());
        }
        let error = self.connection.sessions.lost(UNREADABLE);
        self.connection.sessions.discard(session, &error);
        Err(error)
    }

    /// The managed object that a call made.
    pub(crate) fn made_object(&self, values: &[Value], method: &str) -> Result<MoRef, Error> {
        self.connection.made_object(values, method)
    }

    /// Closes the session at the server, within five seconds or not at all. The client can be used again: the next call logs
    /// in. For the end of the client, see [`Client::close`].
    pub async fn logout(&self) {
        let limit = LOGOUT_LIMIT.min(self.config().request_timeout);
        if tokio::time::timeout(limit, self.connection.log_out(limit)).await.is_err() {
            tracing::debug!(host = self.config().host, "the session was not closed in time");
        }
    }

    /// Closes the session as [`Client::logout`] does, for good: this client and its clones never log in again. Calls under
    /// way lose their session and fail with [`Error::Closed`]; so does every later one. A login under way is waited for, and
    /// ended by itself when it takes longer.
    pub async fn close(&self) {
        self.connection.sessions.close();
        self.logout().await;
    }

    /// A copy of the counters of calls and logins.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.connection.sessions.caller.counters().snapshot()
    }

    /// Whether there is a session, and if not, why.
    #[must_use]
    pub fn state(&self) -> ConnectionState {
        self.connection.sessions.connection_state()
    }

    /// Does the work in a session; once more in a new one if that session turns out to be lost, or unknown to a service of the server.
    pub(crate) async fn in_session<T, F: Future<Output = Result<T, Error>>>(
        &self,
        work: impl Fn(Arc<Session>) -> F,
    ) -> Result<T, Error> {
        let sessions = &self.connection.sessions;
        let host = &self.config().host;
        let session = self.session().await?;
        let error = match work(session.clone()).await {
            Err(error) => error,
            done => return done,
        };
        let denied = is_denied(&error);
        let session = match error {
            Error::SessionLost { .. } => {
                tracing::debug!(host, %error, "logging in again");
                sessions.discard(&session, &error);
                self.session().await?
            }
            error if denied => {
                let Some(renewed) = sessions.renew(&session).await else { return Err(as_permission(error)) };
                tracing::debug!(host, %error, "logged in beside the session");
                renewed?
            }
            error => return Err(error),
        };
        let done = work(session.clone()).await;
        match &done {
            Err(error @ Error::SessionLost { .. }) => sessions.discard(&session, error),
            Err(error) if is_denied(error) => {}
            Ok(_) | Err(Error::Fault { .. }) if denied => sessions.renewal_helped(),
            _ => {}
        }
        done.map_err(as_permission)
    }
}
