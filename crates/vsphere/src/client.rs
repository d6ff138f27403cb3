//! The client of one vSphere host: reads and calls that survive a lost session.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use secrecy::SecretString;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::Instant;

use crate::call::{Call, CallOptions};
use crate::filter_spec::{looks_lost, page};
use crate::session_manager::Gate;
use crate::soap::Element;
use crate::{Arg, Config, Error, Fault, FilterSpec, MoRef, ObjectContent, Session, Stats, Value, read};

/// Managed types in the container view of [`Client::view`]; their subtypes are in it too (clusters, distributed port groups, vApps).
pub const VIEW_TYPES: [&str; 9] = [
    "VirtualMachine",
    "HostSystem",
    "Datastore",
    "ComputeResource",
    "ResourcePool",
    "Network",
    "Datacenter",
    "Folder",
    "DistributedVirtualSwitch",
];
/// Longest time for closing a session.
const LOGOUT_LIMIT: Duration = Duration::from_secs(5);
/// What shows the loss of a session when the server says so in missing sets only.
const UNREADABLE: &str = "no property can be read, NotAuthenticated";
/// Guest operations take seconds; so many run at the same time at most, leaving room for other calls.
const GUEST_CALLS: usize = 4;

/// A client of one vSphere host. Clones share one session, its limits and counters.
#[derive(Clone, Debug)]
pub struct Client {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    gate: Arc<Gate>,
    calls: Semaphore,
    guest_calls: Semaphore,
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
    /// The server refuses the account; no attempt before `next_try` from now.
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
        let calls = Semaphore::new(config.max_concurrency.clamp(1, Semaphore::MAX_PERMITS));
        let gate = Arc::new(Gate::new(config)?);
        Ok(Self { shared: Arc::new(Shared { gate, calls, guest_calls: Semaphore::new(GUEST_CALLS) }) })
    }

    /// The settings.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.shared.gate.config
    }

    /// The open session; logs in when there is none. Concurrent callers share one login. After failures, fails fast until
    /// the pause is over.
    ///
    /// # Errors
    /// When there is no session and none can be opened now.
    pub async fn session(&self) -> Result<Arc<Session>, Error> {
        self.shared.gate.session().await
    }

    /// Reads properties, all pages. A lost session is replaced and the read repeated once.
    ///
    /// # Errors
    /// The whole read fails when one path (`InvalidProperty`) or one named object (`ManagedObjectNotFound`) is unknown;
    /// the fault names it.
    pub async fn retrieve(&self, spec: &[FilterSpec]) -> Result<Vec<ObjectContent>, Error> {
        self.in_session(|session| async move { self.shared.retrieve(&session, spec).await }).await
    }

    /// Reads properties of every object of a type (and its subtypes) below the root folder. Of types that are no inventory
    /// (alarms, tasks, managers) it finds none.
    ///
    /// # Errors
    /// As [`Client::retrieve`].
    pub async fn retrieve_all(&self, kind: &str, paths: &[&str]) -> Result<Vec<ObjectContent>, Error> {
        self.in_session(|session| async move { self.shared.retrieve_all(&session, kind, paths).await }).await
    }

    /// Reads properties of the named objects, which may be of several types; long lists go in several calls.
    ///
    /// # Errors
    /// As [`Client::retrieve`].
    pub async fn retrieve_objects(&self, objs: &[MoRef], paths: &[&str]) -> Result<Vec<ObjectContent>, Error> {
        let mut found = Vec::with_capacity(objs.len());
        for part in objs.chunks(self.config().limits.objects_per_call.max(1)) {
            found.append(&mut self.retrieve(&[FilterSpec::objects(part, paths)]).await?);
        }
        Ok(found)
    }

    /// The container view of everything below the root folder, made when first needed in a session. For filters of one's
    /// own; it dies with the session.
    ///
    /// # Errors
    /// As [`Client::call`].
    pub async fn view(&self, session: &Session) -> Result<MoRef, Error> {
        self.shared.view(session).await
    }

    /// As [`Client::view`], when the server does not know the view any more that was made before.
    ///
    /// # Errors
    /// As [`Client::call`].
    pub async fn renew_view(&self, session: &Session, gone: &MoRef) -> Result<MoRef, Error> {
        self.shared.renew_view(session, gone).await
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
        self.in_session(|session| async move { self.shared.call(&session, call).await }).await
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

    /// As [`Client::call_in`], with options of its own and results read by `element`.
    pub(crate) async fn call_for<T: Send + 'static>(
        &self,
        session: &Session,
        call: Call<'_>,
        element: Element<T>,
    ) -> Result<Vec<T>, Error> {
        let result = self.shared.call_for(session, call, element).await;
        if let Err(error @ Error::SessionLost { .. }) = &result {
            self.shared.gate.forget(session, error);
        }
        result
    }

    /// An error, unless the server still knows the session.
    pub(crate) async fn expect_alive(&self, session: &Session) -> Result<(), Error> {
        if self.shared.alive(session).await? {
            return Ok(());
        }
        let error = self.shared.gate.lost(UNREADABLE);
        self.shared.gate.forget(session, &error);
        Err(error)
    }

    /// The object that a call made.
    pub(crate) fn reference(&self, values: &[Value], what: &str) -> Result<MoRef, Error> {
        self.shared.reference(values, what)
    }

    /// Lists the processes in a virtual machine's guest as `GuestProcessInfo`. Slow. Never repeated when its connection
    /// broke, because a wrong guest password must not be tried twice.
    ///
    /// # Errors
    /// As [`Client::call`]; `InvalidGuestLogin` for a wrong guest password.
    pub async fn list_processes(&self, vm: &MoRef, user: &str, password: &SecretString) -> Result<Vec<Value>, Error> {
        let auth = vec![Arg::new("interactiveSession", false), Arg::new("username", user), Arg::new("password", password)];
        let args = [Arg::new("vm", vm), Arg::typed("auth", "NamePasswordAuthentication", auth)];
        let options = CallOptions::once(self.config().request_timeout);
        let method = "ListProcessesInGuest";
        let args = &args;
        let shared = &self.shared;
        let _permit = shared.permit(&shared.guest_calls, method, options.limit).await?;
        self.in_session(|session| async move {
            let this = session.process_manager.get_or_try_init(|| shared.process_manager(&session)).await?;
            shared.call(&session, Call { this, method, args, options }).await
        })
        .await
    }

    /// Closes the session at the server, within five seconds or not at all. The client can be used again: the next call logs
    /// in. To be rid of the client, use [`Client::close`].
    pub async fn logout(&self) {
        let limit = LOGOUT_LIMIT.min(self.config().request_timeout);
        if tokio::time::timeout(limit, self.shared.close(limit)).await.is_err() {
            tracing::debug!(host = self.config().host, "the session was not closed in time");
        }
    }

    /// Closes the session as [`Client::logout`] does, for good: this client and its clones never log in again. Calls under
    /// way lose their session and fail with [`Error::Closed`]; so does every later one. A login under way is waited for, and
    /// ended by itself when it takes longer.
    pub async fn close(&self) {
        self.shared.gate.shut();
        self.logout().await;
    }

    /// A copy of the counters.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.shared.gate.caller.counters().snapshot()
    }

    /// Where the client stands.
    #[must_use]
    pub fn state(&self) -> State {
        self.shared.gate.state()
    }

    /// Does the work in a session; once more in a new one if that session turns out to be lost.
    async fn in_session<T, F: Future<Output = Result<T, Error>>>(&self, work: impl Fn(Arc<Session>) -> F) -> Result<T, Error> {
        let session = self.session().await?;
        match work(session.clone()).await {
            Err(error @ Error::SessionLost { .. }) => {
                tracing::debug!(host = self.config().host, %error, "logging in again");
                self.shared.gate.forget(&session, &error);
            }
            done => return done,
        }
        let session = self.session().await?;
        let done = work(session.clone()).await;
        if let Err(error @ Error::SessionLost { .. }) = &done {
            self.shared.gate.forget(&session, error);
        }
        done
    }
}

