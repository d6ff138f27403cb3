//! The types of vSphere objects that become Zabbix hosts, in the order of a run, and what is read of them.

/// A type of managed object.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Kind {
    /// Datacenters.
    Datacenter,
    /// Clusters, which also become host groups.
    Cluster,
    /// ESXi hosts.
    Host,
    /// Virtual machines.
    Vm,
    /// Datastores.
    Datastore,
}

/// What there is to know about a type.
struct Row {
    type_name: &'static str,
    block: &'static str,
    method: &'static str,
    /// Property paths beside the name.
    reads: &'static [&'static str],
    /// Whether the original's first releases knew it: then its absence from a configuration is worth a word.
    expected: bool,
}

const ROWS: [(Kind, Row); 5] = [
    (
        Kind::Datacenter,
        Row {
            type_name: "Datacenter",
            block: "vsphere_object_datacenter",
            method: "datacenter.discover",
            reads: &[MOID],
            expected: false,
        },
    ),
    (
        Kind::Cluster,
        Row {
            type_name: "ClusterComputeResource",
            block: "vsphere_object_clusters_as_zabbix_host",
            method: "cluster.discover",
            reads: &[MOID],
            expected: false,
        },
    ),
    (
        Kind::Host,
        Row {
            type_name: "HostSystem",
            block: "vsphere_object_host",
            method: "host.discover",
            reads: &[MOID, PARENT],
            expected: true,
        },
    ),
    (
        Kind::Vm,
        Row {
            type_name: "VirtualMachine",
            block: "vsphere_object_vm",
            method: "vm.discover",
            reads: &[MOID, IS_TEMPLATE, POWER_STATE, RUNS_ON],
            expected: true,
        },
    ),
    (
        Kind::Datastore,
        Row {
            type_name: "Datastore",
            block: "vsphere_object_datastore",
            method: "datastore.discover",
            reads: &[MOID, URL],
            expected: true,
        },
    ),
];

/// The managed object id, which vPoller answers like a property.
pub const MOID: &str = "moid";
/// Cluster or, for a standalone host, its own compute resource.
pub const PARENT: &str = "parent";
/// Whether a virtual machine is a template; one that is inaccessible has no `config`.
pub const IS_TEMPLATE: &str = "summary.config.template";
/// Power state of a virtual machine.
pub const POWER_STATE: &str = "runtime.powerState";
/// The host that a virtual machine is registered on.
pub const RUNS_ON: &str = "runtime.host";
/// URL of a datastore.
pub const URL: &str = "info.url";

impl Kind {
    /// Every type, in the order of a run.
    pub const ALL: [Self; 5] = [Self::Datacenter, Self::Cluster, Self::Host, Self::Vm, Self::Datastore];

    /// The type's name in the vSphere API, in log lines and on hosts.
    pub fn type_name(self) -> &'static str {
        self.row().type_name
    }

    /// The type of that name.
    pub fn named(type_name: &str) -> Option<Self> {
        ROWS.iter().find(|(_, row)| row.type_name == type_name).map(|(kind, _)| *kind)
    }

    /// The configuration's entry for it.
    pub fn block(self) -> &'static str {
        self.row().block
    }

    /// The vPoller method that lists its objects.
    pub fn method(self) -> &'static str {
        self.row().method
    }

    /// What is read of every object, beside the name.
    pub fn reads(self) -> &'static [&'static str] {
        self.row().reads
    }

    /// Whether a configuration without it deserves a warning.
    pub fn expected(self) -> bool {
        self.row().expected
    }

    fn row(self) -> &'static Row {
        &ROWS[self as usize].1
    }
}

/// Power state of a virtual machine.
#[derive(Clone, Copy, Debug, Eq, PartialEq, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum PowerState {
    /// Off.
    PoweredOff,
    /// On.
    PoweredOn,
    /// Suspended.
    Suspended,
}

impl PowerState {
    /// As vSphere writes it.
    pub fn as_str(self) -> &'static str {
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
            assert_eq!((kind as usize, ROWS[index].0), (index, kind));
            assert_eq!(Kind::named(kind.type_name()), Some(kind));
        }
        assert_eq!(Kind::named("ResourcePool"), None);
    }
}
