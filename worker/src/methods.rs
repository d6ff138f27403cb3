//! The table of methods: one row is the whole truth about a method.
//!
//! Validation, lookup, logging, helpers, the announcement to the proxy, `--list-methods` and the documentation are derived from
//! these rows, so this is the only file that names a method.
//!
//! How to add one: (1) a row here, in the order of the index; (2) only if it is a new kind of work, a function in `actions/`;
//! (3) a folder of cases under `tests/methods/`, each a file with `request`, `reply` and what the `helpers` print.

use vpoller_inventory::Kind;
use vpoller_wire::{Field, text};

use crate::actions;
use crate::failure::{Failure, NO_SNAPSHOTS};
pub use crate::method::{Action, Method, Object, Prefix, Relation, Rows, Shape, ZabbixFormat};
use crate::method::{DISCOVERED, DISK, Perform};

/// Every method, in the order of the documentation.
pub static METHODS: &[Method] = &numbered([
    Method {
        name: "about",
        object: Object::Service,
        reads: &["fullName"],
        action: Some(Action::About),
        selectable: true,
        success: RETRIEVED,
        intent: "vSphere About information",
        doc: "Members of the About information of a vSphere host; `fullName` when none is asked for.",
        example: "-p version,vendor",
        ..VALUE
    },
    Method {
        name: "event.latest",
        reads: &["event"],
        action: custom(actions::events::latest),
        zabbix_format: ZabbixFormat::Value { default_field: Some("event") },
        success: "Successfully retrieved event",
        intent: "latest registered event",
        doc: "The text of the newest event; null when there was none yet.",
        ..VALUE
    },
    Method {
        name: "event.get",
        reads: &["key", "time", "type", "severity", "user", "entity", "message"],
        action: custom(actions::events::events),
        zabbix_format: LLD,
        success: "Successfully retrieved events",
        intent: "events",
        doc: "Events, oldest first. `key` says which: the number of the last event that is known (the answer begins after it, so that \
              asking again with the last `key` of the answer misses nothing; without a number, the newest events), `severity=` any of \
              `info,user,warning,error`, `type=` event types or identifiers of extended events, `limit=` 1 to 1000 (100 unless given); \
              separated by blanks, each or none. `properties` adds members of the events, such as `vm.name`. The search goes back \
              10,000 events at most, and `msg` says when it ended there. Keys are names: they may be negative, and start again.",
        example: "-k \"4711 severity=warning,error\"",
        ..VALUE
    },
    Method {
        name: "alarm.get",
        reads: ALARM,
        action: custom(actions::alarms::of_all),
        zabbix_format: LLD,
        success: ALARMS,
        intent: "triggered alarms",
        doc: "The alarms that are triggered anywhere, on the vCenter itself too.",
        ..VALUE
    },
    Method {
        name: "session.get",
        reads: actions::service::SESSION,
        action: custom(actions::service::sessions),
        zabbix_format: LLD,
        success: "Successfully retrieved sessions",
        intent: "established sessions",
        doc: "Who is logged in. Whoever knows the `key` of a session can use it: `mask_session_keys` in the configuration hides keys. \
              Needs the privilege `Sessions.TerminateSession`.",
        ..VALUE
    },
    Method {
        name: "privilege.missing.get",
        reads: actions::privileges::MISSING,
        action: custom(actions::privileges::missing),
        zabbix_format: LLD,
        success: "Successfully retrieved missing privileges",
        intent: "missing privileges",
        doc: "The privileges that the account of vPoller lacks, with the number of objects that each of them hides something of, their \
              types and the properties. From memory: a call that asks for a property that is not watched says itself what is missing. \
              Nothing when all that is remembered could be read.",
        ..VALUE
    },
    Method {
        name: "perf.counter.info",
        intent: "performance counters",
        doc: "Every performance counter of the vSphere host.",
        ..COUNTERS
    },
    Method {
        name: "perf.metric.info",
        success: "Successfully retrieved performance metrics info",
        intent: "performance counters",
        doc: "The same list under its newer name.",
        ..COUNTERS
    },
    Method {
        name: "perf.interval.info",
        reads: actions::performance::INTERVAL,
        action: custom(actions::performance::intervals),
        zabbix_format: LLD,
        success: "Successfully retrieved performance historical intervals",
        intent: "performance historical intervals",
        doc: "The historical intervals: for how long samples are kept, and how far apart they are.",
        ..VALUE
    },
    Method {
        name: "perf.get",
        reads: actions::performance::ROW,
        action: custom(actions::performance::table),
        zabbix_format: LLD,
        success: METRICS,
        intent: "performance metrics of many objects",
        doc: "Many performance counters of many objects, one row for each object and instance, with a field for each counter. \
              `counter-name` lists the counters, or `properties` where that is not given. `name` says which objects: nothing means \
              all, `web*` those whose names fit, `cluster:…`, `datacenter:…`, `folder:…` and `host:…` those in there, anything else \
              the one object. `key` is their type: `vm` (if there is none), `host`, `datastore`, `cluster`, `datacenter`. \
              `instance` may be `*`. Objects that are off are left out unless `perf-interval` names a historical interval.",
        example: "-n cluster:cluster01 -c cpu.usage.average,mem.usage.average",
        ..VALUE
    },
    Method {
        name: "object.discover",
        required: &[Field::Key],
        reads: OBJECT,
        action: custom(actions::object::discover),
        zabbix_format: LLD,
        success: DISCOVERED,
        intent: "managed objects",
        doc: "Every object of the type in `key`, any type of the inventory.",
        example: "-k Folder -p parent",
        ..VALUE
    },
    Method {
        name: "object.get",
        object: Object::Any,
        reads: OBJECT,
        action: custom(actions::object::get),
        zabbix_format: ZabbixFormat::Value { default_field: Some("name") },
        doc: "Properties of an object of any type. The type is in `key`, such as `Folder`; types outside of the inventory are named by \
              `moid:` and the managed object id, or need no name when the vSphere host has one of them (`LicenseManager`). A reference \
              as other methods answer it (`vim.Folder:group-v3`) needs no type. `name` is answered for types that have one.",
        example: "-n /datacenter01/vm -k Folder -p childType",
        ..GET
    },
    Method {
        name: "net.discover",
        object: Object::Every(Kind::Network),
        doc: "Every network: standard, distributed port groups, opaque.",
        ..DISCOVER
    },
    Method {
        name: "net.get",
        required: NAME,
        object: Object::One(Kind::Network),
        doc: "Properties of a network.",
        example: "-n \"VM Network\" -p summary.accessible",
        ..GET
    },
    Method {
        name: "net.host.get",
        object: Object::One(Kind::Network),
        action: related("host", Kind::HostSystem, Shape::Inside("host")),
        zabbix_format: inside("host"),
        doc: "The ESXi hosts that a network is available on.",
        example: "-n \"VM Network\"",
        ..RELATED
    },
    Method {
        name: "net.vm.get",
        object: Object::One(Kind::Network),
        action: related("vm", Kind::VirtualMachine, Shape::Inside("vm")),
        zabbix_format: inside("vm"),
        doc: "The virtual machines that use a network.",
        example: "-n \"VM Network\"",
        ..RELATED
    },
    Method { name: "datacenter.discover", object: Object::Every(Kind::Datacenter), doc: "Every datacenter.", ..DISCOVER },
    Method {
        name: "datacenter.get",
        object: Object::One(Kind::Datacenter),
        doc: "Properties of a datacenter.",
        example: "-n datacenter01 -p overallStatus",
        ..GET
    },
    Method {
        name: "datacenter.alarm.get",
        object: Object::One(Kind::Datacenter),
        doc: "The alarms that are triggered on a datacenter, or on anything below it.",
        example: "-n datacenter01",
        ..OBJECT_ALARMS
    },
    Method {
        name: "datacenter.perf.counter.info",
        object: Object::One(Kind::Datacenter),
        doc: "The performance counters that a datacenter has.",
        example: "-n datacenter01",
        ..COUNTERS_OF_OBJECT
    },
    Method {
        name: "datacenter.perf.metric.info",
        object: Object::One(Kind::Datacenter),
        doc: "The series of performance values that a datacenter has: its counters and their instances, or those of one counter.",
        example: "-n datacenter01 -c vmop.numPoweron.number.latest",
        ..SERIES
    },
    Method {
        name: "datacenter.perf.metric.get",
        required: HISTORICAL,
        object: Object::One(Kind::Datacenter),
        action: custom(actions::performance::of_group),
        doc: "The newest sample of a performance counter of a datacenter in a historical interval; `max-sample` asks for more.",
        example: "-n datacenter01 -c vmop.numPoweron.number.latest -T \"Past day\"",
        ..SAMPLES
    },
    Method {
        name: "datacenter.summary.get",
        object: Object::One(Kind::Datacenter),
        action: custom(actions::totals::of_datacenter),
        selectable: true,
        doc: "A datacenter in numbers: hosts and those that are connected, virtual machines, running ones and templates on them, CPU cores, \
              capacity and usage in Hz, memory and its usage in bytes, datastores, their capacity and free space in bytes.",
        example: "-n datacenter01 -p vms.on",
        ..TOTALS
    },
    Method { name: "cluster.discover", object: Object::Every(Kind::ClusterComputeResource), doc: "Every cluster.", ..DISCOVER },
    Method {
        name: "cluster.get",
        object: Object::One(Kind::ClusterComputeResource),
        doc: "Properties of a cluster.",
        example: "-n cluster01 -p overallStatus",
        ..GET
    },
    Method {
        name: "cluster.alarm.get",
        object: Object::One(Kind::ClusterComputeResource),
        doc: "The alarms that are triggered on a cluster, or on anything below it.",
        example: "-n cluster01",
        ..OBJECT_ALARMS
    },
    Method {
        name: "cluster.perf.counter.info",
        object: Object::One(Kind::ClusterComputeResource),
        doc: "The performance counters that a cluster has.",
        example: "-n cluster01",
        ..COUNTERS_OF_OBJECT
    },
    Method {
        name: "cluster.perf.metric.info",
        object: Object::One(Kind::ClusterComputeResource),
        doc: "The series of performance values that a cluster has: its counters and their instances, or those of one counter.",
        example: "-n cluster01 -c cpu.usage.percent.average",
        ..SERIES
    },
    Method {
        name: "cluster.perf.metric.get",
        required: HISTORICAL,
        object: Object::One(Kind::ClusterComputeResource),
        action: custom(actions::performance::of_group),
        doc: "The newest sample of a performance counter of a cluster in a historical interval; `max-sample` asks for more.",
        example: "-n cluster01 -c cpu.usage.percent.average -T \"Past day\"",
        ..SAMPLES
    },
    Method {
        name: "cluster.summary.get",
        object: Object::One(Kind::ClusterComputeResource),
        action: custom(actions::totals::of_cluster),
        selectable: true,
        doc: "A cluster in numbers: hosts and those that are connected, virtual machines, running ones and templates on them, CPU cores, \
              capacity and usage in Hz, memory and its usage in bytes, datastores, their capacity and free space in bytes.",
        example: "-n cluster01 -p vms.on",
        ..TOTALS
    },
    Method {
        name: "resource.pool.discover",
        object: Object::Every(Kind::ResourcePool),
        doc: "Every resource pool, vApps and the invisible `Resources` pool of each cluster included.",
        ..DISCOVER
    },
    Method {
        name: "resource.pool.get",
        object: Object::One(Kind::ResourcePool),
        doc: "Properties of a resource pool.",
        example: "-n pool01 -p overallStatus",
        ..GET
    },
    Method {
        name: "resource.pool.vm.get",
        object: Object::One(Kind::ResourcePool),
        action: custom(actions::related::pool_members),
        zabbix_format: LLD,
        doc: "The virtual machines directly in a resource pool, with the properties asked for.",
        example: "-n pool01 -p runtime.powerState",
        ..RELATED
    },
    Method { name: "host.discover", object: Object::Every(Kind::HostSystem), doc: "Every ESXi host.", ..DISCOVER },
    Method {
        name: "host.get",
        object: Object::One(Kind::HostSystem),
        doc: "Properties of an ESXi host.",
        example: "-n esxi01.example.org -p runtime.powerState",
        ..GET
    },
    Method {
        name: "host.alarm.get",
        object: Object::One(Kind::HostSystem),
        doc: "The alarms that are triggered on an ESXi host.",
        example: "-n esxi01.example.org",
        ..OBJECT_ALARMS
    },
    Method {
        name: "host.cluster.get",
        object: Object::One(Kind::HostSystem),
        action: related("parent", Kind::ClusterComputeResource, Shape::NameOf("cluster")),
        zabbix_format: ZabbixFormat::Value { default_field: Some("cluster") },
        success: RETRIEVED,
        doc: "The cluster of an ESXi host; a standalone host is its own.",
        example: "-n esxi01.example.org",
        ..RELATED
    },
    Method {
        name: "host.vm.get",
        object: Object::One(Kind::HostSystem),
        action: related("vm", Kind::VirtualMachine, Shape::List),
        zabbix_format: LLD,
        doc: "The virtual machines registered on an ESXi host.",
        example: "-n esxi01.example.org",
        ..RELATED
    },
    Method {
        name: "host.net.get",
        object: Object::One(Kind::HostSystem),
        action: related("network", Kind::Network, Shape::Inside("network")),
        zabbix_format: inside("network"),
        doc: "The networks available to an ESXi host.",
        example: "-n esxi01.example.org",
        ..RELATED
    },
    Method {
        name: "host.datastore.get",
        object: Object::One(Kind::HostSystem),
        action: related("datastore", Kind::Datastore, Shape::List),
        zabbix_format: LLD,
        doc: "The datastores available to an ESXi host.",
        example: "-n esxi01.example.org",
        ..RELATED
    },
    Method {
        name: "host.perf.counter.info",
        object: Object::One(Kind::HostSystem),
        doc: "The performance counters that an ESXi host has.",
        example: "-n esxi01.example.org",
        ..COUNTERS_OF_OBJECT
    },
    Method {
        name: "host.perf.metric.info",
        required: NAME,
        object: Object::One(Kind::HostSystem),
        doc: "The series of performance values that an ESXi host has: its counters and their instances, or those of one counter.",
        example: "-n esxi01.example.org -c net.received.kiloBytesPerSecond.average",
        ..SERIES
    },
    Method {
        name: "host.perf.metric.get",
        required: COUNTED,
        object: Object::One(Kind::HostSystem),
        action: custom(actions::performance::of_host),
        doc: "The newest sample of a performance counter of an ESXi host, in real time or in a historical interval; `max-sample` asks for more. \
              `instance` `*` means all, none the aggregate. Of a datastore, its values in real time are here, under its URL as instance.",
        example: "-n esxi01.example.org -c net.received.kiloBytesPerSecond.average -i vmnic0",
        ..SAMPLES
    },
    Method { name: "vm.discover", object: Object::Every(Kind::VirtualMachine), doc: "Every virtual machine.", ..DISCOVER },
    Method {
        name: "vm.get",
        object: Object::One(Kind::VirtualMachine),
        doc: "Properties of a virtual machine.",
        example: "-n vm01.example.org -p runtime.powerState",
        ..GET
    },
    Method {
        name: "vm.alarm.get",
        object: Object::One(Kind::VirtualMachine),
        doc: "The alarms that are triggered on a virtual machine.",
        example: "-n vm01.example.org",
        ..OBJECT_ALARMS
    },
    Method {
        name: "vm.disk.discover",
        object: Object::One(Kind::VirtualMachine),
        reads: &["diskPath"],
        action: custom(actions::guest::disks),
        zabbix_format: ZabbixFormat::Lld { prefix: Prefix::First, rows: Rows::Inside(DISK) },
        doc: "The disks that the guest of a virtual machine sees; needs VMware Tools, no disks without them.",
        example: "-n vm01.example.org -p capacity,freeSpace",
        ..RELATED
    },
    Method {
        name: "vm.disk.get",
        object: Object::One(Kind::VirtualMachine),
        reads: &["diskPath"],
        action: custom(actions::guest::disk),
        zabbix_format: ZabbixFormat::Disk,
        success: RETRIEVED,
        doc: "One disk of a guest, chosen by its path in `key`; all of them without a key.",
        example: "-n vm01.example.org -p freeSpace -k /var",
        ..RELATED
    },
    Method {
        name: "vm.guest.net.get",
        aliases: &["vm.net.discover"],
        object: Object::One(Kind::VirtualMachine),
        reads: &["network"],
        action: custom(actions::guest::adapters),
        zabbix_format: ZabbixFormat::Lld { prefix: Prefix::First, rows: Rows::Inside("net") },
        success: RETRIEVED,
        doc: "The network adapters that the guest of a virtual machine sees; needs VMware Tools, none without them.",
        example: "-n vm01.example.org -p ipAddress,macAddress",
        ..RELATED
    },
    Method {
        name: "vm.net.get",
        object: Object::One(Kind::VirtualMachine),
        action: related("network", Kind::Network, Shape::Inside("network")),
        zabbix_format: inside("network"),
        doc: "The networks that a virtual machine uses.",
        example: "-n vm01.example.org",
        ..RELATED
    },
    Method {
        name: "vm.datastore.get",
        object: Object::One(Kind::VirtualMachine),
        action: related("datastore", Kind::Datastore, Shape::List),
        zabbix_format: LLD,
        doc: "The datastores that a virtual machine uses.",
        example: "-n vm01.example.org",
        ..RELATED
    },
    Method {
        name: "vm.host.get",
        object: Object::One(Kind::VirtualMachine),
        action: related("runtime.host", Kind::HostSystem, Shape::NameOf("host")),
        zabbix_format: ZabbixFormat::Value { default_field: Some("host") },
        success: RETRIEVED_OBJECT,
        doc: "The ESXi host that a virtual machine runs on.",
        example: "-n vm01.example.org",
        ..RELATED
    },
    Method {
        name: "vm.process.get",
        required: &[Field::Name, Field::Username, Field::Password],
        object: Object::One(Kind::VirtualMachine),
        reads: &["cmdLine"],
        action: custom(actions::guest::processes),
        zabbix_format: ZabbixFormat::Count,
        retry_safe: false,
        success: RETRIEVED,
        doc: "The processes in the guest of a virtual machine, listed with a guest account; needs VMware Tools. \
              The Zabbix helpers count those whose command line contains `key`.",
        example: "-n vm01.example.org -p name,owner,pid,cmdLine -U root -P p4ssw0rd",
        ..RELATED
    },
    Method {
        name: CPU_USAGE,
        object: Object::One(Kind::VirtualMachine),
        action: custom(actions::cpu::usage),
        zabbix_format: ZabbixFormat::Value { default_field: Some(CPU_USAGE) },
        success: RETRIEVED,
        doc: "CPU usage of a virtual machine in percent of the clock of its virtual CPUs.",
        example: "-n vm01.example.org",
        ..RELATED
    },
    Method {
        name: "vm.snapshot.get",
        object: Object::One(Kind::VirtualMachine),
        reads: &["createTime", "description", "id", "name", "quiesced", "state"],
        action: custom(actions::snapshots::tree),
        not_found: Failure::NoSuchObject,
        empty_if: Some(NO_SNAPSHOTS),
        zabbix_format: LLD,
        success: "Successfully retrieved snapshots",
        doc: "The snapshots of a virtual machine, parents before their children; a failure when it has none, but an empty list to the \
              Zabbix helpers.",
        example: "-n vm01.example.org",
        ..RELATED
    },
    Method {
        name: "vm.snapshot.summary.get",
        object: Object::One(Kind::VirtualMachine),
        reads: actions::snapshots::TOTALS,
        action: custom(actions::snapshots::totals),
        selectable: true,
        zabbix_format: ZabbixFormat::Value { default_field: Some("count") },
        doc: "How many snapshots a virtual machine has, the seconds since the oldest was taken, and the bytes that all of them take.",
        example: "-n vm01.example.org -p size",
        ..TOTALS
    },
    Method {
        name: "vm.perf.counter.info",
        object: Object::One(Kind::VirtualMachine),
        doc: "The performance counters that a virtual machine has.",
        example: "-n vm01.example.org",
        ..COUNTERS_OF_OBJECT
    },
    Method {
        name: "vm.perf.metric.info",
        object: Object::One(Kind::VirtualMachine),
        doc: "The series of performance values that a virtual machine has: its counters and their instances, or those of one counter.",
        example: "-n vm01.example.org -c cpu.ready.millisecond.summation",
        ..SERIES
    },
    Method {
        name: "vm.perf.metric.get",
        required: COUNTED,
        object: Object::One(Kind::VirtualMachine),
        action: custom(actions::performance::of_vm),
        doc: "The newest sample of a performance counter of a virtual machine, in real time or in a historical interval; `max-sample` asks for \
              more. `instance` `*` means all, none the aggregate.",
        example: "-n vm01.example.org -c cpu.ready.millisecond.summation",
        ..SAMPLES
    },
    Method {
        name: "datastore.discover",
        object: Object::Every(Kind::Datastore),
        doc: "Every datastore.",
        example: "-p info.url",
        ..DISCOVER
    },
    Method {
        name: "datastore.get",
        object: Object::One(Kind::Datastore),
        reads: NAME_AND_URL,
        doc: "Properties of a datastore, named by its URL or its name.",
        example: "-n ds:///vmfs/volumes/5190e2a7-d2b7c58e-b1e2-90b11c29079d/ -p summary.capacity",
        ..GET
    },
    Method {
        name: "datastore.alarm.get",
        object: Object::One(Kind::Datastore),
        doc: "The alarms that are triggered on a datastore.",
        example: "-n ds:///vmfs/volumes/5190e2a7-d2b7c58e-b1e2-90b11c29079d/",
        ..OBJECT_ALARMS
    },
    Method {
        name: "datastore.host.get",
        object: Object::One(Kind::Datastore),
        action: related("host", Kind::HostSystem, Shape::List),
        zabbix_format: LLD,
        doc: "The ESXi hosts that a datastore is mounted on.",
        example: "-n ds:///vmfs/volumes/5190e2a7-d2b7c58e-b1e2-90b11c29079d/",
        ..RELATED
    },
    Method {
        name: "datastore.vm.get",
        object: Object::One(Kind::Datastore),
        action: related("vm", Kind::VirtualMachine, Shape::List),
        zabbix_format: LLD,
        doc: "The virtual machines that use a datastore.",
        example: "-n ds:///vmfs/volumes/5190e2a7-d2b7c58e-b1e2-90b11c29079d/",
        ..RELATED
    },
    Method {
        name: "datastore.perf.counter.info",
        object: Object::One(Kind::Datastore),
        doc: "The performance counters that a datastore has.",
        example: "-n ds:///vmfs/volumes/5190e2a7-d2b7c58e-b1e2-90b11c29079d/",
        ..COUNTERS_OF_OBJECT
    },
    Method {
        name: "datastore.perf.metric.info",
        required: NAME,
        object: Object::One(Kind::Datastore),
        doc: "The series of performance values that a datastore has: its counters and their instances, or those of one counter.",
        example: "-n ds:///vmfs/volumes/5190e2a7-d2b7c58e-b1e2-90b11c29079d/ -c disk.used.kiloBytes.latest",
        ..SERIES
    },
    Method {
        name: "datastore.perf.metric.get",
        required: COUNTED,
        object: Object::One(Kind::Datastore),
        action: custom(actions::performance::of_datastore),
        doc: "The newest sample of a performance counter of a datastore in a historical interval; `max-sample` asks for more. In real time, \
              ESXi hosts and virtual machines have the values of their datastores.",
        example: "-n ds:///vmfs/volumes/5190e2a7-d2b7c58e-b1e2-90b11c29079d/ -c disk.used.kiloBytes.latest -T \"Past day\"",
        ..SAMPLES
    },
    Method {
        name: "vsan.health.get",
        object: Object::One(Kind::HostSystem),
        reads: &["name", "uuid", "nodeUuid", "health"],
        action: custom(actions::vsan::health),
        zabbix_format: ZabbixFormat::Value { default_field: Some("health") },
        success: RETRIEVED_OBJECT,
        doc: "How an ESXi host sees its virtual SAN: `healthy`, `unhealthy` or `unknown`.",
        example: "-n esxi01.example.org",
        ..RELATED
    },
    Method {
        name: text::STATUS,
        object: Object::Worker,
        intent: "status of the worker",
        reads: &[],
        action: None,
        selectable: true,
        success: "vPoller Worker status",
        doc: "What the worker that serves a vSphere host tells about itself, its agents included; of any worker when the host is \
              `@worker`, of the one with that name in the proxy's document when it is `@worker:name`, of the proxy when it is `@proxy`. \
              Properties are paths in the status document.",
        example: "-p agents.vc01.example.org.state",
        ..VALUE
    },
]);

