//! A cluster or a datacenter in a few numbers.

use futures_util::future::BoxFuture;
use serde_json::{Map, Value as Json, json};
use vpoller_inventory::property::{CONNECTION_STATE, NAME, POWER_STATE};
use vpoller_inventory::{Ancestors, Kind, Row};
use vpoller_vsphere::{MoRef, Value};

use super::{Answer, Task, one};
use crate::failure::Failure;

/// The numbers, in the order in which they are answered. Bytes and Hz, as monitoring systems like them.
pub(crate) const FIELDS: &[&str] = &[
    NAME,
    "hosts",
    "hosts.connected",
    VMS,
    VMS_ON,
    TEMPLATES,
    "cpu.cores",
    "cpu.total",
    "cpu.usage",
    "memory.total",
    "memory.usage",
    DATASTORES,
    CAPACITY,
    FREE,
];

const VMS: &str = "vms";
const VMS_ON: &str = "vms.on";
const TEMPLATES: &str = "templates";
const DATASTORES: &str = "datastores";
const CAPACITY: &str = "datastore.capacity";
const FREE: &str = "datastore.free";

const HOST: &str = "host";
const VM: &str = "vm";
const DATASTORE: &str = "datastore";
const CLOCK_MHZ: &str = "summary.hardware.cpuMhz";
const CORES: &str = "summary.hardware.numCpuCores";
const MEMORY: &str = "summary.hardware.memorySize";
const CPU_USAGE_MHZ: &str = "summary.quickStats.overallCpuUsage";
const MEMORY_USAGE_MB: &str = "summary.quickStats.overallMemoryUsage";
const OF_HOSTS: &[&str] = &[VM, CONNECTION_STATE, CLOCK_MHZ, CORES, MEMORY, CPU_USAGE_MHZ, MEMORY_USAGE_MB];
const TEMPLATE: &str = "config.template";
const CAPACITY_BYTES: &str = "summary.capacity";
const FREE_BYTES: &str = "summary.freeSpace";

const MEGA: i64 = 1_000_000;
const MIB: i64 = 1 << 20;

/// The numbers of a cluster: its hosts and what is on them.
pub(crate) fn of_cluster<'a>(task: &'a Task<'a>) -> BoxFuture<'a, Result<Answer, Failure>> {
    Box::pin(async move {
        let own = task.read(&[NAME, HOST, DATASTORE]).await?;
        answer(task, &own, own.references(HOST)).await
    })
}

/// The numbers of a datacenter: of all hosts somewhere below it.
pub(crate) fn of_datacenter<'a>(task: &'a Task<'a>) -> BoxFuture<'a, Result<Answer, Failure>> {
    Box::pin(async move {
        let own = task.read(&[NAME, DATASTORE]).await?;
        let hosts = task.inventory.list(Kind::HostSystem, &[NAME, "parent"]).await?;
        let ancestors = Ancestors::of(task.inventory, &hosts).await?;
        let inside = |host: &&Row| ancestors.above(host).any(|above| above.object == own.object);
        let hosts = hosts.iter().filter(inside).map(|host| host.object.clone()).collect();
        answer(task, &own, hosts).await
    })
}

async fn answer(task: &Task<'_>, own: &Row, hosts: Vec<MoRef>) -> Result<Answer, Failure> {
    let asked = task.chosen()?;
    let wants = |fields: &[&str]| fields.iter().any(|field| asked.contains(field));
    let hosts = read(task, &hosts, OF_HOSTS).await?;
    let vms: Vec<MoRef> = hosts.iter().flat_map(|host| host.references(VM)).collect();
    let vms = if wants(&[VMS, VMS_ON, TEMPLATES]) { read(task, &vms, &[POWER_STATE, TEMPLATE]).await? } else { Vec::new() };
    let stores = own.references(DATASTORE);
    let read_stores = wants(&[DATASTORES, CAPACITY, FREE]);
    let stores = if read_stores { read(task, &stores, &[CAPACITY_BYTES, FREE_BYTES]).await? } else { Vec::new() };
    let fields = asked.into_iter().map(|field| {
        let value = match field {
            "hosts" => json!(hosts.len()),
            "hosts.connected" => json!(count(&hosts, |host| host.text(CONNECTION_STATE) == Some("connected"))),
            VMS => json!(count(&vms, |vm| !is_template(vm))),
            VMS_ON => json!(count(&vms, |vm| vm.text(POWER_STATE) == Some("poweredOn"))),
            TEMPLATES => json!(count(&vms, is_template)),
            "cpu.cores" => json!(sum(&hosts, |host| number(host, CORES))),
            "cpu.total" => json!(sum(&hosts, |host| number(host, CORES) * number(host, CLOCK_MHZ) * MEGA)),
            "cpu.usage" => json!(sum(&hosts, |host| number(host, CPU_USAGE_MHZ) * MEGA)),
            "memory.total" => json!(sum(&hosts, |host| number(host, MEMORY))),
            "memory.usage" => json!(sum(&hosts, |host| number(host, MEMORY_USAGE_MB) * MIB)),
            DATASTORES => json!(stores.len()),
            CAPACITY => json!(sum(&stores, |store| number(store, CAPACITY_BYTES))),
            FREE => json!(sum(&stores, |store| number(store, FREE_BYTES))),
            _ => own.get(field).map_or(Json::Null, Value::to_json),
        };
        (field.to_owned(), value)
    });
    task.answer(one(fields.collect::<Map<_, _>>()))
}

async fn read(task: &Task<'_>, objects: &[MoRef], paths: &[&str]) -> Result<Vec<Row>, Failure> {
    Ok(if objects.is_empty() { Vec::new() } else { task.inventory.read(objects, paths).await? })
}

fn is_template(vm: &Row) -> bool {
    vm.get(TEMPLATE).and_then(Value::as_bool) == Some(true)
}

fn count(rows: &[Row], which: impl Fn(&Row) -> bool) -> usize {
    rows.iter().filter(|row| which(row)).count()
}

/// What a host that vCenter lost does not tell counts as 0.
fn number(row: &Row, path: &str) -> i64 {
    row.get(path).and_then(Value::as_i64).unwrap_or(0)
}

fn sum(rows: &[Row], of: impl Fn(&Row) -> i64) -> i64 {
    rows.iter().map(of).fold(0, i64::saturating_add)
}
