//! Counters and the names they go by, historical intervals.

use std::collections::HashMap;
use std::sync::Arc;

use super::{int, text};
use crate::{Struct, Value};

/// A performance counter (`PerfCounterInfo`).
#[derive(Clone, Debug)]
pub struct Counter {
    /// Its number at this server.
    pub key: i32,
    /// Group, such as `net`.
    pub group: Arc<str>,
    /// Name in the group, such as `received`; may hold dots.
    pub name: Arc<str>,
    /// Unit, such as `kiloBytesPerSecond`.
    pub unit: Arc<str>,
    /// How samples are summed up, such as `average`.
    pub rollup: Arc<str>,
    /// The whole data object.
    pub info: Struct,
}

/// The counters of a server, found by number or by name.
#[derive(Clone, Debug, Default)]
pub struct Catalogue {
    counters: Vec<Counter>,
    by_key: HashMap<i32, usize>,
    by_name: HashMap<String, usize>,
}

/// A historical interval (`PerfInterval`).
#[derive(Clone, Debug)]
pub struct Interval {
    /// Its number at this server.
    pub key: i32,
    /// Seconds between samples.
    pub sampling_period: i32,
    /// Its name, such as `Past day`.
    pub name: Arc<str>,
    /// For how many seconds samples are kept.
    pub length: i32,
    /// The whole data object.
    pub info: Struct,
}

/// The rollup that is meant when a name leaves it open.
const USUAL_ROLLUP: &str = "average";

impl Counter {
    fn read(value: Value) -> Option<Self> {
        let info = value.into_struct()?;
        let part = |member: &str| info.get(member).and_then(Value::as_struct).map_or_else(Arc::default, |part| text(part, "key"));
        Some(Self {
            key: int(&info, "key")?,
            group: part("groupInfo"),
            name: part("nameInfo"),
            unit: part("unitInfo"),
            rollup: text(&info, "rollupType"),
            info,
        })
    }

    /// The name in full: `net.received.kiloBytesPerSecond.average`.
    #[must_use]
    pub fn full_name(&self) -> String {
        format!("{}.{}.{}.{}", self.group, self.name, self.unit, self.rollup)
    }

    /// Every name that may mean this counter, the strictest first.
    fn names(&self) -> [String; 4] {
        let Self { group, name, unit, rollup, .. } = self;
        [self.full_name(), format!("{group}.{name}.{rollup}"), format!("{group}.{name}.{unit}"), format!("{group}.{name}")]
    }
}

impl Catalogue {
    /// A catalogue of these `PerfCounterInfo`; anything else is left out.
    #[must_use]
    pub fn new(infos: Vec<Value>) -> Self {
        let counters: Vec<Counter> = infos.into_iter().filter_map(Counter::read).collect();
        let by_key = counters.iter().enumerate().map(|(at, counter)| (counter.key, at)).collect();
        let names: Vec<[String; 4]> = counters.iter().map(Counter::names).collect();
        let mut by_name = HashMap::with_capacity(4 * counters.len());
        // Strict names of all counters go before open ones, and of open ones that with the usual rollup before the others.
        for form in 0..4 {
            for usual in [true, false] {
                for (at, (counter, names)) in counters.iter().zip(&names).enumerate() {
                    if (&*counter.rollup == USUAL_ROLLUP) == usual {
                        by_name.entry(names[form].clone()).or_insert(at);
                    }
                }
            }
        }
        Self { counters, by_key, by_name }
    }

    /// Every counter, in the server's order.
    #[must_use]
    pub fn all(&self) -> &[Counter] {
        &self.counters
    }

    /// The counter of a number.
    #[must_use]
    pub fn get(&self, key: i32) -> Option<&Counter> {
        self.by_key.get(&key).and_then(|at| self.counters.get(*at))
    }

    /// The counter that a text means: its number, or its name as `group.name.unit.rollup`, `group.name.rollup`,
    /// `group.name.unit` or `group.name`. Where a name leaves the rollup open, the average is meant if there is one, else the
    /// first in the server's order.
    #[must_use]
    pub fn find(&self, text: &str) -> Option<&Counter> {
        let text = text.trim();
        if let Ok(key) = text.parse() {
            return self.get(key);
        }
        self.by_name.get(text).and_then(|at| self.counters.get(*at))
    }
}

impl Interval {
    fn read(value: Value) -> Option<Self> {
        let info = value.into_struct()?;
        Some(Self {
            key: int(&info, "key")?,
            sampling_period: int(&info, "samplingPeriod").filter(|seconds| *seconds > 0)?,
            name: text(&info, "name"),
            length: int(&info, "length").unwrap_or(0),
            info,
        })
    }

