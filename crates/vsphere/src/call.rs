//! One method call: write, send, read, count. Nothing is repeated here and nothing is known of sessions but their cookie.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use reqwest::header::HeaderValue;
use tokio::time::Instant;

use crate::soap::{self, ReadElement, SoapAnswer};
use crate::stats::{CallRecord, Counters};
use crate::transport::{Post, Reply, Transport};
use crate::{Arg, Config, Error, MoRef, Value, read};

/// Answers above this size are read on a thread of their own: they would keep a shared one busy for milliseconds.
const LARGE: usize = 256 << 10;

/// Makes calls to one vSphere host.
#[derive(Debug)]
pub(crate) struct Caller {
    transport: Transport,
    counters: Counters,
    host: String,
    max_depth: usize,
    /// Begins every operation identifier, so that the calls of one client are found in the server's log.
    prefix: String,
    operations: AtomicU64,
    /// Whether it was logged that the server does not publish its versions.
    noted_version: AtomicBool,
}

/// A method call, whatever the session that it goes out in.
#[derive(Clone, Copy)]
pub(crate) struct Call<'a> {
    /// The managed object.
    pub this: &'a MoRef,
    pub method: &'a str,
    /// In the order of the API definition.
    pub args: &'a [Arg],
    pub options: CallOptions,
}

/// How a call is made.
#[derive(Clone, Copy)]
pub(crate) struct CallOptions {
    /// Longest time for it, answer included.
    pub limit: Duration,
    /// Whether it may be sent again when its connection broke.
    pub repeat: bool,
}

impl CallOptions {
    /// A call that must not reach the server twice.
    pub(crate) fn once(limit: Duration) -> Self {
        Self { limit, repeat: false }
    }

    /// A call that is sent again when its connection broke.
    pub(crate) fn repeated(limit: Duration) -> Self {
        Self { limit, repeat: true }
    }
}

/// What a session adds to its calls.
#[derive(Clone, Copy)]
pub(crate) struct Context<'a> {
    /// API version that the server is to speak.
    pub version: &'a str,
    pub cookie: Option<&'a HeaderValue>,
}

/// The results of a call, and the session cookie if the server set one.
pub(crate) struct CallResult<T = Value> {
    pub values: Vec<T>,
    pub cookie: Option<HeaderValue>,
}

impl Caller {
    pub(crate) fn new(config: &Config) -> Result<Self, Error> {
        let product = config.user_agent.split(['/', ' ']).next().unwrap_or_default().to_lowercase();
        Ok(Self {
            transport: Transport::new(config)?,
            counters: Counters::default(),
            host: config.host.clone(),
            max_depth: config.limits.depth,
            prefix: format!("{product}-{:04x}", fastrand::u16(..)),
            operations: AtomicU64::new(1),
            noted_version: AtomicBool::new(false),
        })
    }

    pub(crate) fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Calls a method.
    pub(crate) async fn call(&self, context: Context<'_>, call: Call<'_>) -> Result<CallResult, Error> {
        self.call_for(context, call, read::value).await
    }

    /// Calls a method whose results are read by `element`.
    pub(crate) async fn call_for<T: Send + 'static>(
        &self,
        context: Context<'_>,
        call: Call<'_>,
        element: ReadElement<T>,
    ) -> Result<CallResult<T>, Error> {
        let Call { this, method, args, options } = call;
        let operation = format!("{}-{}", self.prefix, self.operations.fetch_add(1, Ordering::Relaxed));
        let body = soap::request(this, method, args, &operation);
        let bytes_out = body.len();
        let started = Instant::now();
        let post = Post { what: method, version: context.version, cookie: context.cookie, body, limit: options.limit };
        let mut bytes_in = 0;
        let result = match self.transport.post(post).await {
            Ok(reply) => {
                bytes_in = reply.body.len();
                self.read(reply, call, element).await
            }
            Err(error) => Err(error),
        };
        let time = started.elapsed();
        let error = result.as_ref().err();
        tracing::debug!(host = self.host, method, operation, bytes_in, ?time, error = error.map(tracing::field::display));
        self.counters.count(method, &CallRecord { bytes_out, bytes_in, time, error: error.map(Error::class) });
        result
    }

    /// Reads a page beside the web service.
    pub(crate) async fn page(&self, path: &str, limit: Duration) -> Result<Reply, Error> {
        let started = Instant::now();
        let result = self.transport.get(path, limit).await;
        let bytes_in = result.as_ref().map_or(0, |reply| reply.body.len());
        let error = result.as_ref().err().map(Error::class);
        let name = path.rsplit('/').next().unwrap_or(path);
        self.counters.count(name, &CallRecord { bytes_out: 0, bytes_in, time: started.elapsed(), error });
        result
    }

    /// Logs, once, that the version to speak had to be taken from the service content.
    pub(crate) fn note_version(&self, why: &str, version: &str) {
        if !self.noted_version.swap(true, Ordering::Relaxed) {
            tracing::warn!("[{}] Its list of API versions cannot be read ({why}); speaking {version}", self.host);
        }
    }

    /// An answer that a page beside the web service must not give.
    pub(crate) fn unexpected(&self, path: &str, reply: &Reply) -> Error {
        self.transport.unexpected(path, reply)
    }

    async fn read<T: Send + 'static>(
        &self,
        mut reply: Reply,
        call: Call<'_>,
        element: ReadElement<T>,
    ) -> Result<CallResult<T>, Error> {
        let method = call.method;
        let cookie = reply.cookie.take();
        let body = std::mem::take(&mut reply.body);
        let large = body.len() > LARGE;
        let what = method.to_owned();
        let depth = self.max_depth;
        let read = move || (soap::answer(&String::from_utf8_lossy(&body), &what, depth, element), body);
        let (answer, body) = if large {
            tokio::task::spawn_blocking(read).await.map_err(|error| self.broken(method, error.to_string()))?
        } else {
            read()
        };
        match answer {
            Ok(SoapAnswer::Results(values)) if reply.status == 200 => Ok(CallResult { values, cookie }),
            Ok(SoapAnswer::Fault(fault)) => Err(Error::Fault {
                host: self.host.clone(),
                method: method.to_owned(),
                object: call.this.to_string(),
                fault: Box::new(fault),
            }),
            Err(cause) if reply.status == 200 => Err(self.broken(method, cause)),
            // A server problem that is no SOAP fault.
            _ => Err(self.transport.unexpected(method, &Reply { body, ..reply })),
        }
    }

    fn broken(&self, method: &str, cause: String) -> Error {
        Error::Answer { host: self.host.clone(), what: method.to_owned(), cause }
    }
}
