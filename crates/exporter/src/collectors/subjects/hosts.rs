//! ESXi hosts.

use vpoller_inventory::Kind;

use super::super::metric::ValueSource::{Counter, Flag, Moment, Number};
use super::super::metric::{gauge, info, state};
use super::super::tree::Texts;
use super::{COLOURS, HUNDREDTHS, KIB, MEGA, MIB, Subject, whole};

pub(crate) const SUBJECT: Subject = Subject {
    name: "host",
    about: "ESXi hosts",
    kind: Kind::HostSystem,
    paths: &[
        (
            Kind::HostSystem,
            &[
                "name",
                "parent",
                "overallStatus",
                "runtime.powerState",
                "runtime.connectionState",
                "runtime.inMaintenanceMode",
                "runtime.bootTime",
                "summary.hardware",
                "summary.config.product.version",
                "summary.config.product.build",
                "summary.quickStats.overallCpuUsage",
                "summary.quickStats.overallMemoryUsage",
            ],
        ),
        (Kind::ComputeResource, &["name", "parent"]),
        (Kind::Folder, &["name", "parent"]),
        (Kind::Datacenter, &["name", "parent"]),
    ],
    counters: &[(
        Kind::HostSystem,
        &[
            whole("cpu.usage.average"),
            whole("mem.granted.average"),
            whole("mem.consumed.average"),
            whole("mem.active.average"),
            whole("mem.vmmemctl.average"),
            whole("disk.read.average"),
            whole("disk.write.average"),
            whole("net.received.average"),
            whole("net.transmitted.average"),
        ],
    )],
    metrics: &[
        info(
            "vsphere_host",
            "What an ESXi host is and where it stands.",
            &["name", "uuid", "cluster", "datacenter", "vendor", "model", "cpu_model", "version", "build"],
            "name, parent, summary.hardware, summary.config.product",
        ),
        state(
            "vsphere_host_power_state",
            "Whether an ESXi host is on.",
            "runtime.powerState",
            &["poweredOn", "poweredOff", "standBy", "unknown"],
        ),
        state(
            "vsphere_host_connection_state",
            "Whether vCenter reaches an ESXi host.",
            "runtime.connectionState",
            &["connected", "notResponding", "disconnected"],
        ),
        state("vsphere_host_overall_state", "The worst of an ESXi host's alarms.", "overallStatus", COLOURS),
        gauge("vsphere_host_maintenance_mode", "", "Whether it is in maintenance mode.", Flag("runtime.inMaintenanceMode")),
        gauge("vsphere_host_boot_timestamp_seconds", "seconds", "When an ESXi host was started.", Moment("runtime.bootTime")),
        gauge("vsphere_host_cpu_sockets", "", "Processors.", Number("summary.hardware.numCpuPkgs", 1.0)),
        gauge("vsphere_host_cpu_cores", "", "Cores of all processors.", Number("summary.hardware.numCpuCores", 1.0)),
        gauge("vsphere_host_cpu_threads", "", "Threads of all cores.", Number("summary.hardware.numCpuThreads", 1.0)),
        gauge("vsphere_host_cpu_core_hertz", "hertz", "Clock of a core.", Number("summary.hardware.cpuMhz", MEGA)),
        gauge("vsphere_host_memory_size_bytes", "bytes", "Memory.", Number("summary.hardware.memorySize", 1.0)),
        gauge(
            "vsphere_host_cpu_usage_hertz",
            "hertz",
            "Use of all cores, as the host reports it now and then.",
            Number("summary.quickStats.overallCpuUsage", MEGA),
        ),
        gauge(
            "vsphere_host_memory_usage_bytes",
            "bytes",
            "Use of the memory, as the host reports it now and then.",
            Number("summary.quickStats.overallMemoryUsage", MIB),
        ),
        gauge("vsphere_host_cpu_usage_ratio", "ratio", "Use of all cores.", Counter("cpu.usage.average", HUNDREDTHS)),
        gauge(
            "vsphere_host_memory_granted_bytes",
            "bytes",
            "Memory that machines were given.",
            Counter("mem.granted.average", KIB),
        ),
        gauge(
            "vsphere_host_memory_consumed_bytes",
            "bytes",
            "Memory that is in use, by machines and by the host.",
            Counter("mem.consumed.average", KIB),
        ),
        gauge(
            "vsphere_host_memory_active_bytes",
            "bytes",
            "Memory that machines touched lately.",
            Counter("mem.active.average", KIB),
        ),
        gauge(
            "vsphere_host_memory_ballooned_bytes",
            "bytes",
            "Memory that balloon drivers took back.",
            Counter("mem.vmmemctl.average", KIB),
        ),
        gauge(
            "vsphere_host_storage_read_bytes_per_second",
            "bytes_per_second",
            "What is read of all disks.",
            Counter("disk.read.average", KIB),
        ),
        gauge(
            "vsphere_host_storage_write_bytes_per_second",
            "bytes_per_second",
            "What is written to all disks.",
            Counter("disk.write.average", KIB),
        ),
        gauge(
            "vsphere_host_network_receive_bytes_per_second",
            "bytes_per_second",
            "What all network cards receive.",
            Counter("net.received.average", KIB),
        ),
        gauge(
            "vsphere_host_network_transmit_bytes_per_second",
            "bytes_per_second",
            "What all network cards send.",
            Counter("net.transmitted.average", KIB),
        ),
    ],
    describe: Some(|view, tree| {
        let paths = [
            "name",
            "summary.hardware.uuid",
            "summary.hardware.vendor",
            "summary.hardware.model",
            "summary.hardware.cpuModel",
            "summary.config.product.version",
            "summary.config.product.build",
        ];
        let texts = Texts::new(view, Kind::HostSystem, &paths);
        Box::new(move |host| {
            let place = tree.of_host(host);
            let [name, uuid, vendor, model, cpu, version, build] = texts.of(host);
            vec![name, uuid, place.cluster(), place.datacenter(), vendor, model, cpu, version, build]
        })
    }),
};
