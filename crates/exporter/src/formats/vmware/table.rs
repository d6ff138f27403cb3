//! Every metric of the page, a row each.

use vpoller_inventory::Kind;

use super::fields::{Fields, Samples};

/// Whose labels a metric has.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum LabelSet {
    Machine,
    Datastore,
    Host,
}

impl LabelSet {
    pub(super) const fn kind(self) -> Kind {
        match self {
            Self::Machine => Kind::VirtualMachine,
            Self::Datastore => Kind::Datastore,
            Self::Host => Kind::HostSystem,
        }
    }
}

/// A metric that is made of properties.
pub(super) struct PropertyMetric {
    pub(super) name: &'static str,
    pub(super) help: &'static str,
    pub(super) set: LabelSet,
    /// The part of the collection that it belongs to.
    pub(super) part: CollectedPart,
    /// Whether only objects have it that run.
    pub(super) only_on: bool,
    /// What it is made of, in the order in which `write` reads it.
    pub(super) paths: &'static [&'static str],
    pub(super) write: fn(&Fields<'_>, &mut Samples<'_>),
}

/// The parts that vmware_exporter's `collect_only` switches.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum CollectedPart {
    Machines,
    Guests,
    Snapshots,
    Datastores,
    Hosts,
}

/// A row.
const fn metric(
    name: &'static str,
    help: &'static str,
    (part, only_on): (CollectedPart, bool),
    paths: &'static [&'static str],
    write: fn(&Fields<'_>, &mut Samples<'_>),
) -> PropertyMetric {
    let set = match part {
        CollectedPart::Machines | CollectedPart::Guests | CollectedPart::Snapshots => LabelSet::Machine,
        CollectedPart::Datastores => LabelSet::Datastore,
        CollectedPart::Hosts => LabelSet::Host,
    };
    PropertyMetric { name, help, set, part, only_on, paths, write }
}

const VM: (CollectedPart, bool) = (CollectedPart::Machines, false);
const VM_ON: (CollectedPart, bool) = (CollectedPart::Machines, true);
const GUEST: (CollectedPart, bool) = (CollectedPart::Guests, false);
const SNAPSHOT: (CollectedPart, bool) = (CollectedPart::Snapshots, false);
const DS: (CollectedPart, bool) = (CollectedPart::Datastores, false);
const HOST: (CollectedPart, bool) = (CollectedPart::Hosts, false);
const HOST_ON: (CollectedPart, bool) = (CollectedPart::Hosts, true);

const SENSORS: &str = "runtime.healthSystemRuntime.systemHealthInfo.numericSensorInfo";
const CPU_SENSORS: &str = "runtime.healthSystemRuntime.hardwareStatusInfo.cpuStatusInfo";
const MEMORY_SENSORS: &str = "runtime.healthSystemRuntime.hardwareStatusInfo.memoryStatusInfo";
const MIB: f64 = 1024.0 * 1024.0;

