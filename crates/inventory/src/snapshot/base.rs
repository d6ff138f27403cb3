//! What is known of vSphere's types beforehand: which of them the view holds, what is always watched of them, how they are
//! looked up, how they refer to each other, and what must never be watched.

use vpoller_vsphere::VIEW_TYPES;

use crate::border::is_within;
use crate::border::property::FAULT_TOLERANCE_ROLE;

/// The type under which objects of a type are kept: for a subtype the one that the view knows, else the type itself.
pub(crate) fn family(kind: &str) -> &str {
    match kind {
        "ClusterComputeResource" => "ComputeResource",
        "DistributedVirtualPortgroup" | "OpaqueNetwork" => "Network",
        "VirtualApp" => "ResourcePool",
        "StoragePod" => "Folder",
        "VmwareDistributedVirtualSwitch" => "DistributedVirtualSwitch",
        other => other,
    }
}

/// Whether all visible objects of a family are in the view, so that one that is not there does not exist.
pub(crate) fn is_viewed(family: &str) -> bool {
    VIEW_TYPES.contains(&family)
}

/// Whether objects of a type are watched one by one, when a request names them: they are in no view, they are few, and they
/// rarely change.
pub(crate) fn is_watched_individually(kind: &str) -> bool {
    kind == "Alarm"
}

/// What every type of the view has, and is always watched.
const COMMON: [&str; 4] = ["name", "parent", "overallStatus", "triggeredAlarmState"];

/// What is always watched beside [`COMMON`]: identity, relations and states, all of which change rarely. The lists `vm` and
/// `host` are not among it: vCenter would send them whole at every migration, and [`RELATIONS`] knows them from the other side.
const OWN: [(&str, &[&str]); 6] = [
    (
        "VirtualMachine",
        &[
            "runtime.host",
            "resourcePool",
            "parentVApp",
            "datastore",
            "network",
            "config.template",
            "config.instanceUuid",
            "config.uuid",
            FAULT_TOLERANCE_ROLE,
            "runtime.powerState",
            "runtime.connectionState",
        ],
    ),
    ("HostSystem", &["datastore", "network", "runtime.powerState", "runtime.connectionState", "summary.hardware.uuid"]),
    ("Datastore", &["info.url", "summary.url", "summary.accessible"]),
    ("ComputeResource", &["resourcePool"]),
    ("ResourcePool", &["owner"]),
    ("Network", &["summary.accessible"]),
];

/// The paths of a type that are always watched.
pub(crate) fn paths(family: &str) -> Vec<&'static str> {
    let own = OWN.iter().find(|(kind, _)| *kind == family).map_or(&[][..], |(_, paths)| paths);
    COMMON.iter().chain(own).copied().collect()
}

/// Whether a path of a type is always watched.
pub(crate) fn is_always_watched(kind: &str, path: &str) -> bool {
    let family = family(kind);
    is_viewed(family) && paths(family).contains(&path)
}

/// A list that a type has in vSphere, known from what other objects say about themselves.
pub(crate) struct Relation {
    /// The family of the objects that have the list.
    pub of: &'static str,
    /// The property of theirs that would hold it.
    pub via: &'static str,
    /// The family of the objects in the list.
    pub from: &'static str,
    /// The property by which those refer to the object that has the list.
    pub by: &'static str,
}

/// Every list that is computed.
pub(crate) const RELATIONS: [Relation; 7] = [
    Relation { of: "HostSystem", via: "vm", from: "VirtualMachine", by: "runtime.host" },
    Relation { of: "Datastore", via: "vm", from: "VirtualMachine", by: "datastore" },
    Relation { of: "Network", via: "vm", from: "VirtualMachine", by: "network" },
    Relation { of: "ResourcePool", via: "vm", from: "VirtualMachine", by: "resourcePool" },
    Relation { of: "Datastore", via: "host", from: "HostSystem", by: "datastore" },
    Relation { of: "Network", via: "host", from: "HostSystem", by: "network" },
    Relation { of: "ComputeResource", via: "host", from: "HostSystem", by: "parent" },
];

/// The place in [`RELATIONS`] of a family's list.
pub(crate) fn relation(family: &str, via: &str) -> Option<usize> {
    RELATIONS.iter().position(|relation| relation.of == family && relation.via == via)
}

/// Computed or huge at the server: with everything below, and with everything that contains it.
const COSTLY: [&str; 7] = [
    "config.storageDevice",
    "config.network",
    "hardware.pciDevice",
    "environmentBrowser",
    "datastoreBrowser",
    "capability",
    "layoutEx",
];
/// Large as a whole, for a single object hundreds of kilobytes; parts of it are not.
const LARGE: [&str; 6] = ["config", "config.extraConfig", "config.hardware", "config.hardware.device", "hardware", "layout"];

/// Whether a path of a type must not be watched, however often it is asked for.
pub(crate) fn is_never_watched(kind: &str, path: &str) -> bool {
    let watchable = is_viewed(family(kind)) || is_watched_individually(kind);
    !watchable || LARGE.contains(&path) || COSTLY.iter().any(|costly| is_within(path, costly) || is_within(costly, path))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::border::Kind;

    #[test]
    fn subtypes_belong_to_a_type_of_the_view() {
        for kind in Kind::ALL {
            assert_eq!(family(kind.wire()), kind.base().unwrap_or(*kind).wire());
            assert!(is_viewed(family(kind.wire())), "{kind:?}");
        }
        assert!(!is_viewed(family("Alarm")));
    }

    #[test]
    fn tables_fit_together() {
        for (kind, own) in OWN {
            assert!(is_viewed(kind), "{kind}");
            assert!(own.iter().all(|path| !COMMON.contains(path) && !is_never_watched(kind, path)), "{kind}");
        }
        for relation in &RELATIONS {
            assert!(paths(relation.from).contains(&relation.by), "{}.{}", relation.from, relation.by);
            assert!(!paths(relation.of).contains(&relation.via), "{}.{}", relation.of, relation.via);
        }
    }

    #[test]
    fn what_is_huge_or_computed_is_never_watched() {
        for path in ["config.storageDevice", "config.storageDevice.scsiLun", "config", "layoutEx.file", "hardware", "capability"]
        {
            assert!(is_never_watched("HostSystem", path), "{path}");
        }
        for path in ["config.hardware.numCPU", "config.extraConfig[\"x\"].value", "layoutExtra", "name", "configuration"] {
            assert!(!is_never_watched("HostSystem", path), "{path}");
        }
        assert!(is_never_watched("SessionManager", "sessionList") && !is_never_watched("Alarm", "info.name"));
    }
}
