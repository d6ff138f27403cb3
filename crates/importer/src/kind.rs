//! The types of vSphere objects that become Zabbix hosts, in the order of a run, and what is read of them.

/// A type of managed object.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(crate) enum Kind {
    Datacenter,
    /// Also becomes a host group.
    Cluster,
    /// An ESXi host.
    Host,
    Vm,
    Datastore,
}

/// The names of a type in vSphere, in the configuration and in vPoller.
struct KindFacts {
    type_name: &'static str,
    config_key: &'static str,
    method: &'static str,
    /// Property paths beside the name.
    properties: &'static [&'static str],
    /// Whether the first releases of the original importer knew it: a configuration without it gives a warning.
    is_expected: bool,
}

const FACTS: [(Kind, KindFacts); 5] = [
    (
        Kind::Datacenter,
        KindFacts {
            type_name: "Datacenter",
            config_key: "vsphere_object_datacenter",
            method: "datacenter.discover",
            properties: &[MOID],
            is_expected: false,
        },
    ),
    (
        Kind::Cluster,
        KindFacts {
            type_name: "ClusterComputeResource",
            config_key: "vsphere_object_clusters_as_zabbix_host",
            method: "cluster.discover",
            properties: &[MOID],
            is_expected: false,
        },
    ),
    (
        Kind::Host,
        KindFacts {
            type_name: "HostSystem",
            config_key: "vsphere_object_host",
            method: "host.discover",
            properties: &[MOID, PARENT],
            is_expected: true,
        },
    ),
    (
        Kind::Vm,
        KindFacts {
            type_name: "VirtualMachine",
            config_key: "vsphere_object_vm",
            method: "vm.discover",
            properties: &[MOID, IS_TEMPLATE, POWER_STATE, RUNS_ON, FAULT_TOLERANCE_ROLE],
            is_expected: true,
        },
    ),
    (
        Kind::Datastore,
        KindFacts {
            type_name: "Datastore",
            config_key: "vsphere_object_datastore",
            method: "datastore.discover",
            properties: &[MOID, URL, SUMMARY_URL],
            is_expected: true,
        },
    ),
];

/// The managed object id, which vPoller treats as a property.
pub(crate) const MOID: &str = "moid";
/// Cluster or, for a standalone host, its own compute resource.
pub(crate) const PARENT: &str = "parent";
/// Whether a virtual machine is a template; one that is inaccessible has no `config`.
pub(crate) const IS_TEMPLATE: &str = "summary.config.template";
/// Power state of a virtual machine.
pub(crate) const POWER_STATE: &str = "runtime.powerState";
/// The host that a virtual machine is registered on.
pub(crate) const RUNS_ON: &str = "runtime.host";
/// Part of a virtual machine in a fault-tolerant pair: 1 is the primary, more a secondary.
pub(crate) const FAULT_TOLERANCE_ROLE: &str = "config.ftInfo.role";
/// URL of a datastore.
pub(crate) const URL: &str = "info.url";
/// The same, where an inaccessible datastore has no other.
pub(crate) const SUMMARY_URL: &str = "summary.url";

impl Kind {
    /// Every type, in the order of a run.
    pub(crate) const ALL: [Self; 5] = [Self::Datacenter, Self::Cluster, Self::Host, Self::Vm, Self::Datastore];

    /// The type's name in the vSphere API, in log lines and on hosts.
    pub(crate) fn type_name(self) -> &'static str {
        self.facts().type_name
    }

    /// The type of that name.
    pub(crate) fn from_type_name(type_name: &str) -> Option<Self> {
        FACTS.iter().find(|(_, facts)| facts.type_name == type_name).map(|(kind, _)| *kind)
    }

    /// The configuration's entry for it.
    pub(crate) fn config_key(self) -> &'static str {
        self.facts().config_key
    }

    /// The vPoller method that lists its objects.
    pub(crate) fn method(self) -> &'static str {
        self.facts().method
    }

    /// What is read of every object, beside the name.
    pub(crate) fn properties(self) -> &'static [&'static str] {
        self.facts().properties
    }

    /// Whether a configuration without it deserves a warning.
    pub(crate) fn is_expected(self) -> bool {
        self.facts().is_expected
    }

    fn facts(self) -> &'static KindFacts {
        &FACTS[self as usize].1
    }
}

/// Power state of a virtual machine.
#[derive(Clone, Copy, Debug, Eq, PartialEq, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum PowerState {
    /// Off.
    PoweredOff,
    /// On.
    PoweredOn,
    /// Suspended.
    Suspended,
}

impl PowerState {
    /// As vSphere writes it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::PoweredOff => "poweredOff",
            Self::PoweredOn => "poweredOn",
            Self::Suspended => "suspended",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_stand_where_their_type_looks_for_them() {
        for (index, kind) in Kind::ALL.into_iter().enumerate() {
            assert_eq!((kind as usize, FACTS[index].0), (index, kind));
            assert_eq!(Kind::from_type_name(kind.type_name()), Some(kind));
        }
        assert_eq!(Kind::from_type_name("ResourcePool"), None);
    }
}
