//! Writes the families of a subject, as the table of metrics says.

use std::sync::Arc;

use vpoller_inventory::{Column, Kind, ObjectView, Property, View};
use vpoller_vsphere::DateTime;

use super::metric::{MetricDefinition, ValueSource};
use super::subjects::Subject;
use super::tree::Tree;
use crate::exposition::Exposition;
use crate::reader::SampleSource;
use crate::samples::{Gathered, Reading};
use crate::settings::OwnSettings;
use crate::state::HostData;

/// Milliseconds between real-time samples, of which counters of processor time count.
const SAMPLE_MILLISECONDS: f64 = 20_000.0;

/// The objects of one host that a page shows of a subject.
struct Shown<'v> {
    view: &'v View,
    gathered: Option<&'v Gathered>,
    tree: &'v Tree<'v>,
    vcenter: &'v str,
    objects: Vec<ShownObject<'v>>,
}

struct ShownObject<'v> {
    object: ObjectView<'v>,
    /// Its labels without the brace at the end.
    labels: String,
}

/// A vSphere host whose inventory is fresh enough to be shown.
pub(crate) struct FreshHost<'v> {
    pub(crate) data: &'v HostData,
    view: &'v View,
    tree: Tree<'v>,
    /// The machines that the filters let through; all where there is none.
    machines: Option<std::collections::HashSet<Arc<str>>>,
}

/// Seconds since 1970.
pub(crate) fn unix_seconds(moment: DateTime) -> Option<f64> {
    #[expect(clippy::cast_precision_loss, reason = "microseconds of this age stay below 2^53")]
    Some(moment.unix_micros() as f64 / 1e6)
}

impl<'v> FreshHost<'v> {
    /// Nothing while the inventory is unknown or too old.
    pub(crate) fn new(data: &'v HostData, settings: &OwnSettings) -> Option<Self> {
        let view = data.view.as_ref().filter(|view| view.confirmed().elapsed() <= settings.inventory_ttl)?;
        let tree = Tree::new(view);
        let machines = (!settings.filter.is_open()).then(|| {
            let name = view.column(Kind::VirtualMachine, "name");
            let lets_through = |machine: &ObjectView<'v>| {
                let name = name.map_or("", |name| crate::places::text(machine.get(name)).0);
                settings.filter.lets_through(&Tree::shown(name), &tree.folder(*machine))
            };
            view.objects(Kind::VirtualMachine).filter(lets_through).map(|machine| Arc::clone(&machine.reference().id)).collect()
        });
        Some(Self { data, view, tree, machines })
    }

    fn shown(&'v self, subject: &Subject, settings: &OwnSettings) -> Shown<'v> {
        let vcenter = self.data.host.name();
        let name = self.view.column(subject.kind, "name").filter(|_| settings.names);
        let is_shown = |object: &ObjectView<'v>| {
            let machines = self.machines.as_ref().filter(|_| subject.kind == Kind::VirtualMachine);
            machines.is_none_or(|machines| machines.contains(&object.reference().id))
        };
        let objects = self.view.objects(subject.kind).filter(is_shown).map(|object| {
            let mut pairs = vec![("vcenter", vcenter), ("moid", &*object.reference().id)];
            let name = name.map(|name| Tree::shown(crate::places::text(object.get(name)).0));
            pairs.extend(name.as_deref().map(|name| ("name", name)));
            let mut labels = crate::exposition::labels(&pairs);
            labels.pop();
            ShownObject { object, labels }
        });
        let objects = objects.collect();
        Shown { view: self.view, gathered: self.data.gathered.as_deref(), tree: &self.tree, vcenter, objects }
    }
}

