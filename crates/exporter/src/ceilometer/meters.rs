//! The meters: what each is called, measures and is computed from.

use std::fmt::Write;

use crate::reader::{REAL_TIME, WantedCounter};
use crate::samples::Reading;

/// Something that Ceilometer counts.
#[derive(Debug)]
pub(crate) struct Meter {
    /// Its name in Ceilometer.
    pub name: &'static str,
    /// Its unit; never empty, or Ceilometer does not load the definition.
    pub unit: &'static str,
    /// What it is of.
    pub resource: Resource,
    /// Where its values come from.
    pub source: Source,
    /// What it says, for the documentation.
    pub about: &'static str,
}

/// What a sample is of.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Resource {
    /// An instance.
    Instance,
    /// A disk device of an instance.
    Disk,
    /// A virtual network card of an instance.
    NetworkCard,
}

/// Where values come from.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Source {
    /// A performance counter.
    Counter {
        /// The counter, and whether it is wanted of each device.
        wanted: WantedCounter,
        /// The other counter of a pair, such as reading for writing: a device that has only that one counts as 0.
        pair: Option<&'static str>,
        /// From a sample to the meter's unit.
        formula: Formula,
    },
    /// A property of the machine.
    Fact(Fact),
}

/// From a sample to the meter's unit.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Formula {
    /// As it is.
    Same,
    /// Hundredths.
    Hundredth,
    /// Kilobytes to megabytes, by 1024.
    KiloToMega,
    /// Kilobytes to bytes, by 1024.
    KiloToOne,
    /// A sum over the interval of a sample.
    PerSecond,
    /// Milliseconds of all virtual CPUs together to percent of one CPU's time.
    ShareOfCpu,
}

/// What is a property, not a measurement.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Fact {
    /// The number of virtual CPUs.
    Cpus,
    /// The memory in MB.
    Memory,
    /// The space on datastores that the machine may come to use, in bytes.
    Provisioned,
    /// The space on datastores that the machine uses, in bytes.
    Used,
}

impl Fact {
    /// Whether machines that are off have it, too: their space is used all the same.
    pub(crate) const fn of_all_machines(self) -> bool {
        matches!(self, Self::Provisioned | Self::Used)
    }
}

/// The machine as a whole.
const WHOLE: &str = "";
/// Every device.
const EACH: &str = "*";

const fn whole(counter: &'static str, formula: Formula) -> Source {
    Source::Counter { wanted: WantedCounter { name: counter, instance: WHOLE }, pair: None, formula }
}

const fn each(counter: &'static str, pair: &'static str, formula: Formula) -> Source {
    Source::Counter { wanted: WantedCounter { name: counter, instance: EACH }, pair: Some(pair), formula }
}

const READ: Source = each("disk.read.average", "disk.write.average", Formula::KiloToOne);
const WRITE: Source = each("disk.write.average", "disk.read.average", Formula::KiloToOne);
const READS: Source = each("disk.numberReadAveraged.average", "disk.numberWriteAveraged.average", Formula::Same);
const WRITES: Source = each("disk.numberWriteAveraged.average", "disk.numberReadAveraged.average", Formula::Same);

/// What the meters of disk devices are for a machine's virtual disks, each with its meter's name.
const OF_VIRTUAL_DISKS: [(&str, Source); 4] = [
    ("disk.device.read.bytes.rate", each("virtualDisk.read.average", "virtualDisk.write.average", Formula::KiloToOne)),
    ("disk.device.write.bytes.rate", each("virtualDisk.write.average", "virtualDisk.read.average", Formula::KiloToOne)),
    (
        "disk.device.read.requests.rate",
        each("virtualDisk.numberReadAveraged.average", "virtualDisk.numberWriteAveraged.average", Formula::Same),
    ),
    (
        "disk.device.write.requests.rate",
        each("virtualDisk.numberWriteAveraged.average", "virtualDisk.numberReadAveraged.average", Formula::Same),
    ),
];

