//! What a failed call asks for.

use std::time::Duration;

use vpoller_vsphere::{Class, Error, MoRef};

use super::batch::SplitBy;
use super::group::REFUSED;

/// What to do about a failed call.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Reaction {
    /// Ask again without this object: it is gone, or not ours to read.
    Without(MoRef),
    /// Ask less from now on, and this in halves.
    TooMuch,
    /// Ask less for a while, and this in halves.
    TooSlow,
    /// No reason is given. vCenter 8.0.3 answers so to historical questions that are too large; others may be too slow.
    Unexplained,
    /// Ask in halves until it is known what is to blame.
    Isolate(SplitBy),
    /// It is not the question; every request that waits gets the error.
    GiveUp,
}

impl Reaction {
    pub(super) fn to(error: &Error) -> Self {
        let fault = error.fault();
        if let Some(fault) = fault {
            let object = fault.object().filter(|_| fault.is_a("ManagedObjectNotFound") || fault.is_a("NoPermission"));
            if let Some(object) = object {
                return Self::Without(object.clone());
            }
            if fault.is_a("RestrictedByAdministrator") {
                return Self::TooMuch;
            }
        }
        match (error, error.class()) {
            (Error::Status { status: 500, .. }, _) => Self::Unexplained,
            (Error::Timeout { .. } | Error::Answer { .. } | Error::TooLarge { .. }, _) => Self::TooSlow,
            (Error::Fault { .. }, Class::Argument) => Self::Isolate(SplitBy::Series),
            (Error::Fault { .. }, Class::Object | Class::Permission) => Self::Isolate(SplitBy::Objects),
            _ => Self::GiveUp,
        }
    }
}

/// For how long an error is repeated instead of asking again.
pub(super) fn error_lifetime(error: &Error) -> Duration {
    match (error, error.class()) {
        (Error::Fault { .. }, Class::Argument) => REFUSED,
        (Error::Fault { .. }, Class::Permission) => Duration::from_secs(60),
        (Error::Fault { .. }, Class::Object) => Duration::from_secs(10),
        (Error::Timeout { .. } | Error::Answer { .. } | Error::TooLarge { .. } | Error::Status { status: 500, .. }, _) => {
            Duration::from_secs(10)
        }
        _ => Duration::from_secs(1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use vpoller_vsphere::{Fault, Struct, Value};

    fn fault(kind: &str, object: Option<&MoRef>) -> Error {
        let fields = object.map(|object| ("obj".into(), Value::from(object.clone()))).into_iter().collect();
        let fault = Box::new(Fault::new(Struct { kind: kind.into(), fields }, String::new()));
        Error::Fault { host: "vc01".into(), method: "QueryPerf".into(), object: "PerfMgr".into(), fault }
    }

    fn check(error: Error, reaction: Reaction, seconds: u64) {
        assert_eq!((Reaction::to(&error), error_lifetime(&error).as_secs()), (reaction, seconds), "{error}");
    }

    #[test]
    fn every_error_has_its_reaction() {
        let vm = MoRef::new("VirtualMachine", "vm-1");
        check(fault("ManagedObjectNotFound", Some(&vm)), Reaction::Without(vm.clone()), 10);
        check(fault("ManagedObjectNotFound", None), Reaction::Isolate(SplitBy::Objects), 10);
        check(fault("NoPermission", Some(&vm)), Reaction::Without(vm), 60);
        check(fault("RestrictedByAdministrator", None), Reaction::TooMuch, 60);
        check(fault("InvalidArgument", None), Reaction::Isolate(SplitBy::Series), 600);
        check(fault("SystemError", None), Reaction::Isolate(SplitBy::Objects), 10);
        check(fault("HostCommunication", None), Reaction::Isolate(SplitBy::Objects), 10);
        check(fault("RequestCanceled", None), Reaction::GiveUp, 1);
        let (host, what) = ("vc01".to_owned(), "QueryPerf".to_owned());
        let limit = Duration::from_secs(30);
        check(Error::Timeout { host: host.clone(), what: what.clone(), limit }, Reaction::TooSlow, 10);
        check(Error::Answer { host: host.clone(), what: what.clone(), cause: String::new() }, Reaction::TooSlow, 10);
        let status = |status| Error::Status { host: host.clone(), what: what.clone(), status, excerpt: String::new() };
        check(status(500), Reaction::Unexplained, 10);
        check(status(503), Reaction::GiveUp, 1);
        check(Error::SessionLost { host, reason: String::new() }, Reaction::GiveUp, 1);
    }
}
