//! Named sets of property paths: `@vm.base` in a request stands for the paths listed here.
//!
//! Templates ask for dozens of properties at once, and an item key of Zabbix has 255 characters. A set may grow; what was in it
//! once stays, because templates that are in use pick values out of the answer.

use vpoller_inventory::Kind;

use crate::failure::Failure;

/// One named set.
#[derive(Debug)]
pub struct Set {
    /// The name as requested, with its `@`.
    pub name: &'static str,
    /// The type of object it is for; none for the service itself, and for counters.
    pub kind: Option<Kind>,
    /// What it stands for.
    pub paths: &'static [&'static str],
    /// One sentence for the documentation.
    pub doc: &'static str,
}

const MARK: char = '@';

/// Every set, in the order of the documentation.
pub const SETS: &[Set] = &[
    Set {
        name: "@about",
        kind: None,
        paths: &["fullName", "name", "vendor", "version", "build", "apiVersion", "apiType", "osType", "instanceUuid"],
        doc: "What a vSphere host says about itself.",
    },
    Set {
        name: "@vm.perf",
        kind: None,
        paths: &[
            "cpu.ready.summation",
            "mem.swapinRate.average",
            "mem.swapoutRate.average",
            "net.received.average",
            "net.transmitted.average",
            "disk.maxTotalLatency.latest",
            "virtualDisk.read.average",
            "virtualDisk.write.average",
            "virtualDisk.numberReadAveraged.average",
            "virtualDisk.numberWriteAveraged.average",
            "virtualDisk.totalReadLatency.average",
            "virtualDisk.totalWriteLatency.average",
        ],
        doc: "Performance counters of a virtual machine.",
    },
    Set {
        name: "@host.perf",
        kind: None,
        paths: &[
            "mem.swapinRate.average",
            "mem.swapoutRate.average",
            "net.received.average",
            "net.transmitted.average",
            "net.droppedRx.summation",
            "net.droppedTx.summation",
            "net.errorsRx.summation",
            "net.errorsTx.summation",
            "disk.read.average",
            "disk.write.average",
            "disk.maxTotalLatency.latest",
            "datastore.read.average",
            "datastore.write.average",
            "datastore.totalReadLatency.average",
            "datastore.totalWriteLatency.average",
            "power.power.average",
        ],
        doc: "Performance counters of an ESXi host.",
    },
    Set {
        name: "@datastore.perf",
        kind: None,
        paths: &[
            "datastore.read.average",
            "datastore.write.average",
            "datastore.numberReadAveraged.average",
            "datastore.numberWriteAveraged.average",
            "datastore.throughput.contention.average",
        ],
        doc: "Performance counters of a datastore; of historical intervals only.",
    },
    Set {
        name: "@datacenter.perf",
        kind: None,
        paths: &["vmop.numPoweron.latest", "vmop.numPoweroff.latest", "vmop.numSuspend.latest", "vmop.numVMotion.latest"],
        doc: "Performance counters of a datacenter; of historical intervals only.",
    },
    Set {
        name: "@datacenter.list",
        kind: Some(Kind::Datacenter),
        paths: &["moid", "hostname", "name", "overallStatus"],
        doc: "What a list of datacenters shows.",
    },
    Set {
        name: "@datacenter.base",
        kind: Some(Kind::Datacenter),
        paths: &["name", "overallStatus", "triggeredAlarmState", "datastore", "network"],
        doc: "Everything about one datacenter.",
    },
    Set {
        name: "@cluster.list",
        kind: Some(Kind::ClusterComputeResource),
        paths: &["moid", "hostname", "name", "overallStatus", "summary.numHosts", "summary.numEffectiveHosts"],
        doc: "What a list of clusters shows.",
    },
    Set {
        name: "@cluster.base",
        kind: Some(Kind::ClusterComputeResource),
        paths: &[
            "name",
            "overallStatus",
            "summary.numHosts",
            "summary.numEffectiveHosts",
            "summary.numCpuCores",
            "summary.numCpuThreads",
            "summary.totalCpu",
            "summary.effectiveCpu",
            "summary.totalMemory",
            "summary.effectiveMemory",
            "summary.currentFailoverLevel",
            "summary.numVmotions",
            "configurationEx.dasConfig.enabled",
            "configurationEx.dasConfig.admissionControlEnabled",
            "configurationEx.drsConfig.enabled",
            "configurationEx.drsConfig.defaultVmBehavior",
            "datastore",
            "network",
            "triggeredAlarmState",
        ],
        doc: "Everything about one cluster.",
    },
    Set {
        name: "@host.list",
        kind: Some(Kind::HostSystem),
        paths: &[
            "moid",
            "hostname",
            "name",
            "overallStatus",
            "runtime.powerState",
            "runtime.connectionState",
            "runtime.inMaintenanceMode",
        ],
        doc: "What a list of ESXi hosts shows.",
    },
    Set {
        name: "@host.base",
        kind: Some(Kind::HostSystem),
        paths: &[
            "name",
            "overallStatus",
            "runtime.powerState",
            "runtime.connectionState",
            "runtime.inMaintenanceMode",
            "runtime.bootTime",
            "summary.rebootRequired",
            "summary.quickStats.overallCpuUsage",
            "summary.quickStats.overallMemoryUsage",
            "summary.quickStats.distributedCpuFairness",
            "summary.quickStats.distributedMemoryFairness",
            "summary.quickStats.uptime",
            "summary.hardware.vendor",
            "summary.hardware.model",
            "summary.hardware.uuid",
            "summary.hardware.cpuModel",
            "summary.hardware.cpuMhz",
            "summary.hardware.numCpuPkgs",
            "summary.hardware.numCpuCores",
            "summary.hardware.numCpuThreads",
            "summary.hardware.memorySize",
            "summary.hardware.numNics",
            "summary.hardware.numHBAs",
            "hardware.biosInfo.biosVersion",
            "hardware.cpuPowerManagementInfo.currentPolicy",
            "hardware.cpuPowerManagementInfo.hardwareSupport",
            "config.product.fullName",
            "config.product.name",
            "config.product.vendor",
            "config.product.version",
            "config.product.build",
            "config.product.apiVersion",
            "vm",
            "datastore",
            "network",
            "triggeredAlarmState",
        ],
        doc: "Everything about one ESXi host.",
    },
    Set {
        name: "@vm.list",
        kind: Some(Kind::VirtualMachine),
        paths: &[
            "moid",
            "hostname",
            "name",
            "overallStatus",
            "runtime.powerState",
            "runtime.connectionState",
            "summary.config.template",
            "guest.toolsRunningStatus",
            "config.ftInfo.role",
        ],
        doc: "What a list of virtual machines shows.",
    },
    Set {
        name: "@vm.base",
        kind: Some(Kind::VirtualMachine),
        paths: &[
            "name",
            "overallStatus",
            "runtime.powerState",
            "runtime.connectionState",
            "runtime.bootTime",
            "runtime.maxCpuUsage",
            "runtime.consolidationNeeded",
            "config.annotation",
            "config.guestFullName",
            "config.guestId",
            "config.hardware.numCPU",
            "config.hardware.numCoresPerSocket",
            "config.hardware.memoryMB",
            "config.instanceUuid",
            "config.uuid",
            "config.version",
            "config.tools.syncTimeWithHost",
            "config.tools.toolsUpgradePolicy",
            "guest.appHeartbeatStatus",
            "guest.guestFamily",
            "guest.guestFullName",
            "guest.guestState",
            "guest.hostName",
            "guest.ipAddress",
            "guest.toolsRunningStatus",
            "guest.toolsVersion",
            "guest.toolsVersionStatus2",
            "guest.disk",
            "guest.net",
            "summary.quickStats.overallCpuUsage",
            "summary.quickStats.overallCpuDemand",
            "summary.quickStats.guestMemoryUsage",
            "summary.quickStats.hostMemoryUsage",
            "summary.quickStats.balloonedMemory",
            "summary.quickStats.compressedMemory",
            "summary.quickStats.consumedOverheadMemory",
            "summary.quickStats.privateMemory",
            "summary.quickStats.sharedMemory",
            "summary.quickStats.swappedMemory",
            "summary.quickStats.guestHeartbeatStatus",
            "summary.quickStats.uptimeSeconds",
            "summary.storage.committed",
            "summary.storage.uncommitted",
            "summary.storage.unshared",
            "snapshot.rootSnapshotList",
            "triggeredAlarmState",
        ],
        doc: "Everything about one virtual machine.",
    },
    Set {
        name: "@datastore.list",
        kind: Some(Kind::Datastore),
        paths: &[
            "moid",
            "hostname",
            "name",
            "overallStatus",
            "summary.url",
            "summary.type",
            "summary.capacity",
            "summary.freeSpace",
            "summary.accessible",
        ],
        doc: "What a list of datastores shows.",
    },
    Set {
        name: "@datastore.base",
        kind: Some(Kind::Datastore),
        paths: &[
            "name",
            "overallStatus",
            "summary.url",
            "summary.type",
            "summary.capacity",
            "summary.freeSpace",
            "summary.uncommitted",
            "summary.accessible",
            "summary.maintenanceMode",
            "summary.multipleHostAccess",
            "info.maxFileSize",
            "info.maxVirtualDiskCapacity",
            "host",
            "vm",
            "triggeredAlarmState",
        ],
        doc: "Everything about one datastore.",
    },
];