/// The counters of virtual disks, each once.
pub(crate) const VIRTUAL_DISK_COUNTERS: &[WantedCounter] = &[
    WantedCounter { name: "virtualDisk.read.average", instance: EACH },
    WantedCounter { name: "virtualDisk.write.average", instance: EACH },
    WantedCounter { name: "virtualDisk.numberReadAveraged.average", instance: EACH },
    WantedCounter { name: "virtualDisk.numberWriteAveraged.average", instance: EACH },
];

/// Every meter, in the order of the documentation.
pub(crate) const METERS: [Meter; 23] = [
    Meter {
        name: "cpu_util",
        unit: "%",
        resource: Resource::Instance,
        source: whole("cpu.usage.average", Formula::Hundredth),
        about: "CPU usage, of all virtual CPUs",
    },
    Meter {
        name: "memory.usage",
        unit: "MB",
        resource: Resource::Instance,
        source: whole("mem.consumed.average", Formula::KiloToMega),
        about: "memory of the ESXi host that the instance consumes",
    },
    Meter {
        name: "network.incoming.bytes.rate",
        unit: "B/s",
        resource: Resource::NetworkCard,
        source: each("net.received.average", "net.transmitted.average", Formula::KiloToOne),
        about: "bytes received",
    },
    Meter {
        name: "network.outgoing.bytes.rate",
        unit: "B/s",
        resource: Resource::NetworkCard,
        source: each("net.transmitted.average", "net.received.average", Formula::KiloToOne),
        about: "bytes sent",
    },
    Meter {
        name: "network.incoming.packets.rate",
        unit: "packet/s",
        resource: Resource::NetworkCard,
        source: each("net.packetsRx.summation", "net.packetsTx.summation", Formula::PerSecond),
        about: "packets received",
    },
    Meter {
        name: "network.outgoing.packets.rate",
        unit: "packet/s",
        resource: Resource::NetworkCard,
        source: each("net.packetsTx.summation", "net.packetsRx.summation", Formula::PerSecond),
        about: "packets sent",
    },
    Meter {
        name: "disk.device.read.bytes.rate",
        unit: "B/s",
        resource: Resource::Disk,
        source: READ,
        about: "bytes read from the device",
    },
    Meter {
        name: "disk.device.write.bytes.rate",
        unit: "B/s",
        resource: Resource::Disk,
        source: WRITE,
        about: "bytes written to the device",
    },
    Meter {
        name: "disk.device.read.requests.rate",
        unit: "request/s",
        resource: Resource::Disk,
        source: READS,
        about: "read requests to the device",
    },
    Meter {
        name: "disk.device.write.requests.rate",
        unit: "request/s",
        resource: Resource::Disk,
        source: WRITES,
        about: "write requests to the device",
    },
    Meter {
        name: "disk.read.bytes.rate",
        unit: "B/s",
        resource: Resource::Instance,
        source: READ,
        about: "bytes read, the sum of all devices",
    },
    Meter {
        name: "disk.write.bytes.rate",
        unit: "B/s",
        resource: Resource::Instance,
        source: WRITE,
        about: "bytes written, the sum of all devices",
    },
    Meter {
        name: "disk.read.requests.rate",
        unit: "request/s",
        resource: Resource::Instance,
        source: READS,
        about: "read requests, the sum of all devices",
    },
    Meter {
        name: "disk.write.requests.rate",
        unit: "request/s",
        resource: Resource::Instance,
        source: WRITES,
        about: "write requests, the sum of all devices",
    },
    Meter { name: "vcpus", unit: "vcpu", resource: Resource::Instance, source: Source::Fact(Fact::Cpus), about: "virtual CPUs" },
    Meter {
        name: "memory",
        unit: "MB",
        resource: Resource::Instance,
        source: Source::Fact(Fact::Memory),
        about: "memory of the instance",
    },
    Meter {
        name: "vsphere.cpu.ready",
        unit: "%",
        resource: Resource::Instance,
        source: whole("cpu.ready.summation", Formula::ShareOfCpu),
        about: "time that a virtual CPU was ready and had to wait for a CPU of the ESXi host, mean of the virtual CPUs",
    },
    Meter {
        name: "vsphere.memory.balloon",
        unit: "MB",
        resource: Resource::Instance,
        source: whole("mem.vmmemctl.average", Formula::KiloToMega),
        about: "memory that the balloon driver took from the guest",
    },
    Meter {
        name: "vsphere.memory.active",
        unit: "MB",
        resource: Resource::Instance,
        source: whole("mem.active.average", Formula::KiloToMega),
        about: "memory that the guest used recently",
    },
    Meter {
        name: "vsphere.memory.swapped",
        unit: "MB",
        resource: Resource::Instance,
        source: whole("mem.swapped.average", Formula::KiloToMega),
        about: "memory that the ESXi host swapped out",
    },
    Meter {
        name: "vsphere.disk.latency",
        unit: "ms",
        resource: Resource::Instance,
        source: whole("disk.maxTotalLatency.latest", Formula::Same),
        about: "highest latency of the disk devices that the instance uses",
    },
    Meter {
        name: "vsphere.disk.provisioned",
        unit: "B",
        resource: Resource::Instance,
        source: Source::Fact(Fact::Provisioned),
        about: "space on datastores that the instance may come to use, also while it is off",
    },
    Meter {
        name: "vsphere.disk.used",
        unit: "B",
        resource: Resource::Instance,
        source: Source::Fact(Fact::Used),
        about: "space on datastores that the instance uses, also while it is off",
    },
];

