//! Writes the page a family at a time, from one version of the inventory.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use vpoller_inventory::{Column, Kind, ObjectView, Property, View};

use super::fields::{Fields, Samples, write_value};
use super::labels::LabelTable;
use super::table::{CollectedPart, LabelSet, METRICS, PropertyMetric};
use super::{SOURCE, counters};
use crate::samples::Gathered;
use crate::settings::VmwareSettings;

/// A page that is being written.
pub(super) struct PageWriter {
    view: View,
    gathered: Option<Arc<Gathered>>,
    settings: VmwareSettings,
    /// The labels of every object, in the order of the view; made once the first piece is out.
    labels: Option<LabelTable>,
    families: Vec<FamilyOfPage>,
    next: usize,
}

/// What comes next on the page.
enum FamilyOfPage {
    Property(&'static PropertyMetric),
    Counter { name: String, counter: &'static str, set: LabelSet },
}

impl PageWriter {
    pub(super) fn new(view: View, gathered: Option<Arc<Gathered>>, settings: VmwareSettings) -> Self {
        let collect = settings.collect;
        let is_collected = |part| match part {
            CollectedPart::Machines => collect.vms,
            CollectedPart::Guests => collect.vmguests,
            CollectedPart::Snapshots => collect.snapshots,
            CollectedPart::Datastores => collect.datastores,
            CollectedPart::Hosts => collect.hosts,
        };
        let properties = METRICS.iter().filter(|metric| is_collected(metric.part)).map(FamilyOfPage::Property);
        let mut families: Vec<FamilyOfPage> = properties.collect();
        for (set, part) in [(LabelSet::Machine, CollectedPart::Machines), (LabelSet::Host, CollectedPart::Hosts)] {
            if is_collected(part) {
                let named = counters::of(set).into_iter();
                families.extend(named.map(|(name, counter)| FamilyOfPage::Counter { name, counter, set }));
            }
        }
        Self { view, gathered, settings, labels: None, families, next: 0 }
    }

    /// The next piece; none at the end. The first is the head of the first family, so that a reader has something at once.
    pub(super) fn piece(&mut self) -> Option<String> {
        let family = self.families.get(self.next)?;
        let mut text = String::new();
        let Some(labels) = &self.labels else {
            self.labels = Some(LabelTable::new(&self.view, self.settings.moid_label));
            head(&mut text, family);
            return Some(text);
        };
        if self.next > 0 {
            head(&mut text, family);
        }
        match family {
            FamilyOfPage::Property(metric) => self.properties(&mut text, labels, metric),
            FamilyOfPage::Counter { name, counter, set } => self.counters(&mut text, labels, name, counter, *set),
        }
        self.next += 1;
        Some(text)
    }

    fn properties(&self, text: &mut String, labels: &LabelTable, metric: &PropertyMetric) {
        let kind = metric.set.kind();
        let columns: Vec<Option<Column<'_>>> = metric.paths.iter().map(|path| self.view.column(kind, path)).collect();
        let power = self.view.column(kind, "runtime.powerState").filter(|_| metric.only_on);
        let counts_relations = metric.set == LabelSet::Datastore && metric.paths.is_empty();
        let hosts = counts_relations.then(|| users(&self.view, Kind::HostSystem)).flatten();
        let machines = counts_relations.then(|| users(&self.view, Kind::VirtualMachine)).flatten();
        for (object, labels) in self.view.objects(kind).zip(labels.of(metric.set)) {
            let Some(labels) = labels else { continue };
            let is_on =
                |power: Column<'_>| matches!(object.get(power), Property::Set(state) if state.as_str() == Some("poweredOn"));
            if metric.only_on && !power.is_some_and(is_on) {
                continue;
            }
            let fields = Fields { object, columns: &columns, hosts: hosts.as_ref(), machines: machines.as_ref() };
            let mut samples = Samples { text, name: metric.name, labels, written: Vec::new() };
            (metric.write)(&fields, &mut samples);
        }
    }

    fn counters(&self, text: &mut String, labels: &LabelTable, name: &str, counter: &str, set: LabelSet) {
        let Some(gathered) = &self.gathered else { return };
        for (object, labels) in self.view.objects(set.kind()).zip(labels.of(set)) {
            let Some(labels) = labels else { continue };
            let readings = gathered.readings(set.kind(), SOURCE, object.reference());
            let Some(reading) = readings.iter().find(|one| one.counter == counter && one.instance.is_empty()) else { continue };
            text.push_str(name);
            text.push('{');
            text.push_str(labels);
            text.push_str("} ");
            #[expect(clippy::cast_precision_loss, reason = "counters stay far below 2^53")]
            write_value(text, reading.newest as f64);
            text.push('\n');
        }
    }
}

fn head(text: &mut String, family: &FamilyOfPage) {
    let (name, help) = match family {
        FamilyOfPage::Property(metric) => (metric.name, metric.help.to_owned()),
        FamilyOfPage::Counter { name, counter, .. } => (name.as_str(), format!("Newest sample of {counter}, in vSphere's unit.")),
    };
    *text += &format!("# HELP {name} {help}\n# TYPE {name} gauge\n");
}

/// How many objects of a type use each datastore; none where one of them does not say which it uses.
fn users(view: &View, kind: Kind) -> Option<HashMap<&str, u32>> {
    let column = view.column(kind, "datastore")?;
    let mut counts = HashMap::new();
    for object in view.objects(kind) {
        let object: ObjectView<'_> = object;
        match object.get(column) {
            Property::Set(stores) => {
                // A store that stands twice in a list is one store.
                let stores: HashSet<&str> = stores.as_list()?.iter().filter_map(|store| Some(&*store.as_moref()?.id)).collect();
                for store in stores {
                    *counts.entry(store).or_insert(0) += 1;
                }
            }
            Property::Unset => {}
            Property::Refused(_) | Property::Unknown => return None,
        }
    }
    Some(counts)
}
