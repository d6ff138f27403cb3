//! Virtual machines, and their disks, cards and processors one by one.

use vpoller_inventory::Kind;

use super::super::metric::ValueSource::{Counter, Flag, Instances, Moment, Number, ProcessorTime};
use super::super::metric::{MetricDefinition, gauge, info, labelled, state};
use super::super::tree::{Texts, Tree};
use super::{COLOURS, HUNDREDTHS, KIB, MEGA, MIB, MILLI, Subject, each, whole};
use crate::reader::{Counters, Paths};

pub(crate) const SUBJECT: Subject = Subject {
    name: "vm",
    about: "virtual machines and templates",
    kind: Kind::VirtualMachine,
    paths: PATHS,
    counters: COUNTERS,
    metrics: METRICS,
    describe: Some(|view, tree| {
        let texts = Texts::new(view, Kind::VirtualMachine, &["name", "config.uuid", "config.instanceUuid", GUEST]);
        Box::new(move |vm| {
            let place = tree.of_machine(vm);
            let [name, uuid, instance, guest] = texts.of(vm);
            let host = Tree::shown(place.host);
            let pool = tree.pool(vm);
            vec![name, uuid, instance, host, place.cluster(), place.datacenter(), tree.folder(vm), pool, guest]
        })
    }),
};

pub(crate) const DISKS: Subject = Subject {
    name: "vm_disk",
    about: "each virtual disk of running machines",
    kind: Kind::VirtualMachine,
    paths: &[],
    counters: &[(
        Kind::VirtualMachine,
        &[
            each("virtualDisk.numberReadAveraged.average"),
            each("virtualDisk.numberWriteAveraged.average"),
            each("virtualDisk.read.average"),
            each("virtualDisk.write.average"),
            each("virtualDisk.totalReadLatency.average"),
            each("virtualDisk.totalWriteLatency.average"),
        ],
    )],
    metrics: &[
        labelled(
            "vsphere_vm_disk_reads_per_second",
            "",
            &["disk"],
            "Reads of a virtual disk.",
            Instances("virtualDisk.numberReadAveraged.average", 1.0),
        ),
        labelled(
            "vsphere_vm_disk_writes_per_second",
            "",
            &["disk"],
            "Writes of a virtual disk.",
            Instances("virtualDisk.numberWriteAveraged.average", 1.0),
        ),
        labelled(
            "vsphere_vm_disk_read_bytes_per_second",
            "bytes_per_second",
            &["disk"],
            "What is read of a virtual disk.",
            Instances("virtualDisk.read.average", KIB),
        ),
        labelled(
            "vsphere_vm_disk_write_bytes_per_second",
            "bytes_per_second",
            &["disk"],
            "What is written to a virtual disk.",
            Instances("virtualDisk.write.average", KIB),
        ),
        labelled(
            "vsphere_vm_disk_read_latency_seconds",
            "seconds",
            &["disk"],
            "How long a read of a virtual disk takes.",
            Instances("virtualDisk.totalReadLatency.average", MILLI),
        ),
        labelled(
            "vsphere_vm_disk_write_latency_seconds",
            "seconds",
            &["disk"],
            "How long a write to a virtual disk takes.",
            Instances("virtualDisk.totalWriteLatency.average", MILLI),
        ),
    ],
    describe: None,
};

pub(crate) const CARDS: Subject = Subject {
    name: "vm_nic",
    about: "each network card of running machines, by the number of the device",
    kind: Kind::VirtualMachine,
    paths: &[],
    counters: &[(Kind::VirtualMachine, &[each("net.received.average"), each("net.transmitted.average")])],
    metrics: &[
        labelled(
            "vsphere_vm_nic_receive_bytes_per_second",
            "bytes_per_second",
            &["nic"],
            "What a network card receives.",
            Instances("net.received.average", KIB),
        ),
        labelled(
            "vsphere_vm_nic_transmit_bytes_per_second",
            "bytes_per_second",
            &["nic"],
            "What a network card sends.",
            Instances("net.transmitted.average", KIB),
        ),
    ],
    describe: None,
};

pub(crate) const PROCESSORS: Subject = Subject {
    name: "vm_cpu",
    about: "each virtual processor of running machines",
    kind: Kind::VirtualMachine,
    paths: &[],
    counters: &[(Kind::VirtualMachine, &[each("cpu.usagemhz.average")])],
    metrics: &[labelled(
        "vsphere_vm_vcpu_usage_hertz",
        "hertz",
        &["cpu"],
        "What a virtual processor uses.",
        Instances("cpu.usagemhz.average", MEGA),
    )],
    describe: None,
};

const GUEST: &str = "summary.config.guestFullName";
const CPUS: &str = "summary.config.numCpu";

const PATHS: Paths = &[
    (
        Kind::VirtualMachine,
        &[
            "name",
            "parent",
            "resourcePool",
            "runtime.host",
            "runtime.powerState",
            "runtime.connectionState",
            "runtime.bootTime",
            "runtime.consolidationNeeded",
            "overallStatus",
            "config.template",
            "config.uuid",
            "config.instanceUuid",
            GUEST,
            CPUS,
            "summary.config.memorySizeMB",
            "summary.storage.committed",
            "summary.storage.uncommitted",
            "summary.storage.unshared",
        ],
    ),
    (Kind::HostSystem, &["name", "parent"]),
    (Kind::ComputeResource, &["name", "parent"]),
    (Kind::ResourcePool, &["name"]),
    (Kind::Folder, &["name", "parent"]),
    (Kind::Datacenter, &["name", "parent"]),
];

