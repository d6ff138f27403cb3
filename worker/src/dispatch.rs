//! From the bytes of a request to the bytes of its reply: one pipeline for every method.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use futures_util::future::BoxFuture;
use serde_json::Map;
use tokio::runtime::Handle;
use tokio::time::Instant;
use vpoller_daemon::status::{self, StatusDocument};
use vpoller_inventory::panic_message;
use vpoller_wire::{Field, Reply, Request, append_outcome, text};

use crate::execute::{self, Ending, Executor};
use crate::executors::Executors;
use crate::failure::Failure;
use crate::helpers::external::{External, Externals};
use crate::helpers::{self, Rendered};
use crate::log_limits::{self, LogOnce, LogRate, Pass, shorten};
use crate::method::{Answer, Method, Object};
use crate::methods;
use crate::policy::Policy;
use crate::response::{Content, Response};
use crate::sets;

/// Largest request body, in bytes; a reply has no such bound.
pub const LARGEST_REQUEST: usize = 16 * 1024 * 1024;
/// So many characters of a request are logged.
const LONGEST_LINE: usize = 2000;

/// The next step of a request.
pub enum Step {
    /// It is answered.
    Now(Vec<u8>),
    /// It will be; the future needs a tokio runtime, never panics and always gives a reply.
    Later(BoxFuture<'static, Vec<u8>>),
}

/// Answers requests with the help of the executors.
#[derive(Clone)]
pub struct Dispatcher {
    executors: Arc<Executors>,
    policy: Policy,
    /// Helpers that are commands of the user's own.
    externals: Arc<Externals>,
    /// Helpers that do not exist and were asked for.
    unknown_helpers: Arc<LogOnce>,
    /// What the worker tells about itself; where there is no worker, only the executors have something to tell.
    status: Option<Arc<dyn StatusDocument>>,
    /// Of the lines that announce requests.
    lines: Arc<LogRate>,
}

impl Dispatcher {
    /// A dispatcher to these executors.
    #[must_use]
    pub fn new(executors: Arc<Executors>) -> Self {
        let lines = Arc::new(LogRate::new(Instant::now().into_std()));
        Self {
            executors,
            policy: Policy::default(),
            externals: Arc::default(),
            unknown_helpers: Arc::default(),
            status: None,
            lines,
        }
    }

    /// The same with a say in what may be shown.
    #[must_use]
    pub fn with_policy(self, policy: Policy) -> Self {
        Self { policy, ..self }
    }

    /// The same of a worker that tells about itself.
    #[must_use]
    pub fn with_status(self, status: Arc<dyn StatusDocument>) -> Self {
        Self { status: Some(status), ..self }
    }

    /// The same with helpers of the user's own.
    #[must_use]
    pub fn with_helpers(self, externals: Arc<Externals>) -> Self {
        Self { externals, ..self }
    }

    /// Takes a request on: parse, method, executor, required fields, lookup, action, reply, helper. Never waits: what cannot be had
    /// from memory comes later.
    #[must_use]
    pub fn dispatch(&self, body: &[u8]) -> Step {
        let arrived = Instant::now();
        if body.len() > LARGEST_REQUEST {
            return Step::Now(refuse(Failure::TooLarge { size: body.len(), limit: LARGEST_REQUEST }));
        }
        match Request::parse(body) {
            Ok(request) => self.take_on(request, arrived),
            Err(error) => Step::Now(refuse(error.into())),
        }
    }

    /// Takes a request on that did not come as bytes. Never waits, as [`Dispatcher::dispatch`].
    #[must_use]
    pub fn dispatch_request(&self, request: Request) -> Step {
        self.take_on(request, Instant::now())
    }

