//! Every way a request can fail, and the text users get for it.
//!
//! These texts are contract: users and scripts match on them. They are made here and nowhere else.

use std::time::Duration;

use vpoller_inventory::ReadError;
use vpoller_wire::{Reply, RequestError, text};

/// Why a request has no result. `Display` is the `msg` of the reply.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The body is no request.
    #[error(transparent)]
    Malformed(#[from] RequestError),
    /// More frames than a request has.
    #[error("{}", text::INVALID_MESSAGE)]
    TrailingFrames,
    /// The body is larger than any request has reason to be.
    #[error("{}: {size} bytes are more than the {limit} that a request may have", text::INVALID_MESSAGE)]
    TooLarge {
        /// Its size in bytes.
        size: usize,
        /// The bound, in bytes.
        limit: usize,
    },
    /// `method` is missing or unknown.
    #[error("{}", text::UNKNOWN_METHOD)]
    UnknownMethod,
    /// `hostname` is missing or no enabled vSphere host.
    #[error("{}", text::UNKNOWN_AGENT)]
    UnknownAgent,
    /// A required field is missing, or one has a type that makes no sense.
    #[error("{}", text::INVALID_TASK_REQUEST)]
    InvalidTask,
    /// The status document has no such member.
    #[error("The status of the worker has no member {0}")]
    NoMember(String),
    /// The properties name a set that does not exist for this type of object.
    #[error("Unknown property set {name}; there are: {known}")]
    NoSet {
        /// As requested.
        name: String,
        /// Those that exist.
        known: String,
    },
    /// No managed object goes by the name; prints `None` when there was no name.
    #[error("Cannot find object {}", .0.as_deref().unwrap_or("None"))]
    NoObject(Option<String>),
    /// As [`Failure::NoObject`], in the words of a few methods.
    #[error("Cannot find object: {}", .0.as_deref().unwrap_or("None"))]
    NoSuchObject(Option<String>),
    /// The request's `key` says something that the method does not understand.
    #[error("{}: {}", text::INVALID_TASK_REQUEST, .0)]
    Key(String),
    /// vSphere could not be read.
    #[error("Cannot collect properties: {0}")]
    Collect(#[from] ReadError),
    /// A property that the method computes with is not set.
    #[error("Unable to retrieve required properties")]
    MissingProperties,
    /// No disk of the guest has the path.
    #[error("Unable to find guest disk {0}")]
    NoGuestDisk(String),
    /// The guest of the virtual machine cannot be asked.
    #[error("{0} is not running VMware Tools")]
    NoTools(String),
    /// The guest account is missing.
    #[error("Need username and password for authentication in guest system {0}")]
    NoGuestAccount(String),
    /// The guest operation failed.
    #[error("Cannot get guest processes: {0}")]
    GuestProcesses(ReadError),
    /// The account may not know who is logged in.
    #[error("No permissions to view established sessions")]
    NoSessions,
    /// Session keys are masked, and this would show them.
    #[error("The properties of {0} are not shown, because the configuration masks session keys")]
    Masked(String),
    /// The virtual machine has no snapshots.
    #[error("{}{}", NO_SNAPSHOTS, .0)]
    NoSnapshots(String),
    /// The ESXi host is off.
    #[error("Host is not powered on, cannot get VSAN health state")]
    VsanHostOff,
    /// vCenter has no contact with the ESXi host.
    #[error("Host is not connected, cannot get VSAN health state")]
    VsanHostLost,
    /// An object that is off has no performance values; carries a word for what it is.
    #[error("{0} is not powered on, cannot get performance metrics")]
    NotPoweredOn(&'static str),
    /// vCenter has no contact with the object; carries a word for what it is.
    #[error("{0} is not connected, cannot get performance metrics")]
    NotConnected(&'static str),
    /// The number of samples is none.
    #[error("Invalid message, cannot retrieve performance metrics")]
    InvalidSamples,
    /// The object has historical performance values only, and the request names no interval.
    #[error("No historical performance interval provided for entity {0}")]
    NoInterval(String),
    /// No historical interval has the name.
    #[error("Historical interval {0} does not exists")]
    UnknownInterval(String),
    /// No historical interval has the number.
    #[error("Historical interval with key {0} does not exist")]
    UnknownIntervalKey(i32),
    /// No performance counter has the name or number.
    #[error("Unknown performance counter requested")]
    UnknownCounter,
    /// Performance values could not be read.
    #[error("Cannot retrieve performance metrics for {entity}: {error}")]
    Metrics {
        /// Whose values.
        entity: String,
        /// Why.
        error: ReadError,
    },
    /// The counters of an object could not be read.
    #[error("Cannot retrieve performance counters for {name}: {error}")]
    Counters {
        /// The object as requested.
        name: String,
        /// Why.
        error: ReadError,
    },
    /// The counters of the vSphere host could not be read.
    #[error("Cannot get performance counter info: {0}")]
    CounterInfo(ReadError),
    /// A defect of ours.
    #[error("Task {method} failed")]
    Task {
        /// The method.
        method: &'static str,
        /// What happened, in one line.
        cause: String,
    },
    /// The client is about to give up.
    #[error("{host} did not answer within {} s", .limit.as_secs_f64())]
    Deadline {
        /// The vSphere host.
        host: String,
        /// How long was waited.
        limit: Duration,
    },
    /// The vSphere host has more requests waiting than it gets done.
    #[error("Too many requests for {host}: {waiting} are waiting already; try again later")]
    Crowded {
        /// The vSphere host.
        host: String,
        /// How many requests are waiting or in work.
        waiting: usize,
    },
    /// The worker has taken on all it can.
    #[error("Worker is busy: {0} requests are in work already; try again later")]
    Busy(usize),
    /// The worker ends before the request did.
    #[error("Worker is shutting down")]
    Stopping,
}

impl Failure {
    /// The error of vSphere behind it, if there is one.
    #[must_use]
    pub fn read_error(&self) -> Option<&ReadError> {
        match self {
            Self::Collect(error) | Self::GuestProcesses(error) | Self::CounterInfo(error) => Some(error),
            Self::Metrics { error, .. } | Self::Counters { error, .. } => Some(error),
            _ => None,
        }
    }
}

/// How [`Failure::NoSnapshots`] begins.
pub(crate) const NO_SNAPSHOTS: &str = "No snapshots found for: ";

impl From<Failure> for Reply {
    fn from(failure: Failure) -> Self {
        let cause = match &failure {
            Failure::Task { cause, .. } => Some(cause.clone()),
            _ => None,
        };
        Self::Failure { msg: failure.to_string(), cause }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use vpoller_wire::json::Style;

    fn check(failure: Failure, text: &str) {
        assert_eq!(Reply::from(failure).msg(), text);
    }

    #[test]
    fn texts_are_those_of_the_contract() {
        check(RequestError::NotJson.into(), "Invalid message received");
        check(RequestError::NotObject("list").into(), "Expected a JSON message, received list");
        check(Failure::TrailingFrames, "Invalid message received");
        check(Failure::UnknownMethod, "Unknown or missing task/method name");
        check(Failure::UnknownAgent, "Unknown or missing agent name");
        check(Failure::InvalidTask, "Invalid task request");
        check(Failure::NoObject(Some("vm99".into())), "Cannot find object vm99");
        check(Failure::NoObject(None), "Cannot find object None");
        check(Failure::NoSuchObject(Some("vm99".into())), "Cannot find object: vm99");
        check(Failure::NoSuchObject(None), "Cannot find object: None");
        check(Failure::NoSessions, "No permissions to view established sessions");
        check(Failure::NoSnapshots("vm02".into()), "No snapshots found for: vm02");
        check(Failure::VsanHostOff, "Host is not powered on, cannot get VSAN health state");
        check(Failure::VsanHostLost, "Host is not connected, cannot get VSAN health state");
        check(Failure::MissingProperties, "Unable to retrieve required properties");
        check(Failure::NoGuestDisk("/opt".into()), "Unable to find guest disk /opt");
        check(Failure::NoTools("vm02".into()), "vm02 is not running VMware Tools");
        check(Failure::NoGuestAccount("vm01".into()), "Need username and password for authentication in guest system vm01");
        check(ReadError::new("no route").into(), "Cannot collect properties: no route");
        check(Failure::NotPoweredOn("Host"), "Host is not powered on, cannot get performance metrics");
        check(Failure::NotConnected("VM"), "VM is not connected, cannot get performance metrics");
        check(Failure::InvalidSamples, "Invalid message, cannot retrieve performance metrics");
        check(Failure::NoInterval("ds1".into()), "No historical performance interval provided for entity ds1");
        check(Failure::UnknownInterval("Past hour".into()), "Historical interval Past hour does not exists");
        check(Failure::UnknownIntervalKey(7), "Historical interval with key 7 does not exist");
        check(Failure::UnknownCounter, "Unknown performance counter requested");
        let error = || ReadError::new("no route");
        let metrics = Failure::Metrics { entity: "vm01".into(), error: error() };
        check(metrics, "Cannot retrieve performance metrics for vm01: no route");
        let counters = Failure::Counters { name: "vm01".into(), error: error() };
        check(counters, "Cannot retrieve performance counters for vm01: no route");
        check(Failure::CounterInfo(error()), "Cannot get performance counter info: no route");
        check(Failure::GuestProcesses(ReadError::new("InvalidGuestLogin")), "Cannot get guest processes: InvalidGuestLogin");
    }

    #[test]
    fn a_defect_goes_out_with_its_cause_as_traceback() {
        let reply = Reply::from(Failure::Task { method: "m", cause: "index out of bounds".into() });
        let text = String::from_utf8(reply.to_bytes(Style::Line)).expect("UTF-8");
        assert_eq!(text, r#"{"success": 1, "msg": "Task m failed", "traceback": "index out of bounds"}"#);
    }
}
