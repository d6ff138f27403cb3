//! What can go wrong, with the class that decides the reaction.

use std::time::Duration;

use crate::{Fault, version};

/// The class of an error. Metrics and retries depend on it only.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Class {
    /// The session is gone; logging in again helps.
    Session,
    /// The credentials are refused; only other credentials help.
    Auth,
    /// The account lacks a privilege, or guest credentials are refused; do not retry.
    Permission,
    /// One object is gone or cannot answer; others can.
    Object,
    /// The question is wrong for this server: property, type, argument, method.
    Argument,
    /// The server has too much to do or is starting; retry later.
    Overload,
    /// The server is not reached, or not trusted.
    Transport,
    /// The answer cannot be understood.
    Protocol,
}

impl Class {
    /// Every class, in the order of [`Class::index`].
    pub const ALL: [Self; 8] = [
        Self::Session,
        Self::Auth,
        Self::Permission,
        Self::Object,
        Self::Argument,
        Self::Overload,
        Self::Transport,
        Self::Protocol,
    ];

    /// One lower-case word, for metrics and status.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Session => "session",
            Self::Auth => "auth",
            Self::Permission => "permission",
            Self::Object => "object",
            Self::Argument => "argument",
            Self::Overload => "overload",
            Self::Transport => "transport",
            Self::Protocol => "protocol",
        }
    }

    /// Whether errors of this class say something about the connection or the account, and nothing about the question: what is
    /// known already may still be given out.
    #[must_use]
    pub const fn is_unreachable(self) -> bool {
        matches!(self, Self::Session | Self::Auth | Self::Transport | Self::Overload)
    }

    /// Position in [`Class::ALL`].
    #[must_use]
    pub const fn index(self) -> usize {
        self as usize
    }
}

/// An error of a call. Texts name the host, what was attempted, the cause and the way out; never a secret.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The server answered with a fault.
    #[error("{method} on {object} at {host}: {fault}")]
    Fault {
        /// Name or address of the vSphere host.
        host: String,
        /// The method called.
        method: String,
        /// The object it was called on, printed.
        object: String,
        /// What the server said.
        fault: Box<Fault>,
    },
    /// The server refused the credentials.
    #[error("{host} refuses the login of {user} ({reason}); correct the user name or password, or unlock the account")]
    Login {
        /// Name or address of the vSphere host.
        host: String,
        /// The account.
        user: String,
        /// The fault, printed.
        reason: String,
    },
    /// Not tried, because the last attempts failed and the pause after them is not over.
    #[error("{host} is not asked before {} s from now, after {failures} failed attempts: {reason}", seconds(*.next_try))]
    Waiting {
        /// Name or address of the vSphere host.
        host: String,
        /// Time until the next attempt.
        next_try: Duration,
        /// Failed attempts in a row.
        failures: u32,
        /// Class of the failure that is waited out.
        class: Class,
        /// That failure, printed.
        reason: String,
    },
    /// The session was lost and could not be replaced in time for this call.
    #[error("the session at {host} was lost: {reason}")]
    SessionLost {
        /// Name or address of the vSphere host.
        host: String,
        /// What showed the loss.
        reason: String,
    },
    /// The client was closed for good, see [`crate::Client::close`].
    #[error("the connection to {host} was closed by its owner; ask again through its successor")]
    Closed {
        /// Name or address of the vSphere host.
        host: String,
    },
    /// No connection, or one that broke.
    #[error("cannot reach {host}: {cause}")]
    Connection {
        /// Name or address of the vSphere host.
        host: String,
        /// The cause in the words of the operating system or library.
        cause: String,
        /// Whether the connection was open and then broke.
        established: bool,
    },
    /// The server's certificate is not accepted, or TLS cannot be agreed on.
    #[error("cannot trust {host}: {cause}; {hint}")]
    Certificate {
        /// Name or address of the vSphere host.
        host: String,
        /// What is wrong with the certificate.
        cause: String,
        /// What to do.
        hint: String,
    },
    /// A deadline passed.
    #[error("{what} at {host} took longer than {} s", seconds(*.limit))]
    Timeout {
        /// Name or address of the vSphere host.
        host: String,
        /// The method or path that was asked for.
        what: String,
        /// The deadline.
        limit: Duration,
    },
    /// Too many calls of ours were in the way for the whole deadline.
    #[error("{what} at {host} waited {} s behind other calls", seconds(*.limit))]
    Busy {
        /// Name or address of the vSphere host.
        host: String,
        /// The method or path that was asked for.
        what: String,
        /// The deadline.
        limit: Duration,
    },
    /// An HTTP answer that is no SOAP answer.
    #[error("{host} answers {what} with HTTP status {status}: {excerpt}")]
    Status {
        /// Name or address of the vSphere host.
        host: String,
        /// The method or path that was asked for.
        what: String,
        /// HTTP status code.
        status: u16,
        /// First characters of the body, on one line.
        excerpt: String,
    },
    /// A read of properties that the server answers with HTTP status 500 and nothing of SOAP, while it answers another one: something in
    /// what was asked for is more than it can.
    #[error("{host} answers {what} with HTTP status 500, and other reads as usual: {excerpt}")]
    FailedRead {
        /// Name or address of the vSphere host.
        host: String,
        /// The method that was asked for.
        what: String,
        /// First characters of the body, on one line.
        excerpt: String,
    },
    /// An answer that cannot be read as XML or as the expected SOAP message.
    #[error("the answer of {host} to {what} cannot be read: {cause}")]
    Answer {
        /// Name or address of the vSphere host.
        host: String,
        /// The method or path that was asked for.
        what: String,
        /// What is wrong with it.
        cause: String,
    },
    /// An answer of more bytes than are read.
    #[error("the answer of {host} to {what} cannot be read: it is larger than the {limit} bytes allowed; {hint}")]
    TooLarge {
        /// Name or address of the vSphere host.
        host: String,
        /// The method or path that was asked for.
        what: String,
        /// The most that is read, in bytes.
        limit: usize,
        /// What to ask instead.
        hint: &'static str,
    },
    /// The client's settings cannot be used; the text says which and why.
    #[error("{0}")]
    Config(String),
}