    fn take_on(&self, mut request: Request, arrived: Instant) -> Step {
        tracing::debug!("Received {}", shorten(&format!("{request:?}"), LONGEST_LINE));
        let (method, executor) = match self.admit(&mut request) {
            Ok(admitted) => admitted,
            Err(failure) => return self.print(methods::find(&request.method), request, failure.into()),
        };
        self.announce(method, &request);
        let (own, deadline) = (self.clone(), due(&request));
        let runs_a_command = self.external(&request).is_some();
        let mut answer: BoxFuture<'static, Vec<u8>> = Box::pin(async move {
            let outcome = own.perform(method, executor.as_deref(), &request).await;
            let ending = Ending::of(&outcome);
            let bytes = own.complete(Some(method), &request, &outcome.into(), deadline).await;
            if let Some(executor) = executor {
                executor.count(method, arrived.elapsed(), ending);
            }
            bytes
        });
        // What memory knows is there at once, and costs no change of threads. Outside of a runtime even that cannot be found out.
        if !runs_a_command
            && Handle::try_current().is_ok()
            && let Poll::Ready(bytes) = answer.as_mut().poll(&mut Context::from_waker(Waker::noop()))
        {
            return Step::Now(bytes);
        }
        Step::Later(answer)
    }

    /// Logs what is about to be done. Thousands of requests a second are too many to read, and each would cost more to log than
    /// to answer.
    fn announce(&self, method: &Method, request: &Request) {
        match self.lines.pass(Instant::now().into_std()) {
            Pass::Held => return,
            Pass::Through(0) => {}
            Pass::Through(held) => tracing::info!("{held} more requests than are logged in a second"),
        }
        tracing::info!("[{}] {}", request.hostname, intent(method, request));
    }

    /// Performs a request whatever it takes and leaves a helper it names aside.
    pub async fn ask(&self, mut request: Request) -> Reply {
        let arrived = Instant::now();
        let (method, executor) = match self.admit(&mut request) {
            Ok(admitted) => admitted,
            Err(failure) => return failure.into(),
        };
        let outcome = self.perform(method, executor.as_deref(), &request).await;
        if let Some(executor) = executor {
            executor.count(method, arrived.elapsed(), Ending::of(&outcome));
        }
        Response::from(outcome).into_reply()
    }

    /// Answers a request that cannot be taken on, at once and so without any command, in the form that its client wants.
    #[must_use]
    pub fn turn_away(&self, body: &[u8], failure: Failure) -> Vec<u8> {
        match Request::parse(body) {
            Ok(request) => self.finish(methods::find(&request.method), &request, &failure.into()),
            Err(error) => refuse(error.into()),
        }
    }

    /// The method and the executor for a request, whose properties are complete then; about the worker itself any host may be
    /// named, or none.
    fn admit(&self, request: &mut Request) -> Result<(&'static Method, Option<Arc<Executor>>), Failure> {
        let method = methods::find(&request.method).ok_or(Failure::UnknownMethod)?;
        let executor = self.executors.get(&request.hostname);
        if executor.is_none() && !(method.object == Object::Worker && is_any_worker(&request.hostname)) {
            return Err(Failure::UnknownAgent);
        }
        let complete = method.required.iter().all(|field| request.has(*field));
        if !complete || request.malformed().is_some() {
            return Err(Failure::InvalidTask);
        }
        sets::expand(&mut request.properties, method.object.kind())?;
        Ok((method, executor))
    }

    async fn perform(&self, method: &'static Method, executor: Option<&Executor>, request: &Request) -> Result<Answer, Failure> {
        if let (Some(action), Some(executor)) = (method.action, executor) {
            return executor.perform(method, action, request, self.policy).await;
        }
        // Long documents are not made by the thread that the proxy waits for.
        tokio::task::yield_now().await;
        self.introduce(method, request)
    }

    /// What the worker tells about itself.
    fn introduce(&self, method: &Method, request: &Request) -> Result<Answer, Failure> {
        let agents = || Map::from_iter([("agents".to_owned(), self.executors.status())]);
        let document = self.status.as_ref().map_or_else(agents, |status| status.document());
        let selected = status::selection(document, request.properties.iter().map(String::as_str));
        let members = selected.map_err(|path| Failure::NoMember(shorten(path, log_limits::LONGEST_NAME).into_owned()))?;
        Ok(Answer { msg: method.success.into(), result: Content::Whole(members) })
    }

    /// Prints a reply as its client wants it: at once, unless that takes a command of the user's own.
    fn print(&self, method: Option<&'static Method>, request: Request, response: Response) -> Step {
        if self.external(&request).is_none() {
            return Step::Now(self.finish(method, &request, &response));
        }
        let (own, deadline) = (self.clone(), due(&request));
        Step::Later(Box::pin(async move { own.complete(method, &request, &response, deadline).await }))
    }

    /// The bytes that the client gets, whatever prints them.
    async fn complete(
        &self,
        method: Option<&'static Method>,
        request: &Request,
        response: &Response,
        deadline: Instant,
    ) -> Vec<u8> {
        match self.external(request) {
            Some(helper) => with_outcome(request, helper.render(request, response, deadline).await),
            None => self.finish(method, request, response),
        }
    }

    fn external(&self, request: &Request) -> Option<Arc<External>> {
        self.externals.find(request.helper.as_deref()?)
    }

    /// The bytes that the client gets: printed by the built-in helper it named, with the outcome where it asked for that.
    fn finish(&self, method: Option<&'static Method>, request: &Request, response: &Response) -> Vec<u8> {
        let Some(name) = request.helper.as_deref() else { return helpers::plain(response).bytes };
        let render = AssertUnwindSafe(|| self.render(name, method, request, response));
        let rendered = catch_unwind(render).unwrap_or_else(|payload| {
            let cause = panic_message(&*payload);
            tracing::error!("Helper {name} failed: {cause}");
            helpers::plain(&Failure::Task { method: method.map_or("", |method| method.name), cause }.into())
        });
        with_outcome(request, rendered)
    }

    fn render(&self, name: &str, method: Option<&Method>, request: &Request, response: &Response) -> Rendered {
        if let Some(helper) = helpers::find(name) {
            return helper.render(method, request, response);
        }
        if self.externals.find(name).is_none() && self.unknown_helpers.first_time(name) {
            tracing::warn!("Unknown helper {} requested, the reply goes out as it is", shorten(name, log_limits::LONGEST_NAME));
        }
        helpers::plain(response)
    }
}

