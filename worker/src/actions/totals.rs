//! A cluster or a datacenter in a few numbers.

use futures_util::future::BoxFuture;
use serde_json::Value as Json;
use vpoller_inventory::property::{CONNECTION_STATE, NAME, PARENT, POWER_STATE};
use vpoller_inventory::{Ancestors, Kind, ReadError, Row};
use vpoller_vsphere::{MoRef, Value};

use super::refused::Computed;
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
const SPACE: &[&str] = &[CAPACITY_BYTES, FREE_BYTES];

const MEGA: i64 = 1_000_000;
const MIB: i64 = 1 << 20;

/// The numbers of a cluster: its hosts and what is on them.
pub(crate) fn of_cluster<'a>(task: &'a Task<'a>) -> BoxFuture<'a, Result<Answer, Failure>> {
    Box::pin(async move {
        let own = task.row(&[NAME, HOST, DATASTORE]).await?;
        let hosts = own.references(HOST).map(|hosts| Members { objects: hosts, hidden: 0, error: None });
        answer(task, &own, hosts).await
    })
}

/// The numbers of a datacenter: of all hosts somewhere below it.
pub(crate) fn of_datacenter<'a>(task: &'a Task<'a>) -> BoxFuture<'a, Result<Answer, Failure>> {
    Box::pin(async move {
        let own = task.row(&[NAME, DATASTORE]).await?;
        let hosts = task.inventory.list(Kind::HostSystem, &[NAME, PARENT]).await?;
        let ancestors = Ancestors::of(task.inventory, &hosts).await?;
        let mut found = Members::default();
        // Hosts that the account does not see are in no list. An account that may not read the datacenter has no right that hands down
        // to all of them, so that there may be more.
        if let Err(error) = own.required(DATASTORE) {
            found.hidden += 1;
            found.error = Some(error);
        }
        for host in &hosts {
            if ancestors.above(host).any(|above| above.object == own.object) {
                found.objects.push(host.object.clone());
            } else if let Some(error) = ancestors.refusal(host) {
                // It may be in this datacenter, or in another one.
                found.hidden += 1;
                found.error.get_or_insert(error);
            }
        }
        answer(task, &own, Ok(found)).await
    })
}

/// Objects to compute over, and how many more there may be that cannot be placed.
#[derive(Clone, Default)]
struct Members {
    objects: Vec<MoRef>,
    hidden: usize,
    error: Option<ReadError>,
}

/// Rows to compute over, and how many objects are not among them.
#[derive(Default)]
struct Readings {
    rows: Vec<Row>,
    hidden: usize,
    error: Option<ReadError>,
}

impl Readings {
    /// The sum over all rows; those of which a path is refused do not count, and are counted.
    fn sum(&self, paths: &[&str], of: impl Fn(&Row) -> i64) -> Total {
        let mut total = Total { sum: 0, read: 0, hidden: self.hidden, error: self.error.clone() };
        for row in &self.rows {
            match paths.iter().find_map(|path| row.required(path).err()) {
                Some(error) => {
                    total.hidden += 1;
                    total.error.get_or_insert(error);
                }
                None => {
                    total.read += 1;
                    total.sum = total.sum.saturating_add(of(row));
                }
            }
        }
        total
    }
}

/// A number over many objects.
struct Total {
    sum: i64,
    /// Objects that it is made of.
    read: usize,
    /// Objects that could not be read.
    hidden: usize,
    /// Why the first of those could not.
    error: Option<ReadError>,
}