/// Tells each row its place.
const fn numbered<const N: usize>(mut rows: [Method; N]) -> [Method; N] {
    let mut place = 0;
    while place < N {
        rows[place].index = place;
        place += 1;
    }
    rows
}

/// Finds a method by its name or one of its older names.
#[must_use]
pub fn find(name: &str) -> Option<&'static Method> {
    METHODS.iter().find(|method| method.name == name || method.aliases.contains(&name))
}

/// The names, older ones included, of methods whose request must reach one worker at most.
#[must_use]
pub fn never_repeat() -> Vec<String> {
    let methods = METHODS.iter().filter(|method| !method.retry_safe);
    methods.flat_map(|method| [&[method.name], method.aliases].concat()).map(str::to_owned).collect()
}

/// Answers a field of its own name.
const CPU_USAGE: &str = "vm.cpu.usage.percent";
const NAME: &[Field] = &[Field::Name];
const COUNTED: &[Field] = &[Field::Name, Field::CounterName];
const HISTORICAL: &[Field] = &[Field::Name, Field::CounterName, Field::PerfInterval];
const NAME_AND_URL: &[&str] = &["name", "info.url"];
const OBJECT: &[&str] = &["ref", "name"];
const ALARM: &[&str] = &["key", "info", "time", "entity", "acknowledged", "overallStatus", "acknowledgedByUser"];
const ALARMS: &str = "Successfully retrieved alarms";
const METRICS: &str = "Successfully retrieved performance metrics";
const RETRIEVED: &str = "Successfully retrieved properties";
const RETRIEVED_OBJECT: &str = "Successfully retrieved object properties";
const LLD: ZabbixFormat = ZabbixFormat::Lld { prefix: Prefix::Whole, rows: Rows::Result };