/// Where the values of a meter of disk devices come from for virtual disks.
pub(crate) fn of_virtual_disks(meter: &Meter) -> Option<Source> {
    OF_VIRTUAL_DISKS.iter().find(|(name, _)| *name == meter.name).map(|(_, source)| *source)
}

/// The meter of this name.
pub(crate) fn meter(name: &str) -> Option<&'static Meter> {
    METERS.iter().find(|meter| meter.name == name)
}

/// The meters as a table of Markdown, which the documentation shows.
#[must_use]
pub fn meter_table() -> String {
    let mut table = "| Meter | Unit | Resource | Counter of vSphere | What it is |\n| --- | --- | --- | --- | --- |\n".to_owned();
    for meter in &METERS {
        let Meter { name, unit, about, .. } = meter;
        let resource = match meter.resource {
            Resource::Instance => "instance",
            Resource::Disk => "disk device",
            Resource::NetworkCard => "network card",
        };
        let source = match meter.source {
            Source::Counter { wanted, .. } => format!("`{}`", wanted.name),
            Source::Fact(Fact::Cpus) => "`summary.config.numCpu`".to_owned(),
            Source::Fact(Fact::Memory) => "`summary.config.memorySizeMB`".to_owned(),
            Source::Fact(Fact::Provisioned) => "`summary.storage`: `committed` + `uncommitted`".to_owned(),
            Source::Fact(Fact::Used) => "`summary.storage.committed`".to_owned(),
        };
        // A String takes everything.
        let _ = writeln!(table, "| `{name}` | {unit} | {resource} | {source} | {about} |");
    }
    table
}

/// The counters that the meters are computed from, each once.
pub(crate) const COUNTERS: &[WantedCounter] = &[
    WantedCounter { name: "cpu.usage.average", instance: WHOLE },
    WantedCounter { name: "cpu.ready.summation", instance: WHOLE },
    WantedCounter { name: "mem.consumed.average", instance: WHOLE },
    WantedCounter { name: "mem.vmmemctl.average", instance: WHOLE },
    WantedCounter { name: "mem.active.average", instance: WHOLE },
    WantedCounter { name: "mem.swapped.average", instance: WHOLE },
    WantedCounter { name: "net.received.average", instance: EACH },
    WantedCounter { name: "net.transmitted.average", instance: EACH },
    WantedCounter { name: "net.packetsRx.summation", instance: EACH },
    WantedCounter { name: "net.packetsTx.summation", instance: EACH },
    WantedCounter { name: "disk.read.average", instance: EACH },
    WantedCounter { name: "disk.write.average", instance: EACH },
    WantedCounter { name: "disk.numberReadAveraged.average", instance: EACH },
    WantedCounter { name: "disk.numberWriteAveraged.average", instance: EACH },
    WantedCounter { name: "disk.maxTotalLatency.latest", instance: WHOLE },
];

