//! The entries of an answer: a resource each, with its value and what is known of its instance.
//!
//! Ceilometer takes the names of labels from the first entry of an answer and fills those of the others in by their place. So every
//! entry of an answer has the same keys, and what becomes a label is never empty: what is not known is the word `none` there, and
//! null elsewhere.

use std::borrow::Cow;

use serde::Serialize;

use super::annotation::Annotation;
use super::instance::{Candidates, identifiers};
use super::meters::{self, Fact, METERS, Meter, Resource, Source};
use crate::samples::{NetworkCard, Reading};

/// For labels that would be empty.
pub(crate) const UNKNOWN: &str = "none";

/// A virtual machine as far as it is known.
#[derive(Clone, Debug)]
pub(crate) struct Machine<'a> {
    /// What it can be known by.
    pub candidates: Candidates<'a>,
    /// Its name, as people see it.
    pub name: Option<Cow<'a, str>>,
    /// What Nova says of it.
    pub annotation: Annotation<'a>,
    /// Whether it runs; nothing where that may not be known.
    pub power: Option<Power>,
    /// The name of its ESXi host, the last one while it is off.
    pub host: Option<&'a str>,
    /// The number of virtual CPUs.
    pub cpus: Option<i64>,
    /// The memory in MB.
    pub memory_mb: Option<i64>,
    /// The space that it may come to use, in bytes.
    pub provisioned: Option<i64>,
    /// The space that it uses, in bytes.
    pub used: Option<i64>,
    /// The virtual disks' capacity, in bytes.
    pub capacity: Option<i64>,
    /// Its virtual network cards.
    pub cards: &'a [NetworkCard],
    /// Its counters, where they are fresh.
    pub readings: &'a [Reading],
}

/// Whether a machine runs.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Power {
    /// It runs.
    On,
    /// It does not.
    Off,
    /// It is suspended: it has no measurements either.
    Suspended,
}

/// What machines get whose annotation does not say.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Defaults<'a> {
    /// Whose machines they are.
    pub project: &'a str,
    /// Who made them.
    pub user: &'a str,
}

/// One entry.
#[derive(Debug, Serialize)]
pub(crate) struct Entry<'a> {
    pub id: String,
    user_id: &'a str,
    project_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub meters: Option<Vec<Item>>,
    pub instance_id: &'a str,
    display_name: &'a str,
    name: &'a str,
    host: &'a str,
    instance_host: &'a str,
    instance_type: Option<&'a str>,
    image_ref: Option<&'a str>,
    status: &'static str,
    state: &'static str,
    state_code: u8,
    vcpus: Option<i64>,
    memory_mb: Option<i64>,
    disk_gb: Option<i64>,
    architecture: Option<&'static str>,
    task_state: Option<&'static str>,
    user_name: Option<&'a str>,
    project_name: Option<&'a str>,
    vm_name: &'a str,
    vcenter: &'a str,
    moid: &'a str,
    #[serde(flatten)]
    device: Option<Device<'a>>,
}

/// What entries of devices have beside.
#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Device<'a> {
    Disk { disk_name: &'a str },
    NetworkCard { vnic_name: &'a str, mac: Option<&'a str>, fref: Option<&'static str>, parameters: Option<&'static str> },
}

/// One meter of an entry that has several. The meter's name stands under two keys, because definitions of different units must have
/// different words for it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Item {
    meter: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes_meter: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    requests_meter: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    packets_meter: Option<&'static str>,
    value: f64,
}

/// Meters of devices that are asked for together: those of one unit.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Family {
    /// What they are of.
    pub resource: Resource,
    /// The word in the address.
    pub unit: &'static str,
    /// The beginning of the meters' names, with the dot.
    pub prefix: &'static str,
    /// The key of the rest of the name.
    pub key: &'static str,
}