/// What rows have in common unless they say otherwise.
const VALUE: Method = Method {
    index: 0,
    name: "",
    aliases: &[],
    required: &[],
    object: Object::Service,
    reads: &["name"],
    selectable: false,
    action: Some(Action::Get),
    not_found: Failure::NoObject,
    empty_if: None,
    zabbix_format: ZabbixFormat::Value { default_field: None },
    retry_safe: true,
    success: RETRIEVED_OBJECT,
    intent: "",
    doc: "",
    example: "",
};
const DISCOVER: Method = Method { action: Some(Action::Discover), zabbix_format: LLD, success: DISCOVERED, ..VALUE };
const GET: Method = Method { required: &[Field::Name, Field::Properties], ..VALUE };
const RELATED: Method = Method { required: NAME, success: DISCOVERED, ..VALUE };
const OBJECT_ALARMS: Method =
    Method { reads: ALARM, action: custom(actions::alarms::of_object), zabbix_format: LLD, success: ALARMS, ..RELATED };
const TOTALS: Method = Method {
    reads: actions::totals::FIELDS,
    zabbix_format: ZabbixFormat::Value { default_field: Some("hosts") },
    success: RETRIEVED,
    ..RELATED
};

const COUNTERS: Method = Method {
    reads: actions::performance::COUNTER,
    action: custom(actions::performance::counters),
    zabbix_format: ZabbixFormat::Lld { prefix: Prefix::Whole, rows: Rows::Flat },
    success: "Successfully retrieved performance counters info",
    ..VALUE
};
const COUNTERS_OF_OBJECT: Method =
    Method { required: NAME, action: custom(actions::performance::counters_of_object), ..COUNTERS };
const SERIES: Method = Method {
    reads: actions::performance::SERIES,
    action: custom(actions::performance::series_of_object),
    zabbix_format: LLD,
    success: METRICS,
    ..VALUE
};
const SAMPLES: Method = Method {
    reads: actions::performance::SAMPLE,
    not_found: Failure::NoSuchObject,
    zabbix_format: ZabbixFormat::Value { default_field: Some(actions::performance::VALUE) },
    success: METRICS,
    ..VALUE
};

const fn related(via: &'static str, to: Kind, shape: Shape) -> Option<Action> {
    let reads: &[&str] = if matches!(to, Kind::Datastore) { NAME_AND_URL } else { &["name"] };
    Some(Action::Related(Relation { via, to, reads, shape }))
}

const fn custom(perform: Perform) -> Option<Action> {
    Some(Action::Custom(perform))
}

const fn inside(field: &'static str) -> ZabbixFormat {
    ZabbixFormat::Lld { prefix: Prefix::Whole, rows: Rows::Inside(field) }
}