/// Writes all families of a subject for these hosts.
pub(crate) fn write(subject: &Subject, hosts: &[FreshHost<'_>], settings: &OwnSettings, page: &mut Exposition) {
    let shown: Vec<Shown<'_>> = hosts.iter().map(|host| host.shown(subject, settings)).collect();
    for metric in subject.metrics {
        page.family_of(metric.name, metric.kind, metric.unit, metric.help);
        for host in &shown {
            host.write(subject, metric, page);
        }
    }
}

impl<'v> Shown<'v> {
    fn write(&self, subject: &Subject, metric: &MetricDefinition, page: &mut Exposition) {
        if let ValueSource::Described(_) = metric.source {
            return self.write_descriptions(subject, metric, page);
        }
        if let Some((counter, _)) = metric.source.counter() {
            return self.write_samples(subject.kind, metric, counter, page);
        }
        let Some(column) = metric.source.path().and_then(|path| self.view.column(subject.kind, path)) else { return };
        for ShownObject { object, labels } in &self.objects {
            write_property(metric, *object, column, labels, page);
        }
    }

    fn write_descriptions(&self, subject: &Subject, metric: &MetricDefinition, page: &mut Exposition) {
        let Some(describe) = subject.describe else { return };
        let describe = describe(self.view, self.tree);
        for ShownObject { object, .. } in &self.objects {
            let values = describe(*object);
            let mut pairs = vec![("vcenter", self.vcenter), ("moid", &*object.reference().id)];
            pairs.extend(metric.labels.iter().copied().zip(values.iter().map(String::as_str)));
            page.sample(&pairs, 1);
        }
    }

    fn write_samples(&self, kind: Kind, metric: &MetricDefinition, counter: &str, page: &mut Exposition) {
        let Some(gathered) = self.gathered else { return };
        let processors = self.view.column(Kind::VirtualMachine, "summary.config.numCpu");
        for ShownObject { object, labels } in &self.objects {
            let readings = gathered.readings(kind, SampleSource::RealTime, object.reference());
            for Reading { instance, mean, .. } in readings.iter().filter(|reading| reading.counter == counter) {
                let value = match metric.source {
                    ValueSource::Counter(_, factor) if instance.is_empty() => Some(mean * factor),
                    ValueSource::ProcessorTime(_) if instance.is_empty() => {
                        let number = processors.and_then(|column| number(object.get(column))).filter(|number| *number >= 1.0);
                        number.map(|number| mean / SAMPLE_MILLISECONDS / number)
                    }
                    ValueSource::Instances(_, factor) if !instance.is_empty() => {
                        let pairs = metric.labels.first().map(|label| (*label, &**instance));
                        page.sample_below(labels, pairs.as_slice(), mean * factor);
                        None
                    }
                    _ => None,
                };
                if let Some(value) = value {
                    page.sample_below(labels, &[], value);
                }
            }
        }
    }
}

fn number(property: Property<'_>) -> Option<f64> {
    match property {
        Property::Set(value) => value.as_f64(),
        _ => None,
    }
}

/// Writes what a property says. What may not be read, or is not known, is left out.
fn write_property(metric: &MetricDefinition, object: ObjectView<'_>, column: Column<'_>, labels: &str, page: &mut Exposition) {
    let value = match object.get(column) {
        Property::Set(value) => Some(value),
        Property::Unset => None,
        Property::Refused(_) | Property::Unknown => return,
    };
    let number = match metric.source {
        ValueSource::Made(_, make) => make(value),
        ValueSource::Number(_, factor) => value.and_then(|value| Some(value.as_f64()? * factor)),
        ValueSource::Flag(_) => value.and_then(|value| Some(f64::from(u8::from(value.as_bool()?)))),
        ValueSource::Moment(_) => value.and_then(|value| unix_seconds(value.as_datetime()?)),
        ValueSource::State(_, words) => {
            if let Some(word) = value.and_then(|value| value.as_str()) {
                // A newer vSphere may have a word that is not in the table.
                let unlisted = (!words.contains(&word)).then_some(word);
                for known in words.iter().copied().chain(unlisted) {
                    page.sample_below(labels, &[("state", known)], f64::from(u8::from(known == word)));
                }
            }
            None
        }
        ValueSource::Several(_, make) => {
            if let Some(value) = value {
                make(value, &mut |values, number| {
                    let pairs: Vec<(&str, &str)> = metric.labels.iter().copied().zip(values.iter().copied()).collect();
                    page.sample_below(labels, &pairs, number);
                });
            }
            None
        }
        _ => None,
    };
    if let Some(number) = number {
        page.sample_below(labels, &[], number);
    }
}