/// Puts the paths of the sets where their names stand; of what comes twice the first stays.
///
/// # Errors
/// When there is no such set for this type of object.
pub(crate) fn expand(properties: &mut Vec<String>, kind: Option<Kind>) -> Result<(), Failure> {
    if !properties.iter().any(|property| property.starts_with(MARK)) {
        return Ok(());
    }
    let mut expanded: Vec<String> = Vec::new();
    for property in properties.drain(..) {
        if !property.starts_with(MARK) {
            expanded.push(property);
            continue;
        }
        let set = SETS.iter().find(|set| set.name == property && set.kind == kind);
        let set = set.ok_or_else(|| Failure::NoSet { name: property, known: known(kind) })?;
        expanded.extend(set.paths.iter().map(|path| (*path).to_owned()));
    }
    *properties = expanded;
    Ok(())
}

/// Whether a set for the type has the path.
pub(crate) fn contain(kind: Option<Kind>, path: &str) -> bool {
    SETS.iter().any(|set| set.kind == kind && set.paths.contains(&path))
}

fn known(kind: Option<Kind>) -> String {
    let names: Vec<&str> = SETS.iter().filter(|set| set.kind == kind).map(|set| set.name).collect();
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn expanded(properties: &[&str], kind: Option<Kind>) -> Result<Vec<String>, String> {
        let mut properties = properties.iter().map(|property| (*property).to_owned()).collect();
        expand(&mut properties, kind).map_err(|failure| failure.to_string())?;
        Ok(properties)
    }

    #[test]
    fn a_set_stands_for_its_paths_in_its_place() {
        let paths = expanded(&["config.name", "@about", "x"], None).expect("a set");
        assert_eq!(paths.first().map(String::as_str), Some("config.name"));
        assert_eq!(paths.get(1).map(String::as_str), Some("fullName"));
        assert_eq!(paths.last().map(String::as_str), Some("x"));
        assert_eq!(expanded(&["name"], Some(Kind::Datastore)).as_deref(), Ok(&["name".to_owned()][..]));
    }

    #[test]
    fn an_unknown_set_or_one_of_another_type_is_refused_with_those_there_are() {
        let text = "Unknown property set @vm.bass; there are: @vm.list, @vm.base";
        assert_eq!(expanded(&["@vm.bass"], Some(Kind::VirtualMachine)), Err(text.to_owned()));
        assert_eq!(
            expanded(&["@vm.base"], Some(Kind::Network)),
            Err("Unknown property set @vm.base; there are: none".to_owned())
        );
    }

    #[test]
    fn no_set_has_a_path_twice_or_a_name_of_another() {
        let names: BTreeSet<&str> = SETS.iter().map(|set| set.name).collect();
        assert_eq!(names.len(), SETS.len());
        for set in SETS {
            assert!(set.name.starts_with(MARK));
            assert_eq!(set.paths.iter().collect::<BTreeSet<_>>().len(), set.paths.len(), "{}", set.name);
        }
    }
}