/// By when a request is to be answered.
fn due(request: &Request) -> Instant {
    Instant::now() + execute::time_left(request.timeout)
}

fn with_outcome(request: &Request, Rendered { mut bytes, outcome }: Rendered) -> Vec<u8> {
    if request.outcome {
        append_outcome(&mut bytes, outcome);
    }
    bytes
}

/// The reply to what is no request, or cannot be taken on.
pub(crate) fn refuse(failure: Failure) -> Vec<u8> {
    helpers::plain(&failure.into()).bytes
}

fn is_any_worker(hostname: &str) -> bool {
    // Which one it is for, the proxy knows.
    hostname.is_empty() || hostname == text::ANY_WORKER || hostname.starts_with(text::ONE_WORKER)
}

/// What is about to be done, for the log.
fn intent(method: &Method, request: &Request) -> String {
    let shown = |text: Option<&String>| shorten(text.map_or("None", String::as_str), log_limits::LONGEST_NAME).into_owned();
    if method.required.contains(&Field::CounterName) {
        let counter = request.counter_name.as_ref().or(request.counter_id.as_ref());
        return format!("Retrieving performance metric {} for {}", shown(counter), shown(request.name.as_ref()));
    }
    let one = |kind: &str| {
        let name = shown(request.name.as_ref());
        format!("Retrieving properties for {name} managed object of type {kind}")
    };
    match method.object {
        Object::Every(kind) => format!("Discovering {} managed objects", kind.printed()),
        Object::One(kind) => one(&kind.printed()),
        Object::Any => one(&shorten(request.key.as_deref().unwrap_or("None"), log_limits::LONGEST_NAME)),
        Object::Service | Object::Worker => format!("Retrieving {}", method.intent),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_log_says_what_is_retrieved() {
        let line = |method: &str| {
            let method = methods::find(method).expect("a method");
            intent(method, &Request::new(method.name, "vc01"))
        };
        assert_eq!(line("about"), "Retrieving vSphere About information");
        assert_eq!(line("event.latest"), "Retrieving latest registered event");
        assert_eq!(line("session.get"), "Retrieving established sessions");
        assert_eq!(line("vm.discover"), "Discovering vim.VirtualMachine managed objects");
        let silent = methods::METHODS.iter().filter(|method| method.object == Object::Service && method.intent.is_empty());
        assert_eq!(silent.count(), 0);
    }

    #[test]
    fn however_long_a_name_its_log_line_is_short() {
        let body = serde_json::json!({"method": "vm.get", "name": "x".repeat(1_000_000)});
        let request = Request::parse(body.to_string().as_bytes()).expect("a request");
        let line = methods::find("vm.get").map(|method| intent(method, &request)).unwrap_or_default();
        assert!(line.starts_with("Retrieving properties for xxx") && line.len() < 400, "{} bytes", line.len());
    }
}
