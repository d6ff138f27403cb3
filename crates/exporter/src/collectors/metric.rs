//! What a row of the table of metrics says.

use vpoller_vsphere::Value;

use crate::exposition::FamilyKind;

/// One family of our own page. The page, its documentation and the dashboards are made from these rows.
pub(crate) struct MetricDefinition {
    /// Without the suffix that the kind has in samples: `_total` or `_info`.
    pub(crate) name: &'static str,
    pub(crate) kind: FamilyKind,
    /// The base unit, which the name ends in; empty where it is a plain number.
    pub(crate) unit: &'static str,
    pub(crate) help: &'static str,
    /// Labels beside `vcenter` and `moid`.
    pub(crate) labels: &'static [&'static str],
    pub(crate) source: ValueSource,
}

/// Where the values of a family come from.
#[derive(Clone, Copy)]
pub(crate) enum ValueSource {
    /// A property that is a number, times this.
    Number(&'static str, f64),
    /// A property that is true or false.
    Flag(&'static str),
    /// A property that is a moment, as Unix time.
    Moment(&'static str),
    /// A property that is one of these words: one series for each word.
    State(&'static str, &'static [&'static str]),
    /// A number that is made of a property; the function is given nothing where vSphere says that it has no value.
    Made(&'static str, fn(Option<&Value>) -> Option<f64>),
    /// Several series that are made of a property: their values, and those of the labels.
    Several(&'static str, fn(&Value, &mut Series<'_>)),
    /// A performance counter of the object as a whole, times this.
    Counter(&'static str, f64),
    /// A performance counter of each instance, times this. The last label names the instance.
    Instances(&'static str, f64),
    /// A counter of milliseconds in 20 seconds of all virtual processors: the share of one processor's time.
    ProcessorTime(&'static str),
    /// What identifies and describes the object; the text names the properties.
    Described(&'static str),
    /// A figure of the exporter, or of its dealings with a vSphere host.
    Own(&'static str),
}

/// Takes the values of the labels, and the value.
pub(crate) type Series<'a> = dyn FnMut(&[&str], f64) + 'a;

impl ValueSource {
    /// The property that it needs watched.
    pub(crate) const fn path(&self) -> Option<&'static str> {
        match self {
            Self::Number(path, _)
            | Self::Flag(path)
            | Self::Moment(path)
            | Self::State(path, _)
            | Self::Made(path, _)
            | Self::Several(path, _) => Some(path),
            _ => None,
        }
    }

    /// The counter that it needs, and whether of all instances.
    pub(crate) const fn counter(&self) -> Option<(&'static str, &'static str)> {
        match self {
            Self::Counter(name, _) | Self::ProcessorTime(name) => Some((name, "")),
            Self::Instances(name, _) => Some((name, "*")),
            _ => None,
        }
    }
}

impl MetricDefinition {
    /// What its samples are called.
    pub(crate) fn sample(&self) -> String {
        format!("{}{}", self.name, self.kind.suffix())
    }
}

/// A gauge of an object.
pub(crate) const fn gauge(name: &'static str, unit: &'static str, help: &'static str, source: ValueSource) -> MetricDefinition {
    MetricDefinition { name, kind: FamilyKind::Gauge, unit, help, labels: &[], source }
}

/// A gauge with labels of its own.
pub(crate) const fn labelled(
    name: &'static str,
    unit: &'static str,
    labels: &'static [&'static str],
    help: &'static str,
    source: ValueSource,
) -> MetricDefinition {
    MetricDefinition { name, kind: FamilyKind::Gauge, unit, help, labels, source }
}

/// A state: 1 for the word that holds, 0 for the others.
pub(crate) const fn state(
    name: &'static str,
    help: &'static str,
    path: &'static str,
    words: &'static [&'static str],
) -> MetricDefinition {
    labelled(name, "", &["state"], help, ValueSource::State(path, words))
}

/// What describes an object.
pub(crate) const fn info(
    name: &'static str,
    help: &'static str,
    labels: &'static [&'static str],
    from: &'static str,
) -> MetricDefinition {
    MetricDefinition { name, kind: FamilyKind::Info, unit: "", help, labels, source: ValueSource::Described(from) }
}