const COUNTERS: Counters = &[(
    Kind::VirtualMachine,
    &[
        whole("cpu.usage.average"),
        whole("cpu.usagemhz.average"),
        whole("cpu.ready.summation"),
        whole("cpu.wait.summation"),
        whole("cpu.costop.summation"),
        whole("mem.usage.average"),
        whole("mem.granted.average"),
        whole("mem.consumed.average"),
        whole("mem.active.average"),
        whole("mem.vmmemctl.average"),
        whole("mem.swapped.average"),
        whole("disk.read.average"),
        whole("disk.write.average"),
        whole("disk.maxTotalLatency.latest"),
        whole("net.received.average"),
        whole("net.transmitted.average"),
    ],
)];

const METRICS: &[MetricDefinition] = &[
    info(
        "vsphere_vm",
        "What a machine is and where it runs.",
        &["name", "uuid", "instance_uuid", "host", "cluster", "datacenter", "folder", "resource_pool", "guest_os"],
        "name, config.uuid, config.instanceUuid, runtime.host, resourcePool, parent, summary.config.guestFullName",
    ),
    state("vsphere_vm_power_state", "Whether a machine runs.", "runtime.powerState", &["poweredOn", "poweredOff", "suspended"]),
    state(
        "vsphere_vm_connection_state",
        "Whether vCenter can manage a machine.",
        "runtime.connectionState",
        &["connected", "disconnected", "orphaned", "inaccessible", "invalid"],
    ),
    state("vsphere_vm_overall_state", "The worst of a machine's alarms.", "overallStatus", COLOURS),
    gauge("vsphere_vm_template", "", "Whether it is a template.", Flag("config.template")),
    gauge("vsphere_vm_boot_timestamp_seconds", "seconds", "When a machine was started.", Moment("runtime.bootTime")),
    gauge(
        "vsphere_vm_disk_consolidation_needed",
        "",
        "Whether disks of deleted snapshots are left.",
        Flag("runtime.consolidationNeeded"),
    ),
    gauge("vsphere_vm_cpus", "", "Virtual processors.", Number(CPUS, 1.0)),
    gauge("vsphere_vm_memory_size_bytes", "bytes", "Memory that a machine is given.", Number("summary.config.memorySizeMB", MIB)),
    gauge(
        "vsphere_vm_storage_committed_bytes",
        "bytes",
        "Space that a machine's files take.",
        Number("summary.storage.committed", 1.0),
    ),
    gauge(
        "vsphere_vm_storage_uncommitted_bytes",
        "bytes",
        "Space that a machine's disks may still take.",
        Number("summary.storage.uncommitted", 1.0),
    ),
    gauge(
        "vsphere_vm_storage_unshared_bytes",
        "bytes",
        "Space that is a machine's alone.",
        Number("summary.storage.unshared", 1.0),
    ),
    gauge("vsphere_vm_cpu_usage_ratio", "ratio", "Use of the virtual processors.", Counter("cpu.usage.average", HUNDREDTHS)),
    gauge("vsphere_vm_cpu_usage_hertz", "hertz", "Use of the virtual processors.", Counter("cpu.usagemhz.average", MEGA)),
    gauge(
        "vsphere_vm_cpu_ready_ratio",
        "ratio",
        "Share of time in which a virtual processor was ready and found no processor to run on.",
        ProcessorTime("cpu.ready.summation"),
    ),
    gauge(
        "vsphere_vm_cpu_wait_ratio",
        "ratio",
        "Share of time in which a virtual processor waited or was idle.",
        ProcessorTime("cpu.wait.summation"),
    ),
    gauge(
        "vsphere_vm_cpu_costop_ratio",
        "ratio",
        "Share of time in which a virtual processor was held back for the others of its machine.",
        ProcessorTime("cpu.costop.summation"),
    ),
    gauge("vsphere_vm_memory_usage_ratio", "ratio", "Active share of the memory.", Counter("mem.usage.average", HUNDREDTHS)),
    gauge(
        "vsphere_vm_memory_granted_bytes",
        "bytes",
        "Memory of a machine that the host backs.",
        Counter("mem.granted.average", KIB),
    ),
    gauge(
        "vsphere_vm_memory_consumed_bytes",
        "bytes",
        "Memory of the host that a machine takes.",
        Counter("mem.consumed.average", KIB),
    ),
    gauge("vsphere_vm_memory_active_bytes", "bytes", "Memory that was touched lately.", Counter("mem.active.average", KIB)),
    gauge(
        "vsphere_vm_memory_ballooned_bytes",
        "bytes",
        "Memory that the balloon driver took back.",
        Counter("mem.vmmemctl.average", KIB),
    ),
    gauge("vsphere_vm_memory_swapped_bytes", "bytes", "Memory that the host swapped out.", Counter("mem.swapped.average", KIB)),
    gauge(
        "vsphere_vm_storage_read_bytes_per_second",
        "bytes_per_second",
        "What is read of all disks.",
        Counter("disk.read.average", KIB),
    ),
    gauge(
        "vsphere_vm_storage_write_bytes_per_second",
        "bytes_per_second",
        "What is written to all disks.",
        Counter("disk.write.average", KIB),
    ),
    gauge(
        "vsphere_vm_storage_max_latency_seconds",
        "seconds",
        "The highest latency of all disks.",
        Counter("disk.maxTotalLatency.latest", MILLI),
    ),
    gauge(
        "vsphere_vm_network_receive_bytes_per_second",
        "bytes_per_second",
        "What all network cards receive.",
        Counter("net.received.average", KIB),
    ),
    gauge(
        "vsphere_vm_network_transmit_bytes_per_second",
        "bytes_per_second",
        "What all network cards send.",
        Counter("net.transmitted.average", KIB),
    ),
];