/// Reads of properties.
const READS: [&str; 3] = ["RetrieveProperties", "RetrievePropertiesEx", "ContinueRetrievePropertiesEx"];

/// What nothing works without: a server that fails in one of these fails in all.
const BASIC: [&str; 12] = [
    version::PAGE,
    "CurrentTime",
    "RetrieveServiceContent",
    "Login",
    "Logout",
    "RetrieveProperties",
    "RetrievePropertiesEx",
    "ContinueRetrievePropertiesEx",
    "CreateContainerView",
    "CreatePropertyCollector",
    "CreateFilter",
    "WaitForUpdatesEx",
];

impl Error {
    /// The class that decides the reaction.
    #[must_use]
    pub fn class(&self) -> Class {
        match self {
            Self::Fault { fault, .. } => fault.class(),
            Self::Login { .. } => Class::Auth,
            Self::Waiting { class, .. } => *class,
            Self::SessionLost { .. } | Self::Closed { .. } => Class::Session,
            Self::Connection { .. } | Self::Certificate { .. } | Self::Timeout { .. } => Class::Transport,
            Self::Busy { .. } => Class::Overload,
            Self::Status { .. } if self.is_of_service() => Class::Protocol,
            Self::Status { status, .. } => match status {
                429 | 502..=504 => Class::Overload,
                _ => Class::Transport,
            },
            Self::Answer { .. } | Self::TooLarge { .. } | Self::FailedRead { .. } => Class::Protocol,
            Self::Config(_) => Class::Argument,
        }
    }

    /// Whether the server failed in a service behind it only (statistics, events, guests), with status 500 and nothing of SOAP: so
    /// vCenter 8.0.3 answers a question about statistics that is too large.
    pub(crate) fn is_of_service(&self) -> bool {
        matches!(self, Self::Status { status: 500, what, .. } if !BASIC.contains(&what.as_str()))
    }

    /// The error of a read that failed, when it was answered with status 500 and nothing of SOAP, and the server is found to answer
    /// others.
    pub(crate) fn as_failed_read(&self) -> Option<Self> {
        match self {
            Self::Status { host, what, status: 500, excerpt } if READS.contains(&what.as_str()) => {
                Some(Self::FailedRead { host: host.clone(), what: what.clone(), excerpt: excerpt.clone() })
            }
            _ => None,
        }
    }

    /// The server's fault, when it sent one.
    #[must_use]
    pub fn fault(&self) -> Option<&Fault> {
        match self {
            Self::Fault { fault, .. } => Some(fault),
            _ => None,
        }
    }

    /// Time until the next attempt, when none is made at present.
    #[must_use]
    pub fn next_try(&self) -> Option<Duration> {
        match self {
            Self::Waiting { next_try, .. } => Some(*next_try),
            _ => None,
        }
    }
}

/// An error about settings.
pub(crate) fn config(text: impl Into<String>) -> Error {
    Error::Config(text.into())
}

/// Whole seconds for people, rounded up; parts of a second only below one.
fn seconds(time: Duration) -> String {
    if time < Duration::from_secs(1) { format!("{:.1}", time.as_secs_f64()) } else { format!("{:.0}", time.as_secs_f64().ceil()) }
}
