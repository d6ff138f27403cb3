//! The managed object types that methods are about.

/// A managed object type; subtypes belong to it (a distributed port group is a network).
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Kind {
    /// Clusters.
    ClusterComputeResource,
    /// Datacenters.
    Datacenter,
    /// Datastores.
    Datastore,
    /// ESXi hosts.
    HostSystem,
    /// Networks of every sort.
    Network,
    /// Resource pools and vApps.
    ResourcePool,
    /// Virtual machines and templates.
    VirtualMachine,
}

impl Kind {
    /// Every type.
    pub const ALL: [Self; 7] = [
        Self::ClusterComputeResource,
        Self::Datacenter,
        Self::Datastore,
        Self::HostSystem,
        Self::Network,
        Self::ResourcePool,
        Self::VirtualMachine,
    ];

    /// The type's name in the vSphere API.
    #[must_use]
    pub const fn wire(self) -> &'static str {
        match self {
            Self::ClusterComputeResource => "ClusterComputeResource",
            Self::Datacenter => "Datacenter",
            Self::Datastore => "Datastore",
            Self::HostSystem => "HostSystem",
            Self::Network => "Network",
            Self::ResourcePool => "ResourcePool",
            Self::VirtualMachine => "VirtualMachine",
        }
    }

    /// The type's name as users read it in logs and replies.
    #[must_use]
    pub fn printed(self) -> String {
        format!("vim.{}", self.wire())
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
