//! Calls within the session of one vSphere host, as many at a time as it is to bear.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::Instant;

use crate::call::{Call, CallOptions};
use crate::object_content::read_page;
use crate::session_manager::SessionManager;
use crate::soap::ReadElement;
use crate::{Arg, Config, Error, FilterSpec, MoRef, Session, Value, read};

/// Guest operations that run at the same time at most: each takes seconds, and other calls need room, too.
const GUEST_CALLS: usize = 4;

/// The connection to one vSphere host, which all clones of a client share.
#[derive(Debug)]
pub(crate) struct Connection {
    pub sessions: Arc<SessionManager>,
    calls: Semaphore,
    pub guest_calls: Semaphore,
}

impl Connection {
    pub(crate) fn new(config: Config) -> Result<Self, Error> {
        let calls = Semaphore::new(config.max_concurrency.clamp(1, Semaphore::MAX_PERMITS));
        let sessions = Arc::new(SessionManager::new(config)?);
        Ok(Self { sessions, calls, guest_calls: Semaphore::new(GUEST_CALLS) })
    }

    /// Ends the session at the server, if there is one.
    pub(crate) async fn log_out(&self, limit: Duration) {
        let Some(session) = self.sessions.take_session().await else { return };
        if let Some(view) = session.view().lock().await.take() {
            let call = Call { this: &view, method: "DestroyView", args: &[], options: CallOptions::once(limit) };
            // The session ends anyway, and its views with it.
            let _ = self.sessions.caller.call(session.context(), call).await;
        }
        self.sessions.log_out(&session, limit).await;
    }

    /// Calls a method in a session. Once more when a connection that was open broke (servers close idle ones); never after
    /// an answer.
    pub(crate) async fn call(&self, session: &Session, call: Call<'_>) -> Result<Vec<Value>, Error> {
        self.call_for(session, call, read::value).await
    }

    /// As [`Connection::call`], with results read by `element`.
    pub(crate) async fn call_for<T: Send + 'static>(
        &self,
        session: &Session,
        call: Call<'_>,
        element: ReadElement<T>,
    ) -> Result<Vec<T>, Error> {
        let CallOptions { limit, repeat } = call.options;
        let waits = limit > self.sessions.config.request_timeout;
        let _permit = if waits { None } else { Some(self.permit(&self.calls, call.method, limit).await?) };
        let mut started = Instant::now();
        let mut result = self.sessions.caller.call_for(session.context(), call, element).await;
        if repeat && matches!(result, Err(Error::Connection { established: true, .. })) {
            started = Instant::now();
            result = self.sessions.caller.call_for(session.context(), call, element).await;
        }
        self.sessions.record_call(started, result.as_ref().err());
        match result {
            Ok(result) => Ok(result.values),
            Err(error) => Err(self.distinguish_denial(session, error).await),
        }
    }

    /// Makes a lost session and a missing privilege different errors: the server says `NotAuthenticated` for both.
    async fn distinguish_denial(&self, session: &Session, error: Error) -> Error {
        let Error::Fault { host, method, object, mut fault } = error else { return error };
        if fault.kind == "NotAuthenticated" {
            match self.is_alive(session).await {
                Ok(true) => fault.kind = "NoPermission".to_owned(),
                Ok(false) => return self.sessions.lost(&fault.to_string()),
                Err(error) => return error,
            }
        }
        Error::Fault { host, method, object, fault }
    }

    /// Whether the server still knows the session: the root folder's name can be read in any.
    pub(crate) async fn is_alive(&self, session: &Session) -> Result<bool, Error> {
        let spec = FilterSpec::objects(std::slice::from_ref(&session.content.root_folder), &["name"]);
        let args = [spec.to_arg("specSet"), Arg::object("options", Vec::new())];
        let call = Call {
            this: &session.content.property_collector,
            method: "RetrievePropertiesEx",
            args: &args,
            options: CallOptions::once(self.sessions.config.request_timeout),
        };
        let read = self.sessions.caller.call(session.context(), call).await;
        let mut objects = Vec::new();
        match read {
            Ok(result) => read_page(result.values, &mut objects),
            Err(error) if error.fault().is_some_and(|fault| fault.is_a("NotAuthenticated")) => return Ok(false),
            Err(error) => return Err(error),
        };
        Ok(objects.iter().any(|object| !object.props.is_empty()))
    }

    /// The managed object that a call made.
    pub(crate) fn made_object(&self, values: &[Value], method: &str) -> Result<MoRef, Error> {
        values.first().and_then(Value::as_moref).cloned().ok_or_else(|| Error::Answer {
            host: self.sessions.config.host.clone(),
            what: method.to_owned(),
            cause: "it names no object".to_owned(),
        })
    }

    /// Waits for the right to call, no longer than the call itself might take.
    pub(crate) async fn permit<'s>(
        &self,
        calls: &'s Semaphore,
        what: &str,
        limit: Duration,
    ) -> Result<SemaphorePermit<'s>, Error> {
        let busy = || Error::Busy { host: self.sessions.config.host.clone(), what: what.to_owned(), limit };
        match tokio::time::timeout(limit, calls.acquire()).await {
            Ok(Ok(permit)) => Ok(permit),
            // The semaphore is never closed.
            Ok(Err(_)) | Err(_) => Err(busy()),
        }
    }
}