/// All of them.
pub(crate) const FAMILIES: [Family; 4] = [
    Family { resource: Resource::Disk, unit: "bytes", prefix: "disk.device.", key: "bytes_meter" },
    Family { resource: Resource::Disk, unit: "requests", prefix: "disk.device.", key: "requests_meter" },
    Family { resource: Resource::NetworkCard, unit: "bytes", prefix: "network.", key: "bytes_meter" },
    Family { resource: Resource::NetworkCard, unit: "packets", prefix: "network.", key: "packets_meter" },
];

impl Family {
    /// Its meters, with the end of each name.
    pub(crate) fn meters(self) -> impl Iterator<Item = (&'static Meter, &'static str)> {
        METERS.iter().filter(move |meter| meter.resource == self.resource).filter_map(move |meter| {
            let rest = meter.name.strip_prefix(self.prefix)?;
            rest.split('.').any(|part| part == self.unit).then_some((meter, rest))
        })
    }

    fn item(self, meter: &'static str, value: f64) -> Item {
        let under = |key: &str| (self.key == key).then_some(meter);
        Item {
            meter,
            bytes_meter: under("bytes_meter"),
            requests_meter: under("requests_meter"),
            packets_meter: under("packets_meter"),
            value,
        }
    }
}

/// Machines with the identifiers of their instances, in the order of these.
#[derive(Debug)]
pub(crate) struct Instances<'a> {
    machines: Vec<(String, Machine<'a>)>,
    defaults: Defaults<'a>,
    /// Whether virtual disks are disk devices, too.
    virtual_disks: bool,
}

impl<'a> Instances<'a> {
    pub(crate) fn new(machines: Vec<Machine<'a>>, defaults: Defaults<'a>) -> Self {
        let candidates: Vec<Candidates<'_>> = machines.iter().map(|machine| machine.candidates.clone()).collect();
        let mut machines: Vec<_> = identifiers(&candidates).into_iter().zip(machines).collect();
        machines.sort_by(|(one, _), (other, _)| one.cmp(other));
        Self { machines, defaults, virtual_disks: false }
    }

    /// The same with virtual disks beside the other disk devices, where that is wanted.
    pub(crate) fn with_virtual_disks(self, virtual_disks: bool) -> Self {
        Self { virtual_disks, ..self }
    }

    /// The machines after this identifier.
    fn after(&self, marker: Option<&str>) -> impl Iterator<Item = (&str, &Machine<'a>)> {
        let start = marker.map_or(0, |marker| self.machines.partition_point(|(identifier, _)| &**identifier <= marker));
        self.machines.iter().skip(start).map(|(identifier, machine)| (&**identifier, machine))
    }

    /// The entries of a meter, of instances after the marker.
    pub(crate) fn of_meter<'s>(&'s self, meter: &'static Meter, marker: Option<&str>) -> impl Iterator<Item = Vec<Entry<'s>>> {
        self.after(marker).map(move |(identifier, machine)| {
            if meter.resource != Resource::Instance {
                let values = machine.devices(meter, self.virtual_disks).into_iter();
                return values
                    .map(|(device, value)| self.entry(identifier, machine, Some((meter.resource, device))).with(value))
                    .collect();
            }
            machine.value(meter).map(|value| self.entry(identifier, machine, None).with(value)).into_iter().collect()
        })
    }

