//! The managed object types that methods are about.

use vpoller_vsphere::printed_type;

/// A type of managed object in the inventory; subtypes belong to it (a distributed port group is a network).
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Kind {
    /// Clusters.
    ClusterComputeResource,
    /// Clusters, and what stands for an ESXi host outside of one.
    ComputeResource,
    /// Datacenters.
    Datacenter,
    /// Datastores.
    Datastore,
    /// Port groups of distributed switches.
    DistributedVirtualPortgroup,
    /// Distributed switches.
    DistributedVirtualSwitch,
    /// Folders.
    Folder,
    /// ESXi hosts.
    HostSystem,
    /// Networks of every sort.
    Network,
    /// Networks that another product manages.
    OpaqueNetwork,
    /// Resource pools and vApps.
    ResourcePool,
    /// Datastore clusters.
    StoragePod,
    /// vApps.
    VirtualApp,
    /// Virtual machines and templates.
    VirtualMachine,
    /// Distributed switches of VMware's own make.
    VmwareDistributedVirtualSwitch,
}

impl Kind {
    /// Every type.
    pub const ALL: &[Self] = &[
        Self::ClusterComputeResource,
        Self::ComputeResource,
        Self::Datacenter,
        Self::Datastore,
        Self::DistributedVirtualPortgroup,
        Self::DistributedVirtualSwitch,
        Self::Folder,
        Self::HostSystem,
        Self::Network,
        Self::OpaqueNetwork,
        Self::ResourcePool,
        Self::StoragePod,
        Self::VirtualApp,
        Self::VirtualMachine,
        Self::VmwareDistributedVirtualSwitch,
    ];

    /// The words that method names begin with, and what they are about.
    pub const WORDS: &[(&str, Self)] = &[
        ("cluster", Self::ClusterComputeResource),
        ("datacenter", Self::Datacenter),
        ("datastore", Self::Datastore),
        ("host", Self::HostSystem),
        ("net", Self::Network),
        ("resource.pool", Self::ResourcePool),
        ("vm", Self::VirtualMachine),
    ];

    /// The type of this name, as the vSphere API or as replies have it.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.wire() == name || kind.printed() == name)
    }

    /// The type's name in the vSphere API.
    #[must_use]
    pub const fn wire(self) -> &'static str {
        match self {
            Self::ClusterComputeResource => "ClusterComputeResource",
            Self::ComputeResource => "ComputeResource",
            Self::Datacenter => "Datacenter",
            Self::Datastore => "Datastore",
            Self::DistributedVirtualPortgroup => "DistributedVirtualPortgroup",
            Self::DistributedVirtualSwitch => "DistributedVirtualSwitch",
            Self::Folder => "Folder",
            Self::HostSystem => "HostSystem",
            Self::Network => "Network",
            Self::OpaqueNetwork => "OpaqueNetwork",
            Self::ResourcePool => "ResourcePool",
            Self::StoragePod => "StoragePod",
            Self::VirtualApp => "VirtualApp",
            Self::VirtualMachine => "VirtualMachine",
            Self::VmwareDistributedVirtualSwitch => "VmwareDistributedVirtualSwitch",
        }
    }

    /// The type's name as users read it in logs and replies.
    #[must_use]
    pub fn printed(self) -> String {
        printed_type(self.wire()).into_owned()
    }

    /// The type that it is a subtype of, where that is one of the inventory.
    #[must_use]
    pub const fn base(self) -> Option<Self> {
        match self {
            Self::ClusterComputeResource => Some(Self::ComputeResource),
            Self::DistributedVirtualPortgroup | Self::OpaqueNetwork => Some(Self::Network),
            Self::StoragePod => Some(Self::Folder),
            Self::VirtualApp => Some(Self::ResourcePool),
            Self::VmwareDistributedVirtualSwitch => Some(Self::DistributedVirtualSwitch),
            _ => None,
        }
    }

    /// Whether objects of this type are objects of the other one.
    #[must_use]
    pub fn is_a(self, other: Self) -> bool {
        self == other || self.base() == Some(other)
    }

    /// Property paths whose value is a UUID that names one object, the most reliable first.
    #[must_use]
    pub const fn uuids(self) -> &'static [&'static str] {
        match self {
            Self::VirtualMachine => &["config.instanceUuid", "config.uuid"],
            Self::HostSystem => &["summary.hardware.uuid"],
            _ => &[],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_found_by_both_names() {
        for kind in Kind::ALL {
            assert_eq!(Kind::parse(kind.wire()), Some(*kind));
            assert_eq!(Kind::parse(&kind.printed()), Some(*kind));
        }
        assert_eq!(Kind::parse("vim.dvs.DistributedVirtualPortgroup"), Some(Kind::DistributedVirtualPortgroup));
        assert_eq!((Kind::parse("Alarm"), Kind::parse("")), (None, None));
    }

    #[test]
    fn subtypes_belong_to_their_base() {
        assert!(Kind::VirtualApp.is_a(Kind::ResourcePool) && Kind::Folder.is_a(Kind::Folder));
        assert!(!Kind::ResourcePool.is_a(Kind::VirtualApp) && !Kind::Folder.is_a(Kind::Datacenter));
    }
}
