//! Calls within the session of one vSphere host, as many at a time as it is to bear.

use std::sync::Arc;
use std::sync::atomic::AtomicI32;
use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::Instant;

use crate::call::{Call, CallOptions};
use crate::object_content::read_page;
use crate::session_manager::SessionManager;
use crate::soap::ReadElement;
use crate::{Arg, Config, Error, Fault, FilterSpec, MoRef, PropertySpec, Session, Value, read};

/// Objects of changes in one answer at first, `maxObjectUpdates`. Servers have a limit of their own, about a hundred.
const UPDATE_PAGE: i32 = 1000;
/// Guest operations that run at the same time at most: each takes seconds, and other calls need room, too.
const GUEST_CALLS: usize = 4;

/// What a server says that does not know the session, and sometimes one that does.
const NOT_AUTHENTICATED: &str = "NotAuthenticated";
/// The session in which this is read, a property of the session manager; unset for those who have none.
const CURRENT: &str = "currentSession";

/// Whether a fault shows that the server knows who asks.
fn is_said_in_sessions_only(fault: &Fault) -> bool {
    let kinds = ["NoPermission", "ManagedObjectNotFound", "InvalidProperty"];
    !fault.is_a(NOT_AUTHENTICATED) && kinds.iter().any(|kind| fault.is_a(kind))
}

/// Whether a call was refused with `NotAuthenticated` in a session that lives.
pub(crate) fn is_denied(error: &Error) -> bool {
    error.fault().is_some_and(|fault| fault.kind == NOT_AUTHENTICATED)
}

/// The error as one of a missing privilege, when no new session helps against it.
pub(crate) fn as_permission(mut error: Error) -> Error {
    if let Error::Fault { fault, .. } = &mut error
        && fault.kind == NOT_AUTHENTICATED
    {
        "NoPermission".clone_into(&mut fault.kind);
    }
    error
}

/// The connection to one vSphere host, which all clones of a client share.
#[derive(Debug)]
pub(crate) struct Connection {
    pub sessions: Arc<SessionManager>,
    calls: Semaphore,
    pub guest_calls: Semaphore,
    /// Objects that are asked for in one answer of changes.
    pub update_page: AtomicI32,
}

impl Connection {
    pub(crate) fn new(config: Config) -> Result<Self, Error> {
        let calls = Semaphore::new(config.max_concurrency.clamp(1, Semaphore::MAX_PERMITS));
        let sessions = Arc::new(SessionManager::new(config)?);
        Ok(Self { sessions, calls, guest_calls: Semaphore::new(GUEST_CALLS), update_page: AtomicI32::new(UPDATE_PAGE) })
    }

    /// Ends the sessions at the server, if there are any.
    pub(crate) async fn log_out(&self, limit: Duration) {
        for session in self.sessions.take_sessions().await {
            if let Some(view) = session.view().lock().await.take() {
                let call = Call { this: &view, method: "DestroyView", args: &[], options: CallOptions::once(limit) };
                // The session ends anyway, and its views with it.
                let _ = self.sessions.caller.call(session.context(), call).await;
            }
            self.sessions.log_out(&session, limit).await;
        }
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
        if let Some(failed_read) = result.as_ref().err().and_then(Error::as_failed_read) {
            match self.is_alive(session).await {
                Ok(true) => result = Err(failed_read),
                Ok(false) => return Err(self.sessions.lost(NOT_AUTHENTICATED)),
                // The server is in trouble as a whole.
                Err(_) => {}
            }
        }
        self.sessions.record_call(started, result.as_ref().err());
        match result {
            Ok(result) => Ok(result.values),
            Err(error) => Err(self.distinguish_denial(session, error).await),
        }
    }

    /// Makes a lost session an error of its own: the server says `NotAuthenticated` for that, for a service of its own that does not
    /// know the session any more, and for a missing privilege. The latter two stay what they are.
    async fn distinguish_denial(&self, session: &Session, error: Error) -> Error {
        match &error {
            Error::Fault { fault, .. } if fault.kind == NOT_AUTHENTICATED => match self.is_alive(session).await {
                Ok(true) => error,
                Ok(false) => self.sessions.lost(&fault.to_string()),
                Err(error) => error,
            },
            _ => error,
        }
    }

    /// Whether the server still knows the session. A server that does not says `NotAuthenticated`; one that has anything else to say
    /// about what may be read knows whom it talks to.
    pub(crate) async fn is_alive(&self, session: &Session) -> Result<bool, Error> {
        let content = &session.content;
        // An account may lack every right on the root folder, but each sees its own session.
        let properties = vec![
            PropertySpec::new(&content.root_folder.kind, &["name"]),
            PropertySpec::new(&content.session_manager.kind, &[CURRENT]),
        ];
        let objects = FilterSpec::objects(&[content.root_folder.clone(), content.session_manager.clone()], &[]).objects;
        let spec = FilterSpec { properties, objects, ..FilterSpec::default() };
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
            Err(error) => {
                return match error.fault() {
                    Some(fault) if fault.is_a(NOT_AUTHENTICATED) => Ok(false),
                    Some(fault) if is_said_in_sessions_only(fault) => Ok(true),
                    _ => Err(error),
                };
            }
        };
        let mut missing = objects.iter().flat_map(|object| &object.missing);
        Ok(objects.iter().any(|object| !object.props.is_empty()) || missing.any(|(_, fault)| is_said_in_sessions_only(fault)))
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