    /// The entries of meters that are asked for together.
    pub(crate) fn of_family<'s>(&'s self, family: Family, marker: Option<&str>) -> impl Iterator<Item = Vec<Entry<'s>>> {
        self.after(marker).map(move |(identifier, machine)| {
            let mut devices: Vec<(&str, Vec<Item>)> = Vec::new();
            for (meter, rest) in family.meters() {
                for (device, value) in machine.devices(meter, self.virtual_disks) {
                    let item = family.item(rest, value);
                    match devices.iter_mut().find(|(known, _)| *known == device) {
                        Some((_, items)) => items.push(item),
                        None => devices.push((device, vec![item])),
                    }
                }
            }
            devices.sort_by_key(|(device, _)| meters::device_order(device));
            let entry = |(device, items)| Entry {
                meters: Some(items),
                ..self.entry(identifier, machine, Some((family.resource, device)))
            };
            devices.into_iter().map(entry).collect()
        })
    }

    fn entry<'s>(&'s self, identifier: &'s str, machine: &'s Machine<'a>, device: Option<(Resource, &'s str)>) -> Entry<'s> {
        let note = machine.annotation;
        let vm_name = label(machine.name.as_deref());
        let host = label(machine.host);
        let (status, state, state_code) = machine.state();
        let (id, name, device) = match device {
            Some((Resource::NetworkCard, key)) => {
                let mac = machine.cards.iter().find(|card| key.parse() == Ok(card.key)).map(|card| &*card.mac);
                let card = Device::NetworkCard { vnic_name: key, mac, fref: None, parameters: None };
                (format!("{vm_name}-{identifier}-{key}"), key, Some(card))
            }
            Some((_, disk)) => (format!("{identifier}-{disk}"), vm_name, Some(Device::Disk { disk_name: disk })),
            None => (identifier.to_owned(), vm_name, None),
        };
        Entry {
            id,
            user_id: label(note.user_id.or(Some(self.defaults.user))),
            project_id: label(note.project_id.or(Some(self.defaults.project))),
            value: None,
            meters: None,
            instance_id: identifier,
            display_name: note.name.unwrap_or(vm_name),
            name,
            host,
            instance_host: host,
            instance_type: note.flavor,
            image_ref: note.image,
            status,
            state,
            state_code,
            vcpus: machine.cpus,
            memory_mb: machine.memory_mb,
            disk_gb: machine.capacity.map(|bytes| bytes >> 30),
            architecture: None,
            task_state: None,
            user_name: note.user_name,
            project_name: note.project_name,
            vm_name,
            vcenter: machine.candidates.vcenter,
            moid: machine.candidates.moid,
            device,
        }
    }
}

fn label(text: Option<&str>) -> &str {
    text.map(str::trim).filter(|text| !text.is_empty()).unwrap_or(UNKNOWN)
}

impl Entry<'_> {
    fn with(self, value: f64) -> Self {
        Self { value: Some(value), ..self }
    }
}

impl Machine<'_> {
    /// Whether it may have measurements: where that may not be known, they say it themselves.
    fn is_measured(&self) -> bool {
        self.power.is_none_or(|power| power == Power::On)
    }

    /// Status, state and number of the state, as Nova calls them.
    fn state(&self) -> (&'static str, &'static str, u8) {
        match self.power {
            Some(Power::On) => ("active", "active", 1),
            Some(Power::Off) => ("shutoff", "stopped", 4),
            Some(Power::Suspended) => ("suspended", "suspended", 7),
            None => ("unknown", "unknown", 0),
        }
    }

    fn value(&self, meter: &Meter) -> Option<f64> {
        if let Source::Fact(fact) = meter.source {
            return self.fact(fact);
        }
        let readings = self.is_measured().then_some(self.readings)?;
        meters::of_instance(meter.source, readings, self.cpus)
    }

    fn devices(&self, meter: &Meter, virtual_disks: bool) -> Vec<(&str, f64)> {
        if !self.is_measured() {
            return Vec::new();
        }
        let mut devices = meters::of_devices(meter.source, self.readings, self.cpus);
        if let Some(source) = meters::of_virtual_disks(meter).filter(|_| virtual_disks) {
            devices.extend(meters::of_devices(source, self.readings, self.cpus));
        }
        devices
    }

    #[expect(clippy::cast_precision_loss, reason = "9 PB are exact")]
    fn fact(&self, fact: Fact) -> Option<f64> {
        if !fact.of_all_machines() && self.power != Some(Power::On) {
            return None;
        }
        let number = match fact {
            Fact::Cpus => self.cpus,
            Fact::Memory => self.memory_mb,
            Fact::Provisioned => self.provisioned,
            Fact::Used => self.used,
        };
        number.filter(|number| *number >= 0).map(|number| number as f64)
    }
}
