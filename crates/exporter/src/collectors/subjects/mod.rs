//! The table of metrics: one part for each subject.

mod clusters;
mod datastores;
mod guests;
mod hosts;
mod machines;
mod pools;
mod snapshots;

use vpoller_inventory::{Kind, ObjectView, View};

use super::metric::MetricDefinition;
use super::tree::Tree;
use crate::reader::{Counters, Paths, WantedCounter};

/// One subject: objects of a type, and what is shown of them. A part of it can be asked for by its name.
pub(crate) struct Subject {
    pub(crate) name: &'static str,
    /// What it is about, for the documentation.
    pub(crate) about: &'static str,
    pub(crate) kind: Kind,
    /// What is watched for it.
    pub(crate) paths: Paths,
    /// What is asked for it in cycles.
    pub(crate) counters: Counters,
    /// Its families, those that describe objects first.
    pub(crate) metrics: &'static [MetricDefinition],
    /// The values of the labels of its first family, where that describes objects.
    pub(crate) describe: Option<Describe>,
}

/// Makes what describes an object, for one version of the inventory.
pub(crate) type Describe = for<'v> fn(&'v View, &'v Tree<'v>) -> Box<dyn Fn(ObjectView<'v>) -> Vec<String> + 'v>;

/// All of them, in the order of the page.
pub(crate) const SUBJECTS: &[Subject] = &[
    machines::SUBJECT,
    machines::DISKS,
    machines::CARDS,
    machines::PROCESSORS,
    snapshots::SUBJECT,
    snapshots::EACH,
    guests::SUBJECT,
    hosts::SUBJECT,
    clusters::SUBJECT,
    datastores::SUBJECT,
    pools::SUBJECT,
];

/// The counter of the object as a whole.
const fn whole(name: &'static str) -> WantedCounter {
    WantedCounter { name, instance: "" }
}

/// The counter of each instance.
const fn each(name: &'static str) -> WantedCounter {
    WantedCounter { name, instance: "*" }
}

const KIB: f64 = 1024.0;
const MIB: f64 = 1024.0 * 1024.0;
const MEGA: f64 = 1e6;
const MILLI: f64 = 1e-3;
/// Counters of percentages count hundredths of a per cent.
const HUNDREDTHS: f64 = 1e-4;

const COLOURS: &[&str] = &["green", "yellow", "red", "gray"];

#[cfg(test)]
mod tests;