/// The metrics that are made of properties, in the order of the page.
pub(super) const METRICS: &[PropertyMetric] = &[
    metric("vmware_vm_power_state", "1 while the machine is on, else 0.", VM, &["runtime.powerState"], |vm, out| {
        out.one(vm.text(0).map(|state| is(state == "poweredOn")));
    }),
    metric("vmware_vm_boot_timestamp_seconds", "When the machine was started.", VM_ON, &["runtime.bootTime"], time),
    metric("vmware_vm_num_cpu", "Virtual processors.", VM, &["summary.config.numCpu"], number),
    metric("vmware_vm_memory_max", "Configured memory in MiB.", VM, &["summary.config.memorySizeMB"], number),
    metric("vmware_vm_max_cpu_usage", "The most that it can get of processors, in MHz.", VM, &["runtime.maxCpuUsage"], number),
    metric("vmware_vm_template", "1 for a template, else 0.", VM, &["summary.config.template"], number),
    metric("vmware_vm_guest_disk_free", "Free bytes of a filesystem, as VMware Tools say.", GUEST, &["guest.disk"], |vm, out| {
        vm.each(0, |disk| out.with("partition", disk.text("diskPath"), disk.number("freeSpace")));
    }),
    metric("vmware_vm_guest_disk_capacity", "Bytes of a filesystem, as VMware Tools say.", GUEST, &["guest.disk"], |vm, out| {
        vm.each(0, |disk| out.with("partition", disk.text("diskPath"), disk.number("capacity")));
    }),
    metric(
        "vmware_vm_guest_tools_running_status",
        "State of VMware Tools, as a label.",
        GUEST,
        &["guest.toolsStatus"],
        |vm, out| {
            out.with("tools_status", vm.text(0), Some(1.0));
        },
    ),
    metric("vmware_vm_guest_tools_version", "Version of VMware Tools, as a label.", GUEST, &["guest.toolsVersion"], |vm, out| {
        out.with("tools_version", vm.text(0), Some(1.0));
    }),
    metric(
        "vmware_vm_guest_tools_version_status",
        "Whether VMware Tools are up to date, as a label.",
        GUEST,
        &["guest.toolsVersionStatus2"],
        |vm, out| out.with("tools_version_status", vm.text(0), Some(1.0)),
    ),
    metric("vmware_vm_snapshots", "Snapshots of the machine.", SNAPSHOT, &["snapshot.rootSnapshotList"], |vm, out| {
        let mut count = 0.0;
        vm.each_below(0, "childSnapshotList", |_| count += 1.0);
        out.one((count > 0.0).then_some(count));
    }),
    metric(
        "vmware_vm_snapshot_timestamp_seconds",
        "When a snapshot was made.",
        SNAPSHOT,
        &["snapshot.rootSnapshotList"],
        |vm, out| {
            vm.each_below(0, "childSnapshotList", |one| {
                out.with("vm_snapshot_name", one.text("name"), one.seconds("createTime"));
            });
        },
    ),
    metric("vmware_datastore_capacity_size", "Bytes of the datastore.", DS, &["summary.capacity"], number),
    metric("vmware_datastore_freespace_size", "Free bytes of the datastore.", DS, &["summary.freeSpace"], number),
    metric(
        "vmware_datastore_uncommited_size",
        "Bytes that machines may still claim.",
        DS,
        &["summary.uncommitted"],
        |store, out| out.one(store.number_or_unset(0)),
    ),
    metric(
        "vmware_datastore_provisoned_size",
        "Bytes that are used or may still be claimed.",
        DS,
        &["summary.capacity", "summary.freeSpace", "summary.uncommitted"],
        |store, out| {
            let parts = (store.number(0), store.number(1), store.number_or_unset(2));
            if let (Some(capacity), Some(free), Some(uncommitted)) = parts {
                out.one(Some(capacity - free + uncommitted));
            }
        },
    ),
    metric("vmware_datastore_hosts", "ESXi hosts that mount it.", DS, &[], |store, out| out.one(store.hosts())),
    metric("vmware_datastore_vms", "Machines that use it.", DS, &[], |store, out| out.one(store.machines())),
    metric(
        "vmware_datastore_maintenance_mode",
        "Whether it is in maintenance, as a label.",
        DS,
        &["summary.maintenanceMode"],
        |store, out| out.with("mode", store.text_or_unset(0, "unknown"), Some(1.0)),
    ),
    metric("vmware_datastore_type", "Its type, as a label.", DS, &["summary.type"], |store, out| {
        out.with("ds_type", store.text_or_unset(0, "normal"), Some(1.0));
    }),
    metric("vmware_datastore_accessible", "1 while it can be reached, else 0.", DS, &["summary.accessible"], number),
    metric("vmware_host_power_state", "1 while the ESXi host is on, else 0.", HOST, &["runtime.powerState"], |host, out| {
        out.one(host.text(0).map(|state| is(state == "poweredOn")));
    }),
    metric(
        "vmware_host_standby_mode",
        "1 while the ESXi host stands by, else 0.",
        HOST,
        &["runtime.standbyMode"],
        |host, out| {
            let state = host.text_or_unset(0, "unknown");
            out.with("standby_mode_state", state, state.map(|state| is(state == "in")));
        },
    ),
    metric("vmware_host_connection_state", "Its connection, as a label.", HOST, &["runtime.connectionState"], |host, out| {
        out.with("state", host.text_or_unset(0, "unknown"), Some(1.0));
    }),
    metric("vmware_host_maintenance_mode", "1 in maintenance, else 0.", HOST, &["runtime.inMaintenanceMode"], number),
    metric(
        "vmware_host_sensor_state",
        "State of a sensor: 0 red, 1 yellow, 2 green, 3 unknown.",
        HOST,
        &[SENSORS, CPU_SENSORS, MEMORY_SENSORS],
        |host, out| {
            host.each(0, |sensor| {
                let labels = [("name", sensor.text("name")), ("type", sensor.text("sensorType").or(Some("n/a")))];
                out.with_all(&labels, Some(health(sensor.key("healthState"))));
            });
            for place in [1, 2] {
                host.each(place, |sensor| {
                    let labels = [("name", sensor.text("name")), ("type", Some("n/a"))];
                    out.with_all(&labels, Some(health(sensor.key("status"))));
                });
            }
        },
    ),
    metric("vmware_host_sensor_fan", "Turns a minute.", HOST, &[SENSORS], |host, out| sensors(host, out, "rpm")),
    metric("vmware_host_sensor_temperature", "Degrees Celsius.", HOST, &[SENSORS], |host, out| sensors(host, out, "degrees c")),
    metric("vmware_host_sensor_power_voltage", "Volts.", HOST, &[SENSORS], |host, out| sensors(host, out, "volts")),
    metric("vmware_host_sensor_power_current", "Amperes.", HOST, &[SENSORS], |host, out| sensors(host, out, "amps")),
    metric("vmware_host_sensor_power_watt", "Watts.", HOST, &[SENSORS], |host, out| sensors(host, out, "watts")),
    metric("vmware_host_sensor_redundancy", "Redundancy as the sensor gives it.", HOST, &[SENSORS], |host, out| {
        sensors(host, out, "redundancy-discrete");
    }),
    metric("vmware_host_boot_timestamp_seconds", "When the ESXi host was started.", HOST_ON, &["runtime.bootTime"], time),
    metric("vmware_host_cpu_usage", "Used MHz.", HOST_ON, &["summary.quickStats.overallCpuUsage"], number),
    metric(
        "vmware_host_cpu_max",
        "MHz of all cores.",
        HOST_ON,
        &["summary.hardware.numCpuCores", "summary.hardware.cpuMhz"],
        |host, out| out.one(host.number(0).zip(host.number(1)).map(|(cores, clock)| cores * clock)),
    ),
    metric("vmware_host_num_cpu", "Cores.", HOST_ON, &["summary.hardware.numCpuCores"], number),
    metric("vmware_host_memory_usage", "Used MiB.", HOST_ON, &["summary.quickStats.overallMemoryUsage"], number),
    metric("vmware_host_memory_max", "MiB of memory.", HOST_ON, &["summary.hardware.memorySize"], |host, out| {
        out.one(host.number(0).map(|bytes| bytes / MIB));
    }),
    metric(
        "vmware_host_product_info",
        "Version and build of ESXi, as labels.",
        HOST_ON,
        &["summary.config.product.version", "summary.config.product.build"],
        |host, out| out.with_all(&[("version", host.text(0)), ("build", host.text(1))], Some(1.0)),
    ),
    metric(
        "vmware_host_hardware_info",
        "Model and processor, as labels.",
        HOST_ON,
        &["summary.hardware.model", "summary.hardware.cpuModel"],
        |host, out| out.with_all(&[("hardware_model", host.text(0)), ("hardware_cpu_model", host.text(1))], Some(1.0)),
    ),
];

fn is(yes: bool) -> f64 {
    f64::from(u8::from(yes))
}

fn number(object: &Fields<'_>, out: &mut Samples<'_>) {
    out.one(object.number(0));
}

fn time(object: &Fields<'_>, out: &mut Samples<'_>) {
    out.one(object.seconds(0));
}

fn health(key: Option<&str>) -> f64 {
    match key.map(str::to_ascii_lowercase).as_deref() {
        Some("red") => 0.0,
        Some("yellow") => 1.0,
        Some("green") => 2.0,
        _ => 3.0,
    }
}

/// The sensors with these base units.
fn sensors(host: &Fields<'_>, out: &mut Samples<'_>, units: &str) {
    host.each(0, |sensor| {
        if !sensor.text("baseUnits").is_some_and(|unit| unit.eq_ignore_ascii_case(units)) {
            return;
        }
        let factor = match sensor.number("unitModifier") {
            Some(modifier) if units != "redundancy-discrete" => 10_f64.powf(modifier),
            _ => 1.0,
        };
        out.with("name", sensor.text("name"), sensor.number("currentReading").map(|reading| reading * factor));
    });
}
