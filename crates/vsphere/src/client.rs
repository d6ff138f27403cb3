//! The client of one vSphere host (skeleton).

use std::sync::Arc;
use std::time::Duration;

use secrecy::SecretString;

use crate::{Arg, Config, Error, FilterSpec, MoRef, ObjectContent, Session, Stats, Value, error};

/// A client of one vSphere host. Clones share one session, its limits and counters.
#[derive(Clone, Debug)]
pub struct Client {
    config: Arc<Config>,
}

/// Where a client stands.
#[derive(Clone, Debug)]
pub enum State {
    /// No session; the next call logs in.
    Idle,
    /// A login is under way.
    Connecting,
    /// A session is open.
    Connected {
        /// Number of the session, see [`Session::generation`].
        generation: u64,
    },
    /// The server refuses the credentials; no attempt before `next_try` from now.
    AuthFailed {
        /// Time until the next attempt.
        next_try: Duration,
        /// The last failure.
        error: Error,
    },
    /// The server cannot be reached or is overloaded; no attempt before `next_try` from now.
    Unreachable {
        /// Time until the next attempt.
        next_try: Duration,
        /// The last failure.
        error: Error,
    },
}

impl Client {
    /// Makes a client; nothing is sent.
    ///
    /// # Errors
    /// When the settings cannot be used: host name, certificate file, certificate authorities.
    pub fn new(config: Config) -> Result<Self, Error> {
        Ok(Self { config: Arc::new(config) })
    }

    /// The settings.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The open session; logs in when there is none. Concurrent callers share one login. After failures, fails fast until
    /// the pause is over.
    ///
    /// # Errors
    /// When there is no session and none can be opened now.
    pub async fn session(&self) -> Result<Arc<Session>, Error> {
        Err(error::config("not written yet"))
    }

    /// Reads properties, all pages. A lost session is replaced and the read repeated once.
    ///
    /// # Errors
    /// The whole read fails when one path (`InvalidProperty`) or one named object (`ManagedObjectNotFound`) is unknown;
    /// the fault names it.
    pub async fn retrieve(&self, spec: &[FilterSpec]) -> Result<Vec<ObjectContent>, Error> {
        let _ = spec;
        Err(error::config("not written yet"))
    }

    /// Reads properties of every object of a type (and its subtypes) below the root folder.
    ///
    /// # Errors
    /// As [`Client::retrieve`].
    pub async fn retrieve_all(&self, kind: &str, paths: &[&str]) -> Result<Vec<ObjectContent>, Error> {
        let _ = (kind, paths);
        Err(error::config("not written yet"))
    }

    /// Reads properties of the named objects, which may be of several types; long lists go in several calls.
    ///
    /// # Errors
    /// As [`Client::retrieve`].
    pub async fn retrieve_objects(&self, objs: &[MoRef], paths: &[&str]) -> Result<Vec<ObjectContent>, Error> {
        let _ = (objs, paths);
        Err(error::config("not written yet"))
    }

    /// Calls any method. The results are the elements of an array result, or one value, or none. Arguments come in the
    /// order of the API definition.
    ///
    /// # Errors
    /// The server's fault, or why it could not be asked.
    pub async fn call(&self, this: &MoRef, method: &str, args: &[Arg]) -> Result<Vec<Value>, Error> {
        self.call_within(this, method, args, self.config.request_timeout).await
    }

    /// As [`Client::call`] with a deadline of its own, for calls that wait by design (`WaitForUpdatesEx`). Such calls do
    /// not count against the concurrency limit when `limit` is above the configured deadline.
    ///
    /// # Errors
    /// As [`Client::call`].
    pub async fn call_within(&self, this: &MoRef, method: &str, args: &[Arg], limit: Duration) -> Result<Vec<Value>, Error> {
        let _ = (this, method, args, limit);
        Err(error::config("not written yet"))
    }

    /// Lists the processes in a virtual machine's guest as `GuestProcessInfo`. Slow; never repeated by itself, because a
    /// wrong guest password must not be tried twice.
    ///
    /// # Errors
    /// As [`Client::call`]; `InvalidGuestLogin` for a wrong guest password.
    pub async fn list_processes(&self, vm: &MoRef, user: &str, password: &SecretString) -> Result<Vec<Value>, Error> {
        let _ = (vm, user, password);
        Err(error::config("not written yet"))
    }

    /// Closes the session at the server, within a few seconds. The client can be used again.
    pub async fn logout(&self) {}

    /// A copy of the counters.
    #[must_use]
    pub fn stats(&self) -> Stats {
        Stats::default()
    }

    /// Where the client stands.
    #[must_use]
    pub fn state(&self) -> State {
        State::Idle
    }
}
