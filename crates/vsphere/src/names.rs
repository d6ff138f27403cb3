//! Printed names of managed types.
//!
//! Users of vPoller know references as pyVmomi prints them, where managed types live in namespaces
//! (`vim.vm.Snapshot`) that do not appear on the wire (`VirtualMachineSnapshot`).

use std::borrow::Cow;

/// The printed name of a managed type, from its name on the wire: `VirtualMachine` → `vim.VirtualMachine`.
/// Types that are not known print as `vim.` and their name.
#[must_use]
pub fn printed_type(wire: &str) -> Cow<'static, str> {
    match wire {
        "VirtualMachine" => Cow::Borrowed("vim.VirtualMachine"),
        "HostSystem" => Cow::Borrowed("vim.HostSystem"),
        _ => Cow::Owned(format!("{}{}", namespace(wire), short(wire))),
    }
}

/// The name on the wire of a managed type, from its printed name: `vim.vm.Snapshot` → `VirtualMachineSnapshot`. A name without
/// a namespace is taken for one on the wire.
#[must_use]
pub(crate) fn wire_type(printed: &str) -> String {
    let short = printed.rsplit('.').next().unwrap_or(printed);
    let prefixed = ["", "Host", "Guest", "Cluster", "VirtualMachine", "Property"].map(|prefix| format!("{prefix}{short}"));
    let mut candidates = ["HostMemorySystem".to_owned()].into_iter().chain(prefixed);
    candidates.find(|wire| printed_type(wire) == printed).unwrap_or_else(|| short.to_owned())
}

/// Namespace with its trailing point.
fn namespace(wire: &str) -> &'static str {
    match wire {
        "HostProfile" => "vim.profile.host.",
        "HostAccessManager" | "HostSpbm" | "IscsiManager" | "MessageBusProxy" => "vim.host.",
        "Alarm" | "AlarmManager" => "vim.alarm.",
        "EventManager" | "EventHistoryCollector" => "vim.event.",
        "ScheduledTask" | "ScheduledTaskManager" => "vim.scheduler.",
        "OptionManager" => "vim.option.",
        "ContainerView" | "InventoryView" | "ListView" | "ManagedObjectView" | "View" | "ViewManager" => "vim.view.",
        "PropertyCollector" => "vmodl.query.",
        "PropertyFilter" => "vmodl.query.PropertyCollector.",
        "DistributedVirtualPortgroup" | "VmwareDistributedVirtualSwitch" | "DistributedVirtualSwitchManager" => "vim.dvs.",
        "VirtualMachineSnapshot" => "vim.vm.",
        "GuestOperationsManager" | "GuestProcessManager" | "GuestFileManager" | "GuestAuthManager" | "GuestAliasManager" => {
            "vim.vm.guest."
        }
        "ClusterEVCManager" => "vim.cluster.",
        "Profile" | "ProfileManager" => "vim.profile.",
        "ClusterProfile" => "vim.profile.cluster.",
        _ if host_part(wire).is_some() => "vim.host.",
        _ => "vim.",
    }
}

/// Name within its namespace.
fn short(wire: &str) -> &str {
    match wire {
        "HostProfile" | "HostAccessManager" | "HostSpbm" | "GuestOperationsManager" => wire,
        "HostMemorySystem" => "MemoryManagerSystem",
        "PropertyFilter" => "Filter",
        "VirtualMachineSnapshot" => "Snapshot",
        "GuestProcessManager" | "GuestFileManager" | "GuestAuthManager" | "GuestAliasManager" => {
            wire.strip_prefix("Guest").unwrap_or(wire)
        }
        "ClusterEVCManager" => "EVCManager",
        _ => host_part(wire).unwrap_or(wire),
    }
}

/// What follows `Host` in types that live in the namespace of hosts.
fn host_part(wire: &str) -> Option<&str> {
    wire.strip_prefix("Host").filter(|rest| wire != "HostSystem" && rest.starts_with(|first: char| first.is_ascii_uppercase()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_pyvmomi_prints() {
        for (wire, printed) in [
            ("VirtualMachine", "vim.VirtualMachine"),
            ("HostSystem", "vim.HostSystem"),
            ("ClusterComputeResource", "vim.ClusterComputeResource"),
            ("HostDatastoreBrowser", "vim.host.DatastoreBrowser"),
            ("HostVsanSystem", "vim.host.VsanSystem"),
            ("HostAccessManager", "vim.host.HostAccessManager"),
            ("HostMemorySystem", "vim.host.MemoryManagerSystem"),
            ("HostProfile", "vim.profile.host.HostProfile"),
            ("HostSpbm", "vim.host.HostSpbm"),
            ("IscsiManager", "vim.host.IscsiManager"),
            ("Alarm", "vim.alarm.Alarm"),
            ("EventManager", "vim.event.EventManager"),
            ("ScheduledTask", "vim.scheduler.ScheduledTask"),
            ("OptionManager", "vim.option.OptionManager"),
            ("ContainerView", "vim.view.ContainerView"),
            ("PropertyCollector", "vmodl.query.PropertyCollector"),
            ("PropertyFilter", "vmodl.query.PropertyCollector.Filter"),
            ("DistributedVirtualPortgroup", "vim.dvs.DistributedVirtualPortgroup"),
            ("DistributedVirtualSwitch", "vim.DistributedVirtualSwitch"),
            ("VirtualMachineSnapshot", "vim.vm.Snapshot"),
            ("GuestOperationsManager", "vim.vm.guest.GuestOperationsManager"),
            ("GuestProcessManager", "vim.vm.guest.ProcessManager"),
            ("ClusterEVCManager", "vim.cluster.EVCManager"),
            ("ProfileManager", "vim.profile.ProfileManager"),
            ("ClusterProfile", "vim.profile.cluster.ClusterProfile"),
            ("Hostile", "vim.Hostile"),
            ("Host", "vim.Host"),
            ("", "vim."),
        ] {
            assert_eq!(printed_type(wire), printed);
            assert_eq!(wire_type(printed), wire);
        }
    }

    #[test]
    fn names_on_the_wire_are_left_as_they_are() {
        assert_eq!(wire_type("HostSystem"), "HostSystem");
        assert_eq!(wire_type("vim.NewerThanUs"), "NewerThanUs");
        assert_eq!(wire_type("vim.made.up.Thing"), "Thing");
    }
}