async fn answer(task: &Task<'_>, own: &Row, hosts: Result<Members, ReadError>) -> Result<Answer, Failure> {
    let asked = task.chosen()?;
    let wants = |fields: &[&str]| fields.iter().any(|field| asked.contains(field));
    let hosts = match hosts {
        Ok(found) => Ok(read(task, found, OF_HOSTS).await?),
        Err(error) => Err(error),
    };
    let vms = match &hosts {
        Ok(hosts) if wants(&[VMS, VMS_ON, TEMPLATES]) => Ok(read(task, on_hosts(hosts), &[POWER_STATE, TEMPLATE]).await?),
        Ok(_) => Ok(Readings::default()),
        Err(error) => Err(error.clone()),
    };
    let stores = match own.references(DATASTORE) {
        Ok(objects) if wants(&[DATASTORES, CAPACITY, FREE]) => {
            let found = Members { objects, ..Members::default() };
            Ok(read(task, found, SPACE).await?)
        }
        Ok(_) => Ok(Readings::default()),
        Err(error) => Err(error),
    };
    let mut computed = Computed::default();
    for field in asked {
        let of_hosts =
            |paths: &[&str], of: fn(&Row) -> i64| Ok::<_, ReadError>(hosts.as_ref().map_err(ReadError::clone)?.sum(paths, of));
        let of_vms =
            |paths: &[&str], of: fn(&Row) -> i64| Ok::<_, ReadError>(vms.as_ref().map_err(ReadError::clone)?.sum(paths, of));
        let of_stores =
            |paths: &[&str], of: fn(&Row) -> i64| Ok::<_, ReadError>(stores.as_ref().map_err(ReadError::clone)?.sum(paths, of));
        let total = match field {
            "hosts" => of_hosts(&[], |_| 1),
            "hosts.connected" => of_hosts(&[CONNECTION_STATE], |host| is(host, CONNECTION_STATE, "connected")),
            VMS => of_vms(&[TEMPLATE], |vm| i64::from(!is_template(vm))),
            VMS_ON => of_vms(&[POWER_STATE], |vm| is(vm, POWER_STATE, "poweredOn")),
            TEMPLATES => of_vms(&[TEMPLATE], |vm| i64::from(is_template(vm))),
            "cpu.cores" => of_hosts(&[CORES], |host| number(host, CORES)),
            "cpu.total" => of_hosts(&[CORES, CLOCK_MHZ], |host| {
                number(host, CORES).saturating_mul(number(host, CLOCK_MHZ)).saturating_mul(MEGA)
            }),
            "cpu.usage" => of_hosts(&[CPU_USAGE_MHZ], |host| number(host, CPU_USAGE_MHZ).saturating_mul(MEGA)),
            "memory.total" => of_hosts(&[MEMORY], |host| number(host, MEMORY)),
            "memory.usage" => of_hosts(&[MEMORY_USAGE_MB], |host| number(host, MEMORY_USAGE_MB).saturating_mul(MIB)),
            DATASTORES => of_stores(&[], |_| 1),
            CAPACITY => of_stores(SPACE, |store| space(store, CAPACITY_BYTES)),
            FREE => of_stores(SPACE, |store| space(store, FREE_BYTES)),
            _ => {
                computed.add(field, own.required(field).map(|value| value.map_or(Json::Null, Value::to_json)))?;
                continue;
            }
        };
        match total {
            Ok(Total { sum, error: None, .. }) => computed.add(field, Ok(Json::from(sum)))?,
            // None could be read: 0 would say that there is nothing.
            Ok(Total { read: 0, error: Some(error), .. }) => computed.add(field, Err(error))?,
            Ok(Total { sum, hidden, error: Some(error), .. }) => computed.add_partial(field, Json::from(sum), hidden, &error),
            Err(error) => computed.add(field, Err(error))?,
        }
    }
    task.answer(one(computed.finish()?))
}

/// The virtual machines on the hosts; a host that does not tell its own hides an unknown number and counts as one.
fn on_hosts(hosts: &Readings) -> Members {
    let mut found = Members { objects: Vec::new(), hidden: hosts.hidden, error: hosts.error.clone() };
    for host in &hosts.rows {
        match host.references(VM) {
            Ok(vms) => found.objects.extend(vms),
            Err(error) => {
                found.hidden += 1;
                found.error.get_or_insert(error);
            }
        }
    }
    found
}

async fn read(task: &Task<'_>, found: Members, paths: &[&str]) -> Result<Readings, Failure> {
    let Members { objects, hidden, error } = found;
    let rows = if objects.is_empty() { Vec::new() } else { task.inventory.read(&objects, paths).await? };
    Ok(Readings { rows, hidden, error })
}

fn is_template(vm: &Row) -> bool {
    vm.readable(TEMPLATE).and_then(Value::as_bool) == Some(true)
}

fn is(row: &Row, path: &str, text: &str) -> i64 {
    i64::from(row.readable(path).and_then(Value::as_str) == Some(text))
}

/// A datastore's part of a sum. One that does not tell both is in neither sum: the share of one in the other would be wrong.
fn space(store: &Row, path: &str) -> i64 {
    let tells_both = SPACE.iter().all(|path| store.readable(path).and_then(Value::as_i64).is_some());
    if tells_both { number(store, path) } else { 0 }
}

/// What a host that vCenter lost does not tell counts as 0.
fn number(row: &Row, path: &str) -> i64 {
    row.readable(path).and_then(Value::as_i64).unwrap_or(0)
}
