//! What goes wrong in vSphere, and the problems that follow.

use serde_json::{Value, json};

/// What the simulator is told, on which object, and the problem that follows.
pub(super) struct Incident {
    pub kind: &'static str,
    pub name: &'static str,
    /// Property, value that raises the problem, value that resolves it.
    pub change: (&'static str, Value, Value),
    pub problem: &'static str,
}

pub(super) fn incidents() -> Vec<Incident> {
    let incident = |kind, name, path, bad, good, problem| Incident { kind, name, change: (path, bad, good), problem };
    let machine =
        |path, bad: Value, good: Value, problem| incident("VirtualMachine", "ns01.example.org", path, bad, good, problem);
    let old = json!([{
        "snapshot": "VirtualMachineSnapshot:snapshot-900", "vm": "VirtualMachine:vm-102", "name": "forgotten", "description": "", "id": 9,
        "createTime": "2020-01-01T00:00:00Z", "state": "poweredOff", "quiesced": false,
    }]);
    let hypervisor =
        |path, bad: Value, good: Value, problem| incident("HostSystem", "esxi02.example.org", path, bad, good, problem);
    let running =
        |path, bad: Value, good: Value, problem| incident("VirtualMachine", "vm01.example.org", path, bad, good, problem);
    // As Windows names them.
    let drive = |free: u64| json!([{"diskPath": "C:\\", "capacity": 1000, "freeSpace": free}]);
    let adapter = |connected: bool| {
        json!([{
            "network": "VM Network", "macAddress": "00:50:56:00:00:0a", "connected": connected, "deviceConfigId": 4000, "ipAddress": ["10.0.0.10"],
        }])
    };
    let snapshots = |list: Value| json!({"currentSnapshot": "VirtualMachineSnapshot:snapshot-900", "rootSnapshotList": list});
    vec![
        machine("runtime.powerState", json!("poweredOff"), json!("poweredOn"), "Virtual machine is powered off"),
        // Of a machine that stays on: that they do not run in one that is off is no problem.
        incident(
            "VirtualMachine",
            "vm01.example.org",
            "guest.toolsRunningStatus",
            json!("guestToolsNotRunning"),
            json!("guestToolsRunning"),
            "VMware Tools are not running",
        ),
        machine("overallStatus", json!("red"), json!("green"), "Virtual machine: status is red"),
        machine(
            "runtime.connectionState",
            json!("inaccessible"),
            json!("connected"),
            "Virtual machine is not reachable for vCenter",
        ),
        machine("snapshot", snapshots(old), Value::Null, "Virtual machine has an old snapshot"),
        machine("runtime.consolidationNeeded", json!(true), json!(false), "Disks of the virtual machine need consolidation"),
        incident(
            "HostSystem",
            "esxi01.example.org",
            "runtime.connectionState",
            json!("disconnected"),
            json!("connected"),
            "Hypervisor is not connected to vCenter",
        ),
        incident(
            "HostSystem",
            "esxi01.example.org",
            "runtime.inMaintenanceMode",
            json!(true),
            json!(false),
            "Hypervisor is in maintenance mode",
        ),
        incident(
            "Datastore",
            "datastore2",
            "summary.freeSpace",
            json!(1_000_000),
            json!(549_755_813_888_u64),
            "Datastore is almost full",
        ),
        incident("Datastore", "datastore2", "summary.accessible", json!(false), json!(true), "Datastore is not accessible"),
        incident(
            "ClusterComputeResource",
            "cluster01",
            "summary.numEffectiveHosts",
            json!(1),
            json!(3),
            "Cluster has unusable hypervisors",
        ),
        incident(
            "ClusterComputeResource",
            "cluster01",
            "overallStatus",
            json!("yellow"),
            json!("green"),
            "Cluster: status is yellow",
        ),
        machine("guest.disk", drive(10), drive(900), "[C:\\] Filesystem is almost full"),
        machine("guest.net", adapter(false), adapter(true), "[00:50:56:00:00:0a] Network adapter is disconnected"),
        running("overallStatus", json!("yellow"), json!("green"), "Virtual machine: status is yellow"),
        running("summary.quickStats.uptimeSeconds", json!(60), json!(100_000), "Virtual machine was restarted"),
        running(
            "guest.toolsVersionStatus2",
            json!("guestToolsTooOld"),
            json!("guestToolsCurrent"),
            "VMware Tools need an upgrade",
        ),
        running("summary.quickStats.guestHeartbeatStatus", json!("red"), json!("green"), "Guest does not respond"),
        incident(
            "VirtualMachine",
            "vm02.example.org",
            "runtime.powerState",
            json!("suspended"),
            json!("poweredOn"),
            "Virtual machine is suspended",
        ),
        hypervisor("summary.rebootRequired", json!(true), json!(false), "Hypervisor has to be rebooted"),
        hypervisor("overallStatus", json!("red"), json!("green"), "Hypervisor: status is red"),
        hypervisor("runtime.powerState", json!("poweredOff"), json!("poweredOn"), "Hypervisor is not powered on"),
        incident(
            "HostSystem",
            "esxi01.example.org",
            "summary.quickStats.uptime",
            json!(60),
            json!(100_000),
            "Hypervisor was restarted",
        ),
        incident(
            "HostSystem",
            "esxi03.example.org",
            "overallStatus",
            json!("yellow"),
            json!("green"),
            "Hypervisor: status is yellow",
        ),
        incident("Datastore", "datastore1", "overallStatus", json!("red"), json!("green"), "Datastore: status is red"),
        incident("Datastore", "datastore2", "overallStatus", json!("yellow"), json!("green"), "Datastore: status is yellow"),
        incident(
            "Datastore",
            "datastore1",
            "summary.maintenanceMode",
            json!("inMaintenance"),
            json!("normal"),
            "Datastore is in maintenance",
        ),
        incident("Datacenter", "datacenter01", "overallStatus", json!("yellow"), json!("green"), "Datacenter: status is yellow"),
        incident("Datacenter", "datacenter02", "overallStatus", json!("red"), json!("green"), "Datacenter: status is red"),
    ]
}

/// A threshold that any value is beyond.
pub(super) struct Threshold {
    /// The macro, without its braces.
    pub name: &'static str,
    pub beyond: &'static str,
    /// What no value is beyond.
    pub within: &'static str,
    /// The object and its problem.
    pub object: &'static str,
    pub problem: &'static str,
}

/// Triggers of what the simulator cannot make high or low: the threshold moves instead.
pub(super) const THRESHOLDS: [Threshold; 14] = [
    above("VSPHERE.VM.CPU.WARN", "vm01.example.org", "CPU usage is high"),
    above("VSPHERE.VM.MEMORY.WARN", "vm01.example.org", "Guest memory usage is high"),
    above("VSPHERE.VM.LATENCY.WARN", "vm01.example.org", "Disk latency is high"),
    Threshold {
        name: "VSPHERE.VM.DISK.WARN",
        beyond: "101",
        within: "-1",
        object: "ns01.example.org",
        problem: "[C:\\] Filesystem gets full",
    },
    above("VSPHERE.HV.CPU.WARN", "esxi01.example.org", "CPU usage is high"),
    above("VSPHERE.HV.MEMORY.WARN", "esxi01.example.org", "Memory usage is high"),
    above("VSPHERE.HV.LATENCY.WARN", "esxi01.example.org", "Disk latency is high"),
    Threshold {
        name: "VSPHERE.DATASTORE.SPACE.WARN",
        beyond: "101",
        within: "-1",
        object: "datastore1",
        problem: "Datastore gets full",
    },
    above("VSPHERE.DATASTORE.PROVISIONED.WARN", "datastore1", "Datastore has promised more than it has"),
    above("VSPHERE.DATASTORE.LATENCY.WARN", "datastore1", "Datastore is slow"),
    above("VSPHERE.CLUSTER.CPU.WARN", "cluster01", "CPU usage is high"),
    above("VSPHERE.CLUSTER.MEMORY.WARN", "cluster01", "Memory usage is high"),
    above("VSPHERE.DATACENTER.CPU.WARN", "datacenter01", "CPU usage is high"),
    above("VSPHERE.DATACENTER.MEMORY.WARN", "datacenter01", "Memory usage is high"),
];

const fn above(name: &'static str, object: &'static str, problem: &'static str) -> Threshold {
    Threshold { name, beyond: "-1", within: "1000000", object, problem }
}
