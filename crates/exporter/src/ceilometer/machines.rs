//! The machines of all vSphere hosts, as far as they are known now.

use std::collections::HashMap;

use tokio::time::Instant;
use vpoller_inventory::property::{FAULT_TOLERANCE_ROLE, HOST, NAME, POWER_STATE};
use vpoller_inventory::{Column, Kind, ObjectView, Property, View, decoded_name};
use vpoller_vsphere::Value;

use super::SOURCE;
use super::annotation::Annotation;
use super::entries::{Machine, Power};
use super::instance::Candidates;
use crate::reader::Paths;
use crate::samples::{Gathered, NovaId, Reading};
use crate::state::HostData;

const VM: Kind = Kind::VirtualMachine;
const ANNOTATION: &str = "config.annotation";
const INSTANCE_UUID: &str = "config.instanceUuid";
const TEMPLATE: &str = "config.template";
const CPUS: &str = "summary.config.numCpu";
const MEMORY: &str = "summary.config.memorySizeMB";
const COMMITTED: &str = "summary.storage.committed";
const UNCOMMITTED: &str = "summary.storage.uncommitted";

const OF_MACHINE: &[&str] =
    &[NAME, ANNOTATION, INSTANCE_UUID, TEMPLATE, FAULT_TOLERANCE_ROLE, POWER_STATE, HOST, CPUS, MEMORY, COMMITTED, UNCOMMITTED];

/// The paths that this reads.
pub(super) const PATHS: Paths = &[(VM, OF_MACHINE), (Kind::HostSystem, &[NAME])];

/// Whether anything can be said of a vSphere host: its inventory is known, and it answered the last cycle, which is not too old.
/// Ceilometer dates a sample by its poll. What vPoller knew of a host that is away would get that date as well.
pub(super) fn is_ready(data: &HostData) -> bool {
    let is_fresh = |gathered: &Gathered| gathered.reached && gathered.until >= Instant::now();
    data.view.is_some() && data.gathered.as_deref().is_some_and(is_fresh)
}

/// The machines of a vSphere host, without templates and the second halves of fault-tolerant pairs. Those are left out of which it is
/// not known yet what instance they are: under another identifier they would be other resources for one poll.
pub(super) fn machines(data: &HostData) -> Vec<Machine<'_>> {
    let (Some(view), Some(gathered)) = (&data.view, &data.gathered) else { return Vec::new() };
    if !is_ready(data) {
        return Vec::new();
    }
    let columns = OF_MACHINE.iter().filter_map(|path| Some((*path, view.column(VM, path)?))).collect();
    let reader = MachineReader { columns, hosts: host_names(view), gathered, vcenter: data.host.name() };
    view.objects(VM).filter_map(|machine| reader.read(machine)).collect()
}

fn host_names(view: &View) -> HashMap<&str, &str> {
    let Some(name) = view.column(Kind::HostSystem, NAME) else { return HashMap::new() };
    let hosts = view.objects(Kind::HostSystem);
    hosts.filter_map(|host| Some((&*host.reference().id, text(host.get(name))?))).collect()
}

/// The value of a text property, where it is set.
fn text(property: Property<'_>) -> Option<&str> {
    set(property).and_then(Value::as_str)
}

fn set(property: Property<'_>) -> Option<&Value> {
    match property {
        Property::Set(value) => Some(value),
        Property::Unset | Property::Refused(_) | Property::Unknown => None,
    }
}

/// Reads machines of one version of an inventory.
struct MachineReader<'v> {
    columns: Vec<(&'static str, Column<'v>)>,
    hosts: HashMap<&'v str, &'v str>,
    gathered: &'v Gathered,
    vcenter: &'v str,
}

impl<'v> MachineReader<'v> {
    fn get(&self, machine: ObjectView<'v>, path: &str) -> Property<'v> {
        let column = self.columns.iter().find(|(known, _)| *known == path);
        column.map_or(Property::Unknown, |(_, column)| machine.get(*column))
    }

    fn number(&self, machine: ObjectView<'v>, path: &str) -> Option<i64> {
        set(self.get(machine, path)).and_then(Value::as_i64)
    }

    fn read(&self, machine: ObjectView<'v>) -> Option<Machine<'v>> {
        let is_template = set(self.get(machine, TEMPLATE)).and_then(Value::as_bool) == Some(true);
        let is_second = self.number(machine, FAULT_TOLERANCE_ROLE).is_some_and(|role| role > 1);
        if is_template || is_second {
            return None;
        }
        let details = self.gathered.details.get(&machine.reference().id)?;
        let nova = match &details.nova {
            NovaId::Set(identifier) => Some(&**identifier),
            NovaId::None | NovaId::Refused => None,
        };
        let instance_uuid = self.get(machine, INSTANCE_UUID);
        if nova.is_none() && instance_uuid == Property::Unknown {
            return None;
        }
        let name = text(self.get(machine, NAME));
        let power = text(self.get(machine, POWER_STATE)).and_then(|state| match state {
            "poweredOn" => Some(Power::On),
            "poweredOff" => Some(Power::Off),
            "suspended" => Some(Power::Suspended),
            _ => None,
        });
        let host = set(self.get(machine, HOST)).and_then(Value::as_moref);
        let used = self.number(machine, COMMITTED);
        Some(Machine {
            candidates: Candidates {
                nova,
                instance_uuid: text(instance_uuid),
                name,
                running: power == Some(Power::On),
                vcenter: self.vcenter,
                moid: &machine.reference().id,
            },
            name: name.map(decoded_name),
            annotation: text(self.get(machine, ANNOTATION)).map(Annotation::parse).unwrap_or_default(),
            power,
            host: host.and_then(|host| self.hosts.get(&*host.id)).copied(),
            cpus: self.number(machine, CPUS),
            memory_mb: self.number(machine, MEMORY),
            provisioned: used.zip(self.number(machine, UNCOMMITTED)).map(|(used, more)| used.saturating_add(more)),
            used,
            capacity: details.disk_bytes.and_then(|bytes| i64::try_from(bytes).ok()),
            cards: &details.cards,
            readings: self.readings(machine),
        })
    }

    /// What the last cycle brought. What the one before brought, and stands in for it, is not new.
    fn readings(&self, machine: ObjectView<'v>) -> &'v [Reading] {
        let id = &machine.reference().id;
        let is_carried =
            self.gathered.answers_to(Kind::VirtualMachine, SOURCE).is_some_and(|answers| answers.carried.contains(id));
        if is_carried { &[] } else { self.gathered.readings(Kind::VirtualMachine, SOURCE, machine.reference()) }
    }
}