    /// The intervals in a list of `PerfInterval`; anything else is left out.
    #[must_use]
    pub fn read_all(infos: Vec<Value>) -> Vec<Self> {
        infos.into_iter().filter_map(Self::read).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn info(key: i64, name: &str) -> Value {
        let [group, name, unit, rollup] = name.split('/').collect::<Vec<_>>().try_into().unwrap();
        let object = |fields: Vec<(&str, Value)>| {
            Value::from(Struct {
                kind: Arc::default(),
                fields: fields.into_iter().map(|(name, value)| (name.into(), value)).collect(),
            })
        };
        let element = |key: &str| object(vec![("label", Value::string("Words")), ("key", Value::string(key))]);
        object(vec![
            ("key", Value::Int(key)),
            ("nameInfo", element(name)),
            ("groupInfo", element(group)),
            ("unitInfo", element(unit)),
            ("rollupType", Value::string(rollup)),
        ])
    }

    fn catalogue() -> Catalogue {
        Catalogue::new(vec![
            info(1, "cpu/usage/percent/none"),
            info(2, "cpu/usage/percent/average"),
            info(5, "cpu/usage/percent/maximum"),
            info(12, "cpu/ready/millisecond/summation"),
            info(90, "disk/throughput.usage/kiloBytesPerSecond/average"),
            info(91, "mem/swapin/kiloBytes/none"),
            info(92, "mem/swapin/kiloBytes/maximum"),
            Value::Null,
            info(148, "net/received/kiloBytesPerSecond/average"),
            // A made-up one whose open name is the strict name of another.
            info(200, "net/received.kiloBytesPerSecond/number/average"),
        ])
    }

    fn check(text: &str, key: impl Into<Option<i32>>) {
        assert_eq!(catalogue().find(text).map(|counter| counter.key), key.into(), "{text}");
    }

    #[test]
    fn every_form_of_a_name_is_understood() {
        check("net.received.kiloBytesPerSecond.average", 148);
        check("net.received.average", 148);
        check("net.received.kiloBytesPerSecond", 148);
        check("net.received", 148);
        check(" cpu.ready.millisecond.summation ", 12);
        check("cpu.ready.summation", 12);
        check("cpu.ready", 12);
        check("disk.throughput.usage.kiloBytesPerSecond.average", 90);
        check("disk.throughput.usage.average", 90);
        check("disk.throughput.usage", 90);
    }

    #[test]
    fn any_unit_is_passed_on_as_it_is() {
        let infos = [
            info(1, "gpu/temperature/celsius/average"),
            info(2, "virtualDisk/readLatencyNS/nanosecond/latest"),
            info(3, "vsanDomObj/size/teraBytes/latest"),
            // Made up: newer than any table.
            info(4, "qpu/entanglement/kiloQubits/maximum"),
        ];
        let catalogue = Catalogue::new(infos.to_vec());
        for (key, unit, names) in [
            (1, "celsius", ["gpu.temperature.celsius.average", "gpu.temperature.celsius"]),
            (2, "nanosecond", ["virtualDisk.readLatencyNS.nanosecond.latest", "virtualDisk.readLatencyNS.nanosecond"]),
            (3, "teraBytes", ["vsanDomObj.size.teraBytes.latest", "vsanDomObj.size.teraBytes"]),
            (4, "kiloQubits", ["qpu.entanglement.kiloQubits.maximum", "qpu.entanglement.kiloQubits"]),
        ] {
            assert_eq!((&*catalogue.get(key).unwrap().unit, catalogue.get(key).unwrap().full_name().as_str()), (unit, names[0]));
            assert!(names.iter().all(|name| catalogue.find(name).map(|counter| counter.key) == Some(key)), "{unit}");
        }
    }

    #[test]
    fn numbers_are_understood_too() {
        check("148", 148);
        check(" 12 ", 12);
        check("149", None);
        check("-1", None);
        check("99999999999", None);
    }

    #[test]
    fn an_open_name_means_the_average_else_the_first() {
        check("cpu.usage", 2);
        check("cpu.usage.percent", 2);
        check("cpu.usage.maximum", 5);
        check("cpu.usage.percent.none", 1);
        check("mem.swapin", 91);
        check("mem.swapin.kiloBytes", 91);
        check("mem.swapin.maximum", 92);
    }

    #[test]
    fn other_texts_mean_nothing() {
        for text in ["", "cpu", "cpu.", "CPU.usage", "cpu.usage.percent.average.more", "cpu.ready.average", "*"] {
            check(text, None);
        }
        assert_eq!(catalogue().all().len(), 9);
        assert_eq!(catalogue().get(90).unwrap().full_name(), "disk.throughput.usage.kiloBytesPerSecond.average");
    }
}
