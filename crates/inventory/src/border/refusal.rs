//! Properties that vSphere does not tell, and why.

use std::collections::BTreeSet;
use std::fmt::Display;
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
    /// A refusal by this fault, for want of this privilege where one is named.
    #[must_use]
    pub fn new(fault: &str, privilege: Option<&str>) -> Self {
        Self { fault: fault.to_owned(), privilege: privilege.map(str::to_owned) }
    }

    /// What a fault in a missing set says. Nothing when the object has merely gone.
    #[must_use]
    pub fn of(fault: &Fault) -> Option<Self> {
        let gone = fault.is_a("ManagedObjectNotFound");
        (!gone).then(|| Self { fault: fault.kind.clone(), privilege: fault.privilege().map(str::to_owned) })
    }

    /// The type of the fault, such as `NoPermission`.
    #[must_use]
    pub fn fault(&self) -> &str {
        &self.fault
    }

    /// The privilege that the account lacks, where vSphere names one.
    #[must_use]
    pub fn privilege(&self) -> Option<&str> {
        self.privilege.as_deref()
    }

    /// Whether the account lacks a right, rather than the object the value.
    #[must_use]
    pub fn is_for_want_of_rights(&self) -> bool {
        self.privilege.is_some() || self.fault == "NoPermission"
    }

    /// That a path does not exist in the API version that is spoken.
    #[must_use]
    pub fn invalid() -> Self {
        Self::new(INVALID, None)
    }

    /// Whether the path does not exist.
    #[must_use]
    pub fn is_invalid(&self) -> bool {
        self.fault == INVALID
    }

    /// The failure of a request that needs the property.
    #[must_use]
    pub fn error(&self, path: &str, object: &impl Display) -> ReadError {
        if self.is_invalid() {
            return ReadError::invalid_properties(&[path], &object.to_string());
        }
        let lacking = match &self.privilege {
            Some(privilege) => format!(" (privilege {privilege}): the account of vPoller lacks this privilege there"),
            None => ": vSphere does not tell this property".to_owned(),
        };
        ReadError::refused(&format!("{} (property {path}) (object {object}){lacking}", self.fault), self.clone())
    }

    /// The failure of a request that needs several of an object's properties: each path that does not exist, and of the others those
    /// that are refused for the same reason together. Nothing when none is refused.
    pub(crate) fn errors<'r>(refused: impl Iterator<Item = (&'r str, &'r Self)>, object: &MoRef) -> Option<ReadError> {
        let mut reasons: Vec<(&Self, Vec<&str>)> = Vec::new();
        for (path, refusal) in refused {
            match reasons.iter_mut().find(|(known, _)| *known == refusal) {
                Some((_, paths)) => paths.push(path),
                None => reasons.push((refusal, vec![path])),
            }
        }
        let error = |(refusal, paths): &(&Self, Vec<&str>)| match refusal.is_invalid() {
            true => ReadError::invalid_properties(paths, &object.to_string()),
            false => refusal.error(&paths.join(", "), object),
        };
        let errors: Vec<ReadError> = reasons.iter().map(error).collect();
        let (first, others) = errors.split_first()?;
        Some(others.iter().fold(first.clone(), |all, other| all.remarked(&other.to_string())))
    }
}

/// The fault for a path that does not exist.
const INVALID: &str = "InvalidProperty";

/// What the account may not read for want of one privilege.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct MissingPrivilege {
    /// The fault and the privilege.
    pub refusal: Refusal,
    /// How many objects it hides something of.
    pub objects: usize,
    /// The types of those objects, such as `VirtualMachine`.
    pub types: BTreeSet<Arc<str>>,
    /// The property paths that cannot be read.
    pub paths: BTreeSet<Arc<str>>,
}

impl MissingPrivilege {
    /// Sums up refused properties: object, path, reason. The properties of an object must follow each other. What is refused for
    /// another reason than a right is left out.
    #[must_use]
    pub fn sum<'r>(refused: impl Iterator<Item = (&'r MoRef, &'r Arc<str>, &'r Refusal)>) -> Vec<Self> {
        let mut sums: Vec<(Self, &MoRef)> = Vec::new();
        for (object, path, refusal) in refused.filter(|(_, _, refusal)| refusal.is_for_want_of_rights()) {
            let place = sums.iter().position(|(sum, _)| sum.refusal == *refusal).unwrap_or(sums.len());
            if place == sums.len() {
                let none = Self { refusal: refusal.clone(), objects: 0, types: BTreeSet::new(), paths: BTreeSet::new() };
                sums.push((none, object));
            }
            let Some((sum, last)) = sums.get_mut(place) else { continue };
            if sum.objects == 0 || *last != object {
                sum.objects += 1;
                sum.types.insert(Arc::clone(&object.kind));
            }
            sum.paths.insert(Arc::clone(path));
            *last = object;
        }
        sums.sort_by(|(a, _), (b, _)| (&a.refusal.privilege, &a.refusal.fault).cmp(&(&b.refusal.privilege, &b.refusal.fault)));
        sums.into_iter().map(|(sum, _)| sum).collect()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_are_counted_once_for_each_privilege() {
        let read = Refusal::new("NoPermission", Some("System.Read"));
        let other = Refusal::new("NoPermission", Some("VirtualMachine.Config.Settings"));
        let fault = Refusal::new("SystemError", None);
        let [first, second] = ["vm-1", "vm-2"].map(|id| MoRef::new("VirtualMachine", id));
        let host = MoRef::new("HostSystem", "host-1");
        let [snapshot, guest, vm] = ["snapshot", "guest", "vm"].map(Arc::<str>::from);
        let refused = [
            (&first, &snapshot, &read),
            (&first, &guest, &other),
            (&first, &vm, &read),
            (&second, &snapshot, &read),
            (&host, &vm, &read),
            (&host, &guest, &fault),
        ];
        let sums = MissingPrivilege::sum(refused.into_iter());
        let texts = |set: &BTreeSet<Arc<str>>| set.iter().map(|text| text.to_string()).collect::<Vec<_>>();
        let seen: Vec<_> = sums.iter().map(|sum| (&sum.refusal, sum.objects, texts(&sum.types), texts(&sum.paths))).collect();
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        assert_eq!(
            seen,
            [
                (&read, 3, names(&["HostSystem", "VirtualMachine"]), names(&["snapshot", "vm"])),
                (&other, 1, names(&["VirtualMachine"]), names(&["guest"])),
            ]
        );
        assert_eq!(MissingPrivilege::sum(std::iter::empty()), []);
    }
}