impl Shared {
    /// Logs out, if there is a session.
    async fn close(&self, limit: Duration) {
        let Some(session) = self.gate.take().await else { return };
        if let Some(view) = session.view().lock().await.take() {
            let call = Call { this: &view, method: "DestroyView", args: &[], options: CallOptions::once(limit) };
            // The session ends anyway, and its views with it.
            let _ = self.gate.caller.call(session.context(), call).await;
        }
        self.gate.leave(&session, limit).await;
    }

    /// Calls a method in a session. Once more when a connection that was open broke (servers close idle ones); never after
    /// an answer.
    async fn call(&self, session: &Session, call: Call<'_>) -> Result<Vec<Value>, Error> {
        self.call_for(session, call, read::value).await
    }

    /// As [`Shared::call`], with results read by `element`.
    async fn call_for<T: Send + 'static>(&self, session: &Session, call: Call<'_>, element: Element<T>) -> Result<Vec<T>, Error> {
        let CallOptions { limit, repeat } = call.options;
        let waits = limit > self.gate.config.request_timeout;
        let _permit = if waits { None } else { Some(self.permit(&self.calls, call.method, limit).await?) };
        let mut started = Instant::now();
        let mut result = self.gate.caller.call_for(session.context(), call, element).await;
        if repeat && matches!(result, Err(Error::Connection { established: true, .. })) {
            started = Instant::now();
            result = self.gate.caller.call_for(session.context(), call, element).await;
        }
        self.gate.note(started, result.as_ref().err());
        match result {
            Ok(outcome) => Ok(outcome.values),
            Err(error) => Err(self.judge(session, error).await),
        }
    }

    /// Tells a lost session from a privilege that is really missing: the server says `NotAuthenticated` to both.
    async fn judge(&self, session: &Session, error: Error) -> Error {
        let Error::Fault { host, method, object, mut fault } = error else { return error };
        if fault.kind == "NotAuthenticated" {
            match self.alive(session).await {
                Ok(true) => fault.kind = "NoPermission".to_owned(),
                Ok(false) => return self.gate.lost(&fault.to_string()),
                Err(error) => return error,
            }
        }
        Error::Fault { host, method, object, fault }
    }

    /// Whether the server still knows the session: the root folder's name can be read in any.
    async fn alive(&self, session: &Session) -> Result<bool, Error> {
        let spec = FilterSpec::objects(std::slice::from_ref(&session.content.root_folder), &["name"]);
        let args = [spec.to_arg("specSet"), Arg::object("options", Vec::new())];
        let call = Call {
            this: &session.content.property_collector,
            method: "RetrievePropertiesEx",
            args: &args,
            options: CallOptions::once(self.gate.config.request_timeout),
        };
        let read = self.gate.caller.call(session.context(), call).await;
        let mut objects = Vec::new();
        match read {
            Ok(outcome) => page(outcome.values, &mut objects),
            Err(error) if error.fault().is_some_and(|fault| fault.is_a("NotAuthenticated")) => return Ok(false),
            Err(error) => return Err(error),
        };
        Ok(objects.iter().any(|object| !object.props.is_empty()))
    }

    async fn retrieve(&self, session: &Session, spec: &[FilterSpec]) -> Result<Vec<ObjectContent>, Error> {
        let this = &session.content.property_collector;
        let limit = self.gate.config.request_timeout;
        // The server wants the options even when they are empty.
        let page_size = self.gate.config.limits.page_size.map(|size| Arg::new("maxObjects", i64::from(size)));
        let mut args: Vec<Arg> = spec.iter().map(|spec| spec.to_arg("specSet")).collect();
        args.push(Arg::object("options", page_size.into_iter().collect()));
        let mut objects = Vec::new();
        let first = Call { this, method: "RetrievePropertiesEx", args: &args, options: CallOptions::repeated(limit) };
        let mut values = self.call(session, first).await?;
        let pages = self.gate.config.limits.pages;
        for _ in 0..pages {
            let Some(token) = page(values, &mut objects) else { return self.trusted(session, objects).await };
            let args = [Arg::new("token", token)];
            // A token is good for one use only, so its call is not repeated.
            let next = Call { this, method: "ContinueRetrievePropertiesEx", args: &args, options: CallOptions::once(limit) };
            values = self.call(session, next).await?;
        }
        let cause = format!("it has more than {pages} pages");
        Err(Error::Answer { host: self.gate.config.host.clone(), what: "RetrievePropertiesEx".to_owned(), cause })
    }

    /// The objects, unless they only show that the session is lost.
    async fn trusted(&self, session: &Session, objects: Vec<ObjectContent>) -> Result<Vec<ObjectContent>, Error> {
        if looks_lost(&objects) && !self.alive(session).await? {
            return Err(self.gate.lost(UNREADABLE));
        }
        Ok(objects)
    }

    async fn retrieve_all(&self, session: &Session, kind: &str, paths: &[&str]) -> Result<Vec<ObjectContent>, Error> {
        let view = self.view(session).await?;
        let read = self.retrieve(session, &[FilterSpec::view(&view, kind, paths)]).await;
        let gone = |fault: &Fault| fault.is_a("ManagedObjectNotFound") && fault.object() == Some(&view);
        if !read.as_ref().is_err_and(|error| error.fault().is_some_and(gone)) {
            return read;
        }
        let view = self.renew_view(session, &view).await?;
        self.retrieve(session, &[FilterSpec::view(&view, kind, paths)]).await
    }

    /// A view in the place of one that somebody destroyed; of several who notice only one makes it.
    async fn renew_view(&self, session: &Session, gone: &MoRef) -> Result<MoRef, Error> {
        session.view().lock().await.take_if(|kept| kept == gone);
        self.view(session).await
    }

    async fn view(&self, session: &Session) -> Result<MoRef, Error> {
        let mut kept = session.view().lock().await;
        if let Some(view) = &*kept {
            return Ok(view.clone());
        }
        let mut args = vec![Arg::new("container", &session.content.root_folder)];
        args.extend(VIEW_TYPES.map(|kind| Arg::new("type", kind)));
        args.push(Arg::new("recursive", true));
        let method = "CreateContainerView";
        let options = CallOptions::once(self.gate.config.request_timeout);
        let call = Call { this: &session.content.view_manager, method, args: &args, options };
        let view = self.reference(&self.call(session, call).await?, method)?;
        *kept = Some(view.clone());
        Ok(view)
    }

    /// The manager of processes in guests.
    async fn process_manager(&self, session: &Session) -> Result<MoRef, Error> {
        let absent = || Error::Fault {
            host: self.gate.config.host.clone(),
            method: "ListProcessesInGuest".to_owned(),
            object: "GuestOperationsManager".to_owned(),
            fault: Box::new(Fault::unsupported("this server has no guest operations")),
        };
        let guest = session.content.guest_operations_manager.as_ref().ok_or_else(absent)?;
        let spec = FilterSpec::objects(std::slice::from_ref(guest), &["processManager"]);
        let read = self.retrieve(session, &[spec]).await?;
        let values: Vec<Value> = read.iter().filter_map(|object| object.get("processManager")).cloned().collect();
        values.first().and_then(Value::as_moref).cloned().ok_or_else(absent)
    }

    fn reference(&self, values: &[Value], what: &str) -> Result<MoRef, Error> {
        values.first().and_then(Value::as_moref).cloned().ok_or_else(|| Error::Answer {
            host: self.gate.config.host.clone(),
            what: what.to_owned(),
            cause: "it names no object".to_owned(),
        })
    }

    /// Waits for the right to call, no longer than the call itself might take.
    async fn permit<'s>(&self, calls: &'s Semaphore, what: &str, limit: Duration) -> Result<SemaphorePermit<'s>, Error> {
        let busy = || Error::Busy { host: self.gate.config.host.clone(), what: what.to_owned(), limit };
        match tokio::time::timeout(limit, calls.acquire()).await {
            Ok(Ok(permit)) => Ok(permit),
            // The semaphore is never closed.
            Ok(Err(_)) | Err(_) => Err(busy()),
        }
    }
}