impl Formula {
    /// The mean of a period's samples in the meter's unit. Nothing where it needs the number of virtual CPUs, which is not known.
    #[expect(clippy::cast_precision_loss, reason = "neither seconds nor CPUs have 53 bits")]
    fn apply(self, mean: f64, cpus: Option<i64>) -> Option<f64> {
        let seconds = REAL_TIME as f64;
        let value = match self {
            Self::Same => mean,
            Self::Hundredth => mean / 100.0,
            Self::KiloToMega => mean / 1024.0,
            Self::KiloToOne => mean * 1024.0,
            Self::PerSecond => mean / seconds,
            Self::ShareOfCpu => mean / (seconds * 10.0) / cpus.filter(|cpus| *cpus > 0)? as f64,
        };
        // Less than 0 is no measurement, whatever it is meant to say.
        Some(value).filter(|value| value.is_finite() && *value >= 0.0)
    }
}

/// The value of a meter of an instance: of the machine as a whole, or the sum of its devices.
pub(crate) fn of_instance(source: Source, readings: &[Reading], cpus: Option<i64>) -> Option<f64> {
    let Source::Counter { wanted, formula, .. } = source else { return None };
    if wanted.instance == EACH {
        let devices = of_devices(source, readings, cpus);
        return (!devices.is_empty()).then(|| devices.iter().map(|(_, value)| value).sum());
    }
    let found = readings.iter().find(|reading| reading.counter == wanted.name && reading.instance.is_empty())?;
    formula.apply(found.mean, cpus)
}

/// The value of each device, in the order of their keys.
pub(crate) fn of_devices(source: Source, readings: &[Reading], cpus: Option<i64>) -> Vec<(&str, f64)> {
    let Source::Counter { wanted, pair, formula } = source else { return Vec::new() };
    let of = |counter: &'static str| {
        let devices = readings.iter().filter(move |reading| reading.counter == counter && is_device(&reading.instance));
        devices.filter_map(move |reading| Some((&*reading.instance, formula.apply(reading.mean, cpus)?)))
    };
    let mut found: Vec<(&str, f64)> = of(wanted.name).collect();
    for (device, _) in pair.into_iter().flat_map(of) {
        if !found.iter().any(|(known, _)| *known == device) {
            found.push((device, 0.0));
        }
    }
    found.sort_by_key(|(device, _)| device_order(device));
    found.dedup_by_key(|(device, _)| *device);
    found
}

/// Neither the sum of all devices nor a card of the ESXi host.
fn is_device(instance: &str) -> bool {
    !instance.is_empty() && !instance.starts_with("vmnic")
}

