//! Printed names of managed types.
//!
//! Users of vPoller know references as pyVmomi prints them, where managed types live in namespaces
//! (`vim.vm.Snapshot`) that do not appear on the wire (`VirtualMachineSnapshot`).

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::LazyLock;

/// The managed types that are known, by either name. The table is generated (`schema/generate.sh`).
struct ManagedTypes {
    printed: HashMap<&'static str, &'static str>,
    wire: HashMap<&'static str, &'static str>,
}

static MANAGED: LazyLock<ManagedTypes> = LazyLock::new(|| {
    let lines = include_str!("managed_types.txt").lines().filter(|line| !line.starts_with('#'));
    let printed: HashMap<_, _> = lines.filter_map(|line| line.split_once(' ')).collect();
    let wire = printed.iter().map(|(wire, printed)| (*printed, *wire)).collect();
    ManagedTypes { printed, wire }
});

/// The printed name of a managed type, from its name on the wire: `VirtualMachine` → `vim.VirtualMachine`.
/// Types that are not known print as `vim.` and their name, those of hosts as `vim.host.` and what follows `Host`.
#[must_use]
pub fn printed_type(wire: &str) -> Cow<'static, str> {
    match MANAGED.printed.get(wire) {
        Some(printed) => Cow::Borrowed(printed),
        None => Cow::Owned(host_part(wire).map_or_else(|| format!("vim.{wire}"), |rest| format!("vim.host.{rest}"))),
    }
}

/// The name on the wire of a managed type, from its printed name: `vim.vm.Snapshot` → `VirtualMachineSnapshot`. A name without
/// a namespace is taken for one on the wire.
#[must_use]
pub(crate) fn wire_type(printed: &str) -> String {
    if let Some(wire) = MANAGED.wire.get(printed) {
        return (*wire).to_owned();
    }
    let short = printed.rsplit('.').next().unwrap_or(printed);
    let of_host = format!("Host{short}");
    if printed_type(&of_host) == printed { of_host } else { short.to_owned() }
}

/// What follows `Host` in types that live in the namespace of hosts.
fn host_part(wire: &str) -> Option<&str> {
    wire.strip_prefix("Host").filter(|rest| rest.starts_with(|first: char| first.is_ascii_uppercase()))
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
    fn every_managed_type_prints_and_reads_back() {
        assert!(MANAGED.printed.len() > 130, "{}", MANAGED.printed.len());
        assert_eq!(MANAGED.printed.len(), MANAGED.wire.len(), "a printed name means one type");
        for (wire, printed) in &MANAGED.printed {
            assert_eq!(printed_type(wire), *printed);
            assert_eq!(wire_type(printed), *wire);
            let object = crate::MoRef::new(*wire, "object-1");
            assert_eq!(crate::MoRef::parse(&object.to_string()), Some(object));
        }
        // Some that rules get wrong.
        for (wire, printed) in [
            ("CryptoManagerHostKMS", "vim.encryption.CryptoManagerHostKMS"),
            ("HostProfileManager", "vim.profile.host.ProfileManager"),
            ("TenantTenantManager", "vim.tenant.TenantManager"),
        ] {
            assert_eq!((printed_type(wire).as_ref(), wire_type(printed).as_str()), (printed, wire));
        }
    }

    #[test]
    fn types_that_are_newer_than_the_table_read_back() {
        for (wire, printed) in [("HostQuantumSystem", "vim.host.QuantumSystem"), ("QuantumManager", "vim.QuantumManager")] {
            assert_eq!((printed_type(wire).as_ref(), wire_type(printed).as_str()), (printed, wire));
        }
    }

    #[test]
    fn names_on_the_wire_are_left_as_they_are() {
        assert_eq!(wire_type("HostSystem"), "HostSystem");
        assert_eq!(wire_type("vim.NewerThanUs"), "NewerThanUs");
        assert_eq!(wire_type("vim.made.up.Thing"), "Thing");
    }
}
