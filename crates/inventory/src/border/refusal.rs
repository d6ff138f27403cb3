//! Properties that vSphere does not tell, and why.

use std::sync::Arc;

use vpoller_vsphere::{Fault, MoRef};

use super::ReadError;

/// Why a property cannot be read: the fault with which vSphere lists it among the missing ones. Nothing of it names the object, so
/// that all objects under one role share it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Refusal {
    fault: String,
    privilege: Option<String>,
}

impl Refusal {
    /// What a fault in a missing set says. Nothing when the object has merely gone.
    #[must_use]
    pub fn of(fault: &Fault) -> Option<Self> {
        let gone = fault.is_a("ManagedObjectNotFound");
        (!gone).then(|| Self { fault: fault.kind.clone(), privilege: fault.privilege().map(str::to_owned) })
    }

    /// The failure of a request that needs the property.
    #[must_use]
    pub fn error(&self, path: &str, object: &MoRef) -> ReadError {
        let lacking = match &self.privilege {
            Some(privilege) => format!(" (privilege {privilege}): the account of vPoller lacks this privilege there"),
            None => ": vSphere does not tell this property".to_owned(),
        };
        ReadError::new(&format!("{} (property {path}) (object {object}){lacking}", self.fault))
    }
}

/// Keeps each refusal once: there are few, and many properties are refused for the same reason.
#[derive(Debug, Default)]
pub(crate) struct Refusals(Vec<Arc<Refusal>>);

impl Refusals {
    pub(crate) fn keep(&mut self, refusal: Refusal) -> Arc<Refusal> {
        if let Some(kept) = self.0.iter().find(|kept| ***kept == refusal) {
            return Arc::clone(kept);
        }
        let kept = Arc::new(refusal);
        self.0.push(Arc::clone(&kept));
        kept
    }
}