/// Virtual network cards by their number, everything else by its name.
pub(crate) fn device_order(instance: &str) -> (u64, &str) {
    (instance.parse().unwrap_or(u64::MAX), instance)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use proptest::prelude::*;

    const CPUS: Option<i64> = Some(2);

    fn reading(counter: &'static str, instance: &str, mean: f64) -> Reading {
        Reading { counter, instance: instance.into(), mean, newest: 0 }
    }

    fn value(name: &str, readings: &[Reading]) -> Option<f64> {
        of_instance(meter(name).unwrap().source, readings, CPUS)
    }

    #[test]
    fn formulas() {
        let one =
            |name: &str, counter: &'static str, mean| value(name, &[reading(counter, "", mean), reading(counter, "0", 7.0)]);
        assert_eq!(one("cpu_util", "cpu.usage.average", 250.0), Some(2.5));
        assert_eq!(one("memory.usage", "mem.consumed.average", 2048.0), Some(2.0));
        assert_eq!(one("vsphere.cpu.ready", "cpu.ready.summation", 4000.0), Some(10.0));
        assert_eq!(one("vsphere.disk.latency", "disk.maxTotalLatency.latest", 0.0), Some(0.0));
        assert_eq!(one("vsphere.disk.latency", "disk.maxTotalLatency.latest", -1.0), None);
        assert_eq!(one("cpu_util", "mem.consumed.average", 1.0), None);
        assert_eq!(Formula::ShareOfCpu.apply(1.0, None), None);
        assert_eq!(Formula::ShareOfCpu.apply(1.0, Some(0)), None);
        assert_eq!(Formula::PerSecond.apply(40.0, None), Some(2.0));
    }

    #[test]
    fn devices_are_those_of_either_side_in_the_order_of_their_keys() {
        let all = [
            reading("net.received.average", "4001", 1.0),
            reading("net.received.average", "", 9.0),
            reading("net.received.average", "vmnic0", 9.0),
            reading("net.transmitted.average", "4000", 2.0),
            reading("net.transmitted.average", "10000", 2.0),
            reading("net.transmitted.average", "9", -1.0),
        ];
        let of = |name| of_devices(meter(name).unwrap().source, &all, None);
        assert_eq!(of("network.incoming.bytes.rate"), [("4000", 0.0), ("4001", 1024.0), ("10000", 0.0)]);
        assert_eq!(of("network.outgoing.bytes.rate"), [("4000", 2048.0), ("4001", 0.0), ("10000", 2048.0)]);
        assert_eq!(of("network.incoming.packets.rate"), []);
    }

    #[test]
    fn sums_are_over_devices_and_not_made_of_nothing() {
        let disks = [reading("disk.read.average", "naa.1", 1.0), reading("disk.read.average", "naa.2", 3.0)];
        assert_eq!(value("disk.read.bytes.rate", &disks), Some(4096.0));
        assert_eq!(value("disk.write.bytes.rate", &disks), Some(0.0));
        assert_eq!(value("disk.read.requests.rate", &disks), None);
        assert_eq!(value("vcpus", &disks), None);
    }

    #[test]
    fn the_table_is_what_ceilometer_loads_and_the_cycles_ask_for() {
        let mut names: Vec<&str> = METERS.iter().map(|meter| meter.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), METERS.len());
        let mut wanted = BTreeSet::new();
        for meter in &METERS {
            let sound = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
            assert!(meter.name.split('.').all(sound) && !meter.unit.is_empty(), "{meter:?}");
            // On Ceilometer's own page these endings would mean something else.
            assert!(
                !["total", "created", "info", "count", "sum", "bucket"].iter().any(|end| meter.name.ends_with(end)),
                "{meter:?}"
            );
            if let Source::Counter { wanted: counter, pair, .. } = meter.source {
                wanted.extend([Some(counter.name), pair].into_iter().flatten().map(|name| (name, counter.instance)));
            }
        }
        assert_eq!(COUNTERS.iter().map(|counter| (counter.name, counter.instance)).collect::<BTreeSet<_>>(), wanted);
        assert_eq!(COUNTERS.len(), wanted.len(), "each once");
        let of_disks: Vec<&Meter> = METERS.iter().filter(|meter| meter.resource == Resource::Disk).collect();
        let mut wanted = BTreeSet::new();
        for meter in &of_disks {
            let Some(Source::Counter { wanted: counter, pair, formula }) = of_virtual_disks(meter) else { panic!("{meter:?}") };
            let Source::Counter { formula: usual, .. } = meter.source else { panic!("{meter:?}") };
            assert_eq!(formula, usual, "{meter:?}");
            wanted.extend([Some(counter.name), pair].into_iter().flatten());
        }
        assert_eq!(of_disks.len(), OF_VIRTUAL_DISKS.len());
        assert_eq!(VIRTUAL_DISK_COUNTERS.iter().map(|counter| counter.name).collect::<BTreeSet<_>>(), wanted);
    }

    proptest! {
        #[test]
        fn no_reading_makes_an_infinite_or_negative_number(mean in any::<f64>(), cpus in any::<Option<i64>>()) {
            for meter in &METERS {
                let Source::Counter { wanted, formula, .. } = meter.source else { continue };
                prop_assert!(formula.apply(mean, cpus).is_none_or(|value| value.is_finite() && value >= 0.0));
                let readings = [reading(wanted.name, wanted.instance.trim_matches('*'), mean)];
                prop_assert!(of_instance(meter.source, &readings, cpus).is_none_or(f64::is_finite));
            }
        }
    }
}
